"""JUnit XML: one test case for each rule, and one for the protocol, as continuous integration shows them."""

import re
from pathlib import Path
from xml.etree import ElementTree

from marginspec.conform.judgement import CONFORMS, DECLARED, DIFFERS
from marginspec.conform.report import Run, chapters, difference_lines, findings_in_words, reason_of
from marginspec.documents import write_text

NOT_OF_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, and that an engine may have said."""


def write_junit(run: Run, path: Path) -> None:
    """Write the file, whole or not at all.

    A rule that differs is a failure; one that is declared, not implemented or not reached is skipped, with
    the reason. A misbehaviour is an error of the test case `protocol`.
    """
    write_text(path, junit_text(run))


def junit_text(run: Run) -> str:
    """The document as text."""
    verdicts = run.verdicts()
    judgement = run.judgement
    milliseconds = judgement.counts["milliseconds vectors"] + judgement.counts["milliseconds live"]
    suite = ElementTree.Element(
        "testsuite",
        name=plain("marginspec conform" if run.hello is None else f"marginspec conform {run.hello.engine}"),
        tests=str(len(verdicts) + 1),
        failures=str(sum(verdict == DIFFERS for verdict in verdicts.values())),
        errors=str(int(bool(judgement.findings))),
        skipped=str(sum(verdict not in (CONFORMS, DIFFERS) for verdict in verdicts.values())),
        time=f"{milliseconds / 1_000:.3f}",
    )
    for chapter in chapters():
        for text in chapter.rules:
            rule = text.identifier
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"{chapter.number} {chapter.title}",
                name=f"{rule} {text.noun}",
            )
            add_verdict(case, run, rule, verdicts[rule])
    protocol = ElementTree.SubElement(suite, "testcase", classname="spec/protocol.md", name="protocol")
    if judgement.findings:
        first = judgement.findings[0]
        error = ElementTree.SubElement(protocol, "error", message=plain(f"{first.kind}: {first.text}"))
        error.text = plain("\n\n".join(findings_in_words(run)))
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def add_verdict(case: ElementTree.Element, run: Run, rule: str, verdict: str) -> None:
    """What a test case holds by its verdict; nothing if the rule conforms."""
    if verdict == DIFFERS:
        difference = run.seen(rule).difference
        message = f"{difference.what}: the law says {difference.law}; the engine says {difference.engine}"
        failure = ElementTree.SubElement(case, "failure", message=plain(message))
        failure.text = plain("\n".join(difference_lines(run, rule, verdict)))
    elif verdict != CONFORMS:
        skipped = ElementTree.SubElement(case, "skipped", message=plain(reason_of(run, rule, verdict)))
        if verdict == DECLARED:
            skipped.text = plain("\n".join(difference_lines(run, rule, verdict)))


def plain(text: str) -> str:
    """A text without the characters that XML cannot hold."""
    return NOT_OF_XML.sub("?", text)
