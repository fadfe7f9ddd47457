"""The policy `binance-usdm`, made from the brackets that Binance publishes.

    python -m marginspec.binance          writes spec/policies/binance-usdm.toml, and says what was left out

Brackets are Binance's, exactly. Everything else is ours, by the formulas below: the source has no prices.
"""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from marginspec.paths import POLICIES
from marginspec.policy_file import market_lines, policy_text
from refmodel.margin import initial_rate_of_leverage
from refmodel.numbers import PPM, Ppm, Quanta, ceil_div, floor_div
from refmodel.policy import (
    ADL_STAGE,
    AT_OR_BELOW,
    BINANCE,
    BRACKET,
    FUND_RESIDUE_STAGE,
    HOLDERS_STAGE,
    PROFIT,
    QUEUE,
    REFUSE,
    TIER_STEP,
    TO_ACCOUNT,
    WHOLE,
    Liquidation,
    Market,
    Policy,
    Schedule,
    tiers_from,
)
from refmodel.validity import BASIS_POINT, faults

SOURCE = POLICIES / "sources" / "binance_usdm_brackets.csv"
TARGET = POLICIES / "binance-usdm.toml"

ASSET = "USDT"
QUANTA_PER_UNIT = 1_000_000
"""One quantum is 0.000001 USDT."""
DRAW_LIMIT: Quanta = 100_000_000 * QUANTA_PER_UNIT
"""Quanta: what one fund may pay in a day; ours."""
REFERENCE = 100_000
"""Ticks: the price at which a lot is worth LOT_VALUE. One tick is 10 ppm of it."""
LOT_VALUE: Quanta = 10 * QUANTA_PER_UNIT
"""Quanta: 10 USDT per lot at the reference price."""
MULTIPLIER = floor_div(LOT_VALUE, REFERENCE)
PRICE_MAX = 5 * REFERENCE
ISOLATED = 5
"""Markets with isolated margin: those whose last bracket reaches furthest."""


@dataclass(frozen=True, slots=True)
class Row:
    """One bracket as published, exactly.

    floor, cap   units of the settlement asset
    rate         maintenance margin, a fraction
    leverage     the largest
    amount       units of the settlement asset, subtracted from rate x notional
    """

    floor: Fraction
    cap: Fraction
    rate: Fraction
    leverage: Fraction
    amount: Fraction


def read_rows(path: Path = SOURCE) -> dict[tuple[str, str], tuple[Row, ...]]:
    """The published brackets of every market, lowest first, by symbol and settlement asset."""
    rows: dict[tuple[str, str], list[Row]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            row = Row(
                floor=Fraction(line["notional_floor"]),
                cap=Fraction(line["notional_cap"]),
                rate=Fraction(line["maintenance_margin_rate"]),
                leverage=Fraction(line["max_leverage"]),
                amount=Fraction(line["maintenance_amount"]),
            )
            rows.setdefault((line["symbol"], line["settle"]), []).append(row)
    return {market: tuple(brackets) for market, brackets in rows.items()}


def whole_of(value: Fraction) -> int | None:
    """A whole number, or None: nothing published is ever rounded."""
    return value.numerator if value.denominator == 1 else None


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the source.

    policy    with every market that passes
    left_out  by market: the reason
    """

    policy: Policy
    left_out: dict[str, str]


def make(rows: dict[tuple[str, str], tuple[Row, ...]]) -> Made:
    """The policy of the brackets that pass every rule, and the markets that do not."""
    markets: dict[str, Market] = {}
    left_out: dict[str, str] = {}
    for (symbol, settle), brackets in sorted(rows.items()):
        if settle != ASSET:
            left_out[symbol] = f"settles in {settle}"
            continue
        if "-" in symbol:
            left_out[symbol] = "expires on a date"
            continue
        market = market_of(brackets)
        name = symbol.partition(":")[0].replace("/", "")
        assert name not in markets, f"two markets are called {name}"
        if isinstance(market, str):
            left_out[symbol] = market
            continue
        broken = faults(policy_of({name: market}, ()))
        if broken:
            left_out[symbol] = f"breaks {broken[0].rule}"
        else:
            markets[name] = market
    furthest = sorted(markets, key=lambda name: (-markets[name].size_max, name))[:ISOLATED]
    return Made(policy_of(markets, tuple(furthest)), left_out)


def policy_of(markets: dict[str, Market], isolated: tuple[str, ...]) -> Policy:
    """The policy around the markets. All values but the fees are ours."""
    return Policy(
        name=TARGET.stem,
        asset=ASSET,
        trigger=AT_OR_BELOW,
        bad_debt_gate=REFUSE,
        transfer_rate=0,
        fee_taker=500,
        fee_maker=200,
        venue_total_max=100_000_000_000 * QUANTA_PER_UNIT,
        positions_max=256,
        stages=(HOLDERS_STAGE, ADL_STAGE, FUND_RESIDUE_STAGE),
        takeover_trigger=0,
        takeover_remainder=TO_ACCOUNT,
        draw_period=86_400_000,
        draw_limits=dict.fromkeys(("cross", *isolated), DRAW_LIMIT),
        backstop_notional_max=0,
        adl_ranking=BINANCE,
        adl_allocation=QUEUE,
        payers=PROFIT,
        isolated=isolated,
        markets=markets,
    )


def market_of(brackets: tuple[Row, ...]) -> Market | str:
    """The market of published brackets, or the reason why there is none that is exact."""
    initial: list[tuple[Quanta, Ppm]] = []
    maintenance: list[tuple[Quanta, Ppm]] = []
    cap_below = Fraction(0)
    for row in brackets:
        floor = whole_of(row.floor * QUANTA_PER_UNIT)
        rate = whole_of(row.rate * PPM)
        leverage = whole_of(row.leverage)
        if floor is None:
            return "a floor is not a whole number of quanta"
        if rate is None:
            return "a maintenance rate is not a whole number of ppm"
        if leverage is None:
            return "a leverage is not a whole number"
        if row.floor != cap_below:
            return "a bracket does not start where the one below ends"
        cap_below = row.cap
        initial.append((floor, initial_rate_of_leverage(leverage)))
        maintenance.append((floor, rate))
    lowest = maintenance[0][1]
    return Market(
        multiplier=MULTIPLIER,
        price_min=ceil_div(PPM, BASIS_POINT * MULTIPLIER),
        price_max=PRICE_MAX,
        size_max=int(brackets[-1].cap * QUANTA_PER_UNIT / LOT_VALUE),
        band=100_000,
        gap=floor_div(lowest, 2),
        touch_moves=1,
        funding_cap=20_000,
        initial=Schedule(WHOLE, tiers_from(tuple(initial))),
        maintenance=Schedule(BRACKET, tiers_from(tuple(maintenance))),
        liquidation=Liquidation(TIER_STEP, penalty=floor_div(lowest, 4), band=100_000),
    )


HEADER = """\
binance-usdm: {markets} perpetual futures settled in USDT, with the {brackets} brackets Binance published.
Made from sources/binance_usdm_brackets.csv by `python -m marginspec.binance`. Do not edit it: change that.
Integers only: quanta, lots, ticks, ppm, milliseconds. One quantum is 0.000001 USDT.

Binance's: the brackets, exactly. `from` is the notional floor in quanta, `maintenance` the maintenance
margin rate (marginal, MAR-2), `initial` 1 / max leverage, rounded up (MAR-12), on the whole notional
(MAR-3). The trigger: Binance liquidates at a margin ratio (maintenance margin / equity) of 100 %, so at or
below (MAR-9). The order of a bankruptcy: the insurance fund, then deleveraging by profit and leverage at the
bankruptcy price, one user after the other (stages, adl); no socialised loss. Fees: 0.05 % for takers, 0.02 %
for makers, the published rates of a regular user.
The step by which a large position is reduced is not published: here it is one bracket (tier_step). The fund
has no account of its own here: it makes opposite holders whole (`holders`).

Ours, because the source has no prices; a venue puts its own here:
  multiplier   a lot is worth 10 USDT at the reference price of 100 000 ticks: 100 quanta per lot and tick
  price_min    where funding of one basis point is a whole quantum per lot (POL-11): 100 ticks
  price_max    five times the reference price; with size_max it keeps positions below 10^16 quanta (POL-13)
  size_max     the lots whose notional at the reference price is the cap of the last bracket
  gap          half of the lowest maintenance rate, so that C1a holds with room to spare
  penalty      a quarter of it, so that C1b holds too
  touch_moves  1: every account is looked at after every move of the mark
  band         10 %, for trades and for liquidation fills
  funding_cap  2 %            transfer_rate   0: only initial margin stays behind
  draw_limit   a fund pays at most 100 000 000 USDT in a day
  isolated     the {isolated} markets whose last bracket reaches furthest; each further pool costs an account

Left out of the {source} markets in the source:
{left_out}
"""


def text_of(made: Made, markets_in_source: int) -> str:
    """The policy file."""
    reasons = Counter(made.left_out.values())
    policy = made.policy
    header = HEADER.format(
        markets=len(policy.markets),
        brackets=brackets_of(policy),
        isolated=len(policy.isolated),
        source=markets_in_source,
        left_out="\n".join(f"{count:4}   {reason}" for reason, count in sorted(reasons.items())) or "  none",
    )
    head = policy_text(replace(policy, markets={}), header).removesuffix("[markets]\n")
    blocks = ["\n".join(market_lines(name, market)) for name, market in policy.markets.items()]
    return head + "\n\n".join(blocks) + "\n"


def brackets_of(policy: Policy) -> str:
    """How many brackets a policy has."""
    return f"{sum(len(market.maintenance.tiers) for market in policy.markets.values()):_}"


def summary(made: Made, markets_in_source: int) -> Iterable[str]:
    """What the command prints: how many markets came through, and which did not, by reason."""
    markets = len(made.policy.markets)
    yield f"{markets} of {markets_in_source} markets, {brackets_of(made.policy)} brackets, each exact"
    by_reason: dict[str, list[str]] = {}
    for symbol, reason in made.left_out.items():
        by_reason.setdefault(reason, []).append(symbol)
    for reason, symbols in sorted(by_reason.items()):
        yield f"left out {len(symbols)}: {reason}: {', '.join(symbols)}"


def main() -> None:
    """Write the policy file and say what it holds."""
    rows = read_rows()
    made = make(rows)
    text = text_of(made, len(rows))
    half_written = TARGET.with_suffix(".toml.new")
    half_written.write_text(text, encoding="utf-8")
    half_written.replace(TARGET)
    print("\n".join(summary(made, len(rows))))
    print(f"written to {TARGET}")


if __name__ == "__main__":
    main()
