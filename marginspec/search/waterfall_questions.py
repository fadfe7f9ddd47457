"""Questions for the differential: what the kernels of the waterfall are asked, and what the law answers.

The facts are those of drawn accounts: what they hold, their equity and margins. What a stage would add to
them is drawn at its edges: lots taken, prices, rooms, gaps and caps. A kernel answers one question with one
number; a ranking or an allocation is put together from kernels here, and answers with one number for each
holder.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from fastpath import domain
from marginspec.search.choices import Choices, edge_or_magnitude, magnitude, near
from refmodel.allocation import Candidate, capped_pro_rata, in_owner_order, pro_rata, queue
from refmodel.close_out import bankruptcy_price, gap_of_lots, in_order, shares_by_margin
from refmodel.deleveraging import cap_of_line, covering_lines
from refmodel.insurance import lots_payable, lots_within
from refmodel.liquidation import close_at, equity_to_keep, keeps_ratio, liquidation_penalty
from refmodel.liquidation_price import published_lines
from refmodel.loss import share_of_loss
from refmodel.margin import (
    NOTHING_HELD,
    Standing,
    is_liquidatable,
    maintenance_of,
    notional,
    requirement,
    standing_of,
)
from refmodel.numbers import PPM
from refmodel.policy import RANKINGS
from refmodel.ranking import Holding, Ranked, holding_of, in_rank_order, score
from refmodel.restore import lots_for_line, relief_of, room_above
from refmodel.state import Account, Venue
from refmodel.takeover import may_be_taken_over

Kernels = Any
"""What has the kernels as functions: fastpath.waterfall, or something wrong in its place."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One question, and what either side answers.

    kernel  which; for a ranking or an allocation, what was put together
    asked   the arguments
    """

    kernel: str
    asked: tuple[Any, ...]
    law: Any
    fast: Any


def asked(kernels: Kernels, name: str, arguments: tuple[Any, ...], law: Any) -> Answered:
    """Ask a kernel what the law has answered."""
    return Answered(name, arguments, law, getattr(kernels, name)(*arguments))


def answers(choices: Choices, venue: Venue, names: Sequence[str], kernels: Kernels) -> Iterator[Answered]:
    """Everything that the kernels are asked about these accounts of a venue."""
    standings = {name: standing_of(venue, venue.accounts[name]) for name in names}
    for name in names:
        account, standing = venue.accounts[name], standings[name]
        trigger = choices.pick((venue.policy.takeover_trigger, 666_667, PPM, 1))
        by_law = may_be_taken_over(standing.equity, standing.maintenance, trigger)
        arguments = (standing.equity, standing.maintenance, trigger)
        yield asked(kernels, "may_be_taken_over", arguments, by_law)
        yield from answers_of_positions(choices, venue, account, standing, kernels)
    for market in venue.marks:
        side = choices.pick((1, -1))
        holders = [
            name
            for name in names
            if venue.accounts[name].positions.get(market, NOTHING_HELD).size * side > 0
            and not is_liquidatable(standings[name].equity, standings[name].maintenance, venue.policy.trigger)
        ]
        yield from answers_of_ranking(choices, venue, market, holders, kernels)
        yield from answers_of_allocation(choices, venue, market, holders, kernels)
    yield from answers_of_loss(choices, [max(standing.equity, 0) for standing in standings.values()], kernels)


def answers_of_positions(
    choices: Choices, venue: Venue, account: Account, standing: Standing, kernels: Kernels
) -> Iterator[Answered]:
    """Close-out, liquidation and insurance of each position of an account."""
    markets = in_order(account)
    if not markets:
        return
    amount = abs(standing.equity)
    margins = [maintenance_of(venue, account, market) for market in markets]
    total = sum(margins)
    before = 0
    for market, margin, share in zip(markets, margins, shares_by_margin(amount, margins), strict=True):
        yield asked(kernels, "running_share", (amount, before, margin, total), share)
        before += margin
        size, mark = account.positions[market].size, venue.marks[market]
        signed = share if standing.equity >= 0 else -share
        price = bankruptcy_price(venue, account, market) or 0
        arguments = (size, mark, venue.policy.markets[market].multiplier, signed)
        yield asked(kernels, "bankruptcy_price", arguments, price)
        yield from answers_of_fill(choices, venue, market, size, standing, margin, kernels)
        yield from answers_of_gap(
            choices, venue, market, size, share, standing.equity - total + margin, kernels
        )


def answers_of_fill(
    choices: Choices, venue: Venue, market: str, size: int, standing: Standing, margin: int, kernels: Kernels
) -> Iterator[Answered]:
    """What a liquidation fill of some lots costs, keeps and may close."""
    terms, mark, lots = venue.policy.markets[market], venue.marks[market], abs(size)
    lot_value = notional(1, mark, terms.multiplier)
    price = edge_or_magnitude(choices, 1, terms.price_max, (mark,))
    penalty = terms.liquidation.penalty

    # Restoring
    room = PPM * (standing.equity - standing.maintenance + margin - terms.liquidation.buffer)
    close = close_at(terms, size, mark, price, room)
    line = choices.pick(published_lines(terms.maintenance, lots))
    above, relief = room_above(line, close), relief_of(line, close)
    yield asked(kernels, "close_cost", (size, mark, price, penalty, terms.multiplier), close.cost)
    yield asked(kernels, "line_room", (room, lots, lot_value, line.rate, line.amount), above)
    yield asked(kernels, "line_relief", (lot_value, line.rate, close.cost), relief)
    if relief > 0:
        above = choices.pick((above, near(choices, -relief * choices.integer(0, lots), -(10**26), 10**26)))
    yield asked(kernels, "lots_for_line", (above, relief, lots), lots_for_line(above, relief, lots))

    # The penalty
    closed = edge_or_magnitude(choices, 1, lots)
    left = (lots - closed) * lot_value
    after = standing.maintenance - margin + requirement(terms.maintenance, lots - closed, left)
    equity_after = standing.equity - choices.pick((1, -1)) * magnitude(choices, 0, closed * lot_value)
    if standing.equity >= 0:
        kept = equity_to_keep(standing, after)
        yield asked(kernels, "equity_to_keep", (standing.equity, standing.maintenance, after), kept)
        equity_after = choices.pick((equity_after, near(choices, kept, 0, domain.EQUITY_MAX)))
    arguments = (standing.equity, standing.maintenance, equity_after, after)
    yield asked(kernels, "keeps_ratio", arguments, keeps_ratio(standing, equity_after, after))
    amount = closed * lot_value
    asks = near(choices, amount * penalty // PPM, 0, amount)
    free = choices.pick((asks, equity_after, magnitude(choices, 0, amount)))
    by_law = liquidation_penalty(amount, penalty, free)
    yield asked(kernels, "liquidation_penalty", (amount, penalty, free), by_law)


def answers_of_gap(
    choices: Choices, venue: Venue, market: str, size: int, gap: int, room: int, kernels: Kernels
) -> Iterator[Answered]:
    """How a gap falls on lots, how many of them the fund pays and a taker carries, and a holder's cap.

    gap   of the position, quanta
    room  equity of the account less the margin of its other markets
    """
    terms, lots = venue.policy.markets[market], abs(size)
    lot_value = notional(1, venue.marks[market], terms.multiplier)
    carried = edge_or_magnitude(choices, 0, lots)
    taken = edge_or_magnitude(choices, 0, lots - carried)
    by_law = gap_of_lots(gap, carried, taken, lots)
    yield asked(kernels, "running_share", (gap, carried, taken, lots), by_law)
    paid = near(choices, gap * taken // lots, 0, domain.DRAW_MAX)
    by_law = lots_payable(paid, gap, lots, lots - carried)
    yield asked(kernels, "lots_payable", (paid, gap, lots, lots - carried), by_law)
    capacity = near(choices, choices.pick((lots, lots, 0)), -1, domain.SIZE_MAX)
    yield asked(kernels, "lots_within", (capacity, size, taken), lots_within(capacity, size, taken))
    line = choices.pick(covering_lines(terms.maintenance, lots, lots * lot_value))
    most = min(domain.SIZE_MAX, domain.NOTIONAL_MAX // lot_value)
    gap_lots = edge_or_magnitude(choices, 1, most, (lots,))
    lost = choices.pick((gap, magnitude(choices, 0, min(gap_lots * lot_value, domain.EQUITY_MAX))))
    needed = (line.rate * lots * lot_value - line.amount) // PPM
    spare = taken * (PPM * lost - gap_lots * line.rate * lot_value) // (gap_lots * PPM)
    bound = domain.EQUITY_MAX + domain.MARGIN_MAX
    held = choices.pick((room, near(choices, needed + spare, -bound, bound)))
    by_law = cap_of_line(line, lots, lot_value, held, lost, gap_lots)
    arguments = (lots, lot_value, held, lost, gap_lots, line.rate, line.amount)
    yield asked(kernels, "cap_of_line", arguments, by_law)


def answers_of_ranking(
    choices: Choices, venue: Venue, market: str, holders: Sequence[str], kernels: Kernels
) -> Iterator[Answered]:
    """The score of each holder, and the order of all of them; some of them are made equal."""
    formula = choices.pick(RANKINGS)
    code = domain.RANKINGS.index(formula)
    by_law: list[Ranked] = []
    by_kernels: list[tuple[int, int, int, int]] = []
    places = {name: place for place, name in enumerate(sorted(holders))}
    twin: Holding | None = None
    for name in holders:
        held = holding_of(venue, name, market)
        if twin is not None and choices.chance(200_000):
            held = twin
        twin = held
        scored = score(held, formula)
        numerator = (code, held.value, held.cost, held.equity, held.maintenance)
        denominator = (code, held.value, held.cost, held.wallet, held.equity)
        above = asked(kernels, "score_numerator", numerator, scored.numerator)
        below = asked(kernels, "score_denominator", denominator, scored.denominator)
        yield above
        yield below
        by_law.append(Ranked(name, scored, abs(held.value)))
        by_kernels.append((above.fast, below.fast, abs(held.value), places[name]))
    if len(holders) >= 2:

        def compare(one: tuple[int, ...], other: tuple[int, ...]) -> int:
            return -1 if kernels.comes_before(*one, *other) else 1

        ranked = sorted(by_kernels, key=cmp_to_key(compare))
        order = tuple(places[name] for name in in_rank_order(by_law))
        yield Answered("comes_before", tuple(by_kernels), order, tuple(place for *_, place in ranked))


def answers_of_allocation(
    choices: Choices, venue: Venue, market: str, holders: Sequence[str], kernels: Kernels
) -> Iterator[Answered]:
    """The shares of each holder, by each allocation, for drawn caps and some lots to be closed."""
    candidates = []
    for name in holders:
        lots = abs(venue.accounts[name].positions[market].size)
        cap = choices.pick((lots, 0, lots // 2, choices.integer(0, lots)))
        candidates.append(Candidate(name, venue.accounts[name].owner, lots, cap))
    most = sum(candidate.cap for candidate in candidates)
    if most == 0:
        return
    lots = edge_or_magnitude(choices, 1, most)
    in_turn = in_owner_order(candidates)
    pairs = tuple((candidate.cap, candidate.lots) for candidate in in_turn)
    queued = [share.lots for share in queue(lots, in_turn)]
    yield Answered("queue_share", (lots, pairs), queued, queued_by(kernels, lots, pairs))
    shared = [share.lots for share in pro_rata(lots, in_turn)]
    yield Answered("running_share", (lots, pairs), shared, shared_by(kernels, lots, pairs))
    filled = [share.lots for share in capped_pro_rata(lots, in_turn)]
    yield Answered("is_cut_off", (lots, pairs), filled, filled_by(kernels, lots, pairs))


Pairs = Sequence[tuple[int, int]]
"""The cap and the lots of each holder."""


def queued_by(kernels: Kernels, lots: int, holders: Pairs) -> list[int]:
    """The allocation `queue`, put together from kernels."""
    shares = []
    for cap, _ in holders:
        if lots == 0:
            break
        shares.append(kernels.queue_share(lots, cap))
        lots -= shares[-1]
    return shares


def shared_by(kernels: Kernels, lots: int, holders: Pairs) -> list[int]:
    """The allocation `pro_rata`, put together from kernels."""
    total = sum(cap for cap, _ in holders)
    shares, before = [], 0
    for cap, _ in holders:
        shares.append(kernels.running_share(lots, before, cap, total))
        before += cap
    return shares


def filled_by(kernels: Kernels, lots: int, holders: Pairs) -> list[int]:
    """The allocation `capped_pro_rata`, put together from kernels."""

    def sooner(one: int, other: int) -> int:
        if kernels.is_capped_sooner(*holders[one], *holders[other]):
            return -1
        return 1 if kernels.is_capped_sooner(*holders[other], *holders[one]) else 0

    left, active = lots, sum(held for _, held in holders)
    shares = [-1] * len(holders)
    for number in sorted(range(len(holders)), key=cmp_to_key(sooner)):
        cap, held = holders[number]
        if not kernels.is_cut_off(left, active, held, cap):
            break
        shares[number] = cap
        left, active = left - cap, active - held
    before = 0
    for number, (_, held) in enumerate(holders):
        if shares[number] < 0:
            shares[number] = kernels.running_share(left, before, held, active)
            before += held
    return shares


def answers_of_loss(choices: Choices, weights: Sequence[int], kernels: Kernels) -> Iterator[Answered]:
    """What each payer pays of a drawn loss."""
    total = sum(weights)
    if not 1 <= total <= domain.SUM_MAX:
        return
    loss = edge_or_magnitude(choices, 0, total)
    for weight in weights:
        by_law = share_of_loss(loss, weight, total)
        yield asked(kernels, "share_of_loss", (loss, weight, total), by_law)
