"""A run in pieces of work: the vectors, what Hypothesis explores, and chunks of the bulk driver.

What a piece comes to depends on the engine, the options and the seed, and not on the pieces before it, nor on
who does it. So a piece is kept when it is finished, and a run that was stopped does those that are missing.
What Hypothesis explores is one piece: its choices follow from each other, so that a part of it is no piece.
If it was not finished, it is done again from its beginning, with the examples with which it began.
"""

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from marginspec.conform.asked import Asked
from marginspec.conform.engine import Misbehaviour
from marginspec.conform.judgement import FINDINGS_MOST, Finding, Judgement
from marginspec.conform.kept import (
    BULK,
    CORPUS,
    EXPLORED,
    TRACES,
    VECTORS,
    Examples,
    Kept,
    Piece,
    put_examples,
    read_examples,
)
from marginspec.conform.live import Ground, play_bulk, play_hypothesis, plays_nothing, timed
from marginspec.conform.opening import Recipe
from marginspec.conform.options import Options
from marginspec.conform.report import Run
from marginspec.conform.trial import Enough
from marginspec.conform.vectors_run import Vectors, run_traces
from marginspec.screen import progress
from marginspec.search.workers import worked
from marginspec.vectors.files import VectorFile, read_vectors
from marginspec.vectors.traces import VectorTrace, read_traces

FILES_OF_PIECE = 10
TRACES_OF_PIECE = 10
SHARE_OF_HYPOTHESIS = 5
"""Of the live events, one in so many is drawn by Hypothesis."""
EVENTS_OF_CHUNK = 2_000
HISTORIES_OF_CHUNK = 10_000
"""Numbers of histories that belong to a chunk: more than its events need, so that no two chunks share one."""

Told = Callable[[int], None]
"""Called with how much of something is done."""
Each = TypeVar("Each")


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker knows."""

    recipe: Recipe
    ground: Ground


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the bulk driver: histories from a first number on, until so many events are played."""

    piece: Piece
    events: int

    @property
    def first(self) -> int:
        """The number of the first history."""
        return self.piece.number * HISTORIES_OF_CHUNK


def do_pieces(asked: Asked, run: Run, plan: Plan, options: Options, kept: Kept) -> None:
    """Do all pieces of a run that are not kept, one after the other; only chunks are for several workers.

    Errors: Enough; EvidenceError if a piece cannot be kept.
    """
    Doing(asked, run, plan, options, kept).all()


class Doing:
    """The pieces of a run, being done."""

    def __init__(self, asked: Asked, run: Run, plan: Plan, options: Options, kept: Kept) -> None:
        self._asked = asked
        self._run = run
        self._total = run.judgement
        self._plan = plan
        self._options = options
        self._kept = kept

    def all(self) -> None:
        """See `do_pieces`."""
        run, options = self._run, self._options
        for _, part in self._kept.judgements():
            self._total.add(part)
        run.earlier = self._total.counts["events"]
        others = [seed for seed in self._kept.seeds if seed != options.seed]
        if others:
            run.notes.append(f"Counted as well: runs with the seeds {', '.join(map(str, others))}.")
        self._stop_after_too_many()
        if options.vectors:
            self._vectors()
        hello, given = self._plan.ground.hello, self._plan.ground.policy
        why = plays_nothing(hello, given)
        if why:
            run.notes.append(f"No history was played: {why}.")
        elif options.events:
            if given is None and hello.policies is not None:
                run.policy = "policies of the engine"
            timed(self._total, self._live)
        self._kept.finish(self._total)

    # --------------------------------------------------------------------------------- the stages

    def _vectors(self) -> None:
        """Ask every vector that the engine takes."""
        files, traces = read_vectors(), read_traces()
        cases, done = sum(len(file.cases) for file in files), 0
        began = time.monotonic()
        try:
            with progress("vectors", cases) as advance:
                for number, some in enumerate(in_parts(files, FILES_OF_PIECE)):
                    self._do(Piece(VECTORS, number=number), partial(self._ask_files, some))
                    done += sum(len(file.cases) for file in some)
                    advance(done, f"{done:_} of {cases:_} cases")
                for number, told in enumerate(in_parts(traces, TRACES_OF_PIECE)):
                    self._do(Piece(TRACES, number=number), partial(self._ask_traces, told))
        finally:
            self._total.counts["milliseconds vectors"] += round((time.monotonic() - began) * 1_000)

    def _ask_files(self, files: Sequence[VectorFile], mine: Judgement) -> None:
        Vectors(self._asked, mine).run(files)

    def _ask_traces(self, traces: Sequence[VectorTrace], mine: Judgement) -> None:
        run_traces(self._asked, mine, traces)

    def _live(self) -> None:
        """Play the live histories: a part by Hypothesis, the rest in bulk."""
        seed, events, workers = self._options.seed, self._options.events, self._options.workers
        with progress("live", events) as advance:

            def told(done: int) -> None:
                advance(done, f"{done:_} of {events:_} events, {len(self._total.differing)} rules differ")

            done = self._explore(events // SHARE_OF_HYPOTHESIS, told)
            chunks = list(chunks_of(events - done, seed))
            left = [chunk for chunk in chunks if chunk.piece not in self._kept]
            done += sum(self._kept.events_of(chunk.piece) for chunk in chunks if chunk.piece in self._kept)
            if workers == 1:
                for chunk in left:
                    done += self._do(chunk.piece, partial(self._play, chunk, done, told))
                return
            for chunk, part in worked(play_chunk, self._plan, seed, left, workers):
                self._take(chunk.piece, part)
                done += part.counts["events"]
                told(done)

    def _play(self, chunk: Chunk, before: int, told: Told, mine: Judgement) -> None:
        def on_progress(done: int) -> None:
            told(before + done)

        ground, seed = self._plan.ground, self._options.seed
        play_bulk(self._asked, mine, ground, seed, chunk.events, on_progress, chunk.first)

    def _explore(self, events: int, told: Told) -> int:
        """Let Hypothesis explore; how many events it has played.

        With an evidence file it works on a copy of its examples: the folder changes when the piece is kept.
        """
        piece = Piece(EXPLORED, self._options.seed)
        database = self._options.database
        folder = None if database is None else database / folder_name(self._plan.ground.hello.engine)
        if folder is None or not self._kept:
            return self._do(piece, partial(self._play_hypothesis, events, folder, told))
        if piece in self._kept:
            for examples in self._kept.all_examples():
                put_examples(folder, examples)
            return self._kept.events_of(piece)
        corpus = Piece(CORPUS, self._options.seed)
        if corpus not in self._kept:
            self._kept.keep(corpus, Judgement(), self._total, read_examples(folder))
        began = self._kept.examples(corpus)
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name)
            put_examples(copy, began)
            explore = partial(self._play_hypothesis, events, copy, told)
            played = self._do(piece, explore, lambda: read_examples(copy))
        put_examples(folder, self._kept.examples(piece), began)
        return played

    def _play_hypothesis(self, events: int, database: Path | None, told: Told, mine: Judgement) -> None:
        def on_progress(_: int) -> None:
            told(mine.counts["events"])

        ground, seed = self._plan.ground, self._options.seed
        play_hypothesis(self._asked, mine, ground, seed, events, database, on_progress)

    # --------------------------------------------------------------------------------- one piece

    def _do(
        self, piece: Piece, ask: Callable[[Judgement], None], examples: Callable[[], Examples] | None = None
    ) -> int:
        """Do a piece with the engine that is open, unless it is kept; its live events. Errors: Enough.

        examples  those that it leaves
        A piece that somebody interrupts is counted in the report of this run, and not kept.
        """
        if piece in self._kept:
            return self._kept.events_of(piece)
        # The limit of misbehaviours is that of the whole run: the piece begins with those before it.
        mine = Judgement(findings=list(self._total.findings))
        before = len(mine.findings)
        self._asked.forget()
        try:
            try:
                ask(mine)
            except Enough:
                pass
            finally:
                del mine.findings[:before]
        except KeyboardInterrupt:
            self._total.add(mine)
            raise
        self._take(piece, mine, None if examples is None else examples())
        return mine.counts["events"]

    def _take(self, piece: Piece, part: Judgement, examples: Examples | None = None) -> None:
        """Keep what a piece came to, and count it. Errors: Enough."""
        self._kept.keep(piece, part, self._total, examples)
        self._total.add(part)
        self._stop_after_too_many()

    def _stop_after_too_many(self) -> None:
        if len(self._total.findings) >= FINDINGS_MOST:
            raise Enough


def chunks_of(events: int, seed: int) -> Iterator[Chunk]:
    """The chunks of a campaign: the same ones for any number of workers."""
    for number, done in enumerate(range(0, events, EVENTS_OF_CHUNK)):
        yield Chunk(Piece(BULK, seed, number), min(EVENTS_OF_CHUNK, events - done))


def play_chunk(plan: Plan, seed: int, chunk: Chunk) -> tuple[Chunk, Judgement]:
    """Play a chunk with an engine of its own; which one it was, and what it came to."""
    judgement = Judgement()
    with plan.recipe.opened(judgement) as asked:
        try:
            asked.greet()
            play_bulk(asked, judgement, plan.ground, seed, chunk.events, first=chunk.first)
        except Enough:
            pass
        except Misbehaviour as found:
            finding = Finding(found.kind, found.text, found.stderr, "", asked.request, None)
            judgement.findings.append(finding)
    return chunk, judgement


def in_parts(items: Sequence[Each], size: int) -> Iterator[Sequence[Each]]:
    """The items in their order, so many at a time."""
    return (items[begin : begin + size] for begin in range(0, len(items), size))


def folder_name(engine: str) -> str:
    """The name of an engine as that of a folder: what differs in one is nothing to another."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", engine)[:60] or "engine"
