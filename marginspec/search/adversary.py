"""The adversary: Hypothesis draws what a coalition does, and is guided towards what brings it most.

After every history the bound of theorem E7 is asserted; the best attacks are kept, beside that bound.
"""

from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st

from marginspec.search.coalition import Attack, Purse, attack_of, opened, scale_of
from marginspec.search.workers import Progress
from marginspec.strategies import DrawnChoices
from refmodel.events import Event
from refmodel.numbers import Quanta
from refmodel.policy import Policy


@dataclass(frozen=True, slots=True)
class Best:
    """The best attack found.

    goal     quanta: what is withdrawable, less what was put in
    default  quanta of its gain beyond the fall of the others at mark: what it owes to default charges
    """

    events: tuple[Event, ...]
    goal: Quanta
    gain: Quanta
    default: Quanta
    purse: Purse


@dataclass(slots=True)
class AdversaryReport:
    """What a search came to.

    goal      the attack that takes out most
    default   the attack that takes most by default charges
    charged   histories with a default charge
    in_time   histories in which everybody was closed in time, none of which may have a charge
    broken    what Hypothesis said of a history that breaks the bound, or nothing
    """

    histories: int = 0
    charged: int = 0
    in_time: int = 0
    goal: Best | None = None
    default: Best | None = None
    broken: str = ""
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        return not self.broken and not self.interrupted

    def take(self, attack: Attack) -> Best:
        """Count a history, and keep it if it is the best so far in either sense."""
        purse, gain = attack.purse, attack.purse.gain(attack.venue)
        goal = purse.withdrawable_gain(attack.venue)
        found = Best(tuple(attack.events), goal, gain, gain - purse.fall, purse)
        self.histories += 1
        self.charged += purse.charges > 0
        self.in_time += purse.in_time
        if self.goal is None or found.goal > self.goal.goal:
            self.goal = found
        if self.default is None or found.default > self.default.default:
            self.default = found
        return found


def search_for_attacks(
    policy: Policy, histories: int, number: int, on_progress: Progress | None = None
) -> AdversaryReport:
    """Let Hypothesis look for what brings the coalition most.

    histories  how many, at most
    number     the seed
    Errors: none: a broken bound is in the report. Stopped by Ctrl-C it returns what was done.
    """
    report = AdversaryReport()
    scale = scale_of(opened(policy).venue)

    @seed(number)
    @settings(
        max_examples=histories,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=tuple(HealthCheck),
    )
    @given(data=st.data())
    def coalition(data: st.DataObject) -> None:
        attack = attack_of(DrawnChoices(data.draw), policy)
        attack.check()
        found = report.take(attack)
        target(found.goal / scale, label="withdrawable gain")
        target(found.default / scale, label="gain by default")
        if on_progress is not None:
            on_progress(min(report.histories, histories), histories)

    try:
        coalition()
    except KeyboardInterrupt:
        report.interrupted = True
    except AssertionError as error:
        report.broken = str(error).splitlines()[0]
    return report
