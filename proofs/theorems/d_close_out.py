"""D5. Close-out values: what the positions of an account are worth when all of it must go, to the quantum."""

from proofs.lemmas.contracts import closing_realises_all, requirement_is_at_least_one
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import (
    Reason,
    Step,
    bankruptcy_price,
    closing_postings,
    equity_shares,
    gap_of_lots,
    orders_cancelled,
    shares_by_margin,
    value_at_mark,
)
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.postings import books_gap, fund_of, lots_gap, post, sums_to_zero
from refmodel.stages import BACKSTOP_TAKES
from refmodel.state import CROSS, Account, OpenOrders, Pool, Position, Venue, equity

SECOND = "N"
REASON = Reason("CLO-3", BACKSTOP_TAKES)


@theorem(
    "D5-shares",
    rules=("CLO-1", "NUM-5"),
    claim="The shares by margin are never negative, within a quantum of proportional, and sum to the amount "
    "exactly.",
    structural_bound="3 positions; the sum for any number is A8-running-shares-sum",
    stage="waterfall",
    witness=dict(amount=10, margin_0=2, margin_1=1, margin_2=4),
    mutant=(
        Replace("shares_by_margin", "before += margin", "before += 0", name="each share from the start"),
        Replace(
            "running_share",
            "- floor_div(amount * before, total)",
            "- ceil_div(amount * before, total)",
            name="rounded twice",
        ),
    ),
)
def shares_sum_to_the_amount(amount: Quanta, margin_0: Quanta, margin_1: Quanta, margin_2: Quanta) -> None:
    margins = (margin_0, margin_1, margin_2)
    assume(amount >= 0, guard="CLO-1")
    for margin in margins:
        assume(margin >= 1, theorem="B1-at-least-one")
        lemma(amount * margin >= 0, "what falls on each is not negative")
    total = sum(margins)

    shares = shares_by_margin(amount, margins)

    prove(sum(shares) == amount, "everything is given, and no more")
    for share, margin in zip(shares, margins, strict=True):
        prove(share >= 0, "no share is negative")
        prove(share * total < amount * margin + total, "less than a quantum above its proportion")
        prove(share * total > amount * margin - total, "less than a quantum below it")


@theorem(
    "D5-gap-of-lots",
    rules=("CLO-2", "NUM-5"),
    claim="The lots of a position carry parts of its gap that are never negative, within a quantum of "
    "proportional, the same however the lots are split, and the gap exactly in sum.",
    stage="waterfall",
    witness=dict(gap=10, carried=1, taken=2, more=3, lots=7),
    mutant=(
        Replace(
            "running_share",
            "- floor_div(amount * before, total)",
            "- ceil_div(amount * before, total)",
            name="rounded twice",
        ),
        Replace("gap_of_lots", "carried, taken", "0, taken", name="each part from the start"),
    ),
)
def parts_of_a_gap_telescope(gap: Quanta, carried: Lots, taken: Lots, more: Lots, lots: Lots) -> None:
    assume(gap >= 0, guard="CLO-1")
    assume(carried >= 0, guard="CLO-2")
    assume(taken >= 0, guard="CLO-2")
    assume(more >= 0, guard="CLO-2")
    assume(lots >= 1, guard="PST-1")
    assume(carried + taken + more <= lots, guard="CLO-2")
    lemma(gap * carried >= 0, "what has been carried")
    lemma(gap * taken >= 0, "what is carried now")

    part = gap_of_lots(gap, carried, taken, lots)
    rest = gap_of_lots(gap, carried + taken, more, lots)

    prove(part >= 0, "no part is negative")
    prove(part * lots < gap * taken + lots, "less than a quantum above its proportion")
    prove(part * lots > gap * taken - lots, "less than a quantum below it")
    prove(part + rest == gap_of_lots(gap, carried, taken + more, lots), "two parts are one part of both")
    prove(gap_of_lots(gap, 0, lots, lots) == gap, "all lots carry all of it")


@theorem(
    "D5-closing",
    rules=("CLO-3", "TRD-6", "PST-1"),
    claim="A close at an amount of the law moves lots and that amount from one account to the other, and "
    "what the fund pays back; books and lots balance, and no other equity changes.",
    structural_bound="3 accounts, of which 2 are closed against each other",
    stage="waterfall",
    contracts=(closing_realises_all,),
    witness=dict(
        wallet=500,
        size=3,
        cost=25,
        wallet_2=600,
        size_2=-4,
        cost_2=-44,
        mark=10,
        lots=3,
        paid=27,
        compensation=2,
        fund=5,
    ),
    mutant=(
        Replace(
            "closing_postings", "paid - compensation)", "paid)", name="the payment of the fund not realised"
        ),
        Replace(
            "closing_postings",
            "realised(held_by_leaver, -lots, -paid)",
            "realised(held_by_leaver, lots, paid)",
            name="the wrong side realised",
        ),
    ),
)
def closes_move_what_they_say(
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    wallet_2: Quanta,
    size_2: Lots,
    cost_2: Quanta,
    mark: Ticks,
    lots: Lots,
    paid: Quanta,
    compensation: Quanta,
    fund: Quanta,
) -> None:
    for held in (size, size_2, lots):
        assume(held != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    accounts = {
        "a": holder(wallet, size, cost),
        "b": holder(wallet_2, size_2, cost_2),
        "bystander": holder(7),
    }
    pools = {CROSS: Pool(fund), MARKET: Pool()}
    before = venue(policy({MARKET: market()}), accounts, mark, pools=pools)

    postings = closing_postings(before, REASON, MARKET, "a", "b", lots, paid, compensation, fund_of(CROSS))
    after = post(before, postings)

    prove(sums_to_zero(postings), "what one side gives, the other takes")
    held_after = [after.accounts[name].positions.get(MARKET, Position(0, 0)).size for name in ("a", "b")]
    prove((held_after[0] == size - lots) & (held_after[1] == size_2 + lots), "the lots change hands")
    gain = value_at_mark(before, MARKET, lots) - paid
    prove(
        equity(after, after.accounts["a"]) == equity(before, accounts["a"]) - gain,
        "the leaver gives the difference to the mark",
    )
    prove(
        equity(after, after.accounts["b"]) == equity(before, accounts["b"]) + gain + compensation,
        "the taker has it, and what the fund pays back",
    )
    prove(after.pools[CROSS].fund == fund - compensation, "the fund pays exactly that")
    prove(after.accounts["bystander"] is accounts["bystander"], "who is not posted to is unchanged")
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    prove(lots_gap(after, MARKET) == lots_gap(before, MARKET), "so do the lots")


@theorem(
    "D5-leaves-nothing",
    rules=("CLO-1", "CLO-3", "ACC-2"),
    claim="Closing all positions of an account at close-out values leaves it flat with exactly nothing, "
    "whether its equity was above or below zero.",
    structural_bound="2 markets; the shares of any number sum to the whole by D5-shares",
    stage="waterfall",
    contracts=(closing_realises_all, requirement_is_at_least_one),
    witness=(
        dict(wallet=10, size=3, cost=40, size_2=-4, cost_2=-44, mark=10, mark_2=12),
        dict(wallet=100, size=3, cost=40, size_2=-4, cost_2=-44, mark=10, mark_2=12),
    ),
    mutant=(
        Replace("shares_by_margin", "before += margin", "before += 0", name="each share from the start"),
        Replace(
            "shares_by_margin", "total = sum(margins)", "total = sum(margins) + 1", name="a margin too much"
        ),
    ),
)
def closing_everything_leaves_nothing(
    wallet: Quanta, size: Lots, cost: Quanta, size_2: Lots, cost_2: Quanta, mark: Ticks, mark_2: Ticks
) -> None:
    assume(size != 0, guard="PST-1")
    assume(size_2 != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume(mark_2 >= 1, guard="PRC-1")
    lemma(abs(size) * mark >= 1, "a position has a notional")
    lemma(abs(size_2) * mark_2 >= 1, "the other as well")
    positions = {MARKET: Position(size, cost), SECOND: Position(size_2, cost_2)}
    accounts = {"a": Account("owner", CROSS, wallet, positions, {}), "b": holder(0)}
    terms = policy({MARKET: market(), SECOND: market()})
    before = Venue(terms, 0, {MARKET: mark, SECOND: mark_2}, accounts, {CROSS: Pool()}, 0)
    owed = equity(before, accounts["a"])

    shares = equity_shares(before, accounts["a"], abs(owed))
    step = Step(before, ())
    for name, lots in ((MARKET, size), (SECOND, size_2)):
        paid = value_at_mark(before, name, lots) - (shares[name] if owed >= 0 else -shares[name])
        step = step.then(closing_postings(step.venue, REASON, name, "a", "b", lots, paid))

    prove(shares[MARKET] + shares[SECOND] == abs(owed), "the shares are the whole")
    prove((shares[MARKET] >= 0) & (shares[SECOND] >= 0), "none is negative")
    left = step.venue.accounts["a"]
    prove(left.positions == {}, "the account is flat")
    prove(left.wallet == 0, "with exactly nothing")
    prove(equity(step.venue, step.venue.accounts["b"]) == owed, "what it had, or owed, is the other side's")


@theorem(
    "D5-bankruptcy-price",
    rules=("CLO-5",),
    claim="A close at the bankruptcy price leaves at least nothing of the position's share of equity, and "
    "less than lots x multiplier; without such a price of one tick or more, a long never uses up its share, "
    "and a short never keeps any.",
    structural_bound="2 markets",
    stage="waterfall",
    contracts=(requirement_is_at_least_one,),
    witness=(
        dict(
            side=0,
            lots=3,
            cost=40,
            mark=10,
            multiplier=2,
            price=4,
            wallet=10,
            size_2=-4,
            cost_2=-44,
            mark_2=12,
        ),
        dict(
            side=1,
            lots=3,
            cost=-40,
            mark=10,
            multiplier=2,
            price=4,
            wallet=10,
            size_2=-4,
            cost_2=-44,
            mark_2=12,
        ),
        dict(
            side=0,
            lots=3,
            cost=40,
            mark=10,
            multiplier=2,
            price=4,
            wallet=10_000,
            size_2=-4,
            cost_2=-44,
            mark_2=12,
        ),
        dict(
            side=1,
            lots=3,
            cost=-40,
            mark=10,
            multiplier=2,
            price=4,
            wallet=-10_000,
            size_2=-4,
            cost_2=-44,
            mark_2=12,
        ),
    ),
    mutant=(
        Replace(
            "bankruptcy_price",
            "if position.size > 0 else",
            "if position.size < 0 else",
            name="the sides exchanged",
        ),
        Replace(
            "bankruptcy_price",
            "floor_div(share if owed >= 0 else -share, per_tick)",
            "1 + floor_div(share if owed >= 0 else -share, per_tick)",
            name="one tick too far",
        ),
        Replace(
            "bankruptcy_price",
            "price if price >= 1 else None",
            "max(price, 1)",
            name="a price that does not do",
        ),
    ),
)
def bankruptcy_price_uses_up_the_share(
    lots: Lots,
    cost: Quanta,
    mark: Ticks,
    multiplier: int,
    price: Ticks,
    wallet: Quanta,
    size_2: Lots,
    cost_2: Quanta,
    mark_2: Ticks,
) -> None:
    side = choice("side", 1, -1)
    assume(lots >= 1, guard="PST-1")
    assume(size_2 != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume(mark_2 >= 1, guard="PRC-1")
    assume(multiplier >= 1, policy="POL-13")
    assume(price >= 1, guard="EVT-2")
    unit = lots * multiplier
    lemma(unit >= 1, "a tick of it is worth something")
    lemma(unit * mark >= 1, "a position has a notional")
    lemma(abs(size_2) * mark_2 >= 1, "the other as well")
    positions = {MARKET: Position(side * lots, cost), SECOND: Position(size_2, cost_2)}
    account = Account("owner", CROSS, wallet, positions, {})
    terms = policy({MARKET: market(multiplier), SECOND: market()})
    at_marks = Venue(terms, 0, {MARKET: mark, SECOND: mark_2}, {"a": account}, {CROSS: Pool()}, 0)
    owed = equity(at_marks, account)
    size_of_share = equity_shares(at_marks, account, abs(owed))[MARKET]
    share = size_of_share if owed >= 0 else -size_of_share

    found = bankruptcy_price(at_marks, account, MARKET)

    if found is not None:
        left = share - side * (mark - found) * unit
        prove(found >= 1, "a price is at least one tick")
        prove(left >= 0, "a close at it leaves at least nothing")
        prove(left < unit, "and less than a tick of all lots")
    else:
        left = share - side * (mark - price) * unit
        lemma(unit * price >= unit, "at any price a lot is worth something")
        if side > 0:
            prove(left >= unit, "at no price is a long's share used up")
        else:
            prove(left < 0, "at no price does a short keep any of it")


@theorem(
    "D5-orders-cancelled",
    rules=("CLO-4",),
    claim="Whoever is closed by the law has no order left in the market in which it is closed; its other "
    "orders, its money and its positions stay.",
    structural_bound="2 markets, 2 accounts",
    stage="waterfall",
    witness=dict(buys=1, sells=2, buys_2=3, sells_2=0, size=4, cost=40, wallet=7),
    mutant=(
        Replace("orders_cancelled", "name, market, 0, 0,", "name, market, 0, 1,", name="one lot stays"),
        Replace(
            "orders_cancelled",
            "for market in sorted(markets)",
            "for market in sorted(orders)",
            name="orders everywhere",
        ),
    ),
)
def no_order_stays_where_it_is_closed(
    buys: Lots, sells: Lots, buys_2: Lots, sells_2: Lots, size: Lots, cost: Quanta, wallet: Quanta
) -> None:
    assume(size != 0, guard="PST-1")
    resting = {MARKET: OpenOrders(buys, sells), SECOND: OpenOrders(buys_2, sells_2)}
    account = Account("owner", CROSS, wallet, {MARKET: Position(size, cost)}, resting)
    terms = policy({MARKET: market(), SECOND: market()})
    before = venue(terms, {"a": account, "b": holder(1, orders=(1, 1))})

    in_one = post(before, orders_cancelled(before, REASON, "a", (MARKET,)))
    in_both = post(before, orders_cancelled(before, REASON, "a", (SECOND, MARKET)))
    none = orders_cancelled(before, REASON, "b", (SECOND,))

    prove(MARKET not in in_one.accounts["a"].orders, "no order is left in the market")
    prove(in_one.accounts["a"].orders[SECOND] is resting[SECOND], "those of another stay")
    prove(in_both.accounts["a"].orders == {}, "in both markets, if both are named")
    prove(none == (), "without orders there is nothing to cancel")
    prove(in_one.accounts["a"].wallet == wallet, "money stays")
    prove(in_one.accounts["a"].positions is account.positions, "positions stay")
    prove(in_one.accounts["b"] is before.accounts["b"], "and so does everybody else")
