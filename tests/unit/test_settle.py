"""The optimizer's cells: numbered changes with totals, ids that a posting gives, days too old to keep."""

from __future__ import annotations

from typing import Any

import pytest

from processors.campaign.settle import KEPT_DAYS, OLDER, Cells
from schemas.events.base import DAY
from schemas.events.governance import PolicyChanged
from schemas.events.ledger import RevenueAttributed
from tests.support.campaigns import CONVERTED, NOW, TOUCHED, Inbox, cell, conversions
from tests.support.facts import fact
from tests.support.leads import booking, run_of, touch
from tests.support.optimizer import Optimizer


def said(inbox: Inbox) -> list[RevenueAttributed]:
    return inbox.all(RevenueAttributed)


def policy(document: str, version: int = 1) -> PolicyChanged:
    return fact(PolicyChanged, occurred_at="3-1", version=version, applies_from=0, document=document)


def test_changes_of_a_cell_are_numbered_and_added_up_in_both_currencies() -> None:
    inbox = Inbox()
    inbox.give(cell(100, 367, currency="USD"), cell(-30, -110, currency="USD"), cell(5, currency="AED"))
    told = [
        (one.currency, one.cell_seq, one.delta_minor, one.total_minor, one.total_reporting_minor) for one in said(inbox)
    ]
    assert told == [("USD", 1, 100, 100, 367), ("USD", 2, -30, 70, 257), ("AED", 1, 5, 5, 5)]


def test_every_part_makes_a_cell_of_its_own() -> None:
    inbox = Inbox()
    other = {
        "campaign_id": "c2", "channel": "social", "touch_day": TOUCHED + 1, "day": CONVERTED + 1, "model": "linear",
        "basis": "realised", "currency": "USD", "reporting_currency": "USD",
    }  # fmt: skip
    inbox.give(cell(1), *(cell(1, **{name: value}) for name, value in other.items()))  # type: ignore[arg-type]
    assert [one.cell_seq for one in said(inbox)] == [1] * (len(other) + 1)


def test_what_came_with_the_change_goes_on() -> None:
    inbox = Inbox()
    change = cell(7, known_at=NOW - 5, policy_version=3, weights_version=4, provisional=False)
    inbox.give(change)
    (told,) = said(inbox)
    for name in (
        "occurred_at", "campaign_id", "channel", "touch_day", "model", "basis", "currency", "reporting_currency",
        "delta_minor", "delta_reporting_minor", "known_at", "policy_version", "weights_version", "provisional",
        "workspace_id", "region",
    ):  # fmt: skip
        assert getattr(told, name) == getattr(change, name), name
    assert (told.conversion_day, told.cause_id, told.source) == (change.day, change.event_id, "campaign.settle")


def test_the_id_is_that_of_posting_and_cell_whatever_message_brought_it() -> None:
    ids = []
    for _ in range(2):
        inbox = Inbox()
        inbox.give(*(cell(1, posting_id=f"00000000-0000-4000-8000-{n:012}") for n in (1, 2)))
        inbox.give(cell(1, posting_id=f"00000000-0000-4000-8000-{1:012}", touch_day=TOUCHED + 1))
        ids.append([one.event_id for one in said(inbox)])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


def test_the_optimizer_is_told_what_is_for_it() -> None:
    inbox = Inbox()
    inbox.give(cell(1, hears="both"), cell(20, hears="figures"), cell(300, hears="optimizer"))
    assert [one.total_minor for one in said(inbox)] == [1, 301]


BOTH_WAYS = [(("net", "count"), {"count": 1_000_000}), (("count", "net"), {"net": 10_000})]


@pytest.mark.parametrize(("bases", "wanted"), BOTH_WAYS)
def test_another_basis_takes_back_the_old_one_and_tells_the_new_one(bases: Any, wanted: dict[str, int]) -> None:
    run = run_of(
        touch("t1", "3-1", campaign_id="c1"), booking("b1", 1, "3-10", amount_minor=10_000),
        *(policy(f'{{"optimizer_basis":"{basis}"}}', version) for version, basis in enumerate(bases, start=1)),
    )  # fmt: skip
    run.finish(4)
    optimizer = Optimizer()

    def held() -> dict[str, int]:
        for change in run.said("revenue.attribution", RevenueAttributed):
            optimizer.take(change)
        return {str(which[6]): one.total for which, one in optimizer.held.items() if one.total}

    assert held() == wanted
    run.publish(booking("b1", 2, "3-20", amount_minor=10_000, status="cancelled", booked_at="3-10"))
    run.finish(4)
    assert held() == {}


def test_of_what_an_older_program_sent_conversions_are_told_where_the_policy_says_so() -> None:
    inbox = Inbox()
    inbox.give(policy('{"optimizer_basis":"count"}'), conversions(1_000_000), conversions(500_000, policy_version=1))
    (told,) = said(inbox)
    assert (told.basis, told.currency, told.total_minor) == ("count", None, 500_000)


def test_days_too_old_to_keep_are_one_cell_and_leave_the_state() -> None:
    oldest = NOW // DAY - KEPT_DAYS
    inbox = Inbox()
    day = {"day": oldest + 1}
    posting = "00000000-0000-4000-8000-000000000001"
    inbox.give(cell(10, touch_day=oldest, **day), cell(20, touch_day=oldest + 1, **day))
    inbox.tick(NOW + DAY)
    inbox.give(
        cell(1, touch_day=oldest, posting_id=posting, **day), cell(2, touch_day=oldest - 1, posting_id=posting, **day),
        cell(3, touch_day=oldest + 1, **day),
    )  # fmt: skip
    told = [(one.touch_day, one.cell_seq, one.total_minor) for one in said(inbox)]
    assert told == [(oldest, 1, 10), (oldest + 1, 1, 20), (OLDER, 1, 1), (OLDER, 2, 3), (oldest + 1, 2, 23)]
    assert len({one.event_id for one in said(inbox)}) == 5
    held: Cells = inbox.partition._load(f"acme/c1:{oldest + 1}").slices["settle"]
    assert sorted(kept.touch_day for kept in held.held) == [OLDER, oldest + 1]
