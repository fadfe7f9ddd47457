"""An engine that answers well until one request, and then does what no engine should: python hostile.py KIND

KINDS names the request and the deed. Only the standard library is imported, so that it starts quickly.
"""

import json
import os
import signal
import subprocess
import sys
import time

FOREVER = 3600


def say(text, end="\n"):
    sys.stdout.write(text + end)
    sys.stdout.flush()


def say_bytes(text):
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def answer_to(request):
    """What a good engine would say, near enough."""
    answer = {"seq": request["seq"]}
    if request["do"] == "hello":
        return {**answer, "engine": "hostile", "version": "1", "protocol": "1", "rules": "all"}
    if request["do"] in ("load", "apply"):
        return {**answer, "outcome": "accepted"}
    if request["do"] == "query":
        return {**answer, **dict.fromkeys(request["what"], "0")}
    return answer


def good(request):
    say(json.dumps(answer_to(request)))


def hang(_):
    time.sleep(FOREVER)


def answer_and_hang(request):
    good(request)
    time.sleep(FOREVER)


def end_at_once(_):
    os._exit(3)


def die_by_signal(_):
    sys.stderr.write("about to go\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def garbage(_):
    say("Segmentation fault")


def broken_json(_):
    say('{"seq":3,"outcome":accepted}')


def empty_line(_):
    say("")


def partial_then_hang(request):
    say(json.dumps(answer_to(request)), end="")
    time.sleep(FOREVER)


def partial_then_exit(request):
    say(json.dumps(answer_to(request))[:12], end="")
    os._exit(0)


def answer_then_exit(request):
    good(request)
    os._exit(0)


def flood_of_stdout(_):
    while True:
        say_bytes(b"x" * 65_536)


def flood_of_lines(_):
    while True:
        say_bytes(b"tick\n" * 10_000)


def flood_of_stderr(request):
    for _ in range(1_000):
        sys.stderr.write("noise " * 1_000 + "\n")
    sys.stderr.write("the last line\n")
    sys.stderr.flush()
    good(request)


def flood_of_stderr_without_end(_):
    while True:
        os.write(2, b"noise\n" * 10_000)


def line_of_a_mebibyte(request):
    say(json.dumps({**answer_to(request), "not_looked_at": "x" * (1 << 20)}))


def line_of_twenty_mebibytes(request):
    say(json.dumps({**answer_to(request), "not_looked_at": "x" * (20 << 20)}))


def wrong_seq(request):
    say(json.dumps({**answer_to(request), "seq": request["seq"] + 1}))


def no_seq(request):
    answer = answer_to(request)
    del answer["seq"]
    say(json.dumps(answer))


def seq_as_text(request):
    say(json.dumps({**answer_to(request), "seq": str(request["seq"])}))


def seq_as_decimal(request):
    say(json.dumps({**answer_to(request), "seq": float(request["seq"])}))


def answer_twice(request):
    good(request)
    good(request)


def list_for_object(request):
    say(json.dumps([answer_to(request)]))


def null_for_object(_):
    say("null")


def nan(request):
    say(json.dumps({**answer_to(request), "equity": float("nan")}))


def decimals(request):
    say(json.dumps({**answer_to(request), "equity": 350000.5}))


def number_without_quotes(request):
    say(json.dumps({**answer_to(request), "equity": 350000}))


def number_with_a_sign(request):
    say(json.dumps({**answer_to(request), "equity": "+350000"}))


def bytes_that_are_no_text(request):
    say_bytes(b'{"seq":%d,"outcome":"\xff\xfe"}\n' % request["seq"])


def missing_key(request):
    answer = answer_to(request)
    answer.pop("outcome", None)
    answer.pop("equity", None)
    say(json.dumps(answer))


def unknown_outcome(request):
    say(json.dumps({**answer_to(request), "outcome": "maybe"}))


def nested_too_deep(request):
    say(json.dumps(answer_to(request))[:-1] + ', "not_looked_at": ' + "[" * 100_000 + "]" * 100_000 + "}")


def close_stdout(_):
    os.close(1)
    time.sleep(FOREVER)


def close_stdin(request):
    os.close(0)
    good(request)
    time.sleep(FOREVER)


def ignore_everything(_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    time.sleep(FOREVER)


def answer_bye_and_stay(request):
    good(request)
    ignore_everything(request)


def start_a_child():
    """A process of its own that holds both pipes open and does not want to die."""
    code = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep({FOREVER})"
    subprocess.Popen([sys.executable, "-S", "-c", code])
    time.sleep(0.1)


def leave_a_child_and_exit(_):
    start_a_child()
    os._exit(5)


def leave_a_child_after_bye(request):
    start_a_child()
    good(request)
    os._exit(0)


KINDS = {
    "hang at hello": ("hello", hang),
    "exit at hello": ("hello", end_at_once),
    "garbage at hello": ("hello", garbage),
    "hang": ("apply", hang),
    "exit": ("apply", end_at_once),
    "signal": ("apply", die_by_signal),
    "garbage": ("apply", garbage),
    "broken json": ("apply", broken_json),
    "empty line": ("apply", empty_line),
    "partial line, hang": ("apply", partial_then_hang),
    "partial line, exit": ("apply", partial_then_exit),
    "answer, exit": ("apply", answer_then_exit),
    "flood of stdout": ("apply", flood_of_stdout),
    "flood of lines": ("apply", flood_of_lines),
    "flood of stderr": ("apply", flood_of_stderr),
    "flood of stderr, no answer": ("apply", flood_of_stderr_without_end),
    "1 MiB": ("apply", line_of_a_mebibyte),
    "20 MiB": ("apply", line_of_twenty_mebibytes),
    "wrong seq": ("apply", wrong_seq),
    "no seq": ("apply", no_seq),
    "seq as text": ("apply", seq_as_text),
    "seq as decimal": ("apply", seq_as_decimal),
    "two answers": ("apply", answer_twice),
    "list": ("apply", list_for_object),
    "null": ("apply", null_for_object),
    "NaN": ("query", nan),
    "decimals": ("query", decimals),
    "number without quotes": ("query", number_without_quotes),
    "number with a sign": ("query", number_with_a_sign),
    "not UTF-8": ("apply", bytes_that_are_no_text),
    "no outcome": ("apply", missing_key),
    "no equity": ("query", missing_key),
    "unknown outcome": ("apply", unknown_outcome),
    "too deep": ("apply", nested_too_deep),
    "closes stdout": ("apply", close_stdout),
    "closes stdin": ("apply", close_stdin),
    "ignores signals": ("apply", ignore_everything),
    "ignores bye": ("bye", ignore_everything),
    "stays after bye": ("bye", answer_bye_and_stay),
    "leaves a child, exit": ("apply", leave_a_child_and_exit),
    "leaves a child after bye": ("bye", leave_a_child_after_bye),
    "answers before it is asked": ("start", None),
    "never reads": ("start", None),
    "stops reading": ("hello", answer_and_hang),
    "good": ("never", None),
}


def main():
    at, deed = KINDS[sys.argv[1]]
    if sys.argv[1] == "never reads":
        time.sleep(FOREVER)
    if sys.argv[1] == "answers before it is asked":
        say('{"seq":2,"outcome":"accepted"}')
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == at:
            deed(request)
        else:
            good(request)
        if request["do"] == "bye":
            return


if __name__ == "__main__":
    main()
