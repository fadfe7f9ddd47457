"""D11. Takeover: the backstop of a pool takes all positions of an account that still has equity, or none."""

from proofs.lemmas.contracts import (
    closing_realises_all,
    requirement_is_at_least_one,
    requirement_is_monotone,
)
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.worlds import MARKET, market, policy
from refmodel.events import Takeover
from refmodel.margin import carries, margin_maintenance, notional_of, standing_of
from refmodel.numbers import PPM, Lots, Ppm, Quanta, Ticks
from refmodel.policy import BELOW, TO_ACCOUNT, TO_BACKSTOP
from refmodel.postings import books_gap, lots_gap
from refmodel.state import CROSS, HOUSE, Account, OpenOrders, Pool, Position, Venue, backstop_of, equity
from refmodel.takeover import may_be_taken_over, taken_over, takeover

SECOND = "N"
BACKSTOP = backstop_of(CROSS)
TAKEOVER = dict(
    remainder=0,
    wallet=50,
    size=20,
    cost=1_990,
    size_2=-4,
    cost_2=-44,
    wallet_b=5_000,
    size_b=-7,
    cost_b=-700,
    mark=100,
    mark_2=12,
    trigger=700_000,
)
"""Equity 56 of a margin of 103, taken over below 70 % of it, by a backstop that is short 7 lots."""


def world(
    wallet: Quanta,
    positions: dict[str, Position],
    wallet_b: Quanta,
    positions_b: dict[str, Position],
    marks: dict[str, Ticks],
    trigger: Ppm,
    remainder: str,
    largest: Quanta,
) -> Venue:
    """An account with orders, the backstop of its pool, and a bystander."""
    resting = {MARKET: OpenOrders(1, 2), SECOND: OpenOrders(3, 4)}
    accounts = {
        "a": Account("owner", CROSS, wallet, positions, resting),
        BACKSTOP: Account(HOUSE, CROSS, wallet_b, positions_b, {}),
        "bystander": Account("another", CROSS, 7, {}, {}),
    }
    terms = policy(
        {MARKET: market(), SECOND: market()},
        takeover_trigger=trigger,
        takeover_remainder=remainder,
        backstop_notional_max=largest,
    )
    return Venue(terms, 0, marks, accounts, {CROSS: Pool()}, 0)


@theorem(
    "D11-trigger",
    rules=("TKO-1", "POL-19", "MAR-9"),
    claim="Only an account that is liquidatable, whichever the trigger of the policy, is taken over, and "
    "none without a position or without a takeover trigger.",
    stage="waterfall",
    witness=dict(equity=56, maintenance=103, trigger=700_000),
    mutant=(
        Replace("may_be_taken_over", "< trigger", "<= trigger", name="off by one at the trigger"),
        Replace(
            "may_be_taken_over",
            "equity * PPM < trigger * maintenance",
            "equity < trigger * maintenance",
            name="the rate not taken in ppm",
        ),
    ),
)
def only_weak_accounts_are_taken_over(equity: Quanta, maintenance: Quanta, trigger: Ppm) -> None:
    assume(equity >= 0, guard="INV-1")
    assume(maintenance >= 0, theorem="B1-account")
    assume(0 <= trigger, policy="POL-19")
    assume(trigger <= PPM, policy="POL-19")
    lemma(trigger * maintenance <= PPM * maintenance, "the trigger is at most the margin itself")

    if may_be_taken_over(equity, maintenance, trigger):
        prove(equity < maintenance, "it is below its maintenance margin")
        prove(equity * PPM < trigger * maintenance, "by the share that the policy says")
        prove(maintenance >= 1, "it holds a position")
        prove(trigger >= 1, "the policy has takeovers")


@theorem(
    "D11-taken-over",
    rules=("TKO-4", "CLO-3", "CLO-4", "PST-1"),
    claim="The account is left flat, without orders, with exactly nothing, or with its equity where the "
    "policy leaves it; the backstop has the positions and the rest; nobody else is touched.",
    structural_bound="3 accounts, of which 2 are named; 2 markets",
    stage="waterfall",
    contracts=(closing_realises_all, requirement_is_at_least_one),
    witness=(TAKEOVER, TAKEOVER | dict(remainder=1)),
    mutant=(
        Replace("taken_over", "- shares[market]", "+ shares[market]", name="equity taken twice"),
        Replace("taken_over", "== TO_BACKSTOP else 0", "== TO_BACKSTOP else 1", name="a quantum kept"),
        Replace(
            "taken_over",
            "tuple(account.orders)",
            "tuple(account.orders)[:1]",
            name="orders stay in one market",
        ),
    ),
)
def takeover_moves_everything(
    wallet: Quanta,
    size: Lots,
    cost: Quanta,
    size_2: Lots,
    cost_2: Quanta,
    wallet_b: Quanta,
    size_b: Lots,
    cost_b: Quanta,
    mark: Ticks,
    mark_2: Ticks,
    trigger: Ppm,
) -> None:
    remainder = choice("remainder", TO_BACKSTOP, TO_ACCOUNT)
    for lots in (size, size_2, size_b):
        assume(lots != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume(mark_2 >= 1, guard="PRC-1")
    lemma(abs(size) * mark >= 1, "a position has a notional")
    lemma(abs(size_2) * mark_2 >= 1, "the other as well")
    held = {MARKET: Position(size, cost), SECOND: Position(size_2, cost_2)}
    marks = {MARKET: mark, SECOND: mark_2}
    before = world(wallet, held, wallet_b, {MARKET: Position(size_b, cost_b)}, marks, trigger, remainder, 0)
    e = equity(before, before.accounts["a"])
    eb = equity(before, before.accounts[BACKSTOP])
    assume(e >= 0, guard="INV-1")

    after = taken_over(before, "a").venue

    left, backstop = after.accounts["a"], after.accounts[BACKSTOP]
    prove(left.positions == {} and left.orders == {}, "the account is flat and has no orders")
    prove(left.wallet == (0 if remainder == TO_BACKSTOP else e), "with exactly nothing, or its equity")
    prove(equity(after, backstop) == eb + e - left.wallet, "the rest is the backstop's")
    sizes = [backstop.positions.get(name, Position(0, 0)).size for name in (MARKET, SECOND)]
    prove((sizes[0] == size_b + size) & (sizes[1] == size_2), "and so are the positions")
    prove(after.accounts["bystander"] is before.accounts["bystander"], "who is not posted to is unchanged")
    prove(after.pools is before.pools, "no pool pays anything")
    prove(books_gap(after) == books_gap(before), "the books balance as before")
    for name in (MARKET, SECOND):
        prove(lots_gap(after, name) == lots_gap(before, name), "so do the lots")


@theorem(
    "D11-takeover",
    rules=("TKO-1", "TKO-2", "TKO-3", "LIM-1", "LIM-2"),
    claim="A backstop takes over only below the trigger, never itself, and only what it can carry: with "
    "initial margin, not liquidatable, within the largest size and notional; a refusal changes nothing.",
    structural_bound="3 accounts, of which 2 are named; 1 market",
    stage="waterfall",
    contracts=(closing_realises_all, requirement_is_at_least_one, requirement_is_monotone),
    witness=(
        dict(wallet=90, size=20, cost=2_010, wallet_b=5_000, mark=100, trigger=900_000, largest=5_000),
        dict(wallet=90, size=20, cost=2_010, wallet_b=5_000, mark=100, trigger=900_000, largest=1_999),
        dict(wallet=90, size=20, cost=2_010, wallet_b=60, mark=100, trigger=900_000, largest=5_000),
        dict(wallet=90, size=20, cost=2_010, wallet_b=5_000, mark=100, trigger=800_000, largest=5_000),
    ),
    mutant=(
        Replace(
            "takeover",
            "if not carries(standing, venue.policy.trigger):",
            "if standing.equity < standing.maintenance:",
            name="maintenance margin is enough",
        ),
        Replace(
            "takeover", "if event.account == backstop:", "if False:", name="a backstop takes itself over"
        ),
        Replace(
            "takeover",
            "if held > venue.policy.backstop_notional_max:",
            "if held > venue.policy.backstop_notional_max + 1:",
            name="one quantum above its largest notional",
        ),
    ),
)
def backstop_takes_what_it_can_carry(
    wallet: Quanta, size: Lots, cost: Quanta, wallet_b: Quanta, mark: Ticks, trigger: Ppm, largest: Quanta
) -> None:
    assume(size != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume(0 <= trigger, policy="POL-19")
    assume(trigger <= PPM, policy="POL-19")
    lemma(abs(size) * mark >= 1, "a position has a notional")
    held = {MARKET: Position(size, cost)}
    before = world(wallet, held, wallet_b, {}, {MARKET: mark}, trigger, TO_BACKSTOP, largest)
    account = before.accounts["a"]
    e, m = equity(before, account), margin_maintenance(before, account)
    assume(e >= 0, guard="INV-1")

    outcome = takeover(before, Takeover(0, "a"))

    weak = world(7, {}, wallet, held, {MARKET: mark}, trigger, TO_BACKSTOP, largest)
    itself = takeover(weak, Takeover(0, BACKSTOP)).refusal
    prove(itself is not None and itself.rule in ("TKO-1", "TKO-2"), "no backstop takes itself over")
    if outcome.refusal is not None:
        prove(outcome.venue is before, "a refused takeover changes nothing")
        return
    after = outcome.venue.accounts[BACKSTOP]
    standing = standing_of(outcome.venue, after)
    prove(e * PPM < trigger * m, "the account was below the trigger")
    prove(carries(standing, BELOW), "the backstop carries what it has")
    prove(standing.equity >= standing.initial, "with its initial margin")
    prove(abs(after.positions[MARKET].size) <= 1_000_000, "within the largest size")
    prove(notional_of(outcome.venue, after) <= largest, "and the largest notional")
    prove(equity(outcome.venue, outcome.venue.accounts["a"]) == 0, "the account is left with nothing")
