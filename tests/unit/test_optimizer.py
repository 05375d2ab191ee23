"""The smallest optimizer: repeats are skipped, gaps are closed by totals, a wrong total is noticed."""

from __future__ import annotations

import pytest

from schemas.events.ledger import RevenueAttributed
from tests.support.campaigns import Inbox, cell
from tests.support.optimizer import Held, Optimizer, cell_of


def changes(*deltas: int) -> list[RevenueAttributed]:
    inbox = Inbox()
    inbox.give(*map(cell, deltas))
    return inbox.all(RevenueAttributed)


def held(*told: RevenueAttributed) -> Held:
    optimizer = Optimizer()
    for change in told:
        optimizer.take(change)
    return optimizer.held[cell_of(told[0])]


def test_deltas_add_up() -> None:
    assert held(*changes(5, 7, -2)) == (3, 10, 10)


def test_what_is_known_is_skipped() -> None:
    one, two, three = changes(5, 7, -2)
    assert held(one, one, two, three, two, one) == (3, 10, 10)


def test_after_a_gap_the_total_is_taken() -> None:
    one, _, three = changes(5, 7, -2)
    assert held(three) == held(one, three) == (3, 10, 10)


def test_a_delta_that_does_not_lead_to_its_total_is_noticed() -> None:
    one, two = changes(5, 7)
    with pytest.raises(AssertionError, match="delta"):
        held(one, two.model_copy(update={"delta_minor": 8}))
