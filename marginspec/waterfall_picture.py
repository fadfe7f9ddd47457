"""The picture of a waterfall: who pays what, stage by stage, in a table with bars, or drawn to a file.

What somebody pays in a stage is read from the postings alone: the quanta that all its places lose in that
stage, with lots counted at the mark. The payments of a stage sum to what others receive in it, because lots
and money only change hands (PST-1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marginspec.documents import Trace
from marginspec.errors import HELD, Flaw, InputError
from marginspec.screen import aligned, grouped, say
from marginspec.story import format_event
from refmodel.numbers import PPM, Lots, Quanta, floor_div
from refmodel.outcome import Outcome
from refmodel.postings import LOTS, OPEN_COST, WALLET, Place, Posting
from refmodel.stages import (
    AT_MARK,
    BACKSTOP_TAKES,
    BAD_DEBT_STANDS,
    DELEVERAGED,
    FILL,
    FUND_PAYS,
    HOLDERS_TAKE,
    PAYERS_PAY,
    STAGES_IN_ORDER,
    TAKEOVER,
)
from refmodel.state import Venue
from refmodel.venue import apply

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAR = 30
"""Characters of the longest bar."""
PAYERS_SHOWN = 12
"""Payers of one stage in the table; the rest are summed up. The JSON has all."""
DRAWN_MOST = 6
"""Events in one picture, those in which most was paid."""
LEGEND_MOST = 10
"""Payers with a colour of their own, those who pay most."""
OTHERS = "others"
MEANINGS = {
    FILL: "others close lots (LIQ-5)",
    TAKEOVER: "the backstop takes the account over (TKO-4)",
    BACKSTOP_TAKES: "the fund pays the gap, the backstop takes lots (INS-4)",
    HOLDERS_TAKE: "the fund pays the gap, holders are closed (INS-4)",
    DELEVERAGED: "holders are closed at close-out value (ADL-7)",
    AT_MARK: "holders are closed at mark (ADL-8)",
    FUND_PAYS: "the fund pays what is still owed (LOS-2)",
    PAYERS_PAY: "accounts in profit pay (LOS-4)",
    BAD_DEBT_STANDS: "nobody pays: bad debt (LOS-6)",
}
"""The stages in words."""
assert set(MEANINGS) == set(STAGES_IN_ORDER)


@dataclass(frozen=True, slots=True)
class Payment:
    """What one party pays or receives in one stage.

    who     an account, or a pool's fund, bad debt or fee pool, or custody
    quanta  >= 0, with lots at the mark
    lots    that change hands with it, over all markets
    """

    who: str
    quanta: Quanta
    lots: Lots


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one event: who pays, and who receives as much in sum."""

    name: str
    payers: tuple[Payment, ...]
    payees: tuple[Payment, ...]
    lots: Lots

    @property
    def paid(self) -> Quanta:
        """Quanta paid in this stage."""
        return sum(payment.quanta for payment in self.payers)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """What one event of a trace has led to.

    number  of the event, 1 the first
    event   as a line of its story
    stages  those in which lots or quanta moved, in the order in which they open
    """

    number: int
    event: str
    stages: tuple[Stage, ...]

    @property
    def paid(self) -> Quanta:
        """Quanta paid in all stages."""
        return sum(stage.paid for stage in self.stages)


# Reading a transition


def waterfalls_of(trace: Trace) -> list[Waterfall]:
    """The events of a trace in which somebody was closed out, with what that cost whom."""
    venue = trace.start
    found = []
    for number, event in enumerate(trace.events, start=1):
        line = format_event(event, venue.clock)
        outcome = apply(venue, event)
        venue = outcome.venue
        stages = stages_of(outcome)
        if stages:
            found.append(Waterfall(number, line, stages))
    return found


def stages_of(outcome: Outcome) -> tuple[Stage, ...]:
    """The stages of one transition: for each, what each party pays and receives."""
    stages = []
    for name in STAGES_IN_ORDER:
        postings = [each for each in outcome.postings if isinstance(each, Posting) and each.stage == name]
        if postings:
            stages.append(_stage(outcome.venue, name, postings))
    return tuple(stages)


def _stage(venue: Venue, name: str, postings: Iterable[Posting]) -> Stage:
    quanta: dict[str, Quanta] = {}
    taken: dict[str, Lots] = {}
    moved = 0
    for posting in postings:
        who = party(posting.place)
        value = posting.amount
        if posting.place.kind == LOTS:
            market = posting.place.market
            value *= venue.marks[market] * venue.policy.markets[market].multiplier
            taken[who] = taken.get(who, 0) + abs(posting.amount)
            moved += abs(posting.amount)
        quanta[who] = quanta.get(who, 0) + value
    payers = [Payment(who, -value, taken.get(who, 0)) for who, value in quanta.items() if value < 0]
    payees = [Payment(who, value, taken.get(who, 0)) for who, value in quanta.items() if value > 0]
    even = [Payment(who, 0, taken[who]) for who, value in quanta.items() if value == 0 and who in taken]
    assert sum(each.quanta for each in payers) == sum(each.quanta for each in payees)
    return Stage(name, tuple(payers or even), tuple(payees), floor_div(moved, 2))


def party(place: Place) -> str:
    """Whose a place is, in words: the account, or `fund cross`, `bad_debt cross`, `custody`."""
    if place.kind in (WALLET, OPEN_COST, LOTS):
        return place.holder
    return f"{place.kind} {place.holder}".strip()


# The table


def draw(
    source: str, trace: Trace, svg: Path | None = None, png: Path | None = None
) -> tuple[int, dict[str, Any]]:
    """Print who paid what, and write the pictures that are asked for.

    returns  the exit code, and the facts for --json
    Errors: InputError if a picture is asked for and cannot be drawn or written.
    """
    found = waterfalls_of(trace)
    targets = [(path, kind) for path, kind in ((svg, "svg"), (png, "png")) if path is not None]
    figure = None
    if targets:
        _need_matplotlib()
        figure = figure_of(trace, found)
    policy = trace.policy
    events = f"{grouped(len(trace.events))} events under the policy {policy.name}"
    say(f"{source}: {events}; quanta of {policy.asset}")
    if not found:
        say("Nobody is closed out in this trace.")
    for waterfall in found:
        say()
        say(f"Event {waterfall.number}   {waterfall.event}")
        say(_table(waterfall))
    for path, kind in targets:
        assert figure is not None
        write_figure(figure, path, kind)
        say(f"Written: {path}")
    return HELD, _facts(source, found)


def _table(waterfall: Waterfall) -> str:
    """One event: stage, who pays, how much, and a bar."""
    most = max(payment.quanta for stage in waterfall.stages for payment in (*stage.payers, Payment("", 1, 0)))
    rows: list[tuple[str, str, str, str, str, str]] = []
    for stage in waterfall.stages:
        receivers = ", ".join(payment.who for payment in stage.payees[:3])
        receivers += f" and {len(stage.payees) - 3} more" if len(stage.payees) > 3 else ""
        title = f"{stage.name}: {MEANINGS[stage.name]}"
        to = f"to {receivers}" if receivers else "nobody pays"
        rows.append((title, "", grouped(stage.lots), grouped(stage.paid), to, ""))
        for payment in _shown(stage.payers):
            length = min(floor_div(payment.quanta * BAR, most), BAR)
            bar = "█" * max(length, 1 if payment.quanta > 0 else 0)
            lots = grouped(payment.lots) if payment.lots else ""
            rows.append(("", payment.who, lots, grouped(payment.quanta), _share(payment, waterfall), bar))
    headings = ("stage", "pays", "lots", "quanta", "of all that is paid", "")
    return aligned(headings, rows, right=(2, 3))


def _share(payment: Payment, waterfall: Waterfall) -> str:
    """What a payment is of all that is paid in an event, in per cent, rounded down."""
    if waterfall.paid == 0:
        return ""
    tenths = floor_div(payment.quanta * 1_000, waterfall.paid)
    return f"{tenths // 10}.{tenths % 10} %"


def _shown(payers: Sequence[Payment]) -> list[Payment]:
    """The payers that get a line of their own, the largest first, and one line for the rest."""
    largest = sorted(payers, key=lambda each: (-each.quanta, each.who))
    if len(largest) <= PAYERS_SHOWN:
        return largest
    rest = largest[PAYERS_SHOWN - 1 :]
    together = Payment(
        f"{len(rest)} more", sum(each.quanta for each in rest), sum(each.lots for each in rest)
    )
    return [*largest[: PAYERS_SHOWN - 1], together]


def _facts(source: str, found: Sequence[Waterfall]) -> dict[str, Any]:
    return {
        "trace": source,
        "events": [
            {
                "number": waterfall.number,
                "event": waterfall.event,
                "paid": str(waterfall.paid),
                "stages": [
                    {
                        "stage": stage.name,
                        "paid": str(stage.paid),
                        "lots": str(stage.lots),
                        "payers": [_payment_facts(payment) for payment in stage.payers],
                        "payees": [_payment_facts(payment) for payment in stage.payees],
                    }
                    for stage in waterfall.stages
                ],
            }
            for waterfall in found
        ],
    }


def _payment_facts(payment: Payment) -> dict[str, str]:
    return {"who": payment.who, "quanta": str(payment.quanta), "lots": str(payment.lots)}


# The picture


def _need_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        repair = "Install it with: pip install 'marginspec[plot]'; or leave --svg and --png out."
        raise InputError(
            "--svg, --png", Flaw("", "need matplotlib, which is not installed.", repair)
        ) from None


def figure_of(trace: Trace, found: Sequence[Waterfall]) -> "Figure":
    """The picture of the events in which most was paid: a bar for each stage, in the colours of who pays."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    largest = sorted(found, key=lambda each: (-each.paid, each.number))[:DRAWN_MOST]
    shown = sorted(largest, key=lambda each: each.number)
    colours = colours_of(shown)
    most = max([stage.paid for each in shown for stage in each.stages] + [1])
    heights = [0.8 + len(each.stages) for each in shown] or [1]
    with rc_context({"svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(10, 1.2 + 0.5 * sum(heights)), layout="constrained")
        axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)
        labels: dict[str, Any] = {}
        for axis, waterfall in zip(axes[:, 0], shown, strict=False):
            labels |= _draw_event(axis, waterfall, colours, most)
        if not shown:
            axes[0, 0].set_axis_off()
            axes[0, 0].text(0.5, 0.5, "Nobody is closed out in this trace.", ha="center")
        if labels:
            names = [*(who for who in colours if who in labels), *(who for who in labels if who == OTHERS)]
            handles = [labels[who] for who in names]
            figure.legend(handles, names, loc="outside lower center", ncols=6, frameon=False)
        left_out = f", {len(shown)} of {len(found)} events" if len(found) > len(shown) else ""
        unit = f"quanta of {trace.policy.asset}"
        figure.suptitle(f"Who pays, stage by stage: policy {trace.policy.name}, {unit}{left_out}")
    return figure


def colours_of(shown: Sequence[Waterfall]) -> Mapping[str, str]:
    """A colour for each of those who pay most; the others share a grey."""
    paid: dict[str, Quanta] = {}
    for waterfall in shown:
        for stage in waterfall.stages:
            for payment in stage.payers:
                paid[payment.who] = paid.get(payment.who, 0) + payment.quanta
    largest = sorted(paid, key=lambda who: (-paid[who], who))[:LEGEND_MOST]
    return {who: f"C{number}" for number, who in enumerate(largest)}


def _draw_event(
    axis: "Axes", waterfall: Waterfall, colours: Mapping[str, str], most: Quanta
) -> dict[str, Any]:
    """One event: its stages from top to bottom, each a bar of what its payers pay.

    most     quanta of the longest bar in the picture
    returns  for each payer, or OTHERS, a part of a bar in its colour
    """
    labels: dict[str, Any] = {}
    for row, stage in enumerate(waterfall.stages):
        left = 0
        for payment in sorted(stage.payers, key=lambda each: (-each.quanta, each.who)):
            if payment.quanta == 0:
                continue
            label = payment.who if payment.who in colours else OTHERS
            width, begin = _part(payment.quanta, most), _part(left, most)
            colour = colours.get(payment.who, "0.7")
            bar = axis.barh(row, width, 0.7, left=begin, color=colour, edgecolor="white", linewidth=0.5)
            labels.setdefault(label, bar)
            left += payment.quanta
        paid = f" {grouped(stage.paid)}, {grouped(stage.lots)} lots"
        axis.text(_part(left, most), row, paid, va="center")
    axis.set_yticks(range(len(waterfall.stages)), [stage.name for stage in waterfall.stages])
    axis.set_ylim(len(waterfall.stages) - 0.5, -0.5)
    axis.set_xlim(0, 1.45)
    axis.set_xticks([])
    axis.set_title(f"event {waterfall.number}: {_short(waterfall.event)}", loc="left", fontsize=9)
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)
    return labels


def _part(amount: Quanta, most: Quanta) -> float:
    """The length of a bar, 0 to 1; exact amounts stand next to it in words."""
    return floor_div(amount * PPM, most) / PPM


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."


def write_figure(figure: "Figure", path: Path, kind: str) -> None:
    """Write a picture, whole or not at all. Errors: InputError if the file cannot be written."""
    from matplotlib import rc_context

    half_written = path.with_name(f".{path.name}.half")
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    try:
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "marginspec"}):
            figure.savefig(half_written, format=kind, dpi=150, metadata=metadata)
        half_written.replace(path)
    except OSError as error:
        why = (error.strerror or "error").lower()
        repair = "Give a file in a folder that can be written to."
        raise InputError(str(path), Flaw("", f"cannot be written: {why}.", repair)) from None
    finally:
        half_written.unlink(missing_ok=True)
