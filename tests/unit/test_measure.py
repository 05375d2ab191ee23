"""A campaign's day in figures: what is counted, what it cost, and when it is published."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.base import DAY, MAX_MINOR, SECOND
from schemas.events.campaigns import CampaignMeasured
from schemas.events.governance import ExchangeRateSet, PolicyChanged
from schemas.events.ledger import RevenueAttributed
from tests.support.campaigns import CONVERTED, NOW, Inbox, cell, conversions, counted, spent
from tests.support.facts import fact
from tests.support.leads import booking, run_of, touch


def rate(text: str, revision: int = 1, base: str = "USD", quote: str = "AED") -> ExchangeRateSet:
    return fact(
        ExchangeRateSet, occurred_at="3-10", base=base, quote=quote, day=CONVERTED, revision=revision, rate=text
    )


def policy(document: str, version: int = 1, applies_from: int = 0) -> PolicyChanged:
    return fact(PolicyChanged, occurred_at="3-1", version=version, applies_from=applies_from, document=document)


def after(*events: Any) -> CampaignMeasured:
    """The newest figures, a tick after some events."""
    inbox = Inbox()
    inbox.give(*events)
    inbox.tick()
    return inbox.measured()[-1]


def test_one_tick_brings_one_record_however_much_came() -> None:
    inbox = Inbox()
    inbox.give(*(counted(hour=hour) for hour in (9, 9, 11)), counted("impression"), spent(100), cell(50))
    assert inbox.measured() == []
    inbox.tick()
    (told,) = inbox.measured()
    assert (told.campaign_id, told.day, told.seq, told.touches, told.clicks) == ("c1", CONVERTED, 1, 4, 3)
    assert told.occurred_at == NOW + 1
    inbox.tick()
    assert len(inbox.measured()) == 1
    inbox.give(counted())
    inbox.tick()
    assert [one.seq for one in inbox.measured()] == [1, 2]


def test_what_comes_between_two_ticks_waits_for_the_second() -> None:
    """A touch of the present is later than the tick before it, and yet does not publish what came before."""
    inbox = Inbox()
    inbox.give(*(counted().model_copy(update={"occurred_at": NOW + n * SECOND // 10}) for n in range(5)))
    assert inbox.measured() == []
    inbox.tick(NOW + SECOND)
    assert [one.touches for one in inbox.measured()] == [5]


def test_touches_are_told_by_hour_and_kind() -> None:
    told = after(counted(hour=23), counted("impression", hour=0), counted("inquiry", hour=0), counted("view", hour=5))
    assert [(one.hour, one.touches, one.impressions, one.clicks) for one in told.hours] == [
        (0, 2, 1, 0), (5, 1, 0, 0), (23, 1, 0, 1)
    ]  # fmt: skip
    assert (told.touches, told.impressions, told.clicks, told.ctr_ppm) == (4, 1, 1, 1_000_000)


def test_what_is_taken_back_is_gone() -> None:
    told = after(counted("impression"), counted(hour=3), counted("impression", -1), cell(5), cell(-5))
    assert [one.hour for one in told.hours] == [3]
    assert (told.impressions, told.revenue_minor, told.ctr_ppm) == (0, 0, None)


def test_figures_that_came_back_to_what_they_were_are_not_said_again() -> None:
    inbox = Inbox()
    inbox.give(counted())
    inbox.tick()
    inbox.give(counted("view"), counted("view", -1))
    inbox.tick()
    assert len(inbox.measured()) == 1


def test_conversions_and_revenue_are_those_of_the_cells() -> None:
    told = after(cell(100, 367, currency="USD"), cell(33), conversions(1_000_000), conversions(-250_000))
    assert (told.revenue_minor, told.conversions_ppm, told.reporting_currency) == (400, 750_000, "AED")


def test_what_is_for_the_optimizer_alone_is_no_figure() -> None:
    told = after(cell(5, hears="both"), cell(20, hears="figures"), cell(300, hears="optimizer"))
    assert told.revenue_minor == 25


def test_where_the_optimizer_counts_conversions_campaigns_have_revenue_all_the_same() -> None:
    run = run_of(
        policy('{"optimizer_basis":"count"}'), touch("t1", "3-1", campaign_id="c1"),
        booking("b1", 1, "3-10", amount_minor=10_000), spent(1_000),
    )  # fmt: skip
    run.finish(4)
    told = max(run.said("campaign.metrics", CampaignMeasured), key=lambda one: (one.day, one.seq))
    assert (told.conversions_ppm, told.revenue_minor, told.roi_ppm) == (1_000_000, 10_000, 9_000_000)
    assert {one.basis for one in run.said("revenue.attribution", RevenueAttributed)} == {"count"}


def test_return_on_spend_is_half_to_even_and_null_without_spend() -> None:
    assert after(cell(150), spent(100)).roi_ppm == 500_000
    assert after(spent(100)).roi_ppm == -1_000_000
    assert after(cell(100), spent(3)).roi_ppm == 32_333_333
    assert after(cell(2_000_001), spent(2_000_000)).roi_ppm == 0
    assert after(cell(2_000_003), spent(2_000_000)).roi_ppm == 2
    bare = after(cell(100))
    assert (bare.spend_minor, bare.roi_ppm, bare.channel) == (0, None, None)
    assert after(cell(MAX_MINOR), spent(1)).roi_ppm is None, "no field could hold it"


def test_the_highest_revision_of_spend_is_the_truth_in_any_order() -> None:
    for order in ((1, 2, 3), (3, 1, 2), (2, 3, 1)):
        told = after(*(spent(100 * revision, revision, channel=f"ch{revision}") for revision in order))
        assert (told.spend_minor, told.channel) == (300, "ch3")


@pytest.mark.parametrize("other", [{"amount": 101}, {"currency": "USD"}, {"channel": "social"}])
def test_another_content_of_a_known_revision_of_spend_is_refused(other: dict[str, Any]) -> None:
    inbox = Inbox()
    inbox.give(spent(100), spent(100), spent(**{"amount": 100, **other}))
    inbox.tick()
    assert inbox.refused() == ["revision_conflict"]
    assert [one.spend_minor for one in inbox.measured()] == [100]


def test_spend_is_converted_at_the_days_rate_once_it_is_known() -> None:
    inbox = Inbox()
    inbox.give(spent(100, currency="USD"), cell(500))
    inbox.tick()
    inbox.give(rate("3.6725"))
    inbox.tick()
    inbox.give(rate("3.6800", 2))
    inbox.tick()
    inbox.give(rate("0.5", base="EUR"))
    inbox.tick()
    assert [(one.spend_minor, one.roi_ppm) for one in inbox.measured()] == [
        (None, None), (367, 362_398), (368, 358_696)
    ]  # fmt: skip
    assert [one.seq for one in inbox.measured()] == [1, 2, 3]


def test_spend_that_no_field_could_hold_stays_unconverted() -> None:
    assert after(rate("999999999999"), spent(MAX_MINOR, currency="USD")).spend_minor is None


def test_a_visit_between_a_change_and_its_tick_says_it_once() -> None:
    inbox = Inbox()
    inbox.give(counted(), rate("3"))
    inbox.tick()
    inbox.tick()
    assert [one.touches for one in inbox.measured()] == [1]


def test_figures_are_in_the_reporting_currency_of_the_day() -> None:
    inbox = Inbox()
    inbox.give(spent(100), cell(367))
    inbox.tick()
    inbox.give(policy('{"reporting_currency":"USD"}'))
    inbox.tick()
    inbox.give(cell(-367), cell(367, 100, reporting_currency="USD"), rate("0.25", base="AED", quote="USD"))
    inbox.tick()
    told = [(one.reporting_currency, one.revenue_minor, one.spend_minor) for one in inbox.measured()]
    assert told[:2] == [("AED", 367, 100), ("USD", 0, None)]
    assert told[-1] == ("USD", 100, 25)


def test_a_policy_that_does_not_cover_the_day_changes_nothing() -> None:
    inbox = Inbox()
    inbox.give(spent(100), policy('{"reporting_currency":"USD"}', applies_from=(CONVERTED + 1) * DAY))
    inbox.tick()
    assert [one.reporting_currency for one in inbox.measured()] == ["AED"]


def test_campaigns_may_have_colons_and_slashes_in_their_ids() -> None:
    assert after(counted(campaign_id="a/b:c")).campaign_id == "a/b:c"
