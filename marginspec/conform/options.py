"""What is asked of `marginspec conform` besides the engine."""

from dataclasses import dataclass
from pathlib import Path

from marginspec.search.workers import Workers

DATABASE = Path(".hypothesis") / "marginspec-conform"


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for on the command line.

    policy    name or file of the policy that all live histories play on; None: drawn and shipped ones
    events    live ones, >= 0
    accept    file of declared differences
    junit     file to write
    trace     file to run instead of the vectors and the campaign
    workers   processes of the bulk driver, >= 1, or a cluster on whose machines the engine can be started
    database  folder in which Hypothesis keeps what differed, in a folder for each engine; None: nowhere
    vectors   whether the vectors are asked
    shrink    seconds for making all traces short
    evidence  file in which every finished piece of work is kept, and from which a stopped run goes on
    """

    policy: str | None = None
    seed: int = 1
    events: int = 20_000
    accept: str | None = None
    junit: str | None = None
    trace: str | None = None
    workers: Workers = 1
    database: Path | None = DATABASE
    vectors: bool = True
    shrink: float = 15.0
    evidence: Path | None = None
