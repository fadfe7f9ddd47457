"""Broken engines: the law with a mistake in it that somebody would make, as engines that conform must catch.

    python -m tests.engines.broken penalty_twice              speaks spec/protocol.md over stdin and stdout
    marginspec conform --python tests.engines.broken:penalty_twice

A mistake replaces pieces of the source of a few functions of the law, as the mutants of the theorems do. It
is in place only while a method of the engine runs: the law that judges lives in the same process and must not
see it. A second copy of refmodel would need a second copy of the tools that serve it, too: they import it by
its name.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import cast

from marginspec.conform.engine import Document
from marginspec.conform.law_engine import LawEngine
from marginspec.conform.serve import serve
from proofs.mutation import compile_mutant, find_function
from proofs.registry import Replace


@dataclass(frozen=True, slots=True)
class Broken:
    """A mistake.

    rule     that the engine breaks, as an answer over the protocol shows it
    mistake  a sentence about the engine
    patches  of functions of refmodel: name, a piece of its source, what stands there instead
    """

    rule: str
    mistake: str
    patches: tuple[tuple[str, str, str], ...]


def broken(rule: str, mistake: str, *patches: tuple[str, str, str]) -> Broken:
    """One line of the registry."""
    return Broken(rule, mistake, patches)


BOOKS_NEED_NOT_BALANCE = (
    "sums_to_zero",
    "return money == 0 and all(total == 0 for total in lots.values())",
    "return True",
)
"""For engines that make money out of nothing: no venue of that kind checks its books either."""

BROKEN: dict[str, Broken] = {
    # Margins and status
    "maintenance_rounded_down": broken(
        "MAR-7",
        "It rounds the maintenance margin down.",
        (
            "bracket_margin",
            "ceil_div(bracket_numerator(notional, tiers), PPM)",
            "bracket_numerator(notional, tiers) // PPM or min(notional, 1)",
        ),
    ),
    "maintenance_at_entry": broken(
        "MAR-7",
        "It takes the maintenance margin on what was paid for the position, not on its value at mark.",
        (
            "maintenance_of",
            "notional(lots, venue.marks[market], terms.multiplier)",
            "abs(account.positions[market].cost)",
        ),
    ),
    "whole_rate_of_the_tier": broken(
        "MAR-7",
        "It takes the rate of the highest tier on the whole notional, so that the margin jumps at a floor.",
        ("bracket_margin", "bracket_numerator(notional, tiers)", "notional * whole_rate(notional, tiers)"),
    ),
    "orders_ignored": broken(
        "MAR-8",
        "It asks no initial margin for open orders.",
        ("margin_initial", "lots = lots_at_risk(size, orders.buys, orders.sells)", "lots = abs(size)"),
    ),
    "liquidatable_at_the_margin": broken(
        "MAR-11",
        "It liquidates an account with exactly its maintenance margin where the policy says below.",
        ("is_liquidatable", "return equity < maintenance", "return equity <= maintenance"),
    ),
    # Trades, orders and fees
    "initial_margin_must_be_exceeded": broken(
        "ORD-1",
        "It refuses an order whose initial margin is exactly the equity.",
        ("carries", "standing.equity >= standing.initial", "standing.equity > standing.initial"),
    ),
    "own_gain_counted": broken(
        "TRD-7",
        "It counts the gain of a trade at a price better than the mark when it decides whether to admit it.",
        ("is_admitted", "after.equity - max(gain, 0)", "after.equity"),
    ),
    "band_ignored": broken(
        "TRD-4",
        "It admits a trade at any price.",
        ("trade", "if abs(event.price - mark) * PPM > terms.band * mark:", "if False:"),
    ),
    "fee_rounded_down": broken(
        "FEE-2",
        "It rounds a fee down.",
        ("fee", "ceil_div(amount * rate, PPM)", "amount * rate // PPM"),
    ),
    "rebate_from_the_pool": broken(
        "FEE-2",
        "It pays a maker's rebate out of the fee pool, which nothing caps, and not out of the taker's fee.",
        ("fee_postings", "wallet_of(taker), wallet_of(maker)", "fee_pool_of(taker_pool), wallet_of(maker)"),
    ),
    # Money in and out, time, funding
    "withdrawal_at_maintenance": broken(
        "WDR-3",
        "It lets out what is above the maintenance margin, not above the initial margin.",
        ("refuse_outflow", "max(standing.initial,", "max(standing.maintenance,"),
    ),
    "transfer_to_itself_mints": broken(
        "TRF-1",
        "It reads both balances before it writes them, so that who transfers to itself is credited.",
        (
            "transfer",
            'return refuse(venue, "TRF-1", "same_account", account=event.source)',
            'return accept(venue, (Posting("TRF-2", wallet_of(event.target), event.amount),))',
        ),
        BOOKS_NEED_NOT_BALANCE,
    ),
    "bad_debt_gate_ignored": broken(
        "WDR-1",
        "It lets money out while bad debt stands.",
        ("withdraw", "if bad_debt > 0 and venue.policy.bad_debt_gate == REFUSE:", "if False:"),
    ),
    "time_goes_back": broken(
        "EVT-1",
        "It takes an event that is earlier than the one before.",
        ("refuse_event", "if event.time < venue.clock:", "if False:"),
    ),
    "funding_twice": broken(
        "FUN-3",
        "It settles each funding event twice.",
        (
            "funding",
            "resolved(venue, funding_postings(venue, event.market, per_lot))",
            "resolved(venue, 2 * funding_postings(venue, event.market, per_lot))",
        ),
    ),
    # Liquidation
    "penalty_twice": broken(
        "LIQ-3",
        "It takes the penalty twice.",
        ("fill_postings", "penalty = liquidation_penalty(", "penalty = 2 * liquidation_penalty("),
    ),
    "fund_credited_with_the_request": broken(
        "FND-1",
        "It credits the fund with the penalty that was asked for, not with what the account paid.",
        (
            "fill_postings",
            "fund_inflow(venue, account.pool, penalty, FILL)",
            "fund_inflow(venue, account.pool, ceil_div(amount * terms.liquidation.penalty, PPM), FILL)",
        ),
        BOOKS_NEED_NOT_BALANCE,
    ),
    "fill_flips_the_side": broken(
        "LIQ-2",
        "It lets a fill take more lots than are held, so that the position flips.",
        ("liquidation_fill", "event.lots > closable", "event.lots > closable + abs(held.size)"),
    ),
    # Bankruptcy
    "deleverages_the_same_side": broken(
        "ADL-7",
        "It deleverages holders of the side of the bankrupt account, which adds to what they hold.",
        ("ranking", "account.positions[market].size * side < 0", "account.positions[market].size * side > 0"),
        ("lots_opposite", "max(-closing.side", "max(closing.side"),
    ),
    "ranking_ignores_leverage": broken(
        "ADL-2",
        "It ranks holders by the profit that they make on what they paid, whatever their leverage.",
        (
            "score",
            "paid = max(abs(holding.cost), 1)",
            "paid = max(abs(holding.cost), 1)\n    return Score(profit, paid)",
        ),
    ),
    "deleverages_at_mark": broken(
        "ADL-7",
        "It deleverages at the mark, not at the close-out value, so that the deficit stays.",
        (
            "adl_stage",
            "taken_by(step, closing, share.account, share.lots, gap, TAKES_AT_CLOSE_OUT)",
            "taken_by(step, closing, share.account, share.lots, 0, TAKES_AT_CLOSE_OUT)",
        ),
    ),
    "draw_limit_ignored": broken(
        "INS-4",
        "It lets a fund pay all that it has, whatever the limit of the period.",
        ("draw_room", "min(venue.pools[pool].fund, left)", "venue.pools[pool].fund"),
    ),
    "loss_erased": broken(
        "LOS-6",
        "It forgives what nobody pays, and records no bad debt.",
        (
            "money_stage",
            "        step = step.then(postings)\n    return step",
            "        step = step.then(tuple(each for each in postings if each.place.holder != pool))\n"
            "    return step",
        ),
        BOOKS_NEED_NOT_BALANCE,
    ),
}
"""Each engine by its name."""


class BrokenEngine:
    """An engine that answers by the law with a mistake in it.

    name  one of BROKEN
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._inside = LawEngine()
        self._codes: list[tuple[FunctionType, CodeType, CodeType]] = []
        for function, old, new in BROKEN[name].patches:
            original = cast(FunctionType, find_function(function, ("refmodel",)))
            mutant = cast(FunctionType, compile_mutant(original, Replace(function, old, new, name)))
            self._codes.append((original, original.__code__, mutant.__code__))

    @contextmanager
    def mistaken(self) -> Iterator[None]:
        """Give the functions other code for a while: every module that holds them sees it at once."""
        try:
            for function, _, code in self._codes:
                function.__code__ = code
            yield
        finally:
            for function, code, _ in self._codes:
                function.__code__ = code

    def hello(self) -> Document:
        return {**self._inside.hello(), "engine": self._name}

    def load(self, policy: Document, venue: Document) -> Document:
        with self.mistaken():
            return self._inside.load(policy, venue)

    def apply(self, event: Document) -> Document:
        with self.mistaken():
            return self._inside.apply(event)

    def query(self, question: Document) -> Document:
        with self.mistaken():
            return self._inside.query(question)


def __getattr__(name: str) -> Callable[[], BrokenEngine]:
    """For `--python tests.engines.broken:NAME`: a function without arguments that makes the engine."""
    if name not in BROKEN:
        raise AttributeError(f"there is no broken engine named {name!r}; there are {', '.join(BROKEN)}")
    return lambda: BrokenEngine(name)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in BROKEN:
        print(f"Name one broken engine: {', '.join(BROKEN)}.", file=sys.stderr)
        raise SystemExit(2)
    serve(BrokenEngine(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
