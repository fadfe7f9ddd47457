"""The ledger. Goal: transfers say exactly what the postings say, each with its stage and its rule.
Method: a table of postings and transfers; and on drawn histories, transfers posted again give the postings.
"""

from collections import Counter

import pytest
from hypothesis import given

from marginspec.ledger import Transfer, transfers
from marginspec.strategies import histories
from refmodel.postings import (
    OUTSIDE,
    Place,
    Posting,
    bad_debt_of,
    fee_pool_of,
    fund_of,
    lots_of,
    move,
    wallet_of,
)
from refmodel.state import genesis
from refmodel.venue import apply
from tests.support import reaches

A1, B1, C1 = wallet_of("a1"), wallet_of("b1"), wallet_of("c1")


def test_a_payer_and_its_payee_are_one_transfer() -> None:
    assert transfers(move("FEE-2", A1, fee_pool_of("cross"), 5, "fill")) == (
        Transfer("fill", "FEE-2", A1, fee_pool_of("cross"), 5),
    )


def test_a_negative_payment_goes_the_other_way() -> None:
    assert transfers(move("TRD-6", A1, B1, -5)) == (Transfer("", "TRD-6", B1, A1, 5),)


def test_nothing_is_no_transfer() -> None:
    assert transfers((*move("TRD-6", A1, B1, 0), *move("TRD-6", A1, B1, 1))) == (
        Transfer("", "TRD-6", A1, B1, 1),
    )


def test_lots_are_counted_in_lots_of_their_market() -> None:
    (transfer,) = transfers(move("TRD-5", lots_of("a1", "M"), lots_of("b1", "M"), -3))
    assert transfer == Transfer("", "TRD-5", lots_of("b1", "M"), lots_of("a1", "M"), 3, "M")
    assert transfer.unit == "lots"


def test_one_payer_and_two_payees_are_two_transfers_by_the_rule_of_the_payer() -> None:
    penalty = (
        Posting("LIQ-3", A1, -7, "fill"),
        Posting("FND-1", bad_debt_of("cross"), 3, "fill"),
        Posting("FND-1", fund_of("cross"), 4, "fill"),
    )
    assert transfers(penalty) == (
        Transfer("fill", "LIQ-3", A1, bad_debt_of("cross"), 3),
        Transfer("fill", "LIQ-3", A1, fund_of("cross"), 4),
    )


def test_the_first_payer_pays_the_first_payee() -> None:
    funding = (
        Posting("FUN-3", A1, -6),
        Posting("FUN-3", B1, 4),
        Posting("FUN-3", C1, -1),
        Posting("FUN-3", OUTSIDE, 3),
    )
    assert transfers(funding) == (
        Transfer("", "FUN-3", A1, B1, 4),
        Transfer("", "FUN-3", A1, OUTSIDE, 2),
        Transfer("", "FUN-3", C1, OUTSIDE, 1),
    )


def test_postings_that_do_not_balance_have_no_transfers() -> None:
    with pytest.raises(AssertionError, match="do not balance"):
        transfers((Posting("FUN-3", A1, -6), Posting("FUN-3", B1, 4)))


@reaches("some transfers")
@given(history=histories(events_most=10))
def test_transfers_change_every_place_by_what_was_posted(history, reached) -> None:
    venue = genesis(history.policy) if history.start is None else history.start
    for event in history.events:
        outcome = apply(venue, event)
        venue = outcome.venue
        posted: Counter[Place] = Counter()
        for entry in outcome.postings:
            if isinstance(entry, Posting):
                posted[entry.place] += entry.amount
        moved: Counter[Place] = Counter()
        for transfer in transfers(outcome.postings):
            assert transfer.amount >= 1
            moved[transfer.payer] -= transfer.amount
            moved[transfer.payee] += transfer.amount
            reached("some transfers")
        for place in {*posted, *moved}:
            assert posted[place] == moved[place]
