"""How the tests of the prover state a theorem and show its result; the division of their toy rules."""

from proofs.prover import Result
from proofs.registry import unregistered


def ceil_div(numerator, divisor):
    return -(-numerator // divisor)


def shown(result: Result):
    return f"{result.status}: {result.reason}"


def theorem(function, **fields):
    witness = fields.pop("witness", None)
    return unregistered(function, witnesses=(witness,) if witness is not None else (), **fields)
