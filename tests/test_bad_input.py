"""Bad input. Goal: whatever a user gives, the answer is a sentence with place and repair, exit code 2, and
nothing half-written. Method: each kind of bad file through the real command line, in an empty folder.
"""

import json
import time

import pytest
from click.testing import CliRunner

from marginspec.cli import main
from marginspec.documents import read_trace, trace_document
from marginspec.errors import InputError
from marginspec.paths import POLICIES
from marginspec.policy_file import read_policy
from refmodel.canonical import event_from
from refmodel.state import genesis
from refmodel.venue import apply

MINIMAL = (POLICIES / "minimal.toml").read_text(encoding="utf-8")
GAP = "gap = 20_000 "
TRACE = {
    "format": "marginspec-trace/1",
    "policy": "minimal",
    "start": None,
    "events": [
        {"type": "deposit", "time": "1", "account": "a1", "amount": "1000", "owner": "al", "pool": "cross"},
        {"type": "prices", "time": "2", "marks": {"BTC-PERP": "50000"}},
        {"type": "withdraw", "time": "3", "account": "nobody", "amount": "5"},
    ],
}
TRACE_TEXT = json.dumps(TRACE)


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Run a command on a file with this content, in a folder that holds nothing else."""
    monkeypatch.chdir(tmp_path)

    def run(name, content, *command):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        result = CliRunner().invoke(main, [*command, name])
        assert [path.name for path in tmp_path.iterdir()] == [name], "something was written"
        return result

    return run


def with_gap(value):
    assert GAP in MINIMAL
    return MINIMAL.replace(GAP, f"gap = {value} ")


def line_of(beginning):
    """The line of the minimal policy that begins like this, 1 the first."""
    (number,) = (
        number for number, line in enumerate(MINIMAL.splitlines(), start=1) if line.startswith(beginning)
    )
    return number


GARBAGE = bytes(range(1, 251)) * 40_000
PLACE = "markets.BTC-PERP.gap"

POLICIES_THAT_CANNOT_BE_READ = {
    "malformed": (
        MINIMAL.replace("[fees]", "[fees"),
        f"line {line_of('[fees]')}, column",
        "minimal.toml is an example",
    ),
    "cut off": (MINIMAL[:1900], "end of document", "is an example of the format"),
    "empty": ("", "format is missing", 'Write "marginspec-policy/1"'),
    "unknown key": (with_gap("20_000\ngapp = 1"), "markets.BTC-PERP.gapp", "Did you mean gap?"),
    "missing key": (MINIMAL.replace(GAP, "# "), f"{PLACE} is missing", "Write a whole number of ppm"),
    "key twice": (with_gap("20_000\ngap = 20_000"), f"line {line_of(GAP) + 1}, column", "overwrite"),
    "decimal": (with_gap("0.5"), f"{PLACE} is 0.5, a decimal number", "For 0.5 % write 5_000"),
    "decimal in exponents": (with_gap("2e4"), f"{PLACE} is 2e4, a decimal number", "whole number of ppm"),
    "not a number": (with_gap("nan"), f"{PLACE} is nan, not a number", "Write a whole number of ppm"),
    "infinite": (with_gap("-inf"), f"{PLACE} is -inf, not a number", "Write a whole number of ppm"),
    "text": (with_gap('"20_000"'), f'{PLACE} is "20_000", a text', "Leave out the quotes: 20_000"),
    "truth value": (with_gap("true"), f"{PLACE} is true, a truth value", "Write a whole number of ppm"),
    "date": (with_gap("2024-01-01"), f"{PLACE} is 2024-01-01, a date", "Write a whole number of ppm"),
    "list": (with_gap("[1, 2]"), f"{PLACE} is a list of 2", "Write a whole number of ppm"),
    "10 000 digits": (
        with_gap("9" * 10_000),
        f"line {line_of(GAP)}, column 7, is a number of 10_000",
        "40 digits",
    ),
    "4 000 digits": (with_gap("9" * 4_000), f"{PLACE} is a whole number of about 4", "Write a whole number"),
    "hexadecimal": (with_gap("0x" + "9" * 10_000), f"{PLACE} is a whole number of about 12_04", "Write a"),
    "50 digits": (with_gap("9" * 50), f"{PLACE} is a whole number of about 50 digits", "Write a whole"),
    "nested text": (with_gap("[" * 100_000), "is nested too deeply", "five levels"),
    "nested lists": (with_gap("[" * 200 + "]" * 200), f"{PLACE}[0]", "At most 12 levels"),
    "nested keys": (with_gap("1\na" + ".a" * 3_000 + " = 1"), "markets.BTC-PERP.a.a", "At most 12 levels"),
    "10 MB of garbage": (GARBAGE, "is larger than 8_000_000 bytes", "was not read"),
    "garbage": (GARBAGE[:1_000], "byte 127 is 0x80, which is not UTF-8", "Save the file as UTF-8"),
    "zero bytes": (b"\0" * 5_000, "line 1, column 1", "is an example of the format"),
    "name with spaces": (MINIMAL.replace(".BTC-PERP]", '."a b"]'), 'markets."a b"', "no spaces"),
}


@pytest.mark.parametrize("command", [("policy", "check"), ("policy", "show")], ids=" ".join)
@pytest.mark.parametrize("case", POLICIES_THAT_CANNOT_BE_READ)
def test_policy_that_cannot_be_read(given, case, command):
    content, place, repair = POLICIES_THAT_CANNOT_BE_READ[case]
    started = time.monotonic()
    result = given("mine.toml", content, *command)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("mine.toml: ")
    assert place in result.stderr
    assert repair in result.stderr
    assert result.stderr.endswith("Nothing was run.\n")
    assert result.stdout == ""
    assert len(result.stderr) < 10_000
    assert time.monotonic() - started < 5


TRACES_THAT_CANNOT_BE_READ = {
    "cut off": (TRACE_TEXT[:200], "is not JSON", "The file seems to be cut off"),
    "cut off after a value": (TRACE_TEXT[:-1], f"byte {len(TRACE_TEXT) - 1}", "seems to be cut off"),
    "empty": ("", "byte 0 (line 1, column 1) is not JSON", "cut off"),
    "not JSON": ("hello", "byte 0 (line 1, column 1) is not JSON: expecting value", "JSON writer"),
    "something behind": (TRACE_TEXT + "x", f"byte {len(TRACE_TEXT)}", "JSON writer"),
    "10 MB of garbage": (GARBAGE, "byte 127 is 0x80", "Save the file as UTF-8"),
    "10 MB of letters": (b"x" * 10_000_000, "byte 0", "JSON writer"),
    "NaN": (TRACE_TEXT.replace('"1000"', "NaN"), "events[0].amount is NaN, not a number", "as a text"),
    "infinite": (TRACE_TEXT.replace('"1000"', "-Infinity"), "is -Infinity", "as a text"),
    "decimal": (TRACE_TEXT.replace('"1000"', "0.5"), "events[0].amount is 0.5", "as a text"),
    "number": (TRACE_TEXT.replace('"1000"', "1000"), "is 1000, a number without quotes", "as a text"),
    "decimal text": (TRACE_TEXT.replace('"1000"', '"1.5"'), 'events[0].amount is "1.5"', "no leading zeros"),
    "leading zero": (TRACE_TEXT.replace('"1000"', '"01"'), 'events[0].amount is "01"', "no leading zeros"),
    "key twice": (TRACE_TEXT.replace('"time": "1"', '"time": "1", "time": "2"'), "events[0].time", "Keep"),
    "10 000 digits": (
        TRACE_TEXT.replace('"1000"', "9" * 10_000),
        "events[0].amount",
        "at most 40 characters",
    ),
    "10 000 digits as text": (
        TRACE_TEXT.replace('"1000"', f'"{"9" * 10_000}"'),
        "events[0].amount",
        "at most 40 characters",
    ),
    "nested text": ("[" * 200_000, "is nested too deeply", "six levels"),
    "nested objects": ('{"a":' * 200 + "1" + "}" * 200, "a.a.a.a", "At most 12 levels"),
    "unknown key": (TRACE_TEXT.replace('"start"', '"begin"'), "begin is no key", "use one of"),
    "unknown event": (TRACE_TEXT.replace('"withdraw"', '"withdrawal"'), "events[2].type", '"withdraw"'),
    "field of another event": (
        TRACE_TEXT.replace('"account": "nobody"', '"account": "nobody", "market": "BTC-PERP"'),
        "events[2].market is no key",
        "use one of",
    ),
    "list": ("[]", "is a list of 0", "Write"),
    "half a character": (TRACE_TEXT.replace("nobody", "\\ud800"), "surrogate", "Write the character itself"),
    "unknown policy": (TRACE_TEXT.replace('"minimal"', '"minimum"'), "no such policy", "mean minimal?"),
}


@pytest.mark.parametrize("case", TRACES_THAT_CANNOT_BE_READ)
def test_trace_that_cannot_be_read(given, case):
    content, place, repair = TRACES_THAT_CANNOT_BE_READ[case]
    started = time.monotonic()
    result = given("trace.json", content, "replay")
    assert result.exit_code == 2, result.output
    assert place in result.stderr
    assert repair in result.stderr
    assert result.stderr.endswith("Nothing was run.\n")
    assert result.stdout == ""
    assert len(result.stderr) < 10_000
    assert time.monotonic() - started < 5


def test_trace_is_seen_to_be_cut_off_wherever_that_is(tmp_path):
    path = tmp_path / "trace.json"
    for length in range(len(TRACE_TEXT)):
        path.write_text(TRACE_TEXT[:length])
        with pytest.raises(InputError, match="seems to be cut off"):
            read_trace(path)


def test_unknown_account_is_a_refusal_and_no_error(given):
    result = given("trace.json", TRACE_TEXT, "replay")
    assert result.exit_code == 0, result.output
    assert "refused EVT-3 unknown_account account=nobody" in result.stdout


def start_with(change):
    """A trace that starts at a venue of `minimal` in which something was changed."""
    venue = genesis(read_policy("minimal"))
    opening = [
        *TRACE["events"][:2],
        {**TRACE["events"][0], "time": "2", "account": "a2", "amount": "100000"},
        {"type": "deposit", "time": "2", "account": "a1", "amount": "100000"},
        {"type": "order", "time": "3", "account": "a2", "market": "BTC-PERP", "buys": "2", "sells": "0"},
        {"type": "trade", "time": "4", "market": "BTC-PERP", "taker": "a1", "maker": "a2", "side": "sell",
         "lots": "1", "price": "50000"},
    ]  # fmt: skip
    for event in opening:
        outcome = apply(venue, event_from(event))
        assert outcome.refusal is None
        venue = outcome.venue
    document = trace_document("minimal", (), start=venue)
    change(document["start"])
    return json.dumps(document)


def put(*path):
    """A change: the last of the arguments becomes the value at the keys before it."""

    def change(document):
        *keys, last, value = path
        for key in keys:
            document = document[key]
        if value is None:
            del document[last]
        else:
            document[last] = value

    return change


VENUES_NO_HISTORY_LEADS_TO = {
    "another policy": (put("policy", "sha256:" + "0" * 64), "start.policy is not the digest"),
    "books do not balance": (put("custody", "5"), "start.custody differs by"),
    "long and short": (put("accounts", "a1", "positions", "BTC-PERP", "size", "-2"), "more long than short"),
    "position of nothing": (put("accounts", "a1", "positions", "BTC-PERP", "size", "0"), "is no position"),
    "position without a mark": (put("marks", {}), "start.accounts.a1.positions.BTC-PERP has no mark"),
    "unknown market": (put("marks", "ETH-PERP", "5"), "start.marks.ETH-PERP is no mark"),
    "mark of nothing": (put("marks", "BTC-PERP", "0"), "start.marks.BTC-PERP is no mark"),
    "unknown pool": (put("accounts", "a1", "pool", "ETH-PERP"), "start.accounts.a1.pool is ETH-PERP"),
    "no backstop": (put("accounts", "backstop:cross", None), 'start.accounts.backstop:cross is missing'),
    "pool missing": (put("pools", "BTC-PERP", None), "start.pools.BTC-PERP is missing"),
    "negative fund": (put("pools", "cross", "fund", "-1"), "start.pools.cross has an amount below 0"),
    "bankrupt at rest": (put("marks", "BTC-PERP", "900000"), "start.accounts.a1 is bankrupt at rest"),
    "negative orders": (put("accounts", "a2", "orders", "BTC-PERP", "buys", "-1"), "are no open orders"),
    "before time": (put("clock", "-1"), "start.clock is below 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", VENUES_NO_HISTORY_LEADS_TO)
def test_venue_that_no_history_leads_to(given, case):
    change, place = VENUES_NO_HISTORY_LEADS_TO[case]
    result = given("trace.json", start_with(change), "replay")
    assert result.exit_code == 2, result.output
    assert place in result.stderr


def test_venue_of_a_history_is_read(given):
    assert given("trace.json", start_with(lambda document: None), "replay").exit_code == 0


WRONG_USAGE = {
    "no such file": (["policy", "check", "none.toml"], "none.toml: there is no such policy"),
    "a folder": (["policy", "check", "."], "cannot be opened: is a directory"),
    "no such trace": (["replay", "none.json"], "none.json: cannot be opened: no such file"),
    "name with a typo": (["policy", "check", "minimul"], "Did you mean minimal?"),
    "no such market": (["policy", "check", "minimal", "--market", "BTC-PER"], "Did you mean BTC-PERP?"),
    "no such rule": (["explain", "LIQ-99"], "is no rule of the law"),
    "a rule next to it": (["explain", "mar-99"], "MAR-9"),
    "no such command": (["check"], "No such command"),
    "no such option": (["replay", "--fast", "x.json"], "No such option"),
    "no such theorem": (["prove", "Z99"], "Z99: is no theorem"),
    "no number": (["prove", "A6-ceil-div", "--at", "number=x"], "is no value"),
    "two theorems at values": (["prove", "A6-ceil-div", "A6-floor-div", "--at", "a=1"], "name exactly one"),
    "values missing": (["prove", "A6-ceil-div", "--at", "nothing=1"], "give each as --at"),
}


@pytest.mark.parametrize("case", WRONG_USAGE)
def test_wrong_usage(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    arguments, said = WRONG_USAGE[case]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []
