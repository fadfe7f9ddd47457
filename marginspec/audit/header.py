"""The header of a log: its format, the law and the policy it was made under, and where it starts."""

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any

from marginspec.audit.errors import LogError
from marginspec.documents import policy_from_canonical, venue_from_document
from marginspec.errors import Flaw, InvalidPolicy
from marginspec.paths import shipped_policies
from marginspec.policy_file import read_policy
from marginspec.validation import flaws_of
from refmodel.canonical import LAW, canonical_text, policy_digest, policy_document, venue_document
from refmodel.policy import Policy
from refmodel.state import Venue, genesis
from refmodel.validity import faults

FORMAT = "marginspec-log/1"
SEAL = len(b',"crc":"00000000"}')
"""Bytes of the checksum at the end of a line."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line of a log says.

    document  as read, valid by spec/schema/log.schema.json
    sealed    whether every line has its checksum
    """

    document: dict[str, Any]
    sealed: bool = False

    @property
    def policy(self) -> str:
        """The digest of the policy that the log was made under."""
        return str(self.document["policy"])

    def text(self) -> str:
        """The same header, as one line."""
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))

    def fingerprint(self) -> str:
        """The digest of all that the header says."""
        return "sha256:" + hashlib.sha256(canonical_text(self.document).encode()).hexdigest()


def header_of(policy: Policy, start: Venue | None = None) -> Header:
    """The header of a new log, which carries its policy.

    start  None for a venue before its first event
    """
    document = {
        "format": FORMAT,
        "law": LAW,
        "policy": policy_digest(policy),
        "terms": policy_document(policy),
    }
    if start is not None:
        document["start"] = venue_document(start)
    return Header(json.loads(canonical_text(document)))


def read_header(text: bytes, source: str) -> Header:
    """The header in the first line of a log, without its line feed. Errors: LogError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("format"), str):
        problem = f"is no header: {text[:60]!r}."
        raise LogError(
            source, Flaw("line 1 (byte 0)", problem, f'A log begins {{"format":"{FORMAT}", ...}}.')
        )
    if document["format"] != FORMAT:
        problem = f"is {document['format']!r}, which is not read here."
        raise LogError(
            source, Flaw("format", problem, f"This tool reads {FORMAT}: write the log again as that.")
        )
    sealed = document.pop("crc", None) is not None
    flaws = flaws_of(document, "log")
    if flaws:
        raise LogError(source, *flaws)
    if sealed and not is_sealed(text):
        problem = "does not have its checksum."
        raise LogError(source, Flaw("line 1 (byte 0)", problem, "Take the log again from its source."))
    return Header(document, sealed)


def is_sealed(line: bytes) -> bool:
    """Whether a line ends with the checksum of what stands before: `,"crc":"` 8 hexadecimal digits `"}`."""
    return line == sealed(line[:-SEAL] + b"}")


def sealed(line: bytes) -> bytes:
    """A JSON object as a line with its checksum, without its line feed."""
    return line[:-1] + f',"crc":"{zlib.crc32(line[:-1]):08x}"}}'.encode()


def policy_of(header: Header, given: str | None, source: str) -> Policy:
    """The policy of a log: the one that the user gives, that the log carries, or that ships with its digest.

    Errors: LogError if it is not the one whose digest the log names, InvalidPolicy if it breaks a rule.
    """
    if given is not None:
        policy = read_policy(given)
        if policy_digest(policy) != header.policy:
            problem = f"is {header.policy}, and the digest of {given} is {policy_digest(policy)}."
            raise LogError(source, Flaw("policy", problem, "Give the policy that the log was made under."))
        return policy
    if "terms" in header.document:
        policy = policy_from_canonical(header.document["terms"], source, "terms")
        if policy_digest(policy) != header.policy:
            problem = f"is {header.policy}, and the digest of `terms` is {policy_digest(policy)}."
            raise LogError(source, Flaw("policy", problem, "Write the digest of the policy in `terms`."))
        if faults(policy):
            raise InvalidPolicy(source, policy, faults(policy))
        return policy
    for name in shipped_policies():
        policy = read_policy(name)
        if policy_digest(policy) == header.policy:
            return policy
    problem = f"is {header.policy}, which no policy that ships has."
    raise LogError(source, Flaw("policy", problem, "Name the policy of the log with --policy."))


def start_of(header: Header, policy: Policy, source: str) -> Venue:
    """The venue before the first event of a log. Errors: InputError for one that no history leads to."""
    if "start" not in header.document:
        return genesis(policy)
    return venue_from_document(header.document["start"], policy, source, "start")
