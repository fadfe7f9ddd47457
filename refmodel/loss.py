"""Loss (chapter 11): what nobody has paid when a bankrupt account holds nothing any more.

Rules LOS-1 to LOS-6. The accounts of a pool that went bankrupt in one transition leave residues. Their sum is
paid by the pool's fund, then by the payers the policy names, and what is left stands as bad debt.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from refmodel.close_out import Reason, Step, in_order
from refmodel.insurance import draw_counted, draw_room, fund_inflow, profit_of
from refmodel.numbers import Quanta, ceil_div
from refmodel.policy import EQUITY, FUND_RESIDUE_STAGE, PAYERS_STAGE
from refmodel.postings import Place, Posting, Postings, bad_debt_of, fund_of, move, open_cost_of, wallet_of
from refmodel.rulebook import rule
from refmodel.stages import BAD_DEBT_STANDS, FUND_PAYS, PAYERS_PAY
from refmodel.state import Account, Venue, equity

FUND_PAYS_RESIDUE = Reason("LOS-2", FUND_PAYS)


@dataclass(frozen=True, slots=True)
class Residue:
    """What a bankrupt account that is flat still owes, in quanta, >= 0."""

    account: str
    owed: Quanta


@dataclass(frozen=True, slots=True)
class Payer:
    """An account that pays a share of a loss, and the most it can be asked for, in quanta."""

    account: str
    weight: Quanta


@rule("LOS-3")
def weight_of(venue: Venue, account: Account) -> Quanta:
    """How much an account can be asked for, and in proportion to what.

    returns  quanta, >= 0. Payers `profit`: the smaller of its unrealised profit over all positions and its
             equity. Payers `equity`: its equity, so that flat accounts pay as well
    Source: variation margin gains haircut; the smaller of both, because a profit may stand against a
    wallet below zero (theorem E5).
    """
    equity_now = equity(venue, account)
    if venue.policy.payers == EQUITY:
        return max(equity_now, 0)
    profit = sum(profit_of(venue, account, market) for market in account.positions)
    return max(min(profit, equity_now), 0)


def payers_of(venue: Venue, pool: str, bankrupt: Iterable[str]) -> list[Payer]:
    """The accounts of a pool that have a weight, in the order of identifiers; none of them bankrupt."""
    excluded = set(bankrupt)
    found = []
    for name in sorted(venue.accounts):
        account = venue.accounts[name]
        if account.pool == pool and name not in excluded:
            weight = weight_of(venue, account)
            if weight > 0:
                found.append(Payer(name, weight))
    return found


@rule("LOS-4")
def share_of_loss(loss: Quanta, weight: Quanta, total: Quanta) -> Quanta:
    """What one payer pays of a loss.

    loss     quanta, 0 to total
    weight   of this payer, quanta
    total    sum of all weights, >= 1
    returns  quanta, at most the weight; rounds up, in favour of the fund (NUM-1): together the payers pay the
             loss and less than one quantum each more, which goes to the fund of the pool
    Source: theorem A8: monotone in the loss, equal weights pay equally.
    """
    return ceil_div(loss * weight, total)


def in_weight_order(payers: Iterable[Payer]) -> list[Payer]:
    """The largest weight first; of equal weights the smaller identifier."""
    return sorted(payers, key=lambda payer: (-payer.weight, payer.account))


@rule("LOS-5")
def shares_of_loss(loss: Quanta, payers: list[Payer]) -> list[Payer]:
    """What each payer pays: the same accounts, with their shares in place of their weights.

    loss     quanta, 0 to the sum of the weights
    payers   in the order of identifiers
    returns  in the order in which they pay. A loss of fewer quanta than there are payers is taken in the
             order of weights, each up to its weight, because rounding up would take a quantum from
             everybody; a larger one by LOS-4
    Source: chapter 11.
    """
    if loss < len(payers):
        shares = []
        left = loss
        for payer in in_weight_order(payers):
            share = min(left, payer.weight)
            shares.append(Payer(payer.account, share))
            left -= share
        return shares
    total = sum(payer.weight for payer in payers)
    return [Payer(payer.account, share_of_loss(loss, payer.weight, total)) for payer in payers]


@dataclass(frozen=True, slots=True)
class Amount:
    """So many quanta that stand in one place, or are due in one.

    rule  of what is due: by which rule it is posted, if not by that of the payment
    """

    place: Place
    quanta: Quanta
    rule: str = ""


def profit_places(venue: Venue, payer: Payer) -> Iterator[Amount]:
    """Where a payer's share comes from: the open cost of its positions in profit, by market, each at most its
    profit. Principal is not touched, and the same profit never pays twice."""
    left = payer.weight
    account = venue.accounts[payer.account]
    for market in in_order(account):
        taken = min(max(profit_of(venue, account, market), 0), left)
        if taken > 0:
            yield Amount(open_cost_of(payer.account, market), taken)
            left -= taken


def places_of(venue: Venue, payer: Payer) -> Iterator[Amount]:
    """Where a payer's share comes from, by the policy's payers."""
    if venue.policy.payers == EQUITY:
        yield Amount(wallet_of(payer.account), payer.weight)
    else:
        yield from profit_places(venue, payer)


def matched(
    rule: str, stage: str, payers: Iterable[Amount], due: list[Amount]
) -> tuple[Postings, list[Amount]]:
    """Postings from payers to what is due, both in their order, and what is still due afterwards.

    owing[0] is always the first amount that is still due, and is more than 0.
    """
    postings: list[Posting] = []
    owing = [amount for amount in due if amount.quanta > 0]
    for payer in payers:
        left = payer.quanta
        while left > 0 and owing:
            paid = min(left, owing[0].quanta)
            postings.extend(move(owing[0].rule or rule, payer.place, owing[0].place, paid, stage))
            left -= paid
            rest = Amount(owing[0].place, owing[0].quanta - paid, owing[0].rule)
            owing = [rest, *owing[1:]] if rest.quanta > 0 else owing[1:]
    return tuple(postings), owing


@rule("LOS-1", "LOS-2", "LOS-6")
def money_stage(step: Step, pool: str, residues: list[Residue], bankrupt: frozenset[str]) -> Step:
    """The residues of a pool are paid: by its fund, by its payers, and the rest stands as bad debt.

    residues  of the accounts of this pool that went bankrupt, in the order in which they were resolved
    bankrupt  all accounts that went bankrupt in this transition; none of them pays
    returns   the venue after, in which every one of them has equity of exactly 0
    The sum is what is paid, so nothing depends on the order of the accounts; what is paid fills them in their
    order. Source: chapter 11; theorems E5 and E6.
    """
    # Facts
    venue = step.venue
    due = [Amount(wallet_of(residue.account), residue.owed) for residue in residues]
    loss = sum(residue.owed for residue in residues)
    stages = venue.policy.stages

    # The fund, as far as it goes
    by_fund = min(loss, draw_room(venue, pool)) if FUND_RESIDUE_STAGE in stages else 0
    if by_fund > 0:
        postings, due = matched("LOS-2", FUND_PAYS, [Amount(fund_of(pool), by_fund)], due)
        step = step.then((*postings, draw_counted(venue, FUND_PAYS_RESIDUE, pool, by_fund)))
    loss -= by_fund

    # The payers, as far as their weights go
    if PAYERS_STAGE in stages and loss > 0:
        payers = payers_of(venue, pool, bankrupt)
        by_payers = min(loss, sum(payer.weight for payer in payers))
        shares = shares_of_loss(by_payers, payers)
        surplus = sum(share.weight for share in shares) - by_payers
        paying = [amount for share in shares for amount in places_of(venue, share)]
        postings, due = paid_by_payers(step.venue, pool, paying, due, surplus)
        step = step.then(postings)
        loss -= by_payers

    # What nobody paid
    if loss > 0:
        postings, due = matched("LOS-6", BAD_DEBT_STANDS, [Amount(bad_debt_of(pool), loss)], due)
        step = step.then(postings)
    return step


def paid_by_payers(
    venue: Venue, pool: str, paying: list[Amount], due: list[Amount], surplus: Quanta
) -> tuple[Postings, list[Amount]]:
    """The shares of the payers go to the bankrupt accounts, the surplus to the fund of the pool (FND-1)."""
    inflow = fund_inflow(venue, pool, surplus)
    into_fund = [Amount(posting.place, posting.amount, posting.rule) for posting in inflow]
    postings, owing = matched("LOS-5", PAYERS_PAY, paying, [*due, *into_fund])
    return postings, [amount for amount in owing if amount.quanta > 0]
