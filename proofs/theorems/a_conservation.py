"""A. Conservation: nothing is lost, minted, or moved to somebody who was not named.

Every transition is a list of postings. That a list is balanced is proved of the code that makes it; that a
balanced list keeps the books is proved of `post`; who is not posted to is unchanged. Together they hold for
any number of accounts.
"""

from proofs.contracts import establish
from proofs.lemmas.contracts import closing_realises_all
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.events import Trade
from refmodel.funding import funding_per_lot, funding_postings
from refmodel.insurance import fund_inflow
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks, ceil_div
from refmodel.postings import (
    BAD_DEBT,
    CUSTODY,
    FEE_POOL,
    FUND,
    OPEN_COST,
    WALLET,
    Place,
    books_gap,
    lots_gap,
    lots_of,
    move,
    post,
    sums_to_zero,
)
from refmodel.state import CROSS, Pool, Position, equity
from refmodel.trading import BUY, SELL, fee, fee_postings, realised, sides_of, trade_postings


@theorem(
    "A1-trade-balanced",
    rules=("PST-1", "TRD-5", "TRD-6", "FEE-2"),
    claim="The postings of a trade sum to zero: money in total, and lots.",
    contracts=(closing_realises_all,),
    witness=(
        dict(
            side=0, size_t=5, cost_t=50, size_m=-3, cost_m=-30, lots=7, price=11, fee_taker=500, fee_maker=-9
        ),
        dict(side=1, size_t=0, cost_t=0, size_m=0, cost_m=0, lots=2, price=3, fee_taker=500, fee_maker=200),
    ),
    mutant=Replace(
        "move",
        "Posting(rule, payee, amount, stage)",
        "Posting(rule, payee, amount + 1, stage)",
        name="one quantum minted",
    ),
)
def trade_is_balanced(
    size_t: Lots,
    cost_t: Quanta,
    size_m: Lots,
    cost_m: Quanta,
    lots: Lots,
    price: Ticks,
    fee_taker: Ppm,
    fee_maker: Ppm,
) -> None:
    assume(lots >= 1, guard="EVT-2")
    assume(price >= 1, guard="EVT-2")
    side = choice("side", BUY, SELL)
    event = Trade(0, MARKET, "taker", "maker", side, lots, price)
    accounts = {"taker": holder(0, size_t, cost_t), "maker": holder(0, size_m, cost_m)}
    before = venue(policy({MARKET: market()}, fee_taker=fee_taker, fee_maker=fee_maker), accounts)

    taker, maker = sides_of(before, event, lots * price)
    postings = trade_postings(before, MARKET, taker, maker)

    prove(sums_to_zero(postings), "what one side gives, the other or a pool receives")


PLACES = (WALLET, OPEN_COST, FUND, FEE_POOL, BAD_DEBT, CUSTODY)


def place_of(kind: str) -> Place:
    """A place of each kind, of an account or of a pool that is not the only one."""
    if kind in (WALLET, OPEN_COST):
        return Place(kind, "a", MARKET)
    return Place(kind) if kind == CUSTODY else Place(kind, CROSS)


@theorem(
    "A2-books",
    rules=("PST-2", "PST-1"),
    claim="Whatever is posted between any two places, custody + bad debt stays equal to all claims.",
    structural_bound="2 accounts and 2 pools, of which one each is posted to; any number by A5",
    witness=dict(
        payer=0, payee=5, amount=7, wallet=9, size=2, cost=5, other=3, fund=1, fees=2, debt=4, custody=0
    ),
    mutant=(
        Replace(
            "_post_pool",
            "replace(pool, fee_pool=pool.fee_pool + amount)",
            "replace(pool, fee_pool=pool.fee_pool + amount + amount)",
            name="a fee credited twice",
        ),
        Replace(
            "_post_account",
            "wallet = account.wallet + amount",
            "wallet = account.wallet + max(amount, 0)",
            name="a fee credited but not charged",
        ),
        Replace(
            "_post_pool", "pool.bad_debt - amount", "pool.bad_debt + amount", name="a repayment adds debt"
        ),
    ),
)
def posting_keeps_books(
    amount: Quanta,
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    other: Quanta,
    fund: Quanta,
    fees: Quanta,
    debt: Quanta,
    custody: Quanta,
) -> None:
    assume(size != 0, guard="PST-1")  # no position of size 0 is kept
    payer = place_of(choice("payer", *PLACES))
    payee = place_of(choice("payee", *PLACES))
    accounts = {"a": holder(wallet, size, cost), "b": holder(other)}
    pools = {CROSS: Pool(fund, fees, debt), MARKET: Pool()}
    before = venue(policy({MARKET: market()}), accounts, custody=custody, pools=pools)

    after = post(before, move("A2", payer, payee, amount))

    prove(books_gap(after) == books_gap(before), "the books balance after if they did before")


@theorem(
    "A3-lots",
    rules=("PST-3", "PST-1"),
    claim="Lots only change hands: after every posting the long lots of a market equal its short lots.",
    structural_bound="3 accounts, of which 2 are posted to; any number by A5",
    witness=dict(lots=3, size_a=-3, size_b=2, size_c=1),
    mutant=Replace(
        "_post_account",
        "Position(position.size + amount, position.cost)",
        "Position(position.size + abs(amount), position.cost)",
        name="lots appear",
    ),
)
def lots_change_hands(lots: Lots, size_a: Lots, size_b: Lots, size_c: Lots) -> None:
    assume(size_a + size_b + size_c == 0, guard="PST-3")  # of the transition before
    for size in (size_a, size_b, size_c):
        assume(size != 0, guard="PST-1")  # no position of size 0 is kept
    accounts = {"a": holder(0, size_a), "b": holder(0, size_b), "c": holder(0, size_c)}
    before = venue(policy({MARKET: market()}), accounts)

    after = post(before, move("A3", lots_of("a", MARKET), lots_of("b", MARKET), lots))

    prove(lots_gap(after, MARKET) == 0, "what one account gave, another holds")


@theorem(
    "A4-prices",
    rules=("ACC-1", "ACC-2", "PRC-1"),
    claim="New marks create nothing: what all accounts together are worth does not depend on the mark.",
    structural_bound="3 accounts in 1 market; each further account adds size x move, and sizes sum to 0",
    witness=dict(
        size_a=-3, size_b=2, size_c=1, cost_a=-30, cost_b=20, cost_c=9, mark=10, mark_after=99, multiplier=2
    ),
    mutant=Replace(
        "equity", "total += value - position.cost", "total += abs(value) - position.cost", name="shorts gain"
    ),
)
def marks_create_nothing(
    size_a: Lots,
    size_b: Lots,
    size_c: Lots,
    cost_a: Quanta,
    cost_b: Quanta,
    cost_c: Quanta,
    mark: Ticks,
    mark_after: Ticks,
    multiplier: int,
) -> None:
    assume(size_a + size_b + size_c == 0, theorem="A3-lots")
    for size in (size_a, size_b, size_c):
        assume(size != 0, guard="PST-1")  # no position of size 0 is kept
    accounts = {
        "a": holder(0, size_a, cost_a),
        "b": holder(0, size_b, cost_b),
        "c": holder(0, size_c, cost_c),
    }
    terms = policy({MARKET: market(multiplier)})
    before = venue(terms, accounts, mark)
    after = venue(terms, accounts, mark_after)

    change = sum(equity(after, account) - equity(before, account) for account in accounts.values())

    prove(change == 0, "what one side gains by a price, the other side loses")
    gain_of_a = equity(after, accounts["a"]) - equity(before, accounts["a"])
    prove(
        gain_of_a == size_a * multiplier * (mark_after - mark),
        "each account gains its size times the move, whatever the others hold",
    )


@theorem(
    "A6-closing",
    rules=("TRD-6",),
    claim="A deal realises at most the exact profit of the lots it closes, and less than two quanta "
    "under it.",
    witness=(
        dict(size=3, cost=10, lots=-2, paid=-7, whole=0),
        dict(size=-3, cost=-10, lots=5, paid=17, whole=0),
        dict(size=4, cost=10, lots=-4, paid=-9, whole=1),
    ),
    mutant=(
        Replace("realised", "ceil_div(position.cost", "floor_div(position.cost", name="a floor for a ceil"),
        Replace(
            "realised", "-(paid_for_closed + cost_of_closed)", "-(paid_for_closed)", name="cost forgotten"
        ),
    ),
)
def realised_profit_is_rounded_down(size: Lots, cost: Quanta, lots: Lots, paid: Quanta) -> None:
    assume(lots != 0, guard="EVT-2")
    position = Position(size, cost)

    establish(closing_realises_all, position, lots, paid)
    profit = realised(position, lots, paid)

    if size > 0 and lots < 0 and -lots <= size:
        share = ceil_div(cost * -lots, size)
        lemma(profit == -(paid + share), "all of the amount is for lots closed")
        prove(profit * size <= -paid * size + cost * lots, "a long's profit is never rounded up")
        prove(profit * size > -paid * size + cost * lots - size, "it is less than a quantum under it")
    if size < 0 and lots > 0 and lots <= -size:
        share = ceil_div(cost * lots, -size)
        lemma(profit == -(paid + share), "all of the amount is for lots closed")
        prove(profit * -size <= -paid * -size - cost * lots, "a short's profit is never rounded up")
        prove(profit * -size > -paid * -size - cost * lots + size, "it is less than a quantum under it")


@theorem(
    "A6-open-close",
    rules=("TRD-6", "FEE-1"),
    claim="Opening and closing at one price never leaves more in the wallet than before.",
    witness=dict(lots=3, price=7, multiplier=1, rate=500),
    mutant=Replace(
        "realised", "ceil_div(paid * closed", "-1 + ceil_div(paid * closed", name="a quantum too much"
    ),
)
def round_trip_never_profits(lots: Lots, price: Ticks, multiplier: int, rate: Ppm) -> None:
    assume(lots >= 1, guard="EVT-2")
    assume(price >= 1, guard="EVT-2")
    assume(multiplier >= 1, policy="POL-13")
    assume(rate >= 0, policy="POL-10")
    amount = lots * price * multiplier
    opened = Position(lots, amount)

    profit = realised(opened, -lots, -amount)
    paid = fee(amount, rate)

    prove(profit == 0, "the price paid and the price received are one price")
    prove(profit - paid - paid <= 0, "two fees are never negative")
    prove(realised(Position(-lots, -amount), lots, amount) == 0, "and the same for a short")


@theorem(
    "A6-fee-direction",
    rules=("FEE-1", "NUM-1"),
    claim="A fee is never rounded down and a rebate never up, each by less than a quantum.",
    witness=(dict(amount=1_001, rate=500), dict(amount=1_001, rate=-500)),
    mutant=Replace("fee", "ceil_div(amount * rate, PPM)", "amount * rate // PPM", name="a floor for a ceil"),
)
def fee_rounds_for_the_venue(amount: Quanta, rate: Ppm) -> None:
    assume(amount >= 0, guard="EVT-2")

    charged = fee(amount, rate)

    prove(charged * PPM >= amount * rate, "what is charged covers the rate")
    prove(charged * PPM < amount * rate + PPM, "and by less than one quantum more")


@theorem(
    "A7-fees",
    rules=("FEE-2", "FEE-1"),
    claim="What is credited of a trade's fees is what was charged, and no trade takes from a fee pool.",
    witness=(
        dict(amount=1_001, rate_taker=500, rate_maker=-500),
        dict(amount=1_001, rate_taker=500, rate_maker=200),
        dict(amount=1_001, rate_taker=500, rate_maker=-200),
    ),
    mutant=(
        Replace(
            "fee_postings",
            'move("FEE-2", wallet_of(taker), wallet_of(maker), rebate)',
            'move("FEE-2", fee_pool_of(taker_pool), wallet_of(maker), rebate + rebate)',
            name="a rebate from the pool",
        ),
        Replace("fee_postings", "fee_taker - rebate", "fee_taker", name="the taker pays the rebate on top"),
    ),
)
def fees_are_credited_as_charged(amount: Quanta, rate_taker: Ppm, rate_maker: Ppm) -> None:
    assume(amount >= 1, guard="EVT-2")
    assume(rate_taker >= 0, policy="POL-10")
    assume(rate_maker >= -rate_taker, policy="POL-10")
    fee_taker = fee(amount, rate_taker)
    fee_maker = fee(amount, rate_maker)

    postings = fee_postings("taker", CROSS, "maker", MARKET, fee_taker, fee_maker)

    change: dict[tuple[str, str], Quanta] = {}
    for posting in postings:
        where = (posting.place.kind, posting.place.holder)
        change[where] = change.get(where, 0) + posting.amount
    prove(change[WALLET, "taker"] == -fee_taker, "the taker is charged exactly its fee")
    prove(change[WALLET, "maker"] == -fee_maker, "the maker is charged or credited exactly its own")
    for pool in (CROSS, MARKET):
        prove(change.get((FEE_POOL, pool), 0) >= 0, "no fee pool falls")
    prove(sum(change.values()) == 0, "all that was charged was credited")


@theorem(
    "A9-funding",
    rules=("FUN-2", "FUN-3", "PST-1"),
    claim="Funding payments sum to zero exactly; every holder pays the same whole quanta per lot.",
    structural_bound="3 holders; each further one adds -per lot x size, and sizes sum to 0 (A3)",
    witness=dict(size_a=-3, size_b=2, size_c=1, rate=123, mark=1_000, multiplier=7),
    mutant=(
        Replace(
            "funding_postings", "-per_lot * venue", "-abs(per_lot) * venue", name="sign of the rate lost"
        ),
        Replace("funding_postings", ".size)", ".size + 1)", name="one lot too many"),
    ),
)
def funding_sums_to_zero(
    size_a: Lots, size_b: Lots, size_c: Lots, rate: Ppm, mark: Ticks, multiplier: int
) -> None:
    assume(size_a + size_b + size_c == 0, theorem="A3-lots")
    for size in (size_a, size_b, size_c):
        assume(size != 0, guard="PST-1")  # no position of size 0 is kept
    accounts = {"a": holder(0, size_a), "b": holder(0, size_b), "c": holder(0, size_c), "d": holder(0)}
    before = venue(policy({MARKET: market(multiplier)}), accounts, mark)

    per_lot = funding_per_lot(rate, mark, multiplier)
    postings = funding_postings(before, MARKET, per_lot)

    prove(sums_to_zero(postings), "what one side pays, the other receives")
    prove(len(postings) == 3, "who holds nothing pays nothing")
    for posting, size in zip(postings, (size_a, size_b, size_c), strict=True):
        prove(posting.amount == -per_lot * size, "a long pays when the rate is positive, per lot")


@theorem(
    "A9-funding-direction",
    rules=("FUN-2",),
    claim="Funding per lot is the exact amount rounded down, by less than a quantum per lot.",
    witness=dict(rate=-123, mark=1_001, multiplier=7),
    mutant=Replace(
        "funding_per_lot", "floor_div(rate * mark", "1 + floor_div(rate * mark", name="rounded up"
    ),
)
def funding_per_lot_is_rounded_once(rate: Ppm, mark: Ticks, multiplier: int) -> None:
    per_lot = funding_per_lot(rate, mark, multiplier)

    prove(per_lot * PPM <= rate * mark * multiplier, "never above the exact amount")
    prove(per_lot * PPM > rate * mark * multiplier - PPM, "by less than a quantum")


@theorem(
    "A7-fund-inflow",
    rules=("FND-1",),
    claim="An inflow to a fund repays the pool's bad debt first, and all of it arrives.",
    witness=(dict(amount=5, debt=3, fund=7), dict(amount=2, debt=3, fund=7)),
    mutant=Replace("fund_inflow", "min(amount, venue", "max(amount, venue", name="repays more than came"),
)
def inflow_repays_bad_debt_first(amount: Quanta, debt: Quanta, fund: Quanta) -> None:
    assume(amount >= 1, guard="EVT-2")
    assume(debt >= 0, guard="FND-1")  # of the inflow before
    before = venue(policy({MARKET: market()}), {}, pools={CROSS: Pool(fund, 0, debt)})

    to_debt, to_fund = fund_inflow(before, CROSS, amount)

    prove(to_debt.amount + to_fund.amount == amount, "nothing of it is lost")
    prove(to_fund.amount >= 0, "the balance already in the fund is not used")
    prove(debt - to_debt.amount >= 0, "no debt is repaid twice")
    prove(implies(to_fund.amount > 0, to_debt.amount == debt), "the fund grows only when no debt is left")
