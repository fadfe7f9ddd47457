"""Engines that misbehave over their pipes. Goal: each is found out, by its right name, soon after the
time-out; what is legal is accepted; and no process is left, whatever happens.
Method: tests/engines/hostile.py, once for each kind; the group's processes are counted by `ps`.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from marginspec.conform.child import Child
from marginspec.conform.engine import Misbehaviour
from marginspec.errors import InputError
from tests.engines import hostile

HOSTILE = str(Path(hostile.__file__))
TIMEOUT = 1.0
EVENT = {"type": "withdraw", "time": "0", "account": "a1", "amount": "5"}
QUESTION = {"what": ["equity"], "account": "a1"}
LONG = "x" * (1 << 22)
"""Far more than a pipe takes before anybody reads."""

MISBEHAVIOURS = {
    "hang at hello": ("timeout", "no answer within 1 s"),
    "exit at hello": ("ended", "ended with exit code 3 before it answered"),
    "garbage at hello": ("not JSON", "not JSON: `Segmentation fault`. Was this meant for stderr?"),
    "hang": ("timeout", "no answer within 1 s"),
    "exit": ("ended", "ended with exit code 3 before it answered"),
    "signal": ("ended", "was ended by SIGKILL"),
    "garbage": (
        "not JSON",
        "not JSON: `Segmentation fault`. Was this meant for stderr? See spec/protocol.md",
    ),
    "broken json": ("not JSON", 'not JSON: `{"seq":3,"outcome":accepted}`. JSON is malformed'),
    "empty line": ("not JSON", "not JSON: an empty line"),
    "partial line, hang": ("partial line", "flush"),
    "partial line, exit": ("partial line", "ended with exit code 0 in the middle of a line"),
    "flood of stdout": ("too long", "a line of more than 16_777_216 bytes"),
    "flood of lines": ("not JSON", "not JSON: `tick`"),
    "flood of stderr, no answer": ("timeout", "no answer within 1 s"),
    "20 MiB": ("too long", "a line of more than 16_777_216 bytes"),
    "wrong seq": ("wrong seq", "`seq` is `4` in the answer to request 3"),
    "no seq": ("wrong seq", "`seq` is missing in the answer to request 3"),
    "seq as text": ("wrong seq", '`seq` is `"3"`'),
    "seq as decimal": ("wrong seq", "`seq` is `3.0`"),
    "list": ("not an object", "not an object: `[{"),
    "null": ("not an object", "not an object: `null`"),
    "NaN": ("not JSON", "JSON has no NaN"),
    "decimals": ("wrong value", "`equity` is `350000.5`; it is a whole number in decimal, as a text"),
    "number without quotes": (
        "wrong value",
        "`equity` is `350000`; it is a whole number",
    ),
    "number with a sign": ("wrong value", "`equity` is `+350000`; it is a whole number"),
    "not UTF-8": ("not JSON", "It is not UTF-8."),
    "no outcome": ("missing key", "the answer to `apply` has no `outcome`"),
    "no equity": ("missing key", "the answer to `query` has no `equity`"),
    "unknown outcome": (
        "wrong value",
        "`outcome` in the answer to `apply` is `maybe`",
    ),
    "too deep": ("not JSON", "nested too deeply"),
    "closes stdout": ("ended", "closed its standard output, and runs on, before it answered"),
    "ignores signals": ("timeout", "no answer within 1 s"),
    "leaves a child, exit": ("ended", "ended with exit code 5 before it answered"),
    "answers before it is asked": ("wrong seq", "`seq` is `2` in the answer to request 1"),
    "stops reading": ("timeout", "no answer within 1 s"),
    "never reads": ("timeout", "no answer within 1 s"),
}
LEGAL = ("good", "1 MiB", "flood of stderr")
AT_THE_END = {
    "ignores bye": ("timeout", "no answer within 1 s"),
    "stays after bye": ("does not end", "answered `bye` and has not ended"),
    "leaves a child after bye": ("left behind", "ended after `bye` and left a process behind"),
}
AFTERWARDS = {
    "two answers": ("wrong seq", "`seq` is `3` in the answer to request 4"),
    "answer, exit": ("ended", "ended with exit code 0 before it answered"),
    "closes stdin": ("timeout", "closed its standard input, and gave no answer within 1 s"),
}


@pytest.fixture
def child():
    """Makes engines of a kind; after the test, none of their groups has a process left."""
    made = []

    def make(kind, timeout=TIMEOUT):
        engine = Watched([sys.executable, "-S", HOSTILE, kind], timeout)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()
        assert engine.groups, "no process was started"
        assert_nobody_left(engine.groups)


class Watched(Child):
    """A child that tells the groups of its processes."""

    def __init__(self, command, timeout):
        super().__init__(command, timeout)
        self.groups = []

    def _exchange(self, do, request):
        if do == "hello":
            self.groups.append(self._pipes.group)
        return super()._exchange(do, request)


def processes_of(groups):
    """What `ps` says of these groups: who lives, and the dead whom this process has to collect."""
    command = ["ps", "-A", "-o", "pgid=", "-o", "ppid=", "-o", "stat=", "-o", "args="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [line.split(None, 3) for line in listed]
    return [
        row
        for row in rows
        if int(row[0]) in groups and (not row[2].startswith("Z") or int(row[1]) == os.getpid())
    ]


def assert_nobody_left(groups):
    """What was killed takes a moment to go."""
    end = time.monotonic() + 5
    while (left := processes_of(groups)) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == []


def converse(engine):
    """The same three requests to every engine; the answer to the last."""
    assert engine.hello()["engine"] == "hostile"
    assert engine.load({}, {}) == {"outcome": "accepted"}
    assert engine.apply(EVENT)["outcome"] == "accepted"
    return engine.query(QUESTION)


def test_every_kind_is_tried():
    tried = [*MISBEHAVIOURS, *LEGAL, *AT_THE_END, *AFTERWARDS]
    assert sorted(tried) == sorted(hostile.KINDS)
    assert len(tried) == len(set(tried)) >= 20


@pytest.mark.parametrize("kind", MISBEHAVIOURS)
def test_a_misbehaviour_is_named_in_time(child, kind):
    named, sentence = MISBEHAVIOURS[kind]
    engine = child(kind)
    start = time.monotonic()
    with pytest.raises(Misbehaviour) as caught:
        converse(engine)
    took = time.monotonic() - start
    assert caught.value.kind == named
    assert sentence in caught.value.text
    assert caught.value.text.rstrip(".")[-1].isdigit(), "it ends with the section to read"
    assert len(caught.value.text) < 400
    assert took < 2 * TIMEOUT + (3 if named == "too long" else 1), "a loaded machine has a second more"
    assert_nobody_left(engine.groups)


@pytest.mark.parametrize("kind", LEGAL)
def test_what_is_legal_is_accepted(child, kind):
    engine = child(kind, timeout=10)
    assert converse(engine) == {"equity": "0"}
    assert engine.close() is None


@pytest.mark.parametrize("kind", AFTERWARDS)
def test_what_shows_only_at_the_next_request_is_named_there(child, kind):
    engine = child(kind)
    engine.load({}, {})
    assert engine.apply(EVENT) == {"outcome": "accepted"}
    with pytest.raises(Misbehaviour) as caught:
        engine.query(QUESTION)
    named, sentence = AFTERWARDS[kind]
    assert caught.value.kind == named
    assert sentence in caught.value.text


@pytest.mark.parametrize("kind", AT_THE_END)
def test_a_bad_end_is_told_in_time(child, kind):
    engine = child(kind)
    converse(engine)
    start = time.monotonic()
    found = engine.close()
    assert time.monotonic() - start < 2 * TIMEOUT + 1
    assert found is not None
    named, sentence = AT_THE_END[kind]
    assert found.kind == named
    assert sentence in found.text
    assert_nobody_left(engine.groups)


def test_who_never_reads_a_long_request_is_told_how_much_it_read(child):
    engine = child("stops reading")
    engine.hello()
    with pytest.raises(Misbehaviour) as caught:
        engine.load({"name": LONG}, {})
    assert caught.value.kind == "timeout"
    assert " of 4_194_" in caught.value.text
    assert "bytes of the request were read within 1 s" in caught.value.text


def test_a_request_longer_than_the_pipe_is_written_whole(child):
    engine = child("good", timeout=10)
    assert engine.load({"name": LONG}, {}) == {"outcome": "accepted"}


def test_the_last_words_stand_in_the_report(child):
    with pytest.raises(Misbehaviour) as caught:
        converse(child("signal"))
    assert caught.value.stderr == ("about to go",)
    with pytest.raises(Misbehaviour) as caught:
        converse(child("flood of stderr, no answer"))
    assert len(caught.value.stderr) == 20
    assert set(caught.value.stderr[1:-1]) == {"noise"}


def test_after_a_misbehaviour_the_next_request_is_asked_of_a_new_process(child):
    engine = child("exit")
    engine.load({}, {})
    for _ in range(3):
        with pytest.raises(Misbehaviour):
            engine.apply(EVENT)
        assert engine.query(QUESTION) == {"equity": "0"}
    assert len(engine.groups) == 4


def test_hello_is_asked_once_of_each_process(child):
    engine = child("hang at hello", timeout=0.3)
    with pytest.raises(Misbehaviour):
        engine.hello()
    good = child("good")
    assert good.hello() == good.hello()
    assert good.load({}, {}) == {"outcome": "accepted"}
    assert len(good.groups) == 1


def test_an_exception_in_between_leaves_no_process(child):
    engine = child("ignores signals")
    with pytest.raises(ZeroDivisionError), engine:
        engine.load({}, {})
        raise ZeroDivisionError
    assert_nobody_left(engine.groups)


def test_an_interruption_within_a_request_leaves_no_process(child):
    engine = child("ignores signals", timeout=20)
    engine.load({}, {})
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        engine.apply(EVENT)
    assert time.monotonic() - start < 5
    assert_nobody_left(engine.groups)


@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)", "1 / 0", "del engine"])
def test_who_forgets_to_close_leaves_no_process(ending):
    script = (
        "import sys\n"
        "from marginspec.conform.child import Child\n"
        f"engine = Child([{sys.executable!r}, '-S', {HOSTILE!r}, 'ignores bye'], 10)\n"
        "engine.hello()\n"
        "print(engine._pipes.group, flush=True)\n" + ending
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert_nobody_left([int(done.stdout)])


@pytest.mark.parametrize("command", [["/no/such/engine"], [__file__], [str(Path(__file__).parent)]])
def test_what_is_no_program_is_wrong_usage(command):
    with pytest.raises(InputError) as caught:
        Child(command, 1).hello()
    assert f"{command[0]}: cannot be started: " in caught.value.text()
    assert "after --" in caught.value.text()


def test_no_descriptor_is_left_open():
    folder = Path("/dev/fd")
    if not folder.exists():
        pytest.skip("this system does not tell the descriptors of a process")
    before = len(list(folder.iterdir()))
    for kind in ("good", "exit", "garbage"):
        engine = Child([sys.executable, "-S", HOSTILE, kind], 5)
        with suppress(Misbehaviour):
            converse(engine)
        engine.close()
    assert len(list(folder.iterdir())) == before
