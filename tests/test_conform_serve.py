"""Serving and its checks. Goal: a bad request is answered and never ends the server; a bad answer is named.
Method: whole conversations, a table of bad requests, noise; engines that raise, print or lie in this process.
"""

import io
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginspec.conform import serve as serve_module
from marginspec.conform.engine import InProcess, Misbehaviour, check_answer, parse_hello, shown
from marginspec.conform.law_engine import LawEngine, texts
from marginspec.conform.serve import serve
from marginspec.policy_file import read_policy
from refmodel.canonical import digest, policy_document, venue_document
from refmodel.state import genesis
from tests.support import cases

EVENT = {"type": "withdraw", "time": "0", "account": "backstop:cross", "amount": "5"}
MINIMAL = read_policy("minimal")
START = genesis(MINIMAL)


def conversation(*lines: bytes | dict) -> list[dict]:
    """What is answered to some lines."""
    written = [line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines]
    out = io.BytesIO()
    serve(LawEngine(), io.BytesIO(b"".join(written)), out)
    assert out.getvalue().endswith(b"\n") or not written
    return [json.loads(line) for line in out.getvalue().splitlines()]


HELLO = {"seq": 1, "do": "hello", "protocol": "1"}


def test_a_conversation_ends_with_bye():
    policy, venue = texts(policy_document(MINIMAL)), texts(venue_document(START))
    hello, loaded, refused, said, bye = conversation(
        HELLO,
        {"seq": 2, "do": "load", "policy": policy, "venue": venue},
        {"seq": 3, "do": "apply", "event": EVENT},
        {"seq": 4, "do": "query", "account": "backstop:cross", "what": ["equity", "status"]},
        {"seq": 5, "do": "bye"},
        HELLO,
    )
    assert parse_hello(hello).rules is None
    assert loaded == {"seq": 2, "outcome": "accepted", "digest": digest(START)}
    assert (refused["seq"], refused["rule"], refused["reason"]) == (3, "WDR-2", "not_in_wallet")
    assert said == {"seq": 4, "equity": "0", "status": "flat"}
    assert bye == {"seq": 5}


BAD_REQUESTS = {
    "garbage": (b"hello\n", None, "the request is not JSON"),
    "empty": (b"\n", None, "the request is not JSON"),
    "not UTF-8": (b'{"seq":1,"do":"\xff"}\n', None, "the request is not JSON"),
    "cut off": (b'{"seq":1,"do":"hel', None, "the request is not JSON"),
    "too deep": (b'{"seq":1,"do":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", None, "not JSON"),
    "a list": (b"[1]\n", None, "the request is `[1]`. Send one JSON object."),
    "no do": ({"seq": 1}, 1, "`do` is `null`. It is hello, load, apply, query or bye"),
    "another do": ({"seq": 1, "do": "dance"}, 1, "`do` is `dance`"),
    "do is a list": ({"seq": 1, "do": ["bye"]}, 1, '`do` is `["bye"]`'),
    "load of nothing": ({"seq": 1, "do": "load"}, 1, "`load` needs a `policy` and a `venue`"),
    "apply of nothing": ({"seq": 1, "do": "apply"}, 1, "`apply` needs an `event`"),
    "query of nothing": ({"seq": 1, "do": "query"}, 1, "`query` needs `what`, a list."),
    "policy by name": ({"seq": 1, "do": "load", "policy": "minimal", "venue": {}}, 1, "`load` needs"),
    "seq as text": ({"seq": "1", "do": "apply"}, None, "`apply` needs"),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_bad_request_is_answered_and_the_next_one_too(case):
    request, seq, sentence = BAD_REQUESTS[case]
    if case == "cut off":
        (answer,) = conversation(request)
    else:
        answer, hello = conversation(request, HELLO)
        assert hello["engine"] == "marginspec"
    assert answer["outcome"] == "error"
    assert answer["seq"] == seq
    assert sentence in answer["reason"]


def test_a_request_that_is_too_long_is_one_bad_request(monkeypatch):
    monkeypatch.setattr(serve_module, "REQUEST_MAX", 64)
    answer, hello = conversation(b'{"seq":1,"x":"' + b"y" * 1_000 + b'"}\n', HELLO)
    assert "not JSON" in answer["reason"]
    assert hello["seq"] == 1


NOISE = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda request: json.dumps(request).encode(),
        st.fixed_dictionaries(
            {"do": st.sampled_from(["hello", "load", "apply", "query", 5, None])},
            optional={
                "seq": st.one_of(st.integers(), st.text(max_size=3)),
                "policy": st.dictionaries(st.sampled_from(["name", "markets"]), st.integers()),
                "venue": st.dictionaries(st.sampled_from(["law", "clock"]), st.text(max_size=2)),
                "event": st.dictionaries(st.sampled_from(["type", "time", "marks"]), st.text(max_size=2)),
                "what": st.lists(st.sampled_from(["equity", "fund", "", 5, None]), max_size=3),
            },
        ),
    ),
)


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(NOISE.map(lambda line: line.replace(b"\n", b"")), max_size=6))
def test_noise_is_answered_line_by_line(lines):
    assert len(conversation(*(line + b"\n" for line in lines))) == len(lines)


class Loud:
    """An engine that prints to the standard output, and raises for one event."""

    def hello(self):
        print("good morning")
        return LawEngine().hello()

    def load(self, policy, venue):
        return {"outcome": "accepted", "odd": {1, 2}, "worse": object()}

    def apply(self, event):
        raise ZeroDivisionError("division\nby zero")

    def query(self, question):
        return {"equity": "5"}


def test_what_an_engine_prints_is_no_answer_and_what_it_raises_is(capsys):
    out = io.BytesIO()
    load = {"seq": 3, "do": "load", "policy": {}, "venue": {}}
    requests = (HELLO, {"seq": 2, "do": "apply", "event": {}}, load)
    serve(Loud(), io.BytesIO(b"".join(json.dumps(request).encode() + b"\n" for request in requests)), out)
    hello, raised, unwritable = map(json.loads, out.getvalue().splitlines())
    assert hello["engine"] == "marginspec"
    assert raised == {"seq": 2, "outcome": "error", "reason": "`apply` raised `ZeroDivisionError: division`."}
    assert (unwritable["seq"], unwritable["outcome"]) == (3, "error")
    assert capsys.readouterr() == ("", "good morning\n")


def test_an_engine_that_raises_in_this_process_is_a_misbehaviour_and_is_made_anew():
    made = []
    engine = InProcess(lambda: made.append(1) or Loud())
    engine.hello()
    with pytest.raises(Misbehaviour) as caught:
        engine.apply(EVENT)
    assert caught.value.kind == "raised"
    assert "`apply` raised `ZeroDivisionError: division`" in caught.value.text
    assert caught.value.stderr[-2:] == ("ZeroDivisionError: division", "by zero")
    assert engine.query({"what": ["equity"], "account": "a1"}) == {"equity": "5"}
    assert len(made) == 2
    with pytest.raises(Misbehaviour) as caught:
        engine.query({"what": ["wallet"], "account": "a1"})
    assert caught.value.kind == "missing key"


def test_text_streams_are_served_in_bytes():
    written = json.dumps({**HELLO, "mood": "é"}, ensure_ascii=False).encode() + b"\n"
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    serve(LawEngine(), io.TextIOWrapper(io.BytesIO(written), encoding="ascii"), out)
    assert json.loads(out.buffer.getvalue())["seq"] == 1


def test_a_reader_that_goes_away_is_the_end():
    class Closed(io.RawIOBase):
        def writable(self):
            return True

        def write(self, _):
            raise BrokenPipeError

    serve(LawEngine(), io.BytesIO(json.dumps(HELLO).encode() + b"\n"), Closed())


@cases("""
    case                key         value            sentence
    another protocol    protocol    2                speaks protocol `2`; this is protocol 1.
    rules by prefix     rules       MAR              `rules` in the answer to `hello` is `MAR`
    a request unknown   requests    ['dance']        `requests` in the answer to `hello` is `["dance"]`
    tolerance           tolerance   {'equity':1}     `tolerance` in the answer to `hello` is
    a decimal domain    domain      1e9              `domain` in the answer to `hello` is `1e9`
    no version          version     None             `version` in the answer to `hello` is `null`
""")
def test_a_hello_that_cannot_be_read_says_why(key, value, sentence):
    read = {"['dance']": ["dance"], "{'equity':1}": {"equity": 1}, "None": None, 2: "2"}
    hello = {**LawEngine().hello(), key: read.get(value, value)}
    with pytest.raises(Misbehaviour) as caught:
        parse_hello(hello)
    assert caught.value.kind == "wrong value"
    assert sentence in caught.value.text


def test_a_hello_says_what_is_asked_of_the_engine():
    hello = parse_hello(
        {
            "engine": "mine",
            "version": "2",
            "protocol": "1",
            "rules": ["MAR-2"],
            "requests": ["query"],
            "policies": ["minimal"],
            "domain": "9007199254740991",
            "tolerance": {"equity": "1"},
        }
    )
    assert hello.claims("MAR-2")
    assert not hello.claims("MAR-3")
    assert (hello.requests, hello.policies) == ({"query"}, {"minimal"})
    assert (hello.domain, hello.tolerance) == (2**53 - 1, {"equity": 1})
    assert parse_hello(LawEngine().hello()).claims("ADL-2")


def test_answers_are_written_in_any_mapping():
    from types import MappingProxyType

    written = serve_module.ENCODER.encode(MappingProxyType({"seq": 1}))
    assert msgspec.json.decode(written) == {"seq": 1}


# ------------------------------------------------------------------------------------- answers


VALUES = {"equity": "-5", "status": "flat", "price_liquidation": None, "ranking": ["a"]}
FITTING = {
    "refused by nobody": ("apply", {"outcome": "refused"}),
    "unsupported": ("apply", {"outcome": "unsupported", "reason": "no such market"}),
    "with a digest": ("load", {"outcome": "accepted", "digest": "sha256:0"}),
    "no postings": ("apply", {"outcome": "accepted", "postings": []}),
    "a posting": ("apply", {"outcome": "accepted", "postings": [["wallet TRD-6", "a1", "", "5"]]}),
    "all values": ("query", VALUES),
    "no values": (
        "query",
        {what: {"unsupported": "later"} for what in ("equity", "status", "price_liquidation", "ranking")},
    ),
    "an error": ("query", {"outcome": "error", "reason": "no such account"}),
    "keys that nobody reads": ("bye", {"mood": "good"}),
}
MISFITS = {
    "no object": ("apply", [], "not an object", "not an object: `[]`"),
    "nothing": ("apply", None, "not an object", "not an object: `null`"),
    "empty": ("load", {}, "missing key", "the answer to `load` has no `outcome`: `{}`"),
    "an error without reason": ("apply", {"outcome": "error"}, "missing key", "has no `reason`"),
    "an outcome that is a list": ("apply", {"outcome": ["accepted"]}, "wrong value", '`["accepted"]`'),
    "rule is no text": ("apply", {"outcome": "refused", "rule": 5}, "wrong value", "`rule`"),
    "digest is no text": ("load", {"outcome": "accepted", "digest": 5}, "wrong value", "`digest`"),
    "postings are no list": ("apply", {"outcome": "accepted", "postings": "x"}, "wrong value", "`postings`"),
    "a short posting": ("apply", {"outcome": "accepted", "postings": [["a"]]}, "wrong value", "`postings`"),
    "a number in a posting": (
        "apply",
        {"outcome": "accepted", "postings": [["wallet TRD-6", "a1", "", 5]]},
        "wrong value",
        "it is a list of lists of 4 or 5 texts",
    ),
    "equity is null": (
        "query",
        {**VALUES, "equity": None},
        "wrong value",
        "`equity` is `null`",
    ),
    "status is a number": (
        "query",
        {**VALUES, "status": 5},
        "wrong value",
        "`status` is `5`",
    ),
    "a leading zero": ("query", {**VALUES, "equity": "05"}, "wrong value", "is `05`"),
    "an end of line": ("query", {**VALUES, "equity": "5\n"}, "wrong value", "is `5\\n`"),
    "other digits": ("query", {**VALUES, "equity": "\u0665"}, "wrong value", "`equity`"),
    "unsupported without why": (
        "query",
        {**VALUES, "equity": {"unsupported": True}},
        "wrong value",
        "`equity`",
    ),
    "ranking of numbers": ("query", {**VALUES, "ranking": [5]}, "wrong value", "`ranking`"),
}
ASKED = {"what": ["equity", "status", "price_liquidation", "ranking"]}


@pytest.mark.parametrize("case", FITTING)
def test_an_answer_that_fits_is_passed_on(case):
    do, answer = FITTING[case]
    assert check_answer(do, ASKED, answer) == answer


@pytest.mark.parametrize("case", MISFITS)
def test_an_answer_that_does_not_fit_is_named(case):
    do, answer, kind, sentence = MISFITS[case]
    with pytest.raises(Misbehaviour) as caught:
        check_answer(do, ASKED, answer)
    assert caught.value.kind == kind
    assert sentence in str(caught.value)
    assert "See spec/protocol.md, section" in str(caught.value)


def test_what_is_shown_cannot_reach_the_terminal():
    assert shown("\x1b[31mred\x07\u2028é") == "`\\x1b[31mred\\x07\\u2028é`"
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert shown(nested) == "`a list`"
    assert len(shown("x" * 1_000)) < 100
