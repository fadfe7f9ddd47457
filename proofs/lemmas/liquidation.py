"""Proof contracts of the rules of liquidation: what theorems of chapters 8 and 9 may know of them."""

from proofs.contracts import contract, ensure, require
from proofs.symbolic import implies
from refmodel.numbers import Lots, QuantaPpm
from refmodel.restore import lots_for_line


@contract(for_=lots_for_line, proved_by="D4-line")
def line_asks_for_the_least_lots(result: Lots, room: QuantaPpm, relief: QuantaPpm, lots: Lots) -> None:
    """A line asks for no lot, some, or all; for enough unless for all; and for no more than is needed."""
    require(lots >= 1)
    ensure(0 <= result)
    ensure(implies(room >= 0, result == 0))
    ensure(result <= lots)
    ensure(implies(result < lots, room + relief * result >= 0))
    ensure(implies(result >= 1, room + relief * (result - 1) < 0))
