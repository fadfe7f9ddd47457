"""Pipes: one process from its start to its end, with lines written to it and lines read from it.

Nothing that the process does keeps its reader waiting longer than the time-out, fills the memory, or leaves a
process of its group behind. POSIX only: the process gets a session and a group of its own, so that an
interruption from the keyboard is not for it. A process that leaves its group is out of reach.
"""

import os
import selectors
import signal
import subprocess
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress

from marginspec.conform.engine import Misbehaviour, printable, read_on, shown
from marginspec.errors import Flaw, InputError

LINE_MAX = 16 << 20
"""Bytes of the longest answer."""
CHUNK = 1 << 16
TAIL = 1 << 14
"""Bytes of standard error that are kept: the last ones."""
TAIL_LINES = 20
LOOK = 0.05
"""Seconds after which a silent process is looked at: its pipes may be held open by a child of its own."""
LINGER = 0.5
"""Seconds that a process has to end when it has closed its output, or was killed."""


class Pipes:
    """One process from its start to its end: lines in, lines out, and its last words."""

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            problem = f"cannot be started: {getattr(error, 'strerror', None) or error}."
            repair = "Give a program, with its path unless it is on PATH, and its arguments after --."
            raise InputError(command[0], Flaw("", problem, repair)) from None
        self.group = self._process.pid
        # If nobody closes the engine: when it is forgotten, or when this program ends.
        self._last_resort = weakref.finalize(self, _kill_group_of, self._process, os.getpid())
        streams = self._process.stdin, self._process.stdout, self._process.stderr
        self._streams = [stream for stream in streams if stream is not None]
        self._stdin, self._stdout, self._stderr = (stream.fileno() for stream in self._streams)
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)
        for descriptor in (self._stdout, self._stderr):
            self._selector.register(descriptor, selectors.EVENT_READ)
        self._read = bytearray()
        self._tail = bytearray()
        self._silent = False
        """Whether no further line can come: standard output is closed, or the process has ended."""
        self._deaf = False
        """Whether nobody reads standard input any more."""

    # ------------------------------------------------------------------------------------- a request

    def exchange(self, request: bytes, timeout: float) -> bytes:
        """Write a line, and read one. Errors: Misbehaviour."""
        deadline = time.monotonic() + timeout
        self._write(request, deadline, timeout)
        return self._line(deadline, timeout)

    def _write(self, request: bytes, deadline: float, timeout: float) -> None:
        """Write a line; if nobody can read it any more, what the process wrote says why."""
        left = memoryview(request)
        waiting = False
        try:
            while left and not self._silent:
                try:
                    left = left[os.write(self._stdin, left) :]
                    continue
                except BrokenPipeError:
                    self._deaf = True
                    return
                except BlockingIOError:
                    pass
                if not waiting:
                    waiting = True
                    self._selector.register(self._stdin, selectors.EVENT_WRITE)
                if time.monotonic() >= deadline:
                    said = f"{len(request) - len(left):_} of {len(request):_} bytes of the request were read"
                    text = f"{said} within {timeout:g} s. Read standard input to the end of each line."
                    raise Misbehaviour("timeout", f"{text} {read_on(2)}")
                self._take_what_is_there(deadline)
                self._check_length()
        finally:
            if waiting:
                self._selector.unregister(self._stdin)

    def _line(self, deadline: float, timeout: float) -> bytes:
        """The next line, without its end."""
        searched = 0
        while (end := self._read.find(b"\n", searched)) < 0:
            searched = len(self._read)
            self._check_length()
            if self._silent:
                raise self._ended()
            if time.monotonic() >= deadline:
                raise self._late(timeout)
            self._take_what_is_there(deadline)
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        if len(line) > LINE_MAX:
            raise _too_long(line)
        return line

    def _check_length(self) -> None:
        """No answer is as long, and nothing else is to be there."""
        if len(self._read) > LINE_MAX + CHUNK:
            raise _too_long(self._read)

    def _take_what_is_there(self, until: float) -> None:
        """Wait a moment for output and take it; see whether more can come."""
        ready = self._selector.select(max(min(LOOK, until - time.monotonic()), 0))
        descriptors = [key.fd for key, _ in ready]
        if self._stderr in descriptors:
            self._take_stderr()
        if self._stdout in descriptors:
            self._take_stdout()
        elif not self._silent and self._process.poll() is not None:
            # It has ended, and a process that it started may hold its pipes open for ever.
            while not self._silent and self._take_stdout():
                self._check_length()
            self._silent = True

    def _take_stdout(self) -> bool:
        """Read what is there, up to a chunk. returns: whether there was anything."""
        chunk = _chunk_of(self._stdout)
        if chunk == b"":
            self._silent = True
            self._selector.unregister(self._stdout)
        self._read += chunk or b""
        return bool(chunk)

    def _take_stderr(self) -> bool:
        """The same for standard error, of which only the end is kept."""
        chunk = _chunk_of(self._stderr)
        if chunk == b"":
            self._selector.unregister(self._stderr)
        self._tail += chunk or b""
        del self._tail[:-TAIL]
        return bool(chunk)

    # ------------------------------------------------------------------------------------- what went wrong

    def _ended(self) -> Misbehaviour:
        """Why no further line can come."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LINGER)
        how = _ending(self._process.returncode)
        if self._read:
            text = f"{how} in the middle of a line: {start_of(self._read)}. {read_on(2)}"
            return Misbehaviour("partial line", text)
        text = f"{how} before it answered. Only `bye` ends a conversation. {read_on(3)}"
        return Misbehaviour("ended", text)

    def _late(self, timeout: float) -> Misbehaviour:
        """What there was in place of a line when time was up."""
        if self._read:
            text = f"a line without its end: {start_of(self._read)}, and nothing more within {timeout:g} s."
            text += " Write the end of the line and flush it."
            return Misbehaviour("partial line", f"{text} {read_on(2)}")
        text = f"no answer within {timeout:g} s. Perhaps it was not flushed; --timeout gives more time."
        if self._deaf:
            text = f"closed its standard input, and gave no answer within {timeout:g} s. Read on until `bye`."
        return Misbehaviour("timeout", f"{text} {read_on(2)}")

    def last_words(self) -> list[str]:
        """The last lines of standard error."""
        if self._stderr in self._selector.get_map():
            for _ in range(TAIL_LINES):
                if not self._take_stderr():
                    break
        lines = self._tail.decode(errors="replace").splitlines()[-TAIL_LINES:]
        return [printable(line if len(line) <= 200 else f"{line[:200]}...") for line in lines]

    # ------------------------------------------------------------------------------------- the end

    def wait_for_end(self, deadline: float, timeout: float) -> None:
        """See that the process ends, and leaves none of its group behind. Errors: Misbehaviour."""
        self._streams[0].close()
        while self._process.poll() is None:
            if time.monotonic() >= deadline:
                text = f"answered `bye` and has not ended within {timeout:g} s. {read_on(3)}"
                raise Misbehaviour("does not end", text)
            self._take_what_is_there(min(deadline, time.monotonic() + LOOK / 5))
            self._read.clear()
        while is_alive(self.group):
            if time.monotonic() >= deadline:
                text = f"ended after `bye` and left a process behind. End what you start. {read_on(3)}"
                raise Misbehaviour("left behind", text)
            time.sleep(LOOK / 5)

    def end(self, grace: float) -> None:
        """End the process and its group: asked first, then killed. Nothing is ever waited for without end."""
        try:
            for stream in self._streams:
                stream.close()
            self._selector.close()
            _signal_group(self._process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        finally:
            self._last_resort()


def _too_long(line: bytes | bytearray) -> Misbehaviour:
    text = f"a line of more than {LINE_MAX:_} bytes: {start_of(line)}. No answer is longer. {read_on(2)}"
    return Misbehaviour("too long", text)


def _chunk_of(descriptor: int) -> bytes | None:
    """What can be read at once; empty at the end, None if there is nothing yet."""
    try:
        return os.read(descriptor, CHUNK)
    except BlockingIOError:
        return None


def _ending(code: int | None) -> str:
    """How a process ended, as the beginning of a sentence."""
    if code is None:
        return "closed its standard output, and runs on,"
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """A signal to a process and to all of its group that are left."""
    # Nobody left, or, on macOS, nobody but the dead who are not yet collected.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _kill_group_of(process: subprocess.Popen[bytes], owner: int) -> None:
    """Kill a process and its group, and collect it, if this is the program that started it and not a fork."""
    if os.getpid() != owner:
        return
    _signal_group(process, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(LINGER)


def is_alive(group: int) -> bool:
    """Whether a process group has a process that runs; the dead whom nobody has collected do not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        command = ["ps", "-A", "-o", "pgid=", "-o", "stat="]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return True
    rows = (line.split() for line in listed.splitlines())
    return any(row[0] == str(group) and not row[1].startswith("Z") for row in rows if len(row) == 2)


def start_of(line: bytes | bytearray) -> str:
    """A line, or its beginning, for a message."""
    if len(line) <= 80:
        return shown(line.decode(errors="replace"))
    return f"`{printable(line[:60].decode(errors='replace'))}... ({len(line):_} bytes)`"
