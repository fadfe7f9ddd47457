"""Names and numbers: which number stands for which identifier. The hot loops know numbers only."""

from collections.abc import Iterable

import numpy as np

from fastpath.engine.core import Core

HOUSE = "house"
CROSS = "cross"
BACKSTOP = "backstop:"
UNKNOWN = -1
"""The number of a name that the venue does not know."""


class Names:
    """The identifiers of one venue.

    markets  in the order of identifiers, so that numbers are in the law's order
    pools    the cross pool, then those of isolated margin in the order of the policy
    """

    def __init__(self, core: Core, markets: Iterable[str], isolated: Iterable[str]) -> None:
        self.core = core
        self.markets = sorted(markets)
        self.market_ids = {name: place for place, name in enumerate(self.markets)}
        self.pools = [CROSS, *isolated]
        self.pool_ids = {name: place for place, name in enumerate(self.pools)}
        self.accounts: list[str] = []
        self.account_ids: dict[str, int] = {}
        self.owners: list[str] = []
        self.owner_ids: dict[str, int] = {}
        self._order_is_stale = False
        self.intern_owners([HOUSE])
        self.intern_accounts(f"{BACKSTOP}{pool}" for pool in self.pools)

    def intern_accounts(self, names: Iterable[str]) -> None:
        """Gives numbers to identifiers of accounts, so that events may name them; it opens none."""
        new = list(dict.fromkeys(name for name in names if name not in self.account_ids))
        if new:
            self.account_ids |= {name: place for place, name in enumerate(new, start=len(self.accounts))}
            self.accounts += new
            self.core.add_accounts([name.startswith(BACKSTOP) for name in new])
            self._order_is_stale = True

    def intern_owners(self, names: Iterable[str]) -> None:
        """Gives numbers to owners."""
        new = list(dict.fromkeys(name for name in names if name not in self.owner_ids))
        if new:
            self.owner_ids |= {name: place for place, name in enumerate(new, start=len(self.owners))}
            self.owners += new
            self.core.add_owners(len(new))
            self._order_is_stale = True

    def put_in_order(self) -> None:
        """Tells the core who comes before whom by identifier: funding and the waterfall ask for it."""
        if self._order_is_stale:
            accounts = sorted(range(len(self.accounts)), key=self.accounts.__getitem__)
            owners = sorted(range(len(self.owners)), key=self.owners.__getitem__)
            self.core.set_order(np.array(accounts, dtype=np.int32), np.array(owners, dtype=np.int32))
            self._order_is_stale = False
