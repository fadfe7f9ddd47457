"""The coalition: a few owners that act as one, and want to take out more than they put in.

It trades with itself at prices of its choice and with an honest maker at the mark, goes bankrupt in one
account while it wins in another, withdraws, transfers, liquidates itself; the marks move as suits it best.
Whatever it gains the others have lost at mark, or it is a default charge, and default charges are at most the
deficits of its own accounts: theorem E7, which `Attack.check` asserts. The search for its best attack is in
adversary.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields

from marginspec.search.choices import Choices, magnitude
from marginspec.search.draw_money import withdrawable
from marginspec.search.invariants.step import equity_by_stage, snapshot_of
from refmodel.events import (
    Deposit,
    Event,
    FundDeposit,
    Funding,
    LiquidationFill,
    Order,
    Prices,
    Takeover,
    Trade,
    Transfer,
    Withdraw,
)
from refmodel.liquidation import closable_lots, waiting
from refmodel.margin import NOTHING_HELD, requirement
from refmodel.numbers import PPM, Lots, Quanta, Ticks
from refmodel.policy import REFUSE, Policy
from refmodel.postings import BAD_DEBT, FUND, Posting
from refmodel.stages import DELEVERAGED, PAYERS_PAY
from refmodel.state import CROSS, Venue, backstop_of, equity, genesis
from refmodel.trading import BUY, SELL
from refmodel.validity import lowest_rate
from refmodel.venue import apply

COALITION = {"c1": "xenia", "c2": "yuri", "c3": "zoe", "c4": "xenia"}
"""Its accounts and their owners: three people, one of them with two accounts."""
MAKER = "maker"
HONEST = (MAKER, "h1", "h2")
ACTIONS_MOST = 30
ROOM = 2_000
"""So many times the scale of a history is brought in by all of its accounts, at most."""


@dataclass(slots=True)
class Purse:
    """What the coalition has gained so far, and where it came from; all in quanta.

    put_in, taken_out  over the border of the venue
    fall               by how much trades, prices and funding lowered the equity of everybody else, at mark
    draws, forgone, socialised, bad_debt  default charges: paid by funds, by deleveraged holders, by payers;
                       recorded
    deficits           of the coalition's own accounts when they went bankrupt
    in_time            whether nobody waited to be closed when a mark moved, and no move was beyond the gap
    """

    put_in: Quanta = 0
    taken_out: Quanta = 0
    fall: Quanta = 0
    draws: Quanta = 0
    forgone: Quanta = 0
    socialised: Quanta = 0
    bad_debt: Quanta = 0
    deficits: Quanta = 0
    in_time: bool = True

    @property
    def charges(self) -> Quanta:
        """All default charges together."""
        return self.draws + self.forgone + self.socialised + self.bad_debt

    def gain(self, venue: Venue) -> Quanta:
        """Taken out and still there, less what was put in."""
        return self.taken_out + held_by(venue, COALITION) - self.put_in

    def withdrawable_gain(self, venue: Venue) -> Quanta:
        """The same, as far as the law lets it go: nothing, while bad debt stands and the gate is shut."""
        shut = venue.policy.bad_debt_gate == REFUSE and any(pool.bad_debt for pool in venue.pools.values())
        return self.taken_out - self.put_in if shut else self.gain(venue)

    def bound(self) -> Quanta:
        """What E7 allows: the fall of the others at mark, and all default charges."""
        return self.fall + self.charges

    def add(self, before: Venue, event: Event, after: Venue, postings: tuple[object, ...]) -> None:
        """Take in one accepted event."""
        if isinstance(event, Deposit):
            if event.account in COALITION:
                self.put_in += event.amount
            return
        if isinstance(event, Withdraw):
            if event.account in COALITION:
                self.taken_out += event.amount
            return
        others = [name for name in before.accounts if name not in COALITION]
        if not isinstance(event, Prices | Funding):
            self.fall += held_by(before, others) - held_by(after, others)
            return
        self.in_time = self.in_time and not waiting(before) and is_within_gap(before, event)
        snapshot = snapshot_of(before, event)
        self.fall += held_by(before, others) - held_by(snapshot, others)
        bankrupt = {
            name: -own for name, one in snapshot.accounts.items() if (own := equity(snapshot, one)) < 0
        }
        self.deficits += sum(deficit for name, deficit in bankrupt.items() if name in COALITION)
        for (name, stage), change in equity_by_stage(snapshot, postings).items():
            if name not in COALITION and name not in bankrupt:
                self.forgone -= change if stage == DELEVERAGED else 0
                self.socialised -= change if stage == PAYERS_PAY else 0
        for entry in postings:
            if isinstance(entry, Posting) and entry.amount < 0:
                self.draws -= entry.amount if entry.place.kind == FUND else 0
                self.bad_debt -= entry.amount if entry.place.kind == BAD_DEBT else 0


def held_by(venue: Venue, names: Iterable[str]) -> Quanta:
    """The equity of these accounts together, as far as they exist, quanta."""
    return sum(equity(venue, venue.accounts[name]) for name in names if name in venue.accounts)


def is_within_gap(venue: Venue, event: Event) -> bool:
    """Whether marks move at most the policy's gap, or funding takes less than every margin leaves."""
    if isinstance(event, Funding):
        market = venue.policy.markets[event.market]
        return abs(event.rate) + 100 <= lowest_rate(market.maintenance)
    assert isinstance(event, Prices)
    return all(
        name in venue.marks
        and abs(mark - venue.marks[name]) * PPM <= venue.policy.markets[name].gap * venue.marks[name]
        for name, mark in event.marks.items()
    )


# ------------------------------------------------------------------------------------- the stage


@dataclass(slots=True)
class Attack:
    """A history of the adversary, and what it came to."""

    policy: Policy
    venue: Venue
    events: list[Event] = field(default_factory=list)
    purse: Purse = field(default_factory=Purse)

    def play(self, event: Event) -> bool:
        """Ask the law; whether it accepted. What is refused leaves no trace."""
        outcome = apply(self.venue, event)
        if outcome.refusal is not None:
            return False
        self.purse.add(self.venue, event, outcome.venue, outcome.postings)
        self.events.append(event)
        self.venue = outcome.venue
        return True

    def check(self) -> None:
        """Theorem E7, with this history as the case."""
        purse, gain = self.purse, self.purse.gain(self.venue)
        assert gain <= purse.bound(), f"E7: gained {gain:_}, allowed {purse.bound():_}: {purse}"
        assert gain <= purse.fall + purse.deficits, f"E7: gained {gain:_} beyond its deficits: {purse}"
        assert not purse.in_time or purse.charges == 0, f"E7 (a): charges though closed in time: {purse}"


def opened(policy: Policy) -> Attack:
    """A venue with an honest maker, two honest traders against each other, a fund and a backstop."""
    attack = Attack(policy, genesis(policy))
    marks: dict[str, Ticks] = {}
    for name, terms in policy.markets.items():
        marks[name] = max(1, min(terms.price_min * 10, terms.price_max // 2))
    attack.play(Prices(0, marks))
    scale = scale_of(attack.venue)
    for number, name in enumerate(HONEST):
        attack.play(Deposit(0, name, scale * (1_000 if name == MAKER else 10), f"honest {number}", CROSS))
    for pool in policy.draw_limits:
        attack.play(FundDeposit(0, pool, scale))
        attack.play(Deposit(0, backstop_of(pool), scale * 5))
    for market in marks:
        lots = usual_lots(attack.venue, market)
        attack.play(Order(0, "h1", market, 0, lots))
        attack.play(Trade(0, market, "h2", "h1", BUY, lots, marks[market]))
    attack.purse = Purse()
    for name, owner in COALITION.items():
        attack.play(Deposit(0, name, scale, owner, CROSS))
    return attack


def usual_lots(venue: Venue, market: str) -> Lots:
    """An ordinary position: a hundred lots, or what the market admits."""
    return max(1, min(100, venue.policy.markets[market].size_max // 20))


def scale_of(venue: Venue) -> Quanta:
    """Twice the initial margin of an ordinary position in every market, as far as there is room; quanta."""
    total = 0
    for name, terms in venue.policy.markets.items():
        lots = usual_lots(venue, name)
        total += requirement(terms.initial, lots, lots * venue.marks[name] * terms.multiplier)
    return max(1, min(2 * total, venue.policy.venue_total_max // ROOM))


# ------------------------------------------------------------------------------------- what it does


def with_itself(choices: Choices, attack: Attack) -> None:
    """One account deals with another, at any price of the band."""
    market = choices.pick(tuple(attack.venue.marks))
    maker, taker = pair(choices)
    terms, mark = attack.policy.markets[market], attack.venue.marks[market]
    reach = terms.band * mark // PPM
    price = max(1, mark + choices.pick((0, reach, -reach, choices.integer(-reach, reach))))
    deal(choices, attack, market, taker, maker, price)


def with_maker(choices: Choices, attack: Attack) -> None:
    """One account deals with the honest maker, at the mark: the maker takes no other price."""
    market = choices.pick(tuple(attack.venue.marks))
    deal(choices, attack, market, some_of_them(choices), MAKER, attack.venue.marks[market])


def deal(choices: Choices, attack: Attack, market: str, taker: str, maker: str, price: Ticks) -> None:
    """The taker buys from the maker or sells to it, as many lots as are admitted of those wanted."""
    size = attack.venue.accounts[taker].positions.get(market, NOTHING_HELD).size
    usual = usual_lots(attack.venue, market)
    lots = max(1, choices.pick((usual, abs(size), usual * 2, usual // 10, magnitude(choices, 1, usual * 4))))
    buying = choices.chance(500_000)
    buys, sells = (0, lots) if buying else (lots, 0)
    time = attack.venue.clock
    while lots >= 1:
        attack.play(Order(time, maker, market, min(buys, lots), min(sells, lots)))
        if attack.play(Trade(time, market, taker, maker, BUY if buying else SELL, lots, price)):
            return
        lots //= 2


def marks_move(choices: Choices, attack: Attack) -> None:
    """Marks move as suits the coalition: a gap, less, or far beyond it."""
    market = choices.pick(tuple(attack.venue.marks))
    terms, mark = attack.policy.markets[market], attack.venue.marks[market]
    gap = terms.gap * mark // PPM
    away = choices.pick((gap, gap // 2, gap * 2, gap * 5, mark // 4))
    moved = mark + choices.pick((away, -away))
    attack.play(Prices(attack.venue.clock + 1, {market: max(1, min(moved, terms.price_max))}))


def funding_is_due(choices: Choices, attack: Attack) -> None:
    market = choices.pick(tuple(attack.venue.marks))
    cap = attack.policy.markets[market].funding_cap
    attack.play(Funding(attack.venue.clock, market, choices.pick((cap, -cap, cap // 2))))


def money_leaves(choices: Choices, attack: Attack) -> None:
    """Everything that may be withdrawn, or half of it."""
    name = some_of_them(choices)
    most = withdrawable(attack.venue, attack.venue.accounts[name])
    attack.play(Withdraw(attack.venue.clock, name, max(1, most // choices.pick((1, 2)))))


def money_arrives(choices: Choices, attack: Attack) -> None:
    attack.play(Deposit(attack.venue.clock, some_of_them(choices), scale_of(attack.venue)))


def money_moves(choices: Choices, attack: Attack) -> None:
    """Between the two accounts of one owner."""
    source, target_ = choices.pick((("c1", "c4"), ("c4", "c1")))
    most = withdrawable(attack.venue, attack.venue.accounts[source])
    attack.play(Transfer(attack.venue.clock, source, target_, max(1, most)))


def somebody_is_closed(choices: Choices, attack: Attack) -> None:
    """Whoever waits is taken by the maker, by a partner, or by the backstop."""
    names = [each.account for each in waiting(attack.venue)]
    if not names:
        return
    time, name = attack.venue.clock, choices.pick(names)
    if choices.chance(300_000) and attack.play(Takeover(time, name)):
        return
    market = choices.pick(tuple(attack.venue.accounts[name].positions))
    mark, terms = attack.venue.marks[market], attack.policy.markets[market]
    taker = choices.pick((MAKER, *(one for one in COALITION if one != name)))
    reach = 0 if taker == MAKER else terms.liquidation.band * mark // PPM
    price = max(1, mark + choices.pick((0, reach, -reach)))
    lots = closable_lots(attack.venue, attack.venue.accounts[name], market, price)
    attack.play(LiquidationFill(time, name, taker, market, lots, price))


def time_passes(choices: Choices, attack: Attack) -> None:
    """A new period of draws begins."""
    attack.play(Prices(attack.venue.clock + attack.policy.draw_period, dict(attack.venue.marks)))


Action = Callable[[Choices, Attack], None]
ACTIONS: tuple[Action, ...] = (
    *(with_maker, with_itself, with_itself, marks_move, marks_move, money_leaves, somebody_is_closed),
    *(money_arrives, money_moves, funding_is_due, time_passes),
)


def some_of_them(choices: Choices) -> str:
    return choices.pick(tuple(COALITION))


def pair(choices: Choices) -> tuple[str, str]:
    """Two different accounts of the coalition."""
    one = some_of_them(choices)
    return one, choices.pick(tuple(name for name in COALITION if name != one))


def attack_of(choices: Choices, policy: Policy) -> Attack:
    """One history of the adversary on a policy."""
    attack = opened(policy)
    for _ in range(choices.integer(1, ACTIONS_MOST)):
        if all(name in attack.venue.accounts for name in COALITION):
            choices.pick(ACTIONS)(choices, attack)
    return attack


def amounts_of(purse: Purse) -> dict[str, int]:
    """A purse as plain amounts, by name."""
    return {one.name: int(getattr(purse, one.name)) for one in fields(purse) if one.name != "in_time"}
