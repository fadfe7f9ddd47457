"""The liquidation index: who is liquidatable after a tick, without a look at all accounts (decision 0014)."""

import numpy as np

from fastpath.engine import Engine
from fastpath.engine.core import Watch as Index


class Watch:
    """The liquidatable accounts of an engine, kept up to date.

    It certifies every account at its first look (theorem F3), and from then on looks only at those whose
    certificate a mark has used up, whom an event has changed, or who are at the edge already. An engine has
    one index, made at any time; its price events then look for bankrupt accounts through it as well.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._index = Index(engine.core)

    def liquidatable(self) -> np.ndarray:
        """The numbers (engine.account_ids) of the accounts that are liquidatable now (MAR-9), ascending."""
        return np.sort(self._index.look())

    def names(self) -> list[str]:
        """The same accounts by name, in the order of their numbers."""
        return [self.engine.accounts[account] for account in self.liquidatable()]

    def scan(self) -> np.ndarray:
        """The same accounts, found by looking at all of them."""
        return np.asarray(self._index.scan())

    @property
    def evaluated(self) -> int:
        """How often an account was evaluated between the last two calls of `liquidatable`, in events too."""
        return int(self._index.evaluated)

    @property
    def hot(self) -> int:
        """How many accounts every look evaluates whatever the marks do: the liquidatable ones."""
        return int(self._index.hot)

    @property
    def near(self) -> int:
        """How many entries are in order because a mark may reach them soon; all others are in none."""
        return int(self._index.near())

    def bytes_used(self) -> int:
        """What the index takes, without the room that its columns keep in reserve."""
        return int(self._index.bytes_used())

    def bytes_reserved(self) -> int:
        """What the index takes, with that room."""
        return int(self._index.bytes_reserved())
