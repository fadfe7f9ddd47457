"""The ledger: the postings of a transition as transfers, so that a person reads who paid whom, and why.

Postings are signed amounts that sum to zero (PST-1). The law posts a payer and, right after it, the payee;
here they are paired again: what is taken from one place and given to another becomes one transfer. Replay,
pictures and the tables of the chapters all read a transition in this form.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from refmodel.postings import LOTS, Entry, Place, Posting


@dataclass(frozen=True, slots=True)
class Transfer:
    """So much goes from one place to another.

    stage   of the waterfall (refmodel/stages.py), empty outside it
    rule    by which the payer pays
    payer   the place whose claim falls; lots leave it
    payee   the place whose claim grows; lots arrive there
    amount  quanta, or lots of the market; >= 1
    market  of lots; empty for money
    """

    stage: str
    rule: str
    payer: Place
    payee: Place
    amount: int
    market: str = ""

    @property
    def unit(self) -> str:
        """What is counted: quanta or lots."""
        return "lots" if self.market else "quanta"


@dataclass(slots=True)
class _Group:
    """Adjacent postings of money, or of lots of one market, up to where they sum to zero.

    payers, payees  each posting with what is left of it
    total           of all amounts
    """

    payers: deque[tuple[Posting, int]] = field(default_factory=deque)
    payees: deque[tuple[Posting, int]] = field(default_factory=deque)
    total: int = 0

    def add(self, posting: Posting) -> None:
        side = self.payers if posting.amount < 0 else self.payees
        side.append((posting, abs(posting.amount)))
        self.total += posting.amount

    def paired(self, market: str) -> Iterator[Transfer]:
        """The first payer pays the first payee, until nothing is left of either."""
        while self.payers:
            payer, paying = self.payers.popleft()
            payee, due = self.payees.popleft()
            amount = min(paying, due)
            yield Transfer(payer.stage, payer.rule, payer.place, payee.place, amount, market)
            if paying > amount:
                self.payers.appendleft((payer, paying - amount))
            if due > amount:
                self.payees.appendleft((payee, due - amount))


def transfers(postings: Iterable[Entry]) -> tuple[Transfer, ...]:
    """The postings of a transition as transfers, in their order.

    postings  balanced (PST-1); entries that move nothing (orders, marks, counted draws, clock) are left out
    returns   each with an amount of 1 or more. Adjacent postings that sum to zero belong together; where
              several pay or receive, as in a funding payment, the first payer pays the first payee
    """
    found: list[Transfer] = []
    groups: dict[str, _Group] = {}
    for entry in postings:
        if not isinstance(entry, Posting) or entry.amount == 0:
            continue
        market = entry.place.market if entry.place.kind == LOTS else ""
        group = groups.setdefault(market, _Group())
        group.add(entry)
        if group.total == 0:
            found.extend(group.paired(market))
    assert all(group.total == 0 for group in groups.values()), "postings that do not balance"
    return tuple(found)
