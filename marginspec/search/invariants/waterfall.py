"""Invariants of section E of the theorems: funds, bad debt, and the waterfall below zero."""

from marginspec.search.invariants.loss import MONEY_STAGES
from marginspec.search.invariants.step import Resolution, Step, after_every_event
from refmodel.events import FundDeposit
from refmodel.insurance import drawn_so_far
from refmodel.margin import NOTHING_HELD, carries, is_liquidatable, maintenance_of
from refmodel.numbers import Lots, Quanta
from refmodel.policy import ADL_STAGE, BACKSTOP_STAGE, EQUITY, HOLDERS_STAGE, Policy
from refmodel.postings import BAD_DEBT, FUND, LOTS, WALLET, DrawCounted, Posting, post
from refmodel.stages import (
    AT_MARK,
    BACKSTOP_TAKES,
    BAD_DEBT_STANDS,
    DELEVERAGED,
    HOLDERS_TAKE,
    PAYERS_PAY,
    STAGES_IN_ORDER,
)
from refmodel.state import backstop_of

# ------------------------------------------------------------------------------------- every event


@after_every_event("A1")
def the_postings_are_the_whole_difference(step: Step) -> str | None:
    """Posted to the venue before, they give the venue after: an auditor needs nothing else."""
    if not step.outcome.postings or post(step.before, step.outcome.postings) == step.after:
        return None
    return "posted again to the venue before, they give another venue"


@after_every_event("E1")
def funds_pay_within_their_draw_limits(step: Step) -> str | None:
    """No fund falls below nothing, and what all of a period's resolutions drew is within the limit."""
    if step.after.pools is step.before.pools:
        return None
    for name, pool in step.after.pools.items():
        earlier = step.before.pools[name]
        if min(pool.fund, pool.fee_pool, pool.bad_debt, pool.drawn) < 0:
            return f"pool {name}: {pool}"
        if (pool.draw_period, pool.drawn) == (earlier.draw_period, earlier.drawn):
            counted = 0
        else:
            counted = pool.drawn - (earlier.drawn if earlier.draw_period == pool.draw_period else 0)
            if pool.draw_period != step.event.time // step.before.policy.draw_period:
                return f"pool {name} counts in period {pool.draw_period:_} at {step.event.time:_}"
            if pool.drawn > step.before.policy.draw_limits[name]:
                limit = step.before.policy.draw_limits[name]
                return f"pool {name} has drawn {pool.drawn:_} of {limit:_} in a period"
        if counted != paid_by_fund(step, name):
            return f"fund {name} paid {paid_by_fund(step, name):_}, {counted:_} were counted"
    return None


def paid_by_fund(step: Step, pool: str) -> Quanta:
    """What a fund paid in this step; what it received in the same step left out."""
    return -sum(
        entry.amount
        for entry in step.outcome.postings
        if isinstance(entry, Posting) and entry.place.kind == FUND and entry.place.holder == pool
        if entry.amount < 0
    )


@after_every_event("E6")
def bad_debt_falls_by_payment_only(step: Step) -> str | None:
    """It rises by what a resolution could not cover, and falls by what arrives for the fund, first of all."""
    if step.after.pools is step.before.pools:
        return None
    for name, pool in step.after.pools.items():
        earlier = step.before.pools[name]
        if pool is earlier:
            continue
        rise = pool.bad_debt - earlier.bad_debt
        arrived = recorded = 0
        for entry in step.outcome.postings:
            if not isinstance(entry, Posting) or entry.place.holder != name:
                continue
            if entry.place.kind in (FUND, BAD_DEBT) and entry.amount > 0:
                arrived += entry.amount
            elif entry.place.kind == BAD_DEBT:
                recorded -= entry.amount
        repaid = min(arrived, earlier.bad_debt)
        if rise != recorded - repaid:
            return f"pool {name}: {arrived:_} arrived, {recorded:_} recorded, bad debt rose by {rise:_}"
        if recorded > 0 and step.resolution is None:
            return f"pool {name}: bad debt of {recorded:_} without anybody bankrupt"
        if isinstance(step.event, FundDeposit) and arrived != step.event.amount:
            return f"pool {name}: {step.event.amount:_} were deposited, {arrived:_} arrived"
    return None


# ------------------------------------------------------------------------------------- equity < 0


@after_every_event("INV-1")
def who_was_bankrupt_ends_with_exactly_nothing(step: Step) -> str | None:
    if step.resolution is None:
        return None
    for name in step.resolution.bankrupt:
        account = step.after.accounts[name]
        if account.positions or account.orders or account.wallet != 0:
            return f"{name}: wallet {account.wallet:_}, {len(account.positions)} positions"
    if not step.resolution.bankrupt:
        return "postings of a resolution, and nobody was bankrupt"
    return None


@after_every_event("B5")
def resolution_makes_nobody_liquidatable_but_by_socialised_loss(step: Step) -> str | None:
    resolution = step.resolution
    if resolution is None:
        return None
    trigger = step.before.policy.trigger
    for name, before in resolution.standings.items():
        if name in resolution.bankrupt or is_liquidatable(before.equity, before.maintenance, trigger):
            continue
        after = step.standings_after.get(name)
        if after is None or not is_liquidatable(after.equity, after.maintenance, trigger):
            continue
        if resolution.by_stage.get((name, PAYERS_PAY), 0) == 0:
            return (
                f"{name}: {before.equity:_} over {before.maintenance:_} became "
                f"{after.equity:_} over {after.maintenance:_}"
            )
    return None


@after_every_event("E8")
def who_holds_nothing_pays_nothing(step: Step) -> str | None:
    """Unless the policy names flat accounts as payers; the fund is the house's, and no account's."""
    resolution = step.resolution
    if resolution is None or step.before.policy.payers == EQUITY:
        return None
    for name, account in resolution.snapshot.accounts.items():
        if account.positions or name in resolution.bankrupt or name not in step.standings_after:
            continue
        change = step.standings_after[name].equity - resolution.standings[name].equity
        if change != 0:
            return f"equity of {name}, which held nothing, changed by {change:_}"
    return None


@after_every_event("E3")
def winners_forgo_the_uncovered_gap_and_no_more(step: Step) -> str | None:
    """Of everybody not bankrupt: compensated and at mark it is as before, deleveraged and socialised it is
    poorer; all that is paid, forgone and recorded is the sum of the deficits, to the quantum."""
    resolution = step.resolution
    if resolution is None:
        return None
    for (name, stage), change in resolution.by_stage.items():
        if stage == AT_MARK or (name not in resolution.bankrupt and stage in (BACKSTOP_TAKES, HOLDERS_TAKE)):
            if change != 0:
                return f"stage {stage} changed the equity of {name} by {change:_}"
        elif name not in resolution.bankrupt and change > 0:
            return f"stage {stage} gave {name} {change:_}"
    deficits = sum(resolution.bankrupt.values())
    covered = covered_by_stage(step, resolution)
    if sum(covered.values()) != deficits:
        return f"deficits of {deficits:_}, covered {covered}"
    return None


def covered_by_stage(step: Step, resolution: Resolution) -> dict[str, Quanta]:
    """What each stage covered of the deficits, from the side of those who gave it.

    Bankrupt accounts that trade with one another count for nothing. The surplus of the payers goes to the
    fund and is no cover.
    """
    covered: dict[str, Quanta] = {}
    for (name, stage), change in resolution.by_stage.items():
        if name in resolution.bankrupt:
            covered[stage] = covered.get(stage, 0) + change
    return {stage: amount for stage, amount in covered.items() if amount != 0}


@after_every_event("E5")
def payers_keep_principal_and_equity(step: Step) -> str | None:
    """Of a payer of the kind `profit` no wallet is touched, and nobody pays more than its weight."""
    resolution = step.resolution
    if resolution is None:
        return None
    for entry in step.outcome.postings:
        if (
            isinstance(entry, Posting)
            and entry.stage == PAYERS_PAY
            and entry.place.kind == WALLET
            and entry.amount < 0
            and step.before.policy.payers != EQUITY
        ):
            return f"the wallet of {entry.place.holder} paid {-entry.amount:_}"
    for (name, stage), change in resolution.by_stage.items():
        if stage == PAYERS_PAY and name not in resolution.bankrupt:
            if step.standings_after[name].equity < 0:
                return f"{name} paid {-change:_} and has {step.standings_after[name].equity:_}"
            if step.before.accounts[name].pool not in pools_in_need(step, resolution):
                return f"{name} paid {-change:_} for another pool"
    return None


def pools_in_need(step: Step, resolution: Resolution) -> set[str]:
    """The pools in which somebody is bankrupt."""
    return {step.before.accounts[name].pool for name in resolution.bankrupt}


def may_open(policy: Policy, stage: str) -> bool:
    """Whether a policy has a stage; closing at mark and bad debt are not optional."""
    if stage == BACKSTOP_TAKES:
        return BACKSTOP_STAGE in policy.stages
    if stage == HOLDERS_TAKE:
        return HOLDERS_STAGE in policy.stages or BACKSTOP_STAGE not in policy.stages
    if stage == DELEVERAGED:
        return ADL_STAGE in policy.stages
    return stage in (AT_MARK, BAD_DEBT_STANDS) or stage in policy.stages


@after_every_event("E2")
def stages_open_in_their_order(step: Step) -> str | None:
    """Of each bankrupt position by itself, and of the money at the end; and only those the policy has."""
    resolution = step.resolution
    if resolution is None:
        return None
    reached: dict[tuple[str, str], int] = {}
    for entry in step.outcome.postings:
        if not isinstance(entry, Posting) or not entry.stage:
            continue
        if not may_open(step.before.policy, entry.stage):
            return f"stage {entry.stage}, which the policy does not have"
        place = STAGES_IN_ORDER.index(entry.stage)
        keys: list[tuple[str, str]] = []
        if entry.place.kind == LOTS and entry.place.holder in resolution.bankrupt:
            if entry.stage != AT_MARK:
                # At mark one bankrupt account may be closed against another, ahead of its own turn.
                keys.append((entry.place.holder, entry.place.market))
            if any(kind == "money" for _, kind in reached):
                return f"{entry.place.holder} is closed after money was asked for"
        elif entry.stage in MONEY_STAGES and entry.place.holder in resolution.bankrupt:
            keys.append((step.before.accounts[entry.place.holder].pool, "money"))
        for key in keys:
            if place < reached.get(key, 0):
                return f"{entry.stage} of {key[0]} after {STAGES_IN_ORDER[reached[key]]}"
            reached[key] = place
    return None


@after_every_event("E1")
def a_backstop_carries_what_it_takes(step: Step) -> str | None:
    """Whoever is bankrupt was given to a backstop only as far as it has its margin, and room, afterwards."""
    resolution = step.resolution
    if resolution is None:
        return None
    for entry in step.outcome.postings:
        if not isinstance(entry, Posting) or (entry.stage, entry.place.kind) != (BACKSTOP_TAKES, LOTS):
            continue
        name = entry.place.holder
        if name in resolution.bankrupt or entry.amount == 0:
            continue
        held = len(step.after.accounts[name].positions)
        if held > max(step.before.policy.positions_max, len(step.before.accounts[name].positions)):
            return f"{name} holds positions in {held:_} markets"
        if any(resolution.by_stage.get((name, stage), 0) for stage in (DELEVERAGED, PAYERS_PAY)):
            continue
        if not carries(step.standings_after[name], step.before.policy.trigger):
            after = step.standings_after[name]
            return f"{name} has {after.equity:_} for an initial margin of {after.initial:_}"
    return None


@after_every_event("E3")
def only_opposite_holders_are_closed(step: Step) -> str | None:
    """Nobody but a backstop comes to hold more lots, or another side, by somebody's bankruptcy."""
    resolution = step.resolution
    if resolution is None:
        return None
    for name in step.touched:
        if name == backstop_of(step.before.accounts[name].pool):
            continue
        for market, held in step.after.accounts[name].positions.items():
            earlier = step.before.accounts[name].positions.get(market, NOTHING_HELD).size
            if abs(held.size) > abs(earlier) or held.size * earlier < 0:
                return f"{name} held {earlier:_} lots in {market} and holds {held.size:_}"
    return None


@after_every_event("E1")
def nobody_forgoes_what_the_fund_could_have_paid(step: Step) -> str | None:
    """Where opposite holders may be compensated: when the first lot of a position is deleveraged, its gap is
    more than what the fund of its pool may still pay."""
    resolution = step.resolution
    if resolution is None or not may_open(step.before.policy, HOLDERS_TAKE):
        return None
    snapshot = resolution.snapshot
    funds = {name: pool.fund for name, pool in snapshot.pools.items()}
    drawn = {name: drawn_so_far(snapshot, name) for name in snapshot.pools}
    carried: dict[tuple[str, str], Lots] = {}
    deleveraged: set[tuple[str, str]] = set()
    for entry in step.outcome.postings:
        if isinstance(entry, DrawCounted):
            drawn[entry.pool] = entry.drawn
        if not isinstance(entry, Posting):
            continue
        if entry.place.kind == FUND:
            funds[entry.place.holder] += entry.amount
        key = (entry.place.holder, entry.place.market)
        if entry.place.kind != LOTS or entry.place.holder not in resolution.bankrupt:
            continue
        if entry.stage == DELEVERAGED and key not in deleveraged:
            deleveraged.add(key)
            pool = snapshot.accounts[entry.place.holder].pool
            room = min(funds[pool], step.before.policy.draw_limits[pool] - drawn[pool])
            gap = gap_of_next_lot(resolution, *key, carried.get(key, 0))
            if gap <= room:
                return f"{key[0]}: a lot of {key[1]} with a gap of {gap:_}, the fund may pay {room:_}"
        elif entry.stage in (BACKSTOP_TAKES, HOLDERS_TAKE):
            carried[key] = carried.get(key, 0) + abs(entry.amount)
    return None


def gap_of_next_lot(resolution: Resolution, name: str, market: str, carried: Lots) -> Quanta:
    """The gap that the next lot of a bankrupt position carries, worked out from the snapshot."""
    account = resolution.snapshot.accounts[name]
    margins = {held: maintenance_of(resolution.snapshot, account, held) for held in sorted(account.positions)}
    deficit, total = resolution.bankrupt[name], sum(margins.values())
    before = sum(margin for held, margin in margins.items() if held < market)
    gap = deficit * (before + margins[market]) // total - deficit * before // total
    lots = abs(account.positions[market].size)
    return gap * (carried + 1) // lots - gap * carried // lots
