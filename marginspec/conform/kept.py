"""What `marginspec conform --evidence FILE` keeps: for each finished piece of work, what it came to, as JSON.

A run goes on from its file if the file is of the same engine, by its name, version, claims, command and the
files named in that, under the same law, policy, seed and options. The workers, the declared differences and
the time for shrinking may be others: what is kept depends on none of them. Times are not kept.

Beside it the file has the corpus of Hypothesis: the examples with which it began and those with which it
ended. A part that was not finished begins with the same examples when it is done again.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from marginspec.conform.engine import ALL, PROTOCOL, Hello, parse_hello
from marginspec.conform.judged_documents import judgement_document, judgement_from, to_json
from marginspec.conform.judgement import Judgement
from marginspec.conform.opening import Recipe
from marginspec.evidence import Evidence
from marginspec.fingerprint import code_digest
from marginspec.paths import SPEC
from refmodel.canonical import LAW, policy_digest
from refmodel.policy import Policy

KIND = "conform"
VECTORS, TRACES, CORPUS, EXPLORED, BULK = STAGES = ("vectors", "traces", "corpus", "explored", "bulk")
"""The parts of a run, in their order: the last three depend on the seed."""

Examples = Mapping[str, str]
"""The examples of Hypothesis: the files below its folder, by name, in base 64."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of work. What it comes to depends on nothing but the run, and on these.

    seed    of the run; None where nothing is drawn
    number  among the pieces of its stage
    """

    stage: str
    seed: int | None = None
    number: int = 0

    @property
    def chunk(self) -> int:
        """The number under which an evidence file keeps it: files of several seeds are merged into one."""
        name = f"{self.stage} {self.seed} {self.number}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"stage": self.stage, "seed": self.seed, "number": self.number}


class Kept:
    """The pieces of work that an evidence file has; without a file there are none, and nothing is kept."""

    def __init__(self, evidence: Evidence | None) -> None:
        self._evidence = evidence
        documents = [] if evidence is None else list(map(document_of, evidence.results().values()))
        self._found = {piece_of(document): document for document in sorted(documents, key=order_of)}

    def __bool__(self) -> bool:
        return self._evidence is not None

    def __contains__(self, piece: Piece) -> bool:
        return piece in self._found

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs whose pieces it may have."""
        return [] if self._evidence is None else list(self._evidence.run["identity"]["seeds"])

    def judgements(self) -> Iterator[tuple[Piece, Judgement]]:
        """What the pieces came to, in their order."""
        return ((piece, judgement_from(document)) for piece, document in self._found.items())

    def events_of(self, piece: Piece) -> int:
        """The live events of a piece that is kept."""
        return int(self._found[piece]["counts"].get("events", 0))

    def examples(self, piece: Piece) -> Examples:
        """The examples that a piece has left."""
        examples: Examples = self._found[piece].get("examples", {})
        return examples

    def all_examples(self) -> Iterator[Examples]:
        """The examples that each exploration has left."""
        return (self.examples(piece) for piece in self._found if piece.stage == EXPLORED)

    def keep(self, piece: Piece, part: Judgement, total: Judgement, examples: Examples | None = None) -> None:
        """Keep what a finished piece came to, for good. Errors: EvidenceError if it cannot be written.

        total  of all pieces before it: of a rule whose history in the total stays, this one needs none
        """
        if self._evidence is None:
            return
        document = {**piece.document(), **judgement_document(part, total)}
        if examples is not None:
            document["examples"] = dict(examples)
        self._evidence.record(piece.chunk, to_json(document))
        self._found[piece] = document

    def finish(self, total: Judgement) -> None:
        """Keep what the whole run came to, for who reads the file with SQLite."""
        if self._evidence is not None:
            told = {name: total.counts[name] for name in ("cases", "traces", "events", "histories")}
            self._evidence.finish(
                {**told, "differing": dict(total.differing), "misbehaviour": len(total.findings)}
            )


def document_of(result: bytes) -> dict[str, Any]:
    """The document of a piece, as an evidence file has it."""
    document: dict[str, Any] = json.loads(result)
    return document


def piece_of(document: Mapping[str, Any]) -> Piece:
    """The piece that a document is of."""
    return Piece(document["stage"], document["seed"], document["number"])


def order_of(document: Mapping[str, Any]) -> tuple[int, int, int]:
    """Where a piece stands among all: in the order in which one worker does them, seed by seed."""
    return STAGES.index(document["stage"]), document["seed"] or 0, document["number"]


# ------------------------------------------------------------------------------------- what a run is


def opened(
    path: Path, recipe: Recipe, hello: Hello, policy: Policy | None, options: Mapping[str, Any], seed: int
) -> Evidence:
    """The evidence file of a run, made if it is not there. Errors: EvidenceError if it is of another run.

    options  those on which the result of a piece depends
    """
    return Evidence.open(path, KIND, identity_of(recipe, hello, policy, options, seed))


def identity_of(
    recipe: Recipe, hello: Hello, policy: Policy | None, options: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """Everything on which what is kept depends; of two runs, the first of it that differs is told."""
    document = hello_document(hello)
    return {
        "engine": hello.engine,
        "version": hello.version,
        "command": recipe.words,
        "files": files_of(recipe),
        "claims": {key: value for key, value in document.items() if key not in ("engine", "version")},
        "policy": "" if policy is None else policy_digest(policy),
        "seeds": [seed],
        **options,
        "timeout": recipe.timeout,
        "law": LAW,
        "spec": digest_of_files(sorted((SPEC / "vectors").rglob("*.json"))),
        "hypothesis": metadata.version("hypothesis"),
        "code": code_digest(),
    }


def hello_document(hello: Hello) -> dict[str, Any]:
    """What an engine says of itself, as an answer to `hello`."""
    return {
        "engine": hello.engine,
        "version": hello.version,
        "protocol": PROTOCOL,
        "rules": ALL if hello.rules is None else sorted(hello.rules),
        "requests": sorted(hello.requests),
        "policies": None if hello.policies is None else sorted(hello.policies),
        "domain": None if hello.domain is None else str(hello.domain),
        "tolerance": {word: str(amount) for word, amount in sorted(hello.tolerance.items())},
    }


def hello_from(identity: Mapping[str, Any]) -> Hello:
    """What the engine of an evidence file says of itself."""
    return parse_hello({key: identity[key] for key in ("engine", "version")} | identity["claims"])


def files_of(recipe: Recipe) -> str:
    """The digest of the files in the command that starts an engine, or of the module that it is in.

    A program that was built again is another engine, whatever version it gives. What those files load by
    themselves is not looked at.
    """
    if recipe.python:
        module = sys.modules.get(recipe.python.partition(":")[0])
        words = [getattr(module, "__file__", None) or ""]
    else:
        words = list(recipe.command)
    return digest_of_files([path for path in map(Path, words) if path.is_file()])


def digest_of_files(paths: list[Path]) -> str:
    """The digest of what some files hold, one after the other."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{whole.hexdigest()}"


# ------------------------------------------------------------------------------------- the corpus


def read_examples(folder: Path) -> Examples:
    """The examples in a folder of Hypothesis; none if it is not there."""
    return {
        path.relative_to(folder).as_posix(): base64.b64encode(path.read_bytes()).decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def put_examples(folder: Path, examples: Examples, gone: Examples | None = None) -> None:
    """Put examples into a folder, and remove those that are gone."""
    for name in set(gone or ()) - set(examples):
        (folder / name).unlink(missing_ok=True)
    for name, content in examples.items():
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(base64.b64decode(content))
