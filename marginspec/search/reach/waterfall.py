"""What to look at in the rules of chapters 8 to 11, each of which computes a part of a liquidation."""

from collections.abc import Callable, Iterable
from typing import Any

from marginspec.search.reach.entries import (
    BACKSTOP_TAKES_LOTS,
    HOLDERS_TAKE_LOTS,
    ONE_POSITION,
    SEVERAL_POSITIONS,
)
from refmodel.numbers import PPM
from refmodel.stages import BACKSTOP_TAKES, BAD_DEBT_STANDS, FUND_PAYS, HOLDERS_TAKE
from refmodel.state import equity

Observer = Callable[[tuple[Any, ...], Any], Iterable[str]]


def stages_of(postings: Iterable[Any]) -> list[str]:
    """The stages that postings name, each once, in their order."""
    return list(dict.fromkeys(stage for entry in postings if (stage := getattr(entry, "stage", ""))))


def added(step: Any, result: Any) -> tuple[Any, ...]:
    """What was posted between two steps of a resolution."""
    return tuple(result.postings[len(step.postings) :])


def said(when: bool, yes: str, no: str) -> Iterable[str]:
    return (yes,) if when else (no,)


def part(result: int, most: int) -> Iterable[str]:
    """None of the lots, some, or all of them."""
    return ("no lots",) if result == 0 else ("all lots",) if result == most else ("some lots",)


def penalty(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    amount, rate, _ = arguments
    requested = -(-amount * rate // PPM)
    if requested == 0:
        return ()
    return ("nothing free",) if result == 0 else ("in full",) if result == requested else ("capped",)


def size_rule(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    venue, _, market, _ = arguments
    return (venue.policy.markets[market].liquidation.size,)


def room(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    venue, pool = arguments
    return said(result == venue.pools[pool].fund, "the balance decides", "the limit decides")


def lots_paid_for(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    left = arguments[3]
    return part(result, left) if left > 0 else ()


def takers(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    stages = stages_of(added(arguments[0], result[0]))
    if BACKSTOP_TAKES in stages:
        yield BACKSTOP_TAKES_LOTS
    if HOLDERS_TAKE in stages:
        yield HOLDERS_TAKE_LOTS
    if not stages:
        yield "nobody takes"


def score(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    holding, formula = arguments
    yield "long" if holding.value > 0 else "short"
    yield "profit" if holding.value > holding.cost else "loss"
    yield formula


def comparison(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    one, other = arguments
    mine = one.score.numerator * other.score.denominator
    if mine != other.score.numerator * one.score.denominator:
        return ("by score",)
    return said(one.notional != other.notional, "by notional", "by identifier")


def cap(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    venue, name, closing = arguments
    lots = abs(venue.accounts[name].positions[closing.market].size)
    return ("nothing",) if result == 0 else ("everything",) if result == lots else ("a part",)


def shared_out(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    """Who gave its cap, and who gave its proportion."""
    lots, candidates = arguments
    if lots > 0:
        for candidate, share in zip(candidates, result, strict=True):
            yield "cut off" if share.lots == candidate.cap else "in proportion"


def holders(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    giving = sum(share.lots > 0 for share in result)
    return () if giving == 0 else said(giving == 1, "one holder", "several holders")


def stage_opened(yes: str, no: str) -> Callable[[tuple[Any, ...], Any], Iterable[str]]:
    """Whether a stage posted anything."""

    def classes(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
        step = result[0] if isinstance(result, tuple) else result
        return said(bool(added(arguments[0], step)), yes, no)

    return classes


def money_of(stage: str, yes: str, no: str) -> Callable[[tuple[Any, ...], Any], Iterable[str]]:
    """Of a money stage in which something was owed: whether it entered a stage."""

    def classes(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
        if not any(residue.owed > 0 for residue in arguments[2]):
            return ()
        return said(stage in stages_of(added(arguments[0], result)), yes, no)

    return classes


def resolved_pools(arguments: tuple[Any, ...], result: Any) -> Iterable[str]:
    (snapshot,) = arguments
    pools = {account.pool for account in snapshot.accounts.values() if equity(snapshot, account) < 0}
    return said(len(pools) == 1, "one pool", "several pools") if pools else ()


def waterfall_observers() -> dict[str, Observer]:
    """What to look at in the rules of chapters 8 to 11 that compute."""
    return {
        "INV-1": lambda arguments, result: said(bool(result.postings), "resolved", "nobody bankrupt"),
        "CLO-1": lambda arguments, result: said(len(result) == 1, ONE_POSITION, SEVERAL_POSITIONS),
        "CLO-2": lambda arguments, result: said(arguments[1] == 0, "the first lots", "later lots"),
        "CLO-3": lambda arguments, result: said(len(arguments) > 8, "the fund pays", "the fund does not pay"),
        "CLO-4": lambda arguments, result: said(bool(result), "orders cancelled", "no orders"),
        "CLO-5": lambda arguments, result: said(result is not None, "a price", "none"),
        "LIQ-2": size_rule,
        "LIQ-3": penalty,
        "LIQ-7": lambda arguments, result: said(bool(result), "somebody waits", "nobody waits"),
        "RST-1": lambda arguments, result: part(result, arguments[2]),
        "RST-2": lambda arguments, result: part(result, arguments[1].lots),
        "INS-1": room,
        "INS-2": lots_paid_for,
        "INS-3": lambda arguments, result: said(result > 0, "carries lots", "carries none"),
        "INS-4": takers,
        "TKO-4": lambda arguments, result: (arguments[0].policy.takeover_remainder,),
        "ADL-1": score,
        "ADL-2": comparison,
        "ADL-3": cap,
        "ADL-4": lambda arguments, result: said(
            sum(share.lots for share in result) == arguments[0], "enough", "not enough"
        ),
        "ADL-5": holders,
        "ADL-6": shared_out,
        "ADL-7": stage_opened("deleveraged", "nobody deleveraged"),
        "ADL-8": stage_opened("closed at mark", "nothing left"),
        "LOS-1": lambda arguments, result: said(
            any(residue.owed > 0 for residue in arguments[2]), "residues", "nothing owed"
        ),
        "LOS-2": money_of(FUND_PAYS, "the fund pays", "the fund pays nothing"),
        "LOS-3": lambda arguments, result: said(result > 0, "weighs", "weighs nothing"),
        "LOS-4": lambda arguments, result: said(
            arguments[0] * arguments[1] % arguments[2] == 0, "exact", "rounded up"
        ),
        "LOS-5": lambda arguments, result: said(
            arguments[0] < len(arguments[1]), "fewer quanta than payers", "by shares"
        ),
        "LOS-6": money_of(BAD_DEBT_STANDS, "bad debt", "all is paid"),
        "RES-1": lambda arguments, result: (("nobody", "one", "several")[min(len(result), 2)],),
        "RES-2": lambda arguments, result: said(
            len(stages_of(added(arguments[0], result))) < 2, "one stage", "several stages"
        ),
        "RES-3": resolved_pools,
    }
