"""Audits killed with SIGKILL at random moments, a thousand times: what `make soak` runs.

Each log has claims that are wrong, so that findings can be lost or told twice as well. An audit is started as
a process, killed after a random time, started again, and so on, until one comes to its end; its result is
compared with that of an undisturbed audit. Then the next one begins.

    python tests/soak.py [--kills 1000] [--seed 1]
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from marginspec.audit.command import audit, convert  # noqa: E402
from marginspec.audit.writing import write_log  # noqa: E402
from marginspec.screen import silence  # noqa: E402
from tests.logs import drawn_history, lines_of, write_lines  # noqa: E402

# The process: small blocks and a checkpoint after each, so that there is much to kill.
PROCESS = f"""
import json, sys
sys.path.insert(0, {str(ROOT)!r})
from marginspec.audit import auditor, command, lines
from marginspec.screen import silence
if sys.argv[1].endswith("parquet"):
    import pyarrow.parquet

class Told(auditor.Auditor):
    def run(self, progress):
        print(self.counts.events, flush=True)
        return super().run(progress)

lines.BLOCK, auditor.SAVING_MOST, command.Auditor = 1 << 14, 0, Told
silence()
print("ready", flush=True)
code, facts = command.audit(sys.argv[1], evidence_file=sys.argv[2], every=0.0)
print(json.dumps(facts), flush=True)
"""


@dataclass(slots=True)
class Soaked:
    """What killed audits came to.

    kills    processes that were killed
    resumed  processes that went on after an event
    ended    audits that came to their end
    lost     events that ended audits had not counted
    twice    events that ended audits had counted twice
    wrong    ended audits with another result
    """

    kills: int = 0
    resumed: int = 0
    ended: int = 0
    lost: int = 0
    twice: int = 0
    wrong: int = 0


def prepare(folder: Path, form: str, events: int) -> tuple[Path, dict[str, Any]]:
    """A log with wrong claims in it, and what an undisturbed audit of it comes to."""
    policy, history = drawn_history(events, f"soak {form}")
    right = folder / "right.jsonl"
    write_log(right, policy, history, checkpoint_every=50)
    lines = lines_of(right)
    for line in lines[1::17]:
        for posting in line.get("postings", ())[-1:]:
            posting[3] = str(int(posting[3]) + 1)
    log = write_lines(folder / "log.jsonl", lines)
    if form != "jsonl":
        convert(str(log), str(folder / f"log.{form}"))
        log = folder / f"log.{form}"
    _, facts = audit(str(log), evidence_file=str(folder / "undisturbed.sqlite"))
    assert facts["findings_total"] > 20
    return log, facts


def result_of(facts: dict[str, Any]) -> dict[str, Any]:
    """What may not differ from run to run."""
    return {key: value for key, value in facts.items() if key not in ("seconds", "resumed_at")}


def soak(log: Path, undisturbed: dict[str, Any], folder: Path, kills: int, seed: int) -> Soaked:
    """Audits of a log, killed so many times in all."""
    draw = random.Random(seed)
    told = Soaked()
    evidence = folder / "killed.sqlite"
    longest = None
    while told.kills < kills or evidence.exists():
        process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(log), str(evidence)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        # The first one is not killed: it says how long a whole audit takes here.
        wanted = longest is not None and told.kills < kills
        try:
            process.wait(draw.uniform(0, longest or 0) if wanted else 60)
        except subprocess.TimeoutExpired:
            process.kill()
        begins, *facts = process.stdout.read().splitlines() or ["0"]
        process.stdout.close()
        told.resumed += int(begins) > 0
        if process.wait() == -signal.SIGKILL:
            told.kills += 1
            continue
        assert process.returncode == 0 and len(facts) == 1, facts
        longest = longest or time.monotonic() - began
        _count(told, json.loads(facts[0]), undisturbed)
        evidence.unlink()
    return told


def _count(told: Soaked, facts: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    """Compare an audit that has come to its end with the undisturbed one."""
    told.ended += 1
    told.lost += max(0, undisturbed["events"] - facts["events"])
    told.twice += max(0, facts["events"] - undisturbed["events"])
    told.wrong += result_of(facts) != result_of(undisturbed)


def main() -> None:
    """Kill, and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=1_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    silence()
    whole = Soaked()
    forms = ("jsonl", "jsonl.gz", "parquet")
    for number, form in enumerate(forms):
        with tempfile.TemporaryDirectory() as name:
            log, undisturbed = prepare(Path(name), form, events=5_000)
            kills = given.kills // len(forms) + (number < given.kills % len(forms))
            told = soak(log, undisturbed, Path(name), kills, given.seed + number)
        for field in Soaked.__slots__:
            setattr(whole, field, getattr(whole, field) + getattr(told, field))
        print(f"{form:<9} {told.kills:>5} kills {told.resumed:>6} resumed runs {told.ended:>6} audits ended")
    print(
        f"{whole.kills} kills, {whole.resumed} resumed runs, {whole.lost} events lost, "
        f"{whole.twice} counted twice, {whole.wrong} wrong states"
    )
    sys.exit(1 if whole.lost or whole.twice or whole.wrong or whole.kills < given.kills else 0)


if __name__ == "__main__":
    main()
