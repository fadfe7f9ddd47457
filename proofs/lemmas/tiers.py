"""Arbitrary tiers: the premises that a valid policy gives, stated once for every theorem about schedules."""

from dataclasses import dataclass

from proofs.induction import ArbitrarySequence, induction_over
from refmodel.margin import bracket_term, top_rate, whole_term
from refmodel.numbers import PPM, Ppm, Quanta, QuantaPpm
from refmodel.policy import Tier

TWO_TIERS = (Tier(0, 10_000), Tier(50, 20_000))
"""What most witnesses stand on."""


def arbitrary_tiers(floor: Quanta, rise: Ppm) -> ArbitrarySequence[Tier]:
    """Any number of tiers whose floors are not negative and whose rates rise to 100 % at the most."""
    tiers = induction_over(Tier(floor, rise))
    top = tiers.sum_of(top_rate)
    tiers.each(lambda tier: tier.floor >= 0, policy="POL-2")
    tiers.each(lambda tier: tier.rise >= 0, policy="POL-3")
    tiers.each(lambda tier: top() + tier.rise <= PPM, policy="POL-3")
    return tiers


@dataclass(frozen=True)
class Pair:
    """One bracket of a market with both of its rates: a tier of the maintenance schedule, and the rise of
    the initial rate at the same floor. The law's folds over maintenance tiers read it as a `Tier`."""

    floor: Quanta
    rise: Ppm
    initial: Ppm


def initial_rate(notional: Quanta, tiers: tuple[Pair, ...]) -> Ppm:
    """MAR-3's rate of the initial schedule over the same brackets: the law's own term, of the other rise."""
    return sum(whole_term(notional, tier.floor, tier.initial) for tier in tiers)


def initial_numerator(notional: Quanta, tiers: tuple[Pair, ...]) -> QuantaPpm:
    """MAR-2's numerator of the initial schedule over the same brackets: the law's own term, of the other
    rise."""
    return sum(bracket_term(notional, tier.floor, tier.initial) for tier in tiers)
