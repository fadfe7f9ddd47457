"""D8, D9 and E2. Order: what the stages of a bankruptcy leave to each other, and bankrupt accounts to each
other.

Resolving one account changes nothing for another; the stages open one after the other; and who is
liquidatable but not bankrupt waits, on a list.
"""

from proofs.lemmas.contracts import (
    closing_realises_all,
    requirement_is_at_least_one,
)
from proofs.lemmas.resolution import MARGINS, RESOLVES, cap_leaves_equity, two_sides
from proofs.lemmas.waterfall import payable_is_within_room
from proofs.registry import Replace, assume, choice, lemma, prove, theorem
from proofs.symbolic import implies
from proofs.worlds import MARKET, holder, market, policy, venue
from refmodel.close_out import Step, lots_left
from refmodel.liquidation import waiting
from refmodel.margin import NOTHING_HELD, margin_maintenance
from refmodel.numbers import Lots, Quanta, Ticks
from refmodel.policy import (
    ADL_STAGE,
    BELOW,
    FUND_RESIDUE_STAGE,
    HOLDERS_STAGE,
    TRIGGERS,
)
from refmodel.postings import Posting, lots_of
from refmodel.ranking import ranking
from refmodel.resolution import Bankrupt, bankrupt_accounts, close_position, closings_of, resolve
from refmodel.stages import AT_MARK, DELEVERAGED, STAGES_IN_ORDER
from refmodel.state import CROSS, Pool, equity


@theorem(
    "D8-others-unchanged",
    rules=("RES-1", "RES-2", "ADL-8", "ADL-2"),
    stage="waterfall",
    claim="Resolving one bankrupt account changes no other bankrupt account's equity: it is on no ranking, "
    "and lots that it loses go at mark; its deficit is paid as it was when the transition began.",
    structural_bound="2 bankrupt accounts against each other, and 1 holder on either side",
    contracts=(*MARGINS, closing_realises_all, cap_leaves_equity, payable_is_within_room),
    witness=dict(w_0=-90, w_1=-50, w_2=60, s_0=5, s_1=3, cost=20, mark=5, fund=2),
    mutant=(
        Replace(
            "ranking", "if not is_liquidatable(", "if is_liquidatable(", name="the bankrupt are deleveraged"
        ),
        Replace(
            "mark_stage", "name, taken, 0, TAKES", "name, taken, 1, TAKES", name="a quantum taken at mark"
        ),
    ),
)
def resolving_one_leaves_the_others(
    w_0: Quanta, w_1: Quanta, w_2: Quanta, s_0: Lots, s_1: Lots, cost: Quanta, mark: Ticks, fund: Quanta
) -> None:
    assume(mark >= 1, guard="PRC-1")
    assume((s_0 >= 1) & (s_1 >= 1) & (s_1 != s_0), guard="PST-1")
    assume(fund >= 0, guard="FND-1")
    accounts = {
        "a": holder(w_0, s_0, cost),
        "b": holder(w_1, -s_1, 3),
        "c": holder(w_2, s_1 - s_0, 4),
    }
    terms = policy({MARKET: market()}, stages=(HOLDERS_STAGE, ADL_STAGE))
    snapshot = venue(terms, accounts, mark, pools={CROSS: Pool(fund), MARKET: Pool()})
    for name in ("a", "b"):
        assume(equity(snapshot, accounts[name]) < 0, guard="RES-1")
    (closing,) = closings_of(snapshot, Bankrupt("a", -equity(snapshot, accounts["a"])))
    holders = ranking(snapshot, MARKET, -1)

    step = close_position(Step(snapshot, ()), closing, holders)

    after = step.venue
    prove("b" not in holders, "no bankrupt account is deleveraged")
    prove(equity(after, after.accounts["b"]) == equity(snapshot, accounts["b"]), "its equity is what it was")
    prove(lots_left(after, closing) == 0, "nothing of the closing is left")
    held = after.accounts["b"].positions.get(MARKET, NOTHING_HELD).size
    prove((-s_1 <= held) & (held <= 0), "its lots only fall")


@theorem(
    "E2-stages-in-order",
    rules=("RES-2", "LOS-1", "INS-4", "ADL-7", "ADL-8"),
    stage="waterfall",
    claim="The stages of a bankruptcy open in their order, each for what those before it left.",
    structural_bound="1 position against 1 holder; a backstop that takes is E1-fund-stage",
    contracts=RESOLVES,
    witness=(
        dict(wallet=5, lots=2, cost=20, mark=5, wallet_2=600, fund=3),
        dict(wallet=5, lots=2, cost=20, mark=5, wallet_2=6, fund=0),
    ),
    mutant=(
        Replace(
            "adl_stage",
            "gap, TAKES_AT_CLOSE_OUT)",
            "gap, TAKES_AT_MARK)",
            name="deleveraging called closing at mark",
        ),
        Replace("mark_stage", "TAKES_AT_MARK)", "TAKES_AT_CLOSE_OUT)", name="the reverse"),
    ),
)
def stages_open_in_order(
    wallet: Quanta, lots: Lots, cost: Quanta, mark: Ticks, wallet_2: Quanta, fund: Quanta
) -> None:
    snapshot = two_sides(
        (HOLDERS_STAGE, ADL_STAGE, FUND_RESIDUE_STAGE), (wallet, wallet_2), lots, cost, mark, 0, Pool(fund), 5
    )
    holders = ranking(snapshot, MARKET, -1)

    step = resolve(snapshot)

    posted = [entry for entry in step.postings if isinstance(entry, Posting)]
    opened = [STAGES_IN_ORDER.index(entry.stage) for entry in posted]
    prove(opened == sorted(opened), "no stage opens after a later one")
    closed = dict.fromkeys(STAGES_IN_ORDER, 0)
    for entry in posted:
        if entry.place == lots_of("b", MARKET):
            closed[entry.stage] += entry.amount
    if bankrupt_accounts(snapshot):
        prove(sum(closed.values()) == lots, "each lot is closed in exactly one of them")
        forgone = equity(snapshot, snapshot.accounts["b"]) - equity(step.venue, step.venue.accounts["b"])
        prove(implies(closed[DELEVERAGED] == 0, forgone == 0), "who is not deleveraged forgoes nothing")
        if "b" not in holders:
            prove(closed[AT_MARK] == lots, "who is not eligible is closed at mark alone")


@theorem(
    "D9-waiting",
    rules=("LIQ-7", "MAR-9"),
    stage="waterfall",
    claim="At rest each liquidatable account is on the list of those whom nobody has taken, with its equity "
    "and its margin, and nobody else is: equity of 0 or more never opens deleveraging.",
    structural_bound="3 accounts; each is asked by itself",
    contracts=(requirement_is_at_least_one,),
    witness=(
        dict(trigger=0, wallet=10, size=2, cost=20, mark=5, wallet_2=600, savings=7),
        dict(trigger=1, wallet=11, size=2, cost=20, mark=5, wallet_2=600, savings=0),
    ),
    mutant=(
        Replace("waiting", "if is_liquidatable(", "if not is_liquidatable(", name="the wrong ones"),
        Replace(
            "is_liquidatable",
            "return equity <= maintenance",
            "return equity < maintenance",
            name="off by one",
        ),
    ),
)
def who_waits_is_listed(
    wallet: Quanta, size: Lots, cost: Quanta, mark: Ticks, wallet_2: Quanta, savings: Quanta
) -> None:
    trigger = choice("trigger", *TRIGGERS)
    assume(size != 0, guard="PST-1")
    assume(mark >= 1, guard="PRC-1")
    assume(savings >= 0, guard="INV-1")
    lemma(abs(size) * mark >= 1, "a position has a notional")
    accounts = {
        "b": holder(wallet_2, -size, -cost),
        "a": holder(wallet, size, cost),
        "saver": holder(savings),
    }
    at_rest = venue(policy({MARKET: market()}, trigger=trigger), accounts, mark)
    for name in ("a", "b"):
        assume(equity(at_rest, accounts[name]) >= 0, theorem="INV-1-fund")

    found = {each.account: (each.equity, each.maintenance) for each in waiting(at_rest)}

    prove("saver" not in found, "who holds nothing is not closed")
    for name in ("a", "b"):
        account = accounts[name]
        owned, needed = equity(at_rest, account), margin_maintenance(at_rest, account)
        below = owned < needed if trigger == BELOW else owned <= needed
        prove(below == (name in found), "exactly those below their margin, or at it where the policy says so")
        if name in found:
            prove((found[name][0] == owned) & (found[name][1] == needed), "each with its numbers")
            prove(found[name][0] >= 0, "and with equity")
    prove(bankrupt_accounts(at_rest) == [], "no resolution opens for them")
