"""Contracts on the scalar functions of the law, for CrossHair: a second opinion by another mechanism.

The theorems run the rules through our own explorer and our own symbols. CrossHair traces the interpreter
instead and has its own symbols, so that a fault of the explorer cannot hide in both. A contract is a plain
function: one assert with the premises, then a statement that is none, then the claims. (CrossHair takes
every assert at the head of a function for a premise, so a claim without a statement before it would never
be asked; second_opinion.py refuses such a contract.) CrossHair looks for arguments that meet the premises
and break a claim; no argument is bounded unless a premise says so. Where a function loops over its argument
(`isqrt_ceil`), the paths cannot be exhausted: the contract says what part is searched, and its answer is
"no counterexample found", never "confirmed".

CrossHair does not say when premises cannot be met, so every contract carries a witness: arguments that
meet its premises, run on plain integers before anything else.
"""

from proofs.crosshair_contracts import canaries, numbers_and_margin, trading_and_money, waterfall
from proofs.crosshair_contracts.entries import CANARIES, CONTRACTS, Entry

__all__ = [
    "CANARIES",
    "CONTRACTS",
    "Entry",
    "canaries",
    "numbers_and_margin",
    "trading_and_money",
    "waterfall",
]
