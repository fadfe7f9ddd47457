"""Cases of venues that publish natural units: Binance, Bybit, Hyperliquid, and a few of BitMEX, FTX, Vega.

Each adapter chooses lot, tick and quantum so that every number of the case is whole, builds the account and
asks the law. It computes no answer itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from refmodel.events import Trade, Withdraw
from refmodel.liquidation_price import liquidation_price, published_lines
from refmodel.margin import (
    initial_rate_of_leverage,
    margin_initial,
    margin_maintenance,
    notional,
    requirement,
    sqrt_margin,
    whole_margin,
    whole_rate,
)
from refmodel.numbers import PPM
from refmodel.policy import AT_OR_BELOW, BELOW, BRACKET, Schedule, Tier, tiers_from
from refmodel.state import CROSS, Account, Position, Venue, equity
from refmodel.trading import BUY, SELL, fee
from refmodel.validity import MULTIPLIER_MAX
from refmodel.venue import apply
from tests.cases.law import (
    Adapter,
    Answers,
    Case,
    Said,
    flat,
    least_accepted,
    market_of,
    policy_of,
    ppm,
    shared_floors,
    unit_of,
    venue_of,
    whole,
)


def bracket_table(given: Case) -> tuple[Schedule, Fraction]:
    """A published bracket table, and the quantum of its floors."""
    quantum = Fraction(1, PPM)
    return (
        Schedule(
            BRACKET,
            tiers_from(
                tuple((whole(Fraction(floor), quantum), ppm(rate)) for floor, rate in given["brackets"])
            ),
        ),
        quantum,
    )


def published_amounts(case: Case) -> Answers:
    """MAR-13: what the published form subtracts in each bracket."""
    schedule, quantum = bracket_table(case["given"])
    return {"amounts": [line.amount * quantum / PPM for line in published_lines(schedule, 1)]}


def bracket_maintenance(case: Case) -> Answers:
    """MAR-2 and MAR-13: maintenance margin of a notional, and the line that gives it."""
    schedule, quantum = bracket_table(case["given"])
    amount = whole(Fraction(case["given"]["notional"]), quantum)
    lines = published_lines(schedule, 1)
    level = max(range(len(lines)), key=lambda index: lines[index].rate * amount - lines[index].amount)
    return {
        "mm": Said(requirement(schedule, 1, amount) * quantum, quantum, "MAR-2"),
        "level": Fraction(level + 1),
        "rate": Fraction(whole_rate(amount, schedule.tiers), PPM),
        "amount": lines[level].amount * quantum / PPM,
    }


def order_cost(case: Case) -> Answers:
    """MAR-3, FEE-1, TRD-7: what an order needs; `cost` is the least wallet that is admitted."""
    given = case["given"]
    size, price = Fraction(given["size"]), Fraction(given.get("order_price", given.get("price")))
    mark = Fraction(given.get("mark_price", price))
    lot, tick = unit_of(size), unit_of(price, mark)
    quantum = lot * tick / 1000
    rate = initial_rate_of_leverage(int(given["leverage"]))
    taker_fee = ppm(given.get("taker_fee", "0"))
    terms = market_of(1000, flat(rate), flat(taker_fee + 1))
    policy = policy_of({"M": terms}, AT_OR_BELOW, taker_fee)
    lots, ticks = whole(size, lot), whole(price, tick)
    side = BUY if given["side"] == "long" else SELL

    def after_trade(wallet: int) -> Venue | None:
        venue = venue_of(policy, {"M": whole(mark, tick)}, {"a": Account("a", CROSS, wallet, {}, {})})
        outcome = apply(venue, Trade(0, "M", "a", "others", side, lots, ticks))
        return None if outcome.refusal else outcome.venue

    enough = 10**16
    traded = after_trade(enough)
    assert traded is not None
    charged = fee(notional(lots, ticks, 1000), taker_fee)
    lost = enough - charged - equity(traded, traded.accounts["a"])
    at_price = replace(traded, marks={"M": ticks})
    cost = least_accepted(lambda wallet: after_trade(wallet) is not None, enough)
    return {
        "initial_margin": Said(margin_initial(at_price, traded.accounts["a"]) * quantum, quantum, "MAR-3"),
        "open_loss": Said(max(lost, 0) * quantum, quantum, "TRD-7"),
        "fee_open": Said(charged * quantum, quantum, "FEE-1"),
        "cost": Said(cost * quantum, quantum, "TRD-7"),
    }


@dataclass(frozen=True)
class Held:
    """A position in natural units.

    size     signed
    rate     of maintenance margin, ppm
    amount   what the published form subtracts from maintenance margin
    initial  rate of initial margin, ppm
    """

    size: Fraction
    entry: Fraction
    mark: Fraction
    rate: int
    amount: Fraction = Fraction(0)
    initial: int = PPM


def account_of(
    wallet: Fraction,
    held: Mapping[str, Held],
    trigger: str,
    ticks: Mapping[str, Fraction],
    finer: int = 1000,
) -> tuple[Venue, Fraction]:
    """A venue with account `a`, and its quantum.

    ticks  for a market whose tick must be finer than its entry and mark ask for
    finer  than any number published, so that one quantum of rounding cannot hide a difference of rule
    """
    lots = {name: unit_of(position.size) for name, position in held.items()}
    tick = {
        name: min(unit_of(position.entry, position.mark), ticks.get(name, Fraction(1)))
        for name, position in held.items()
    }
    quantum = min(unit_of(wallet), *(lots[name] * tick[name] for name in held)) / finer
    markets = {}
    for name, position in held.items():
        # A tick so fine that a lot and a tick are worth no more quanta than POL-13 admits.
        tick[name] = min(tick[name], MULTIPLIER_MAX * quantum / lots[name])
        maintenance = last_line(position, quantum)
        multiplier = whole(lots[name] * tick[name], quantum)
        markets[name] = market_of(multiplier, shared_floors(position.initial, maintenance), maintenance)
    positions = {
        name: Position(whole(position.size, lots[name]), whole(position.size * position.entry, quantum))
        for name, position in held.items()
    }
    marks = {name: whole(position.mark, tick[name]) for name, position in held.items()}
    account = Account("a", CROSS, whole(wallet, quantum), positions, {})
    return venue_of(policy_of(markets, trigger), marks, {"a": account}), quantum


def last_line(position: Held, quantum: Fraction) -> Schedule:
    """A bracket table whose last line is the published one: rate x notional - amount.

    A case names no other line. Up to the floor of the last the rate is the least that makes this floor whole.
    """
    if position.amount == 0:
        return Schedule(BRACKET, (Tier(0, position.rate),))
    amount = whole(position.amount * PPM, quantum)
    least = next(rate for rate in range(1, position.rate) if amount % (position.rate - rate) == 0)
    rise = position.rate - least
    return Schedule(BRACKET, (Tier(0, least), Tier(amount // rise, rise)))


def price_of(venue: Venue, market: str, tick: Fraction) -> Said:
    """MAR-14: the liquidation price of account `a`, which law and venue may put on either side of a tick."""
    ticks = liquidation_price(venue, venue.accounts["a"], market)
    assert ticks is not None
    return Said(ticks * tick, tick, "MAR-14")


def signed(given: Case) -> Fraction:
    """The signed size of a position that is given as side and size."""
    return Fraction(given["size"]) * (1 if given["side"] == "long" else -1)


FINEST_TICK = Fraction(1, 10**10)
"""A published price of 16 digits is more ticks than a valid policy has (POL-13): this is asked as well."""


def binance_liquidation_price(case: Case) -> Answers:
    """MAR-14 with Binance's trigger; MAR-7 and ACC-2 for the other positions of the account."""
    given = case["given"]
    own = given["positions"][0]
    tick = min(unit_of(Fraction(case["expect"]["liq_price"])), unit_of(Fraction(own["entry"])))
    held = {}
    for name, position in (
        ("M", own),
        *((f"M{n}", other) for n, other in enumerate(given.get("others", ()))),
    ):
        entry = Fraction(position["entry"])
        mark = Fraction(position.get("mark", entry))
        held[name] = Held(signed(position), entry, mark, ppm(position["mmr"]), Fraction(position["amount"]))
    wallet = Fraction(given["wallet_balance"])
    venue, quantum = account_of(wallet, held, AT_OR_BELOW, {"M": tick})
    coarser, _ = account_of(wallet, held, AT_OR_BELOW, {"M": max(tick, FINEST_TICK)})
    others = {name: position for name, position in held.items() if name != "M"}
    without, _ = account_of(wallet, others, AT_OR_BELOW, {}) if others else (venue, quantum)
    rest = without.accounts["a"]
    return {
        "liq_price": price_of(venue, "M", tick),
        "liq_price within PRICE_MAX": price_of(coarser, "M", max(tick, FINEST_TICK)),
        "tmm_others": Said(margin_maintenance(without, rest) * quantum, quantum, "MAR-7"),
        "upnl_others": Said((equity(without, rest) - rest.wallet) * quantum, quantum, "ACC-2"),
    }


def bybit_liquidation_price(case: Case) -> Answers:
    """MAR-12, MAR-3, MAR-2 at entry, and MAR-14 with a wallet of the initial margin."""
    given = case["given"]
    rate = initial_rate_of_leverage(int(given["leverage"]))
    entry = Fraction(given["entry"])
    tick = min(unit_of(Fraction(case["expect"]["liq_price"])), unit_of(entry)) / 1000
    held = {"M": Held(signed(given), entry, entry, ppm(given["mmr"]), initial=rate)}
    empty, quantum = account_of(Fraction(0), held, AT_OR_BELOW, {"M": tick})
    account = empty.accounts["a"]
    wallet = margin_initial(empty, account) * quantum
    venue, _ = account_of(wallet, held, AT_OR_BELOW, {"M": tick})
    return {
        "im": Said(wallet, quantum, "MAR-3"),
        "mm": Said(margin_maintenance(empty, account) * quantum, quantum, "MAR-2"),
        "liq_price": price_of(venue, "M", tick),
    }


def hyperliquid_isolated_price(case: Case) -> Answers:
    """MAR-14 with a maintenance rate of half the initial rate at maximum leverage (MAR-12)."""
    given = case["given"]
    entry = Fraction(given["entry"])
    tick = max(unit_of(entry) / 10**6, Fraction(1, 10**9))
    rate = initial_rate_of_leverage(2 * int(given["max_leverage"]))
    held = {"M": Held(signed(given), entry, entry, rate)}
    venue, _ = account_of(Fraction(given["margin"]), held, BELOW, {"M": tick})
    return {"liq_price": price_of(venue, "M", tick)}


def hyperliquid_cross_price(case: Case) -> Answers:
    """MAR-14 for one market of an account with many; positions count as entered at their marks."""
    given = case["given"]
    held = {}
    for position in given["positions"]:
        size = Fraction(position["size"])
        mark = Fraction(position["position_value"]) / abs(size)
        held[position["coin"]] = Held(size, mark, mark, ppm(given["mmr"]))
    tick = Fraction(1, 10**8)
    venue, _ = account_of(Fraction(given["account_value"]), held, BELOW, {given["coin"]: tick}, finer=1)
    return {"liq_price": price_of(venue, given["coin"], tick)}


def hyperliquid_margin_used(case: Case) -> Answers:
    """MAR-3 at the chosen leverage, and ACC-2."""
    given = case["given"]
    size, entry = Fraction(given["size"]), Fraction(given["entry"])
    mark = Fraction(given["position_value"]) / abs(size)
    rate = initial_rate_of_leverage(int(given["leverage"]))
    wallet = abs(size) * entry
    venue, quantum = account_of(wallet, {"M": Held(size, entry, mark, 1, initial=rate)}, BELOW, {})
    account = venue.accounts["a"]
    return {
        "margin_used": Said(margin_initial(venue, account) * quantum, quantum, "MAR-3"),
        "upnl": Said((equity(venue, account) - account.wallet) * quantum, quantum, "ACC-2"),
    }


def hyperliquid_account(case: Case) -> Answers:
    """ACC-2, MAR-1, MAR-8 of an account of many positions; WDR-3 for the largest withdrawal accepted."""
    given = case["given"]
    rate = initial_rate_of_leverage(int(given["leverage"]))
    held = {}
    for number, text in enumerate(given["signed_position_value"]):
        value = Fraction(text)
        held[f"M{number}"] = Held(Fraction(1 if value > 0 else -1), abs(value), abs(value), 1, initial=rate)
    # Entries are not given: every position counts as entered at its mark.
    paid_in = Fraction(given["total_raw_usd"])
    at_marks = sum((Fraction(text) for text in given["signed_position_value"]), Fraction(0))
    venue, quantum = account_of(paid_in + at_marks, held, BELOW, {})
    account = venue.accounts["a"]
    total = sum(
        notional(abs(position.size), venue.marks[name], venue.policy.markets[name].multiplier)
        for name, position in account.positions.items()
    )
    kept = least_accepted(
        lambda left: apply(venue, Withdraw(0, "a", account.wallet - left)).refusal is None,
        account.wallet - 1,
    )
    return {
        "account_value": equity(venue, account) * quantum,
        "total_ntl": total * quantum,
        "margin_used": Said(margin_initial(venue, account) * quantum, 12 * quantum, "MAR-8"),
        "withdrawable": Said((account.wallet - kept) * quantum, 12 * quantum, "WDR-3"),
    }


def hyperliquid_rate(case: Case) -> Answers:
    """MAR-12: half the initial rate at maximum leverage."""
    rate = initial_rate_of_leverage(2 * int(case["given"]["max_leverage"]))
    return {"mmr": Said(Fraction(rate, PPM), Fraction(1, PPM), "MAR-12")}


def hyperliquid_tiers(case: Case) -> Answers:
    """MAR-12, MAR-2 and MAR-13 of a table that is published as maximum leverages."""
    given = case["given"]
    brackets = [(int(floor), initial_rate_of_leverage(2 * int(most))) for floor, most in given["tiers"]]
    schedule = Schedule(BRACKET, tiers_from(tuple(brackets)))
    amount = int(given["notional"])
    one_ppm = Fraction(1, PPM)
    return {
        "mmr": Said(Fraction(whole_rate(amount, schedule.tiers), PPM), one_ppm, "MAR-12"),
        "deduction": Said(
            Fraction(published_lines(schedule, 1)[-1].amount, PPM), brackets[-1][0] * one_ppm, "MAR-12"
        ),
        "mm": Said(Fraction(requirement(schedule, 1, amount)), amount * one_ppm + 1, "MAR-12"),
    }


def bitmex_linear_margin(case: Case) -> Answers:
    """MAR-3 at one rate for each of the two requirements."""
    given = case["given"]
    amount = notional(int(given["contracts"]), int(given["price"]), int(given["multiplier"]))
    return {
        "im": Said(Fraction(requirement(flat(ppm(given["imr"])), 1, amount)), Fraction(1), "MAR-3"),
        "mm": Said(Fraction(requirement(flat(ppm(given["mmr"])), 1, amount)), Fraction(1), "MAR-3"),
    }


def bitmex_risk_limit(case: Case) -> Answers:
    """MAR-3: both rates rise by the lowest maintenance rate with each step of the risk limit."""
    given = case["given"]
    quantum = Fraction(1, PPM)
    base, step, value = (whole(Fraction(given[key]), quantum) for key in ("base", "step", "value"))
    rise = ppm(given["base_mm"])
    steps = tuple(Tier(base + step * number, rise) for number in range(10))
    maintenance = (Tier(0, rise), *steps)
    initial = (Tier(0, ppm(given["base_im"])), *steps)
    return {
        "mmr": Fraction(whole_margin(value, maintenance), value),
        "imr": Fraction(whole_margin(value, initial), value),
    }


def ftx_rate(case: Case) -> Answers:
    """MAR-4: the rate that grows with the square root of the size, as the margin of 1 000 000 quanta."""
    given = case["given"]
    margin = sqrt_margin(int(given["size"]), PPM, ppm(given["base_imf"]), ppm(given["imf_factor"]))
    return {"imf": Said(Fraction(margin, PPM), Fraction(1, PPM), "MAR-4")}


def vega_isolated(case: Case) -> Answers:
    """MAR-3 at the margin factor."""
    given = case["given"]
    quantum = Fraction(1, 10)
    amount = notional(int(given["size"]), int(given["price"]), 10)
    return {"margin": Said(requirement(flat(ppm(given["factor"])), 1, amount) * quantum, quantum, "MAR-3")}


ADAPTERS: dict[str, Adapter] = {
    "bracket_amounts": published_amounts,
    "bracket_mm": bracket_maintenance,
    "binance_order_cost": order_cost,
    "bybit_order_cost": order_cost,
    "binance_usdm_liq": binance_liquidation_price,
    "bybit_usdt_iso": bybit_liquidation_price,
    "hl_iso_liq": hyperliquid_isolated_price,
    "hl_cross_liq_2023": hyperliquid_cross_price,
    "hl_margin_used": hyperliquid_margin_used,
    "hl_account": hyperliquid_account,
    "hl_rate": hyperliquid_rate,
    "hl_tier_mm": hyperliquid_tiers,
    "bitmex_linear_margin": bitmex_linear_margin,
    "bitmex_risk": bitmex_risk_limit,
    "ftx_imf": ftx_rate,
    "vega_iso": vega_isolated,
}
"""By the formula that a case names."""
