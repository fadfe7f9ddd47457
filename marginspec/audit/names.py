"""Names as numbers: the vocabularies of a log, which begin with what the engine already has numbers for."""

from collections.abc import Iterable
from threading import Lock

from fastpath.engine import REASONS, RULES
from fastpath.engine.encoding import SIDES

NONE = -1
"""Where an event or a posting has no account, no other, no side; where a posting has no market."""
ABSENT = -2
"""Where an event has no market, no owner, no pool."""
NAME_MAX = 200
"""Characters of a name, as in spec/schema/event.schema.json."""

ADDING = Lock()
"""A log is read in one thread and run in another."""


class Vocabulary(dict[str, int]):
    """Texts and their numbers; a text that is asked for the first time receives the next one.

    empty  the number of the empty text
    """

    def __init__(self, first: Iterable[str] = (), empty: int = NONE) -> None:
        self.texts = list(first)
        super().__init__({text: number for number, text in enumerate(self.texts)} | {"": empty})

    def __missing__(self, text: str) -> int:
        if len(text) > NAME_MAX:
            raise ValueError(f"a name has more than {NAME_MAX} characters")
        with ADDING:
            if text not in self:
                self.texts.append(text)
                self[text] = len(self.texts) - 1
            return self.get(text, NONE)

    def learn(self, texts: Iterable[str]) -> None:
        """Give numbers to many texts at once. Errors: ValueError for one that is too long."""
        with ADDING:
            new = list(dict.fromkeys(text for text in texts if text not in self))
            if any(len(text) > NAME_MAX for text in new):
                raise ValueError(f"a name has more than {NAME_MAX} characters")
            self.update(zip(new, range(len(self.texts), len(self.texts) + len(new)), strict=True))
            self.texts += new

    def text(self, number: int) -> str:
        """The text of a number; empty for one that stands for none."""
        return self.texts[number] if number >= 0 else ""


class Names:
    """All names of a log.

    accounts  also the pools that postings name: whose fund it is stands where whose wallet it is stands
    markets   also the pools that openings of accounts name
    words     what a posting is, by which rule, in which stage: "wallet TRD-6", "lots ADL-7 adl"
    The first numbers of each are the engine's own, so that columns go into it as they are.
    """

    def __init__(
        self,
        accounts: Iterable[str] = (),
        owners: Iterable[str] = (),
        markets: Iterable[str] = (),
        pools: Iterable[str] = (),
    ) -> None:
        self.accounts = Vocabulary(accounts)
        self.owners = Vocabulary(owners, ABSENT)
        self.markets = Vocabulary(markets)
        self.pools = Vocabulary(pools, ABSENT)
        self.markets_known = len(self.markets.texts)
        self.pools_known = len(self.pools.texts)
        for pool in self.pools.texts:
            self.accounts[pool], self.markets[pool]
        self.sides = Vocabulary(SIDES)
        self.rules = Vocabulary(RULES, 0)
        self.reasons = Vocabulary((name for name, _ in REASONS), 0)
        self.words = Vocabulary()
