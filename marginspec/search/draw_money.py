"""Drawn events that move money: deposits, withdrawals, transfers, fund deposits, withdrawals of fees."""

from marginspec.search.choices import Choices, edge_or_magnitude, magnitude
from marginspec.search.scene import OWNERS, Scene, some_account
from refmodel.events import Deposit, Event, FeeWithdrawal, FundDeposit, Transfer, Withdraw
from refmodel.margin import standing_of
from refmodel.numbers import Quanta
from refmodel.state import CROSS, HOUSE, Account, Venue, backstop_of
from refmodel.withdrawal import transfer_margin

ACCOUNTS_MOST = 9
"""Traders of one history, the backstops not counted."""


def draw_deposit(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """Money for an account, new or known; sometimes exactly what the venue still takes."""
    traders = len(venue.accounts) - len(venue.pools)
    room = scene.policy.venue_total_max - venue.custody
    amount = choices.pick((scene.money, magnitude(choices, 1, max(1, scene.money * 4))))
    if choices.chance(30_000):
        amount = choices.pick((room + 1, room + 1, room))
    elif room < amount and choices.chance(900_000):
        amount = max(1, room // 3)
    amount = max(1, amount)
    if traders < ACCOUNTS_MOST and (traders < 3 or choices.chance(350_000)):
        name = f"a{traders + 1}"
        owner = choices.pick(OWNERS)
        pool = choices.pick((CROSS, CROSS, CROSS, *scene.policy.isolated))
        if choices.chance(60_000):
            spoilt = (("", ""), (owner, ""), ("", pool), (owner, "no such pool"), (HOUSE, pool))
            owner, pool = choices.pick(spoilt)
            name = choices.pick((name, backstop_of("no such pool")))
        return Deposit(time, name, amount, owner, pool)
    name = some_account(choices, venue)
    if choices.chance(100_000):
        return draw_backstop_deposit(choices, venue, scene, time)
    if choices.chance(60_000):
        return Deposit(time, name, amount, choices.pick((*OWNERS, "house")), "")
    if choices.chance(60_000):
        return Deposit(time, name, amount, "", choices.pick(tuple(venue.pools)))
    return Deposit(time, name, amount)


def draw_backstop_deposit(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """Money for a backstop: thin or thick."""
    room = scene.policy.venue_total_max - venue.custody
    amount = scene.money * choices.pick((10, 1, 100))
    name = backstop_of(choices.pick(tuple(venue.pools)))
    return Deposit(time, name, max(1, min(amount, room // choices.pick((2, 4)))))


def withdrawable(venue: Venue, account: Account) -> Quanta:
    """Quanta that WDR-2 and WDR-3 let go; below 1 if nothing."""
    standing = standing_of(venue, account)
    stays = max(standing.initial, transfer_margin(venue, account))
    at_margin = venue.policy.trigger != "below" and stays == standing.maintenance and stays > 0
    return min(account.wallet, standing.equity - stays - (1 if at_margin else 0))


def draw_outflow(choices: Choices, venue: Venue, account: Account) -> Quanta:
    """An amount to take out: a part, all that may go, a quantum more, the wallet, all of custody."""
    most = withdrawable(venue, account)
    if most > venue.custody:
        return max(1, choices.pick((venue.custody, venue.custody + 1, most)))
    if choices.chance(400_000):
        edges = (most, most + 1, account.wallet, account.wallet + 1, venue.custody + 1, venue.custody)
        return max(1, choices.pick(edges))
    return magnitude(choices, 1, max(1, most // 2))


def draw_withdraw(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """An account asks for money."""
    name = some_account(choices, venue)
    return Withdraw(time, name, draw_outflow(choices, venue, venue.accounts[name]))


def draw_run(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """While custody does not cover all claims: somebody who may take more than it holds does."""
    custody = venue.custody
    claims = [name for name, one in venue.accounts.items() if withdrawable(venue, one) > custody]
    fees = [name for name, pool in venue.pools.items() if pool.fee_pool > custody]
    more = custody + choices.pick((1, 0))
    if fees and (not claims or choices.chance(300_000)):
        return FeeWithdrawal(time, choices.pick(fees), max(1, more))
    name = choices.pick(claims) if claims else some_account(choices, venue)
    return Withdraw(time, name, max(1, more))


def draw_transfer(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """An owner moves money, mostly to another account of its own."""
    source = some_account(choices, venue)
    owner = venue.accounts[source].owner
    own = [name for name, account in venue.accounts.items() if account.owner == owner and name != source]
    if own and choices.chance(850_000):
        target = choices.pick(own)
    else:
        target = some_account(choices, venue)
    return Transfer(time, source, target, draw_outflow(choices, venue, venue.accounts[source]))


def draw_fund_deposit(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """Money for a pool's fund: less than its bad debt, exactly as much, or more."""
    indebted = [name for name, pool in venue.pools.items() if pool.bad_debt > 0]
    pool = choices.pick(indebted or tuple(venue.pools))
    debt = venue.pools[pool].bad_debt
    room = scene.policy.venue_total_max - venue.custody
    if choices.chance(50_000):
        return FundDeposit(time, pool, max(1, room + choices.pick((1, 0))))
    return FundDeposit(time, pool, max(1, min(room, edge_or_magnitude(choices, 1, scene.money, (debt,)))))


def draw_fee_withdrawal(choices: Choices, venue: Venue, scene: Scene, time: int) -> Event:
    """The house asks for a part of a fee pool, all of it, or a quantum more."""
    filled = [name for name, pool in venue.pools.items() if pool.fee_pool > 0]
    pool = choices.pick(filled) if filled else choices.pick(tuple(venue.pools))
    collected = venue.pools[pool].fee_pool
    edges = (collected, collected + 1, venue.custody + 1)
    if choices.chance(400_000):
        return FeeWithdrawal(time, pool, max(1, choices.pick(edges)))
    return FeeWithdrawal(time, pool, magnitude(choices, 1, max(1, collected // 2)))
