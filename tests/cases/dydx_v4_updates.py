"""Cases of dYdX v4 about requests that change accounts: state transitions, and those at an open gate.

Requests that are an event of the law are put to `apply`; the others ask the admission rule (TRD-7) alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from refmodel.events import Deposit, Trade, Withdraw
from refmodel.funding import funding_postings
from refmodel.margin import Standing, standing_of
from refmodel.outcome import Refusal
from refmodel.postings import post
from refmodel.state import CROSS, Account, Position, Venue
from refmodel.trading import BUY, SELL, comes_closer, is_admitted, refuse_outside_pool
from tests.cases.dydx_v4 import (
    World,
    changed,
    long_lots,
    outcome_of,
    price_and_power,
    result_of,
    trade_between,
    world_of,
)
from tests.cases.law import Adapter, Answers, Case, Said, paid_in_by, size_in, whole

STRANGERS = 10**11
"""Quote quanta of those who hold the rest of a market's open interest: more than their positions need."""


def dydx_state_transition(case: Case) -> Answers:
    """FUN-3, then each update of a request as the event it is, or else the question of TRD-7 alone."""
    given = case["given"]
    for update in given["updates"]:
        for delta in update.get("positions", ()):
            if delta["market"] not in given["markets"]:
                return refused_as_unknown(given, update["account"], delta)
    accounts = dict(given["accounts"])
    for update in given["updates"]:
        accounts.setdefault(update["account"], {"usdc": "0"})
    strangers = {
        name: {"size": market["open_interest"]}
        for name, market in given["markets"].items()
        if market["open_interest"] != "0"
    }
    if strangers:
        accounts["strangers"] = {"usdc": str(STRANGERS), "positions": strangers}
    settling = any("funding_index" in market for market in given["markets"].values()) or any(
        "funding_index" in position
        for account in given["accounts"].values()
        for position in account.get("positions", {}).values()
    )
    world = world_of(given["markets"], accounts, finer=6 if settling else 0, exact_rates=needs_nothing(given))
    venue, paid = settle(world, given)
    if given["type"] == "Match":
        return matched(world, venue, given)
    results, asked_by_event = [], True
    for update in given["updates"]:
        result, after = answer_update(world, venue, update)
        results.append(result)
        asked_by_event = asked_by_event and after is not None
        venue = after or venue
    answers: Answers = {
        "results": results,
        "success": all(result == "Success" for result in results),
        "funding_paid": paid,
    }
    if asked_by_event or not answers["success"]:
        answers["accounts"] = {
            name: account_document(world, venue.accounts[name]) for name in given["accounts"]
        }
    return answers


def needs_nothing(given: Case) -> bool:
    """Whether an account owns nothing before or after its update: it holds lots only in a tier of 0 and 0."""
    for update in given["updates"]:
        before = given["accounts"].get(update["account"], {"usdc": "0"})
        after = changed(before, update)
        free = [given["markets"][name].get("initial_margin_ppm") == "0" for name in after["positions"]]
        if any(free) and 0 in (worth_of(given["markets"], before), worth_of(given["markets"], after)):
            return True
    return False


def worth_of(markets: Mapping[str, Case], account: Case) -> Fraction:
    """What an account owns at the marks of a case, quote quanta."""
    worth = Fraction(account["usdc"])
    for name, position in account.get("positions", {}).items():
        price, power = price_and_power(markets[name])
        worth += int(position["size"]) * price * Fraction(10) ** power
    return worth


def dydx_open_gate(case: Case) -> Answers:
    """A request while dYdX's gate is open, so that only the ordinary rules answer."""
    block = int(case["given"]["block"])
    for seen in map(int, case["given"]["negative_seen_at"].values()):
        assert seen == 0 or block - seen >= 50, "the gate is shut"
    return dydx_state_transition(case)


def refused_as_unknown(given: Case, name: str, delta: Case) -> Answers:
    """EVT-3: the refusal of a trade in a market that is not there."""
    world = world_of(given["markets"], given["accounts"])
    side = BUY if int(delta["size"]) > 0 else SELL
    trade = Trade(0, delta["market"], name, "others", side, abs(int(delta["size"])), 1)
    refusal = outcome_of(world.venue, trade)
    assert isinstance(refusal, Refusal)
    assert refusal.rule == "EVT-3"
    return {"refused": refusal.reason}


def settle(world: World, given: Case) -> tuple[Venue, Answers]:
    """FUN-3: every position of a case is paid the change of its market's index since it last settled."""
    venue, paid = world.venue, {}
    for name, account in given["accounts"].items():
        for market, position in account.get("positions", {}).items():
            now = int(given["markets"][market].get("funding_index", "0"))
            change = now - int(position.get("funding_index", "0"))
            if change == 0:
                continue
            per_lot = whole(Fraction(change * world.scale, 10**6), Fraction(1))
            before = venue.accounts[name].wallet
            venue = post(venue, funding_postings(venue, market, per_lot))
            amount = world.quote(before - venue.accounts[name].wallet)
            paid.setdefault(name, {})[market] = Said(amount, Fraction(1), "FUN-2")
    return venue, paid


def matched(world: World, venue: Venue, given: Case) -> Answers:
    """A match of two accounts is a trade; it is admitted for both or for none."""
    taker, maker = given["updates"]
    delta = taker["positions"][0]
    market, size = delta["market"], int(delta["size"])
    cash = -int(taker["usdc"]) * world.scale
    price = whole(Fraction(cash, size * venue.policy.markets[market].multiplier), Fraction(1))
    after = trade_between(venue, market, taker["account"], maker["account"], size, price)
    befores = [standing_of(venue, venue.accounts[update["account"]]) for update in given["updates"]]
    accepted = isinstance(after, Venue)
    settled = after if isinstance(after, Venue) else venue
    everybody = [*given["accounts"], "strangers"] if "strangers" in venue.accounts else given["accounts"]
    return {
        "results": [result_of(accepted, before) for before in befores],
        "success": accepted,
        "accounts": {name: account_document(world, settled.accounts[name]) for name in given["accounts"]},
        "open_interest": {market: Fraction(long_lots(settled, market, everybody))},
    }


def answer_update(world: World, venue: Venue, update: Case) -> tuple[str, Venue | None]:
    """dYdX's word for what the law says to an update, and the venue after it if it was asked as an event."""
    name = update["account"]
    before = standing_of(venue, venue.accounts[name])
    cash = int(update.get("usdc", "0")) * world.scale
    deltas = update.get("positions", ())
    if not deltas and cash != 0:
        event = Deposit(0, name, cash) if cash > 0 else Withdraw(0, name, -cash)
        after = outcome_of(venue, event)
        return result_of(isinstance(after, Venue), before), after if isinstance(after, Venue) else venue

    # An account without positions opens in the pool of the first isolated market it touches.
    touched = [delta["market"] for delta in deltas]
    account = venue.accounts[name]
    if not account.positions:
        pool = next((market for market in touched if market in venue.policy.isolated), CROSS)
        account = replace(account, pool=pool)
        venue = replace(venue, accounts={**venue.accounts, name: account})
    if any(refuse_outside_pool(venue, name, market) for market in touched):
        return "ViolatesIsolatedSubaccountConstraints", venue

    if len(deltas) == 1:
        market, size = touched[0], int(deltas[0]["size"])
        price = Fraction(-cash, size * venue.policy.markets[market].multiplier)
        if price >= 1 and price.denominator == 1:
            outcome = trade_between(venue, market, name, "others", size, int(price))
            if not isinstance(outcome, Refusal) or outcome.rule != "TRD-4":
                accepted = isinstance(outcome, Venue)
                return result_of(accepted, before), outcome if isinstance(outcome, Venue) else venue
    return result_of(admitted(venue, account, deltas, cash, before), before), None


def admitted(venue: Venue, account: Account, deltas: Iterable[Case], cash: int, before: Standing) -> bool:
    """TRD-7 alone, for a request that no single trade makes: several markets at once, or a price of 0."""
    positions = dict(account.positions)
    for delta in deltas:
        held = positions.get(delta["market"], Position(0, 0))
        positions[delta["market"]] = Position(held.size + int(delta["size"]), held.cost)
    kept = {name: position for name, position in positions.items() if position.size != 0}
    closed = sum(position.cost for name, position in positions.items() if name not in kept)
    changed_account = replace(account, positions=kept, wallet=account.wallet + cash - closed)
    after = standing_of(venue, changed_account)
    sizes = [(size_in(account, name), size_in(changed_account, name)) for name in positions]
    moved = [pair for pair in sizes if pair[0] != pair[1]]
    closer = len(moved) == 1 and comes_closer(*moved[0])
    return is_admitted(before, after, after.equity - before.equity, closer, venue.policy.trigger)


def account_document(world: World, account: Account) -> Answers:
    """An account in dYdX's form: cash is the wallet less the cost of the positions."""
    positions = {market: {"size": Fraction(held.size)} for market, held in account.positions.items()}
    usdc = Said(world.quote(paid_in_by(account)), Fraction(1), "FUN-2")
    return {"usdc": usdc, "positions": positions} if positions else {"usdc": usdc}


ADAPTERS: dict[str, Adapter] = {
    "dydx_v4/state_transitions": dydx_state_transition,
    "dydx_v4/withdrawal_gate": dydx_open_gate,
}
"""By the topic."""
