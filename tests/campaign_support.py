"""What the tests of drawn histories share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from marginspec.policy_file import read_policy
from marginspec.search.campaign import CampaignReport, run_campaign
from refmodel.policy import Policy
from tests.conftest import put_in_place

MINIMAL = read_policy("minimal")


def silent(text: str) -> None:
    """Where a campaign tells its stories when nobody listens."""


def campaign(policy: Policy, events: int, folder: Path, **named: Any) -> CampaignReport:
    """A campaign in this process that tells nobody."""
    return run_campaign(policy, events, 1, 1, on_found=silent, runs=folder, **named)


@contextmanager
def planted(law: Callable[..., Any], fault: Callable[..., Any]) -> Iterator[None]:
    """The law with one function replaced by a faulty one, in every module that calls it."""
    put_in_place(law, fault)
    try:
        yield
    finally:
        put_in_place(fault, law)


def gap_rounded_up(gap: int, carried: int, taken: int, lots: int) -> int:
    return -(-gap * taken // lots)
