"""C2. Moves between looks: how far a mark may be from where it was when an account was last looked at, and
that a maintenance margin which covers that distance pays for all of them, and for the funding in between.

A venue that looks at an account after every move needs C1 alone. One that looks after every third move needs
more than three times the gap: the second move is taken of a mark that the first has moved already.
"""

from dataclasses import dataclass

from proofs.contracts import contract, ensure, establish, require
from proofs.induction import induction_over
from proofs.lemmas.contracts import requirement_takes_rate
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from refmodel.funding import funding_per_lot
from refmodel.gap import gap_after_move, gap_of_moves
from refmodel.margin import notional, requirement
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks
from refmodel.policy import BRACKET, Schedule, Tier
from refmodel.state import position_value


@contract(for_=gap_after_move, proved_by="C2-next-move")
def next_move_adds_its_cross_term(result: Ppm, total: Ppm, gap: Ppm) -> None:
    """After one more move the distance covers the move, what it had moved before, and the move of that."""
    ensure(result * PPM >= total * PPM + gap * PPM + total * gap)
    ensure(result * PPM < total * PPM + gap * PPM + total * gap + PPM)


@theorem(
    "C2-next-move",
    rules=("GAP-4",),
    stage="waterfall",
    claim="One more move adds itself and its part of the distance so far, rounded up by less than a ppm; "
    "several moves are that, one after the other.",
    structural_bound="0 to 4 moves by the law's own loop; any number by C2-many-moves",
    witness=(dict(moves=0, total=0, gap=10_000), dict(moves=3, total=20_100, gap=10_000)),
    mutant=(
        Replace(
            "gap_after_move",
            "total + gap + ceil_div(total * gap, PPM)",
            "total + gap",
            name="no cross term",
        ),
        Replace("gap_after_move", "ceil_div(total", "-1 + ceil_div(total", name="rounded down"),
        Replace("gap_of_moves", "total = 0", "total = gap", name="a move too many"),
    ),
)
def next_move_covers_the_last(total: Ppm, gap: Ppm) -> None:
    moves = choice("moves", 0, 1, 2, 3)
    assume(total >= 0, guard="GAP-4")
    assume(gap >= 0, policy="POL-9")

    establish(next_move_adds_its_cross_term, total, gap)

    prove(gap_of_moves(gap, 0) == 0, "before the first move the distance is nothing")
    before = gap_of_moves(gap, moves)
    prove(gap_of_moves(gap, moves + 1) == gap_after_move(before, gap), "each move adds to those before it")
    prove(before >= moves * gap, "together they are at least their sum")


@dataclass(frozen=True)
class Move:
    """A move of the mark: the mark after it, in ticks."""

    mark: Ticks


@theorem(
    "C2-many-moves",
    rules=("GAP-4", "POL-9"),
    stage="waterfall",
    claim="After any number of moves, none larger than the gap, the mark is no farther from the first than "
    "the distance of GAP-4.",
    contracts=(next_move_adds_its_cross_term,),
    witness=(
        dict(start=1_000, gap=100_000, mark=0, moves=(Move(1_100), Move(1_210), Move(1_331))),
        dict(start=1_000, gap=100_000, mark=0, moves=()),
    ),
    mutant=Replace(
        "gap_after_move",
        "total + gap + ceil_div(total * gap, PPM)",
        "total + gap",
        name="moves added up without their cross term",
    ),
)
def moves_stay_within_the_distance(start: Ticks, gap: Ppm, mark: Ticks) -> None:
    moves = induction_over(Move(mark), "moves")
    assume(start >= 1, guard="PRC-1")
    assume(gap >= 0, policy="POL-9")
    at = moves.ghost("mark", start, lambda before, move: move.mark)
    distance = moves.ghost("distance", 0, lambda before, move: gap_after_move(before, gap))
    moves.each(lambda move: move.mark >= 1, guard="PRC-1")
    moves.each(lambda move: abs(move.mark - at()) * PPM <= gap * at(), guard="GAP-4")  # within the gap

    moves.prove(
        lambda: (distance() >= 0) & (at() >= 1) & (abs(at() - start) * PPM <= distance() * start),
        "the mark is within the distance of the first",
    )

    prove(abs(at() - start) * PPM <= distance() * start, "wherever the moves went")


@contract(for_=funding_per_lot, proved_by="C2-funding-step")
def funding_is_within_its_rate(result: Quanta, rate: Ppm, mark: Ticks, multiplier: int) -> None:
    """Funding per lot is within a quantum of the rate of the lot's notional, either sign."""
    require(mark >= 1)
    require(multiplier >= 1)
    ensure(result * PPM <= rate * mark * multiplier)
    ensure(result * PPM > rate * mark * multiplier - PPM)


@theorem(
    "C2-funding-step",
    rules=("FUN-2", "POL-11"),
    stage="waterfall",
    claim="One funding payment takes of a lot at most the cap of its notional, and a quantum.",
    witness=(
        dict(rate=-123, cap=200, mark=1_001, multiplier=7),
        dict(rate=123, cap=123, mark=1, multiplier=1),
    ),
    mutant=Replace(
        "funding_per_lot", "floor_div(rate * mark", "-1 + floor_div(rate * mark", name="two quanta off"
    ),
)
def payment_is_within_the_cap(rate: Ppm, cap: Ppm, mark: Ticks, multiplier: int) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(abs(rate) <= cap, guard="FUN-1")
    lemma(
        (rate * mark * multiplier <= cap * mark * multiplier)
        & (-rate * mark * multiplier <= cap * mark * multiplier),
        "the rate is within the cap, of every notional",
    )

    establish(funding_is_within_its_rate, rate, mark, multiplier)
    paid = funding_per_lot(rate, mark, multiplier)

    prove(abs(paid) * PPM < cap * mark * multiplier + PPM, "at most the cap, and a quantum")


@dataclass(frozen=True)
class Payment:
    """A move of the mark, and the funding that is paid at the new mark."""

    mark: Ticks
    rate: Ppm


@dataclass(frozen=True)
class Travelled:
    """How far moves with payments have got.

    mark      ticks, where they have led
    distance  ppm of the first mark, by GAP-4
    marks     sum of the marks at which was paid
    allowed   sum of what the distances allow those marks to be, ppm of the first mark
    payments  how many
    paid      quanta of one lot, each payment counted as if it were paid and not received
    """

    mark: Ticks
    distance: Ppm
    marks: Ticks
    allowed: Ppm
    payments: int
    paid: Quanta

    def after(self, move: Payment, gap: Ppm, multiplier: int) -> "Travelled":
        """One move and one payment more (GAP-4, FUN-2)."""
        distance = gap_after_move(self.distance, gap)
        return Travelled(
            move.mark,
            distance,
            self.marks + move.mark,
            self.allowed + PPM + distance,
            self.payments + 1,
            self.paid + abs(funding_per_lot(move.rate, move.mark, multiplier)),
        )


def travelled(moves: tuple[Payment, ...], start: Ticks, gap: Ppm, multiplier: int) -> Travelled:
    """Moves with a payment at each, one after the other."""
    state = Travelled(start, 0, 0, 0, 0, 0)
    for move in moves:
        state = state.after(move, gap, multiplier)
    return state


@theorem(
    "C2-funding",
    rules=("GAP-4", "FUN-1", "FUN-2"),
    stage="waterfall",
    claim="After any number of moves with a funding payment at each, a lot has paid at most the cap of the "
    "marks that the distance allows, and one quantum for each payment.",
    contracts=(next_move_adds_its_cross_term, funding_is_within_its_rate),
    witness=dict(
        start=1_000,
        multiplier=100,
        gap=100_000,
        cap=1_000,
        mark=0,
        rate=0,
        moves=(Payment(1_100, 999), Payment(1_210, -1_000), Payment(1_331, 1_000)),
    ),
    mutant=(
        Replace(
            "gap_after_move",
            "total + gap + ceil_div(total * gap, PPM)",
            "total + gap",
            name="moves added up without their cross term",
        ),
        Replace(
            "funding_per_lot",
            "floor_div(rate * mark * multiplier, PPM)",
            "2 * floor_div(rate * mark * multiplier, PPM)",
            name="funding paid twice",
        ),
    ),
)
def funding_adds_its_cap_each_time(
    start: Ticks, multiplier: int, gap: Ppm, cap: Ppm, mark: Ticks, rate: Ppm
) -> None:
    moves = induction_over(Payment(mark, rate), "moves")
    assume(start >= 1, guard="PRC-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(gap >= 0, policy="POL-9")
    assume(cap >= 0, policy="POL-11")
    fold = moves.loop_of(travelled)

    def so_far() -> Travelled:
        state: Travelled = fold(start, gap, multiplier)
        return state

    moves.each(lambda move: move.mark >= 1, guard="PRC-1")
    moves.each(lambda move: abs(move.mark - so_far().mark) * PPM <= gap * so_far().mark, guard="GAP-4")
    moves.each(
        lambda move: abs(move.rate) * (move.mark * multiplier) <= cap * (move.mark * multiplier),
        theorem="C2-funding-step",
    )

    moves.prove(
        lambda: (
            (so_far().distance >= 0)
            & (so_far().mark >= 1)
            & (abs(so_far().mark - start) * PPM <= so_far().distance * start)
        ),
        "the mark is within the distance of the first",
    )
    moves.prove(
        lambda: so_far().marks * PPM <= so_far().allowed * start,
        "all marks together are within their distances",
    )
    moves.prove(
        lambda: so_far().paid * PPM <= cap * multiplier * so_far().marks + so_far().payments * PPM,
        "each payment is at most the cap, and a quantum",
    )

    end = so_far()
    lemma(
        cap * multiplier * (end.marks * PPM) <= cap * multiplier * (end.allowed * start),
        "the cap of all marks",
    )
    prove(
        end.paid * PPM * PPM <= cap * end.allowed * (multiplier * start) + end.payments * PPM * PPM,
        "the cap of the first notional, of all distances, and a quantum for each",
    )


@theorem(
    "C2-position",
    rules=("POL-9", "GAP-4", "MAR-5", "ACC-1"),
    stage="waterfall",
    claim="A position's maintenance margin of at least the distance pays for all moves between two looks "
    "together; with room above it, for the funding in between as well; without, the excess is missing.",
    contracts=(requirement_takes_rate,),
    witness=(
        dict(size=-3, mark=1_000, after=1_020, multiplier=7, distance=20_100, rate=50_000, paid=0, funding=0),
        dict(
            size=3, mark=1_000, after=990, multiplier=7, distance=10_000, rate=50_000, paid=7, funding=1_000
        ),
    ),
    mutant=Replace(
        "position_value", "size * mark * multiplier", "2 * size * mark * multiplier", name="twice the value"
    ),
)
def margin_covers_the_moves(
    size: Lots,
    mark: Ticks,
    after: Ticks,
    multiplier: int,
    distance: Ppm,
    rate: Ppm,
    paid: Quanta,
    funding: Ppm,
) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(abs(after - mark) * PPM <= distance * mark, theorem="C2-many-moves")
    # What one lot has paid, a quantum for each payment included
    assume(paid * PPM <= funding * (mark * multiplier), theorem="C2-funding")
    lots = abs(size)
    held = notional(lots, mark, multiplier)
    margin = requirement(Schedule(BRACKET, (Tier(0, rate),)), lots, held)
    lemma(
        abs(after - mark) * PPM * (lots * multiplier) <= distance * mark * (lots * multiplier),
        "every lot moves",
    )
    lemma(paid * PPM * lots <= funding * (mark * multiplier) * lots, "every lot pays")

    loss = position_value(size, mark, multiplier) - position_value(size, after, multiplier)

    prove(
        (loss + paid * lots - margin) * PPM <= (distance + funding - rate) * held,
        "what the margin does not pay is the excess over its rate, of the notional before",
    )
    if distance + funding <= rate:  # POL-9 asks it of every policy, without funding
        lemma((distance + funding) * held <= rate * held, "both are within the rate")
        prove(loss + paid * lots <= margin, "the margin pays for the moves and the funding")
