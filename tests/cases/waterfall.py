"""Cases about liquidation, bankruptcy prices, penalties, funds, ranking and deleveraging (chapters 8 to 11).

Each adapter builds accounts, or takes the numbers of the case, and asks the law; it computes no answer
itself.
"""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from refmodel.allocation import Candidate, queue
from refmodel.close_out import (
    Closing,
    Reason,
    Step,
    bankruptcy_price,
    closing_postings,
    equity_shares,
    gap_of_lots,
    lots_opposite,
    value_at_mark,
)
from refmodel.deleveraging import cap_of, mark_stage
from refmodel.events import LiquidationFill
from refmodel.insurance import lots_payable
from refmodel.liquidation import (
    closable_lots,
    keeps_ratio,
    liquidation_penalty,
)
from refmodel.margin import Standing, is_liquidatable, standing_of
from refmodel.numbers import PPM
from refmodel.policy import BELOW, BINANCE, FRACTION, TIER_STEP, WHOLE, Liquidation, Schedule, Tier
from refmodel.postings import LOTS, Entry, Posting
from refmodel.ranking import Holding, Ranked, Score, in_rank_order, score
from refmodel.resolution import bankrupt_accounts, resolve
from refmodel.restore import lots_for_line
from refmodel.state import CROSS, Account, Position, Venue, equity
from refmodel.validity import NOTIONAL_MAX
from refmodel.venue import apply
from tests.cases.dydx_v4 import World, price_and_power, world_of
from tests.cases.law import (
    Adapter,
    Answers,
    Case,
    Said,
    fitted,
    flat,
    market_of,
    paid_in_by,
    policy_of,
    ppm,
    unit_of,
    venue_of,
    whole,
)

CLOSES = Reason("CLO-3", "")


def closing_of(venue: Venue, name: str, market: str) -> Closing:
    """A position with what its account lacks; with equity of 0 or more its gap is 0 or below (CLO-1)."""
    account = venue.accounts[name]
    owned = equity(venue, account)
    share = equity_shares(venue, account, abs(owned))[market]
    size = account.positions[market].size
    return Closing(name, market, 1 if size > 0 else -1, abs(size), share if owned < 0 else -share, 0)


def close_out_value(venue: Venue, name: str, market: str, lots: int) -> int:
    """CLO-1, CLO-2: what an account receives for signed lots when its equity is spread over all its lots."""
    closing = closing_of(venue, name, market)
    part = gap_of_lots(abs(closing.gap), 0, abs(lots), closing.lots)
    return value_at_mark(venue, market, lots) + (part if closing.gap >= 0 else -part)


# ------------------------------------------------------------------------------------------- bankruptcy price


def dydx_bankruptcy(case: Case) -> Answers:
    """The quote that a part of a position brings at the bankruptcy price."""
    given = case["given"]
    world = world_of(given["markets"], {"a": given["account"]})
    lots = -int(given["size_delta"])
    quote = world.quote(close_out_value(world.venue, "a", given["market"], lots))
    return {"quote": Said(quote, Fraction(1), "NUM-5")}


def dydx_bankruptcy_in_coins(case: Case) -> Answers:
    """The same in dollars and coins."""
    given = case["given"]
    quantum = Fraction(1, 10**6)
    sizes = {row["market"]: Fraction(row["size"]) for row in given["positions"]}
    prices = {row["market"]: Fraction(row["price"]) for row in given["positions"]}
    lot = unit_of(*sizes.values(), Fraction(given["delta"]))
    tick = unit_of(*prices.values())
    unit = unit_of(lot * tick, quantum)
    multiplier = whole(lot * tick, unit)
    markets, positions = {}, {}
    for row in given["positions"]:
        name = row["market"]
        rate = ppm(row["mmr"])
        markets[name] = market_of(multiplier, flat(2 * rate), flat(rate))
        size = whole(sizes[name], lot)
        positions[name] = Position(size, size * whole(prices[name], tick) * multiplier)
    wallet = whole(Fraction(given["usdc"]), unit) + sum(position.cost for position in positions.values())
    marks = {name: whole(price, tick) for name, price in prices.items()}
    account = Account("a", CROSS, wallet, positions, {})
    venue = venue_of(policy_of(markets, BELOW), marks, {"a": account})
    lots = -whole(Fraction(given["delta"]), lot)
    quote = close_out_value(venue, "a", given["market"], lots) * unit
    return {"quote": Said(quote, quantum, "NUM-5")}


def bybit_bankruptcy(case: Case) -> Answers:
    """CLO-5 for an isolated position with the margin of its leverage."""
    given = case["given"]
    entry = int(given["entry"])
    size = 1 if given["side"] == "long" else -1
    wallet = whole(Fraction(entry, int(given["leverage"])), Fraction(1))
    account = Account("a", CROSS, wallet, {"M": Position(size, size * entry)}, {})
    markets = {"M": market_of(1, flat(20_000), flat(5_000))}
    venue = venue_of(policy_of(markets, BELOW), {"M": entry}, {"a": account})
    price = bankruptcy_price(venue, account, "M")
    assert price is not None
    return {"bankruptcy_price": Said(Fraction(price), Fraction(1), "CLO-5")}


# ---------------------------------------------------------------------------------------- penalties and funds


def dydx_fund_delta(case: Case) -> Answers:
    """LIQ-3 of what a fill brings above the close-out value; LIQ-4 refuses one that brings less."""
    given = case["given"]
    if given["op"] == "fund_covers":
        return {"valid": fund_covers(int(given["fund_balance"]), int(given["fund_delta"]))}
    market = given["markets"][given["market"]]
    world = world_of(given["markets"], {"a": given["account"]})
    lots = int(given["fill"])
    if lots == 0:
        solvent = world_of(given["markets"], {"a": {**given["account"], "usdc": str(10**12)}})
        fill = LiquidationFill(0, "a", "others", given["market"], 0, 1)
        refusal = apply(solvent.venue, fill).refusal
        return {"refused": "zero_fill" if refusal and refusal.reason == "amount_too_small" else str(refusal)}
    signed = -lots if given["is_buy"] else lots
    power = int(market["quantum_conversion_exponent"])
    filled = signed * int(given["subticks"]) * Fraction(10) ** power
    received = whole(filled * world.scale, Fraction(1))
    least = close_out_value(world.venue, "a", given["market"], signed)
    rate = int(given["config"]["max_liquidation_fee_ppm"])
    penalty = world.quote(liquidation_penalty(abs(received), rate, received - least))
    return {"fund_delta": Said(penalty, Fraction(1), "NUM-1")}


def fund_covers(balance: int, change: int) -> bool:
    """INS-2: whether a fund that may pay its whole balance pays for one lot that lacks so much."""
    return lots_payable(balance, -change, 1, 1) == 1


def dydx_fund_delta_in_coins(case: Case) -> Answers:
    """The same in dollars: the fill against a bankruptcy quote that is given."""
    given = case["given"]
    side = 1 if given["side"] == "long" else -1
    amount = Fraction(given["size"]) * Fraction(given["fill_price"])
    least = side * Fraction(given["bankruptcy_quote"])
    quantum = Fraction(1, 10**6)
    free = whole(side * amount - least, quantum)
    if not keeps_ratio(Standing(0, 1, 1), free, 0):
        return {"delta": "refused, LIQ-4"}
    penalty = liquidation_penalty(whole(amount, quantum), ppm(given["max_fee"]), free)
    return {"delta": Said(penalty * quantum, quantum, "NUM-1")}


def fund_from_fill(case: Case) -> Answers:
    """LIQ-3 with a penalty of 100 %: all that a fill brings above the bankruptcy price goes to the fund."""
    given = case["given"]
    side = 1 if given["side"] == "long" else -1
    size, fill = Fraction(given["size"]), Fraction(given["fill"])
    better = side * size * (fill - Fraction(given["bankruptcy_price"]))
    quantum = unit_of(better, size * fill)
    penalty = liquidation_penalty(whole(size * fill, quantum), PPM, whole(better, quantum))
    return {"fund": Fraction(given["fund"]) + penalty * quantum}


# ------------------------------------------------------------------------------------------- liquidation size


def dydx_size(case: Case) -> Answers:
    """LIQ-2, `fraction`, in steps of the market as lots."""
    given = case["given"]
    market, config = given["market"], given["config"]
    step = int(market["step_base_quantums"])
    size = whole(Fraction(int(given["size"]), step), Fraction(1))
    # All that the account owns is one quote quantum: others may close it, and it is not bankrupt.
    price, power = price_and_power(market)
    account = {"usdc": str(1 - size * price * 10**power), "positions": {"0": {"size": str(size)}}}
    world = world_of({"0": market}, {"a": account})
    terms = world.venue.policy.markets["0"]
    rules = Liquidation(
        FRACTION,
        0,
        PPM - 1,
        fraction=int(config["max_position_portion_liquidated_ppm"]),
        whole_below=min(int(config["min_position_notional_liquidated"]) * world.scale // step, NOTIONAL_MAX),
    )
    policy = replace(world.venue.policy, markets={"0": replace(terms, liquidation=rules)})
    venue = replace(world.venue, policy=policy)
    lots = closable_lots(venue, venue.accounts["a"], "0", venue.marks["0"])
    if given["op"] == "limits":
        return {"max_notional": world.quote(abs(value_at_mark(venue, "0", lots * step)))}
    closed = Fraction(-lots * step if size > 0 else lots * step)
    return {"size_delta": Said(closed, Fraction(step), "LIQ-2")}


def okx_down_to_tier(case: Case) -> Answers:
    """LIQ-2, `tier_step`, from the second tier of two to the first; one contract is worth one quantum."""
    held, most = int(case["given"]["held"]), int(case["given"]["tier1_max"])
    tiers = Schedule(WHOLE, (Tier(0, 5_000), Tier(most, 5_000)))
    initial = Schedule(WHOLE, (Tier(0, 10_000), Tier(most, 10_000)))
    terms = market_of(1, initial, tiers, Liquidation(TIER_STEP, 0, PPM - 1))
    account = Account("a", CROSS, 1, {"M": Position(held, held)}, {})
    venue = venue_of(policy_of({"M": terms}, BELOW), {"M": 1}, {"a": account})
    return {"closed": Fraction(closable_lots(venue, account, "M", 1))}


def drift_base_to_cover(case: Case) -> Answers:
    """RST-1: the lots that bring an account above one line, at a price worse by the liquidator's fee."""
    given = case["given"]
    price = Fraction(given["price"]) * Fraction(given["quote_price"])
    lot, quantum = Fraction(1, 10**9), Fraction(1, 10**12)
    lot_value = whole(price * lot, quantum)
    relief = lot_value * ppm(given["margin_ratio"])
    relief -= lot_value * ppm(given["liquidator_fee"]) + lot_value * ppm(given["insurance_fee"])
    shortage = whole(Fraction(given["shortage"]), quantum)
    lots = lots_for_line(-shortage * PPM, relief, 10**15)
    return {"base": Said(lots * lot, lot, "RST-1")}


# ----------------------------------------------------------------------------------- ranking and deleveraging


def binance_ranking(case: Case) -> Answers:
    """ADL-1, `binance`: profit over wallet, and times the margin ratio."""
    given = case["given"]
    quantum = Fraction(1, 10**8)
    profit, wallet = (whole(Fraction(given[key]), quantum) for key in ("upnl", "wallet_balance"))
    ratio = Fraction(given["margin_ratio"])
    owned = profit + wallet
    answers = {}
    for key, margin in (("pnl_percent", Fraction(owned)), ("leverage_pnl", ratio * owned)):
        found = score(Holding(profit, 0, wallet, owned, int(margin)), BINANCE)
        answers[key] = Said(Fraction(found.numerator, found.denominator), Fraction(1, 10**6), "ADL-1")
    return answers


def bitmex_queue(case: Case) -> Answers:
    """ADL-2 and ADL-4: who comes first, and how much of each is closed."""
    given = case["given"]
    accounts = {str(row[0]): (int(row[1]), int(row[2])) for row in given["accounts"]}
    order = in_rank_order(Ranked(name, Score(points, 1), lots) for name, (lots, points) in accounts.items())
    candidates = [Candidate(name, name, accounts[name][0], accounts[name][0]) for name in order]
    shares = {share.account: share.lots for share in queue(int(given["liquidated"]), candidates)}
    return {
        "order": [Fraction(name) for name in order],
        "closed": [Fraction(shares.get(name, 0)) for name in order],
        "left": [Fraction(accounts[name][0] - shares.get(name, 0)) for name in order],
    }


def dydx_deleveraging(case: Case) -> Answers:
    """RES-1 for who is deleveraged; the stages, or one close-out, for what it costs whom."""
    given = case["given"]
    if given["op"] == "can":
        world = world_of(given["markets"], {"a": given["account"]})
        return {"at_bankruptcy_price": [each.account for each in bankrupt_accounts(world.venue)] == ["a"]}
    world = world_of(given["markets"], given["accounts"])
    name, market = given["liquidated"], given["market"]
    closing = closing_of(world.venue, name, market)
    visited = given["visit_order"] if given["op"] == "queue" else [given["counterparty"]]
    opposite = [other for other in visited if lots_opposite(world.venue, closing, other) > 0]
    if not opposite:
        return {"refused": "invalid_size_delta"}
    if given.get("at") == "oracle":
        return after(world, mark_stage(Step(world.venue, ()), closing, ()).venue)
    if equity(world.venue, world.venue.accounts[name]) >= 0:
        return outcome(world, given, closed_at_close_out_value(world.venue, given, opposite[0]))
    if "allowed" in case["expect"]:
        enough = cap_of(world.venue, opposite[0], closing) >= abs(int(given["size_delta"]))
        return {"allowed": enough and not_liquidatable(resolve(world.venue).venue, opposite[0])}
    step = resolve(world.venue)
    if "refused" in case["expect"]:
        return {"refused": f"closed at mark, bad debt {world.quote(step.venue.pools[CROSS].bad_debt)}"}
    return outcome(world, given, step)


def outcome(world: World, given: Case, step: Step) -> Answers:
    """Accounts afterwards, who took how many lots, and the lots that are left."""
    name = given["liquidated"]
    left = step.venue.accounts[name].positions.get(given["market"], Position(0, 0)).size
    return {**after(world, step.venue), **fills(step.postings, name), "size_left": Fraction(abs(left))}


def not_liquidatable(venue: Venue, name: str) -> bool:
    standing = standing_of(venue, venue.accounts[name])
    return not is_liquidatable(standing.equity, standing.maintenance, BELOW)


def closed_at_close_out_value(venue: Venue, given: Case, taker: str) -> Step:
    """CLO-3 at the value of CLO-2, for an account that still has equity, as a takeover moves lots."""
    name, market = given["liquidated"], given["market"]
    lots = -int(given["size_delta"])
    paid = close_out_value(venue, name, market, lots)
    return Step(venue, ()).then(closing_postings(venue, CLOSES, market, name, taker, lots, paid))


def after(world: World, venue: Venue) -> Answers:
    """What each account of a case has paid in by then, and what it holds."""
    accounts = {}
    for name, account in venue.accounts.items():
        accounts[name] = {
            "usdc": Said(world.quote(paid_in_by(account)), Fraction(1), "NUM-5"),
            "positions": {
                market: {"size": Fraction(held.size)} for market, held in account.positions.items()
            },
        }
    return {"accounts": accounts}


def fills(postings: Iterable[Entry], name: str) -> Answers:
    """The lots that left an account, by who took them."""
    moved = [
        {"counterparty": posting.place.holder, "size": Fraction(abs(posting.amount))}
        for posting in postings
        if isinstance(posting, Posting) and posting.place.kind == LOTS and posting.place.holder != name
    ]
    return {"fills": moved}


# -------------------------------------------------------------------------------------- fills of liquidations


def dydx_world_of_fills(given: Case) -> World:
    """The state of a case, with its settings of liquidation and the fee that a maker pays there.

    In the law the counterparty of a liquidated account pays the taker's fee, and the liquidated side none.
    """
    world = world_of(given["markets"], given["accounts"], finer=digits_of_fills(given))
    config = given["config"]
    rules = Liquidation(
        FRACTION,
        int(config["max_liquidation_fee_ppm"]),
        PPM - 1,
        fraction=int(config["max_position_portion_liquidated_ppm"]),
        whole_below=min(int(config["min_position_notional_liquidated"]) * world.scale, NOTIONAL_MAX),
    )
    # A tick is worth one quantum of a lot, so that every price of a fill is whole.
    before = world.venue.policy.markets
    markets = {name: replace(terms, multiplier=1, liquidation=rules) for name, terms in before.items()}
    marks = {name: mark * before[name].multiplier for name, mark in world.venue.marks.items()}
    policy = replace(world.venue.policy, markets=markets, fee_taker=int(given["maker_fee_ppm"]))
    return World(fitted(replace(world.venue, policy=policy, marks=marks)), world.scale)


def digits_of_fills(given: Case) -> int:
    """Digits below a quote quantum that the prices of all fills and orders of a case need."""
    fills = [fill for operation in given.get("operations", ()) for fill in operation["fills"]]
    digits = 0
    for market in given["markets"].values():
        power = int(market["quantum_conversion_exponent"])
        for priced in (*fills, *given.get("resting_orders", ())):
            price = int(priced["subticks"]) * Fraction(10) ** power
            while (price * 10**digits).denominator != 1:
                digits += 1
    return digits


def ticks_of(world: World, given: Case, market: str, subticks: str) -> int:
    """A price of dYdX in ticks of the law."""
    power = int(given["markets"][market]["quantum_conversion_exponent"])
    per_tick = Fraction(world.venue.policy.markets[market].multiplier, world.scale)
    return whole(int(subticks) * Fraction(10) ** power / per_tick, Fraction(1))


REFUSED = {"TRD-7": "state_change_not_allowed"}
"""dYdX's names for what the law refuses by these rules."""


def dydx_block_of_fills(case: Case) -> Answers:
    """LIQ-5: the fills that a proposer reports, one event each; nothing happens if one is refused."""
    given = case["given"]
    world = dydx_world_of_fills(given)
    venue = world.venue
    for operation in given["operations"]:
        for fill in operation["fills"]:
            market = operation["market"]
            price = ticks_of(world, given, market, fill["subticks"])
            event = LiquidationFill(0, operation["account"], fill["maker"], market, int(fill["size"]), price)
            found = apply(venue, event)
            if found.refusal is not None:
                law = REFUSED.get(found.refusal.rule, f"{found.refusal.rule} {found.refusal.reason}")
                return {**sizes_after(world, world.venue), "refused": law}
            venue = found.venue
    return sizes_after(world, venue)


def sizes_after(world: World, venue: Venue) -> Answers:
    """What each account has paid in by then, and the sizes of its positions."""
    answers = after(world, venue)
    for account in answers["accounts"].values():
        account["position_sizes"] = {name: held["size"] for name, held in account["positions"].items()}
    return answers


def dydx_block_of_one_order(case: Case) -> Answers:
    """LIQ-2 and LIQ-5: as many lots as the size rule gives, against the one order that rests."""
    given = case["given"]
    world = dydx_world_of_fills(given)
    (order,) = given["resting_orders"]
    (name,) = given["liquidatable"]
    market = order["market"]
    price = ticks_of(world, given, market, order["subticks"])
    lots = closable_lots(world.venue, world.venue.accounts[name], market, price)
    found = apply(world.venue, LiquidationFill(0, name, order["account"], market, lots, price))
    assert found.refusal is None, found.refusal
    return after(world, found.venue)


ADAPTERS: dict[str, Adapter] = {
    "dydx_v4/bankruptcy_price": dydx_bankruptcy,
    "dydx_v4/liquidation_fee": dydx_fund_delta,
    "dydx_v4/liquidation_size": dydx_size,
    "dydx_v4/deleveraging": dydx_deleveraging,
    "dydx_v4/block_operations": dydx_block_of_fills,
    "dydx_v4/liquidation_block": dydx_block_of_one_order,
    "dydx_bankruptcy": dydx_bankruptcy_in_coins,
    "dydx_fund_delta": dydx_fund_delta_in_coins,
    "bybit_usdt_bp": bybit_bankruptcy,
    "fund_from_fill": fund_from_fill,
    "okx_partial_to_tier1": okx_down_to_tier,
    "drift_base_to_cover": drift_base_to_cover,
    "binance_adl": binance_ranking,
    "bitmex_adl_queue": bitmex_queue,
}
