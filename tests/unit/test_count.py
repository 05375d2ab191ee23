"""Counting: each touch once where it belongs, and back again when it moves or goes."""

from __future__ import annotations

from itertools import permutations

import pytest

from schemas.codec import decode
from schemas.events.base import DAY, Event
from schemas.events.campaigns import TouchCounted
from schemas.events.clicks import ClickRecorded
from schemas.events.governance import PolicyChanged
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from tests.property.oracles.touches import touched
from tests.support.campaigns import measured
from tests.support.facts import at, fact
from tests.support.leads import run_of, touch
from tests.support.persons import ADA, BOB, linked
from tests.support.runs import Run

Told = tuple[str, str, int, int, str, int]


def told(run: Run) -> list[Told]:
    """Campaign, channel, day of March, hour, kind and change, as counted."""
    found = [decode(value).message for value in run.driver.values("campaign.inbox")]
    return [
        (one.campaign_id, one.channel, one.day - at("3-1") // DAY + 1, one.hour, one.kind, one.change)
        for one in found
        if isinstance(one, TouchCounted)
    ]


def test_touches_and_clicks_of_a_campaign_count_once() -> None:
    click = fact(
        ClickRecorded, occurred_at="3-6 23:59", click_id="k", url="https://x.test", email="ada@example.com",
        utm_medium="cpc", utm_campaign="c2",
    )  # fmt: skip
    run = run_of(touch("t", "3-5 09:30", campaign_id="c1"), touch("n", "3-5"), click)
    assert sorted(told(run)) == [("c1", "web", 5, 9, "content_engagement", 1), ("c2", "search", 6, 23, "click", 1)]


def test_our_own_sends_do_not_count() -> None:
    assert told(run_of(touch("t", "3-5", "email_sent", campaign_id="c1"))) == []


def test_the_same_again_and_older_revisions_do_not_count() -> None:
    run = run_of(
        touch("t", "3-5", revision=2, campaign_id="c1"), touch("t", "3-5", revision=2, campaign_id="c1"),
        touch("t", "3-4", revision=1, campaign_id="c2"),
    )  # fmt: skip
    assert [(one[0], one[5]) for one in told(run)] == [("c1", 1)]


def test_another_content_of_a_known_revision_counts_nothing() -> None:
    run = run_of(touch("t", "3-5", campaign_id="c1"), touch("t", "3-5", campaign_id="c2"))
    assert [(one[0], one[5]) for one in told(run)] == [("c1", 1)]
    assert len(run.dead_letters()) == 1


def test_a_touch_that_moves_leaves_where_it_was() -> None:
    for moved in (
        touch("t", "3-5", revision=2, campaign_id="c2"), touch("t", "3-6", revision=2, campaign_id="c1"),
        touch("t", "3-5", "inquiry", revision=2, campaign_id="c1"),
    ):  # fmt: skip
        run = run_of(touch("t", "3-5", campaign_id="c1"), moved)
        changes = told(run)
        assert sorted(one[5] for one in changes) == [-1, 1, 1]
        (back,) = (one for one in changes if one[5] == -1)
        assert (*back[:5], 1) in changes


def test_a_revision_that_stays_in_its_place_counts_nothing() -> None:
    run = run_of(touch("t", "3-5 09:01", campaign_id="c1"), touch("t", "3-5 09:59", revision=2, campaign_id="c1"))
    assert len(told(run)) == 1


def test_a_deleted_touch_is_taken_back_and_may_be_deleted_first() -> None:
    gone = touch("t", "3-5", revision=2, type=TouchpointDeleted, campaign_id="c1")
    assert sorted(one[5] for one in told(run_of(touch("t", "3-5", campaign_id="c1"), gone))) == [-1, 1]
    assert told(run_of(gone, touch("t", "3-5", campaign_id="c1"))) == []


def test_a_touch_that_becomes_our_own_send_is_taken_back_and_counts_when_it_is_none_again() -> None:
    run = run_of(
        touch("t", "3-5", campaign_id="c1"), touch("t", "3-5", "sms_sent", 2, campaign_id="c1"),
        touch("t", "3-5", "reply", 3, campaign_id="c1"),
    )  # fmt: skip
    assert [(one[4], one[5]) for one in told(run)] == [
        ("content_engagement", 1), ("content_engagement", -1), ("reply", 1)
    ]  # fmt: skip


def test_day_and_hour_are_local() -> None:
    dubai = fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document='{"time_zone":"Asia/Dubai"}')
    run = run_of(dubai, touch("t", "3-5 20:30", campaign_id="c1"))
    assert [one[2:4] for one in told(run)] == [(6, 0)]


def test_what_a_machine_did_is_counted_nowhere_and_taken_back_when_that_is_found_out() -> None:
    seen = touch("t", "3-1", "email_opened", campaign_id="spring")
    run = run_of(touch("m", "3-1", "email_opened", campaign_id="spring", machine=True), seen)
    assert [one[-1] for one in told(run)] == [1]
    run.publish(touch("t", "3-1", "email_opened", 2, campaign_id="spring", machine=True))
    assert sorted(one[-1] for one in told(run)) == [-1, 1]


@pytest.mark.parametrize("kind", [TouchpointRecorded, TouchpointDeleted])
def test_leads_that_each_counted_a_revision_count_the_newer_one_when_they_turn_out_to_be_one(kind: type[Event]) -> None:
    common = {"touch_id": "t", "kind": "inquiry", "channel": "web"}
    older = fact(TouchpointRecorded, **common, occurred_at="3-5", revision=1, campaign_id="c1", email=ADA)
    newer = fact(kind, **common, occurred_at="3-6", revision=2, campaign_id="c2", email=BOB)
    for facts in permutations((older, newer, linked("3-4", ADA, BOB))):
        run = run_of(*facts)
        run.finish()
        assert measured(run) == touched([older, newer])
