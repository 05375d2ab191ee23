"""What a lead's path keeps, refuses, folds and pages, however many touches and bookings there are."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from models.attribution.bundle import MANY
from schemas.events.base import DAY, HOUR
from schemas.events.touchpoints import TouchpointDeleted
from tests.support.facts import at
from tests.support.leads import booking, touch
from tests.support.paths import Lead


@pytest.fixture
def _three_touches() -> Iterator[None]:
    with patch("processors.lead.path.MAX_TOUCHES", 3):
        yield


def names(lead: Lead, booking_id: str = "b1") -> list[str]:
    """Candidates: single ones by id, bundles by campaign and number of touches."""
    return [f"{one.campaign_id} {one.bundle.count}" if one.bundle else one.touch_id for one in lead.newest(booking_id)]


# -- retention


def test_touches_are_kept_for_180_days_before_the_day_of_the_newest() -> None:
    lead = Lead()
    lead.take(touch("old", "1-1"), touch("first", "1-2"), touch("new", "7-1 23:59"))
    assert list(lead.path.touches) == ["first", "new"]
    lead.take(touch("late", "1-2"), touch("later", "1-1 23:59"))
    assert list(lead.path.touches) == ["first", "late", "new"]
    assert [letter.reason for letter in lead.refused] == ["beyond_restatement_horizon"]


def test_history_is_measured_by_the_lead_and_not_by_the_clock() -> None:
    lead = Lead(now=at("12-1"))
    lead.take(touch("t1", "1-1"), touch("t2", "1-5"), booking("b1", 1, "1-10"))
    assert names(lead) == ["t1", "t2"]
    assert not lead.refused


def test_what_may_have_led_to_a_known_booking_is_kept_and_taken_however_old() -> None:
    lead = Lead()
    lead.take(touch("t1", "1-5"), booking("b1", 1, "1-10"), touch("new", "12-1"), touch("t2", "1-6"))
    assert list(lead.path.touches) == ["t1", "t2", "new"]
    assert names(lead) == ["t1", "t2"]
    lead.take(touch("t3", "1-11"))
    assert len(lead.refused) == 1


def test_bundles_are_forgotten_like_touches(_three_touches: None) -> None:
    lead = Lead()
    lead.take(touch("t0", "1-1"), *(touch(f"t{n}", "3-1") for n in range(1, 6)))
    assert {key.day for key in lead.path.bundles.tallies} == {at("1-1") // DAY, at("3-1") // DAY}
    lead.take(touch("new", "7-1"))
    assert {key.day for key in lead.path.bundles.tallies} == {at("3-1") // DAY}


# -- paging


def test_many_bookings_hear_of_a_touch_page_by_page() -> None:
    lead = Lead(now=at("4-1"))
    with patch("processors.lead.path.TOLD_AT_ONCE", 2):
        lead.take(*(booking(f"b{n}", 1, "3-10") for n in range(5)))
        assert lead.take(touch("t1", "3-1")) == 2
        assert lead.path.waiting == ("b2", "b3", "b4")
        assert lead.take(touch("t2", "3-2")) == 2
        assert lead.path.waiting == ("b2", "b3", "b4")
        assert lead.tick(lead.now) == 0
        assert lead.tick(lead.now + HOUR) == 2
        assert lead.tick(lead.now + HOUR) == 1
    assert not lead.state.timers
    assert all(names(lead, f"b{n}") == ["t1", "t2"] for n in range(5))


def test_who_waits_comes_before_who_has_been_told() -> None:
    lead = Lead(now=at("4-1"))
    with patch("processors.lead.path.TOLD_AT_ONCE", 1):
        lead.take(*(booking(f"b{n}", 1, "3-10") for n in range(3)), touch("t1", "3-1"))
        turns = []
        for n in range(4):
            lead.take(touch(f"u{n}", "3-2"))
            lead.tick(lead.now + HOUR)
            turns.append(lead.told[-1].booking_id)
    assert turns == ["b1", "b2", "b1", "b2"]


# -- bundles


def test_the_oldest_touches_beyond_the_newest_are_folded(_three_touches: None) -> None:
    lead = Lead()
    same = [touch(f"t{n}", f"3-1 0{n}:00", campaign_id="c1") for n in range(3)]
    lead.take(booking("b1", 1, "3-10"), *same, touch("u", "3-1 04:00", "inquiry", campaign_id="c1"))
    lead.take(touch("v", "3-1 05:00", campaign_id="c2"), touch("w", "3-2"))
    lead.rest()
    assert names(lead) == ["c1 3", "u", "v", "w"]
    bundle = lead.newest("b1")[0]
    assert bundle.touch_id.startswith("bundle:2026-03-01:")
    assert (bundle.occurred_at, bundle.bundle.mean_at) == (at("3-1"), at("3-1 01:00"))
    assert (bundle.bundle.first_id, bundle.bundle.last_id, bundle.bundle.last_at) == ("t0", "t2", at("3-1 02:00"))


@pytest.mark.parametrize("late", ["2-28", "3-1 12:00"])
def test_a_late_touch_older_than_the_newest_goes_straight_into_its_bundle(_three_touches: None, late: str) -> None:
    lead = Lead()
    lead.take(booking("b1", 1, "3-10"), *(touch(f"t{n}", f"3-{n + 1}", campaign_id="c") for n in range(4)))
    lead.rest()
    assert lead.take(touch("late", late, campaign_id="c")) == 1
    assert "late" not in lead.path.touches
    assert sum(tally.count for tally in lead.path.bundles.tallies.values()) == 2


def test_a_bundles_ends_are_its_first_and_last_whatever_came_first(_three_touches: None) -> None:
    lead = Lead()
    lead.take(*(touch(f"new{n}", "3-9") for n in range(3)))
    lead.take(*(touch(f"t{hour}", f"3-1 0{hour}:00") for hour in (5, 2, 8, 4)))
    (tally,) = lead.path.bundles.tallies.values()
    assert (tally.count, tally.first[1], tally.last[1]) == (4, "t2", "t8")


def test_bookings_hear_of_folding_once_an_hour(_three_touches: None) -> None:
    lead = Lead(now=at("4-1"))
    lead.take(booking("b1", 1, "3-2"), *(touch(f"t{n}", "3-1") for n in range(3)))
    assert lead.take(*(touch(f"u{n}", "3-20") for n in range(3))) == 0
    assert lead.tick(lead.now + HOUR - 1) == 0
    assert lead.tick(lead.now + 1) == 1
    assert names(lead) == ["None 3"]


def test_a_repeat_of_a_bundles_ends_is_known_for_one(_three_touches: None) -> None:
    lead = Lead()
    facts = [touch(f"t{n}", f"3-1 0{n}:00") for n in range(5)]
    lead.take(booking("b1", 1, "3-10"), *facts)
    lead.rest()
    assert lead.take(facts[0], facts[1]) == 0
    assert names(lead)[0] == "None 2"


@pytest.mark.parametrize("type_", [TouchpointDeleted, None])
def test_corrections_of_what_is_not_told_apart_any_more_are_refused(_three_touches: None, type_: type | None) -> None:
    lead = Lead()
    lead.take(*(touch(f"t{n}", f"3-{n + 1}") for n in range(4)))
    before = lead.path
    lead.take(touch("t0", "3-1", revision=2, **({"type": type_} if type_ else {})))
    assert [letter.reason for letter in lead.refused] == ["beyond_restatement_horizon"]
    assert lead.path == before


def test_deleted_touches_leave_no_bundle(_three_touches: None) -> None:
    lead = Lead()
    lead.take(touch("t0", "3-1"), touch("t0", "3-1", revision=2, type=TouchpointDeleted))
    lead.take(*(touch(f"t{n}", "3-2") for n in range(1, 4)))
    assert list(lead.path.touches) == ["t1", "t2", "t3"]
    assert not lead.path.bundles.tallies


def test_beyond_the_most_bundles_campaigns_go_and_then_the_oldest(_three_touches: None) -> None:
    lead = Lead()
    with patch("models.attribution.bundle.MAX_BUNDLES", 3):
        lead.take(*(touch(f"t{n}", f"3-{1 + n // 2}", campaign_id=f"c{n % 2}") for n in range(7)))
        assert [key.campaign_id for key in lead.path.bundles.tallies] == [MANY, "c0", "c1"]
        lead.take(touch("late", "3-1 01:00", campaign_id="c7"))
        assert [tally.count for tally in lead.path.bundles.tallies.values()] == [3, 1, 1]
        lead.take(*(touch(f"u{n}", f"3-{10 + n}") for n in range(6)))
    assert {key.campaign_id for key in lead.path.bundles.tallies} == {MANY}
    assert len(lead.path.bundles.tallies) == 3
    assert set(lead.drops) == {"bundle_forgotten"}
