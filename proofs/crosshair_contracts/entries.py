"""How a contract is entered, with its witness; the lists of those that are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Contract = Callable[..., None]
Written = TypeVar("Written", bound=Contract)
Argument = int | str | bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One contract that CrossHair is asked about.

    function  the contract
    witness   arguments that meet its premises
    searched  for a contract that cannot be exhausted: what part of the arguments is searched; else empty
    """

    function: Contract
    witness: Mapping[str, Argument]
    searched: str = ""


CONTRACTS: dict[str, Entry] = {}
"""What CrossHair is asked, by name, in the order of the files and of the chapters in them."""

CANARIES: dict[str, Entry] = {}
"""Contracts known to be false. A run in which one of them is not refuted says nothing."""


def contract(searched: str = "", **witness: Argument) -> Callable[[Written], Written]:
    """Enter the decorated function as a contract, with a witness of its premises."""

    def enter(function: Written) -> Written:
        CONTRACTS[function.__name__] = Entry(function, witness, searched)
        return function

    return enter


def canary(**witness: Argument) -> Callable[[Written], Written]:
    """Enter the decorated function as a contract that must be refuted."""

    def enter(function: Written) -> Written:
        CANARIES[function.__name__] = Entry(function, witness)
        return function

    return enter
