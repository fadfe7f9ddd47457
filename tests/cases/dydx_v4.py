"""Cases of dYdX v4, which come in whole numbers: a lot is a base quantum, a quantum at most a quote quantum.

Each adapter builds accounts and asks the law; it computes no answer itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from refmodel.events import Deposit, Event, Funding, Trade, Transfer, Withdraw
from refmodel.funding import funding_per_lot
from refmodel.margin import (
    FLAT,
    HEALTHY,
    MARGIN_CALL,
    Standing,
    carries,
    is_liquidatable,
    notional,
    requirement,
    standing_of,
    status,
)
from refmodel.numbers import PPM, ceil_div, floor_div
from refmodel.outcome import Refusal
from refmodel.policy import BELOW, FRACTION, Liquidation
from refmodel.postings import OUTSIDE, Posting
from refmodel.state import CROSS, Account, OpenOrders, Position, Venue, position_value
from refmodel.trading import BUY, SELL, fee, is_admitted
from refmodel.validity import faults
from refmodel.venue import apply
from tests.cases.law import (
    Adapter,
    Answers,
    Case,
    Said,
    flat,
    market_of,
    paid_in_by,
    policy_of,
    size_in,
    venue_of,
    whole,
)


def dydx_initial_margin(case: Case) -> Answers:
    """MAR-3 where the scaling by open interest is off."""
    given = case["given"]
    rate = int(given.get("imf_ppm", given.get("initial_margin_ppm")))
    margin = Fraction(requirement(flat(rate), 1, int(given["notional"])))
    return {"im": margin, "initial_margin": margin}


def power_of(market: Case) -> int:
    """The power of ten by which a price of dYdX gives quote quanta per base quantum."""
    return int(market["exponent"]) + int(market["atomic_resolution"]) + 6


FREE_MARKET = {"price": "1", "exponent": "0", "atomic_resolution": "-6"}
"""One quote quantum per base quantum."""


def price_and_power(market: Case) -> tuple[int, int]:
    """Price and power of a market, with the price as short as leaves no fraction of a quote quantum."""
    price, power = int(market["price"]), power_of(market)
    while power < 0 and price % 10 == 0 and price != 0:
        price, power = price // 10, power + 1
    return price, power


@dataclass(frozen=True)
class World:
    """A venue in which one lot is a base quantum, and its quanta per quote quantum of dYdX."""

    venue: Venue
    scale: int

    def quote(self, quanta: int) -> Fraction:
        """An amount of the law in quote quanta of dYdX."""
        return Fraction(quanta, self.scale)


def rates_of(market: Case, exact: bool) -> tuple[int, int]:
    """The rates of a tier of dYdX, ppm; unless it must be exact, the nearest that POL-3 and POL-5 admit.

    They want the maintenance rate above 0 and below the initial rate; dYdX's tests have tiers of 0 and 0, and
    of 100 % and 100 %. Where the two are equal, maintenance is one ppm lower in the law.
    """
    if "initial_margin_ppm" not in market:
        return (0, 0) if exact else (2, 1)
    initial, maintenance = int(market["initial_margin_ppm"]), maintenance_ppm(market)
    if exact:
        return initial, maintenance
    initial = max(initial, 2)
    return initial, min(max(maintenance, 1), initial - 1)


def maintenance_ppm(market: Case) -> int:
    """The maintenance rate of a tier of dYdX, ppm, rounded up where it is no whole number."""
    return ceil_div(int(market["initial_margin_ppm"]) * int(market["maintenance_fraction_ppm"]), PPM)


def world_of(
    markets: Mapping[str, Case],
    accounts: Mapping[str, Case],
    finer: int = 0,
    custody: int | None = None,
    owner: str = "",
    exact_rates: bool = False,
) -> World:
    """The state of a case; positions count as entered at the present mark.

    finer    at least so many digits below a quote quantum
    custody  quote quanta
    owner    of all accounts; empty: each account has its own
    exact_rates  also rates that no valid policy has (`rates_of`)
    A case without a market gets one that nobody holds anything in: a valid policy has one (POL-16).
    """
    markets = markets or {"0": FREE_MARKET}
    prices = {name: price_and_power(market) for name, market in markets.items()}
    digits = max([finer, *(-power for _, power in prices.values())])
    terms = {}
    for name, market in markets.items():
        initial, maintenance = rates_of(market, exact_rates)
        terms[name] = market_of(10 ** (prices[name][1] + digits), flat(initial), flat(maintenance))
    isolated = tuple(name for name, market in markets.items() if market.get("isolated"))
    marks = {name: price for name, (price, _) in prices.items()}
    built = {}
    for name, account in accounts.items():
        positions = {}
        for market_name, position in account.get("positions", {}).items():
            size = int(position["size"])
            value = position_value(size, marks[market_name], terms[market_name].multiplier)
            positions[market_name] = Position(size, value)
        pool = next((market_name for market_name in positions if market_name in isolated), CROSS)
        wallet = int(account["usdc"]) * 10**digits + sum(position.cost for position in positions.values())
        built[name] = Account(owner or name, pool, wallet, positions, {})
    policy = policy_of(terms, BELOW, isolated=isolated)
    total = None if custody is None else custody * 10**digits
    return World(venue_of(policy, marks, built, total), 10**digits)


def margin_answers(world: World, name: str) -> Answers:
    """MAR-7, MAR-8, ACC-2: the standing of an account, and how far two ceilings of dYdX are from one."""
    standing = standing_of(world.venue, world.venue.accounts[name])
    positions = max(len(world.venue.accounts[name].positions), 1)
    return {
        "initial_margin": Said(world.quote(standing.initial), Fraction(positions), "MAR-3"),
        "maintenance_margin": Said(world.quote(standing.maintenance), Fraction(positions), "MAR-3"),
        "net_collateral": Said(world.quote(standing.equity), Fraction(positions), "ACC-1"),
    }


def dydx_margin(case: Case) -> Answers:
    """The requirements of one position."""
    given = case["given"]
    positions = {} if given["size"] == "0" else {"0": {"size": given["size"]}}
    # In debt by its size no account is at rest: it pays in what its position is worth, and that is taken off.
    price, power = price_and_power(given["market"])
    paid_in = max(-whole(int(given["size"]) * price * Fraction(10) ** max(power, 0), Fraction(1)), 0)
    account = {"usdc": str(paid_in), "positions": positions}
    world = world_of({"0": given["market"]}, {"a": account}, exact_rates=True)
    answers = margin_answers(world, "a")
    owned = answers["net_collateral"]
    answers["net_collateral"] = replace(owned, value=owned.value - paid_in)
    if given["market"]["oi_upper_cap"] != "0":
        del answers["initial_margin"]
    return answers


def dydx_tier(case: Case) -> Answers:
    """POL-1 to POL-22: whether a tier, or settings of liquidation, make a valid policy."""
    given = case["given"]
    if given.get("op") == "liquidation_settings":
        return dydx_settings(given)
    maintenance = flat(maintenance_ppm(given))
    terms = replace(
        market_of(10_000, flat(int(given["initial_margin_ppm"])), maintenance),
        price_max=10**6,
        size_max=10**6,
    )
    limits = {CROSS: 10**18}
    policy = replace(policy_of({"M": terms}, BELOW), venue_total_max=10**18, draw_limits=limits)
    return {"valid": not faults(policy)}


def dydx_settings(given: Case) -> Answers:
    """POL-7 and POL-21: the most that a penalty, and the share of a position closed by one fill, may be."""
    rules = Liquidation(
        FRACTION,
        int(given["max_liquidation_fee_ppm"]),
        PPM - 1,
        fraction=int(given["max_position_portion_liquidated_ppm"]),
        whole_below=int(given["min_position_notional_liquidated"]),
    )
    terms = replace(market_of(10_000, flat(20), flat(10), rules), price_max=10**6, size_max=10**6)
    limits = {CROSS: 10**18}
    policy = replace(policy_of({"M": terms}, BELOW), venue_total_max=10**18, draw_limits=limits)
    return {"valid": not faults(policy)}


def dydx_risk(case: Case) -> Answers:
    """MAR-9 to MAR-11 for what an account is, TRD-7 for which of two is riskier."""
    given = case["given"]
    if given["op"] == "status":
        margin = Standing(int(given["nc"]), int(given.get("im", given.get("mm"))), int(given.get("mm", "0")))
        return {
            "initial_collateralised": carries(margin, BELOW),
            "maintenance_collateralised": status(margin, BELOW) in (FLAT, MARGIN_CALL, HEALTHY),
            "liquidatable": is_liquidatable(margin.equity, margin.maintenance, BELOW),
        }
    if given["op"] == "compare":
        better = improves(given["a"], given["b"]), improves(given["b"], given["a"])
        order = {(True, False): "1", (False, True): "-1", (False, False): "0", (True, True): "no order"}
        return {"order": order[better]}
    if given["op"] == "sum":
        return dydx_sum(given)
    world = world_of(given["markets"], {"a": given["account"]})
    standing = standing_of(world.venue, world.venue.accounts["a"])
    return {"liquidatable": is_liquidatable(standing.equity, standing.maintenance, BELOW)}


def improves(before: Case, after: Case) -> bool:
    """TRD-7: whether an account that carries neither may go from one standing to the other by reducing."""
    standings = [
        Standing(int(side["nc"]), abs(int(side["nc"])) + int(side["mm"]) + 1, int(side["mm"]))
        for side in (before, after)
    ]
    return is_admitted(standings[0], standings[1], 0, True, BELOW)


def dydx_sum(given: Case) -> Answers:
    """MAR-7, MAR-8, ACC-2: two parts of an account as two positions of 1_000_000 quanta each."""
    sides = {"a": given["a"], "b": given["b"]}
    markets = {
        name: market_of(1, flat(int(side["im"])), flat(int(side["mm"]))) for name, side in sides.items()
    }
    positions = {name: Position(1, PPM - int(side["nc"])) for name, side in sides.items()}
    account = Account("a", CROSS, 0, positions, {})
    venue = venue_of(policy_of(markets, BELOW), {"a": PPM, "b": PPM}, {"a": account})
    standing = standing_of(venue, account)
    return {
        "nc": Fraction(standing.equity),
        "im": Fraction(standing.initial),
        "mm": Fraction(standing.maintenance),
    }


def result_of(accepted: bool, before: Standing) -> str:
    """dYdX's name for a decision: its two refusals tell whether the account carried before (MAR-10)."""
    if accepted:
        return "Success"
    return "NewlyUndercollateralized" if carries(before, BELOW) else "StillUndercollateralized"


def dydx_transition_rule(case: Case) -> Answers:
    """TRD-7 for an account whose new state does not meet its initial margin."""
    now, new = case["given"]["current"], case["given"]["new"]
    before = Standing(int(now["nc"]), int(now["im"]), int(now["mm"]))
    after = Standing(int(new["nc"]), abs(int(new["nc"])) + int(new["mm"]) + 1, int(new["mm"]))
    if after.maintenance == 0:
        after = replace(after, initial=0)
    closer = after.maintenance < before.maintenance
    return {"result": result_of(is_admitted(before, after, 0, closer, BELOW), before)}


def changed(account: Case, update: Case) -> Case:
    """An account with an update's deltas added."""
    positions = {name: int(position["size"]) for name, position in account.get("positions", {}).items()}
    for delta in update.get("positions", ()):
        positions[delta["market"]] = positions.get(delta["market"], 0) + int(delta["size"])
    return {
        "usdc": str(int(account["usdc"]) + int(update.get("usdc", "0"))),
        "positions": {name: {"size": str(size)} for name, size in positions.items() if size != 0},
    }


def dydx_net_collateral(case: Case) -> Answers:
    """ACC-2, MAR-7, MAR-8 of an account with an update added."""
    given = case["given"]
    account = changed(given["account"], given.get("update", {}))
    return margin_answers(world_of(given["markets"], {"a": account}), "a")


def long_lots(venue: Venue, market: str, names: Iterable[str]) -> int:
    """The long lots of these accounts: open interest, if they are all."""
    return sum(max(size_in(venue.accounts[name], market), 0) for name in names)


def dydx_open_interest(case: Case) -> Answers:
    """TRD-5: what a trade between two accounts does to the long lots."""
    given = case["given"]
    delta = given["updates"][0]["positions"][0]
    # Only lots are asked for: both accounts have more than enough money.
    accounts = {
        str(number): {**account, "usdc": str(10**9)} for number, account in enumerate(given["accounts"])
    }
    world = world_of({delta["market"]: FREE_MARKET}, accounts)
    after = trade_between(world.venue, delta["market"], "0", "1", int(delta["size"]), 1)
    assert isinstance(after, Venue)
    before_lots = long_lots(world.venue, delta["market"], accounts)
    return {"open_interest_delta": Fraction(long_lots(after, delta["market"], accounts) - before_lots)}


def trade_between(
    venue: Venue, market: str, taker: str, maker: str, size: int, price: int
) -> Venue | Refusal:
    """The venue after a trade of `size` signed lots for the taker, or the refusal."""
    side = BUY if size > 0 else SELL
    offer = OpenOrders(0, abs(size)) if size > 0 else OpenOrders(abs(size), 0)
    offering = replace(venue.accounts[maker], orders={market: offer})
    venue = replace(venue, accounts={**venue.accounts, maker: offering})
    return outcome_of(venue, Trade(0, market, taker, maker, side, abs(size), price))


def outcome_of(venue: Venue, event: Event) -> Venue | Refusal:
    """The venue after an event, or the refusal."""
    outcome = apply(venue, event)
    return outcome.refusal or outcome.venue


# dYdX's words for the refusals of chapter 6 and of EVT-2.
TRANSFER_REFUSALS = {
    "EVT-2": "amount_not_positive",
    "WDR-2": "state_change_not_allowed",
    "WDR-3": "state_change_not_allowed",
    "WDR-4": "insufficient_funds",
}


def dydx_transfers(case: Case) -> Answers:
    """DEP-1, WDR-2 to WDR-4, TRF-1, TRF-2: money in, out, and between two accounts."""
    given = case["given"]
    accounts = {"a": given["account"]}
    if given["op"] == "between":
        accounts["b"] = given["recipient"]
    custody = sum(int(amount) for amount in given["pools"].values())
    world = world_of(given["markets"], accounts, custody=custody, owner="one")
    amount = int(given["amount"]) * world.scale
    events = {
        "withdraw": Withdraw(0, "a", amount),
        "deposit": Deposit(0, "a", amount),
        "between": Transfer(0, "a", "b", amount),
    }
    outcome = apply(world.venue, events[given["op"]])
    if outcome.refusal is not None:
        return {"refused": TRANSFER_REFUSALS[outcome.refusal.rule]}
    paid = {name: world.quote(paid_in_by(outcome.venue.accounts[name])) for name in accounts}
    answers: Answers = {"usdc": paid["a"], "refused": "accepted"}
    if given["op"] == "between":
        return {**answers, "recipient_usdc": paid["b"]}
    outside = sum(
        entry.amount for entry in outcome.postings if isinstance(entry, Posting) and entry.place == OUTSIDE
    )
    return {
        **answers,
        "pools": {"cross": world.quote(outcome.venue.custody)},
        "external": int(given["external"]) + world.quote(outside),
    }


def dydx_funding(case: Case) -> Answers:
    """FUN-3 for a settlement between two indices, FUN-2 for the change of an index at a given rate."""
    given = case["given"]
    if given["op"] == "settlement":
        return {"settlement_ppm": settlement(given)}
    market = given["market"]
    rate_8h = Fraction(
        given["rate_8h_ppm"] if given["op"] == "index_delta" else case["expect"]["rate_8h_ppm"]
    )
    seconds = int(given["seconds"] if given["op"] == "index_delta" else given["tick_seconds"])
    # The event's rate is for its own interval, in whole ppm (FUN-1, NUM-2). An index counts millionths.
    share = rate_8h * seconds / 28_800
    rate = floor_div(share.numerator, share.denominator)
    multiplier = 10 ** (power_of(market) + 12)
    price = int(market["price"])
    delta = funding_per_lot(rate, price, multiplier)
    one_ppm = Fraction(price * multiplier, PPM) if share.denominator != 1 else Fraction(0)
    scaled = Fraction(1, 10**6)
    return {"index_delta": Said(delta * scaled, one_ppm * scaled, "NUM-2")}


def settlement(given: Case) -> Fraction:
    """FUN-1 and FUN-3: what a position receives when the index moves, as funding at a rate of 100 %.

    A lot is as many base quanta, and a quantum as many of dYdX's millionths, as leave both whole: the mark is
    the change of the index.
    """
    size, change = int(given["size"]), int(given["index_now"]) - int(given["index_at_position"])
    lot = Fraction(1)
    while Fraction(size, int(lot) * 10).denominator == 1:
        lot *= 10
    quantum = lot
    while change % (10 * quantum / lot) == 0 and change != 0:
        quantum *= 10
    mark = max(abs(whole(change * lot, quantum)), 1)
    lots = whole(Fraction(size), lot)
    account = Account("a", CROSS, 10**16, {"M": Position(lots, lots * mark)}, {})
    venue = venue_of(policy_of({"M": market_of(1, flat(2), flat(1))}, BELOW), {"M": mark}, {"a": account})
    rate = PPM if change > 0 else -PPM if change < 0 else 0
    outcome = apply(venue, Funding(0, "M", rate))
    assert outcome.refusal is None, outcome.refusal
    return (outcome.venue.accounts["a"].wallet - account.wallet) * quantum


def dydx_valuation(case: Case) -> Answers:
    """ACC-1, MAR-1, NUM-1, NUM-3, FEE-1: values and single divisions."""
    given = case["given"]
    if given["op"] == "base_to_quote":
        digits = max(-power_of(given), 0)
        value = position_value(int(given["base"]), int(given["price"]), 10 ** (power_of(given) + digits))
        return {"quote": Said(Fraction(value, 10**digits), Fraction(1), "ACC-1")}
    if given["op"] == "fill_value":
        multiplier = 10 ** int(given["quantum_conversion_exponent"])
        return {"quote": Fraction(notional(int(given["base"]), int(given["subticks"]), multiplier))}
    if given["op"] == "mul_ppm" and given["round_up"] and int(given["value"]) >= 0:
        return {"result": Fraction(fee(int(given["value"]), int(given["ppm"])))}
    if given["op"] == "mul_ppm":
        divide = ceil_div if given["round_up"] else floor_div
        return {"result": Fraction(divide(int(given["value"]) * int(given["ppm"]), PPM))}
    if given["op"] == "div_ceil":
        return {"result": Fraction(ceil_div(int(given["a"]), int(given["b"])))}
    divide = ceil_div if given["round_up"] else floor_div
    return {"result": Fraction(divide(int(given["num"]), int(given["den"])))}


ADAPTERS: dict[str, Adapter] = {
    "dydx_oimf": dydx_initial_margin,
    "dydx_v4/oi_scaled_im": dydx_initial_margin,
    "dydx_v4/margin_requirements": dydx_margin,
    "dydx_v4/tier_parameters": dydx_tier,
    "dydx_v4/risk": dydx_risk,
    "dydx_v4/transition_rule": dydx_transition_rule,
    "dydx_v4/net_collateral": dydx_net_collateral,
    "dydx_v4/open_interest": dydx_open_interest,
    "dydx_v4/transfers": dydx_transfers,
    "dydx_v4/funding": dydx_funding,
    "dydx_v4/valuation": dydx_valuation,
}
"""By the topic, or by the formula that a case names."""
