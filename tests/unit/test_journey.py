"""Journeys that come to nothing: when they close, what claims them, what takes them back."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from processors.lead.journey import Journeys, upcast
from schemas.events.base import DAY, as_date
from schemas.events.bookings import BookingChanged
from schemas.events.governance import IdentitiesLinked, IdentitiesSplit, PolicyChanged
from schemas.events.touchpoints import TouchpointDeleted
from schemas.events.weights import PathCounted
from tests.support.facts import at, fact
from tests.support.leads import run_of, touch
from tests.support.runs import Run

Counted = tuple[str, str]


def booking(when: str, revision: int = 1, **fields: Any) -> BookingChanged:
    given = {"status": "booked", "amount_minor": 100, "currency": "AED", "email": "ada@example.com", **fields}
    return fact(BookingChanged, booking_id="b1", revision=revision, occurred_at=when, **given)


def nulls(run: Run) -> Counter[Counted]:
    """Null journeys that stand, as (Monday of the week, channels)."""
    stand: Counter[Counted] = Counter()
    for one in told(run):
        stand[_monday(one.week), " ".join(one.channels)] += one.change
    return +stand


def told(run: Run) -> list[PathCounted]:
    return [one for one in run.said("workspace.inbox", PathCounted) if one.source == "lead.journey"]


def _monday(day: int) -> str:
    date = as_date(day)
    return f"{date.month}-{date.day}"


def after(run: Run, when: str) -> Counter[Counted]:
    run.driver.tick(at(when))
    return nulls(run)


T1, T2 = touch("t1", "3-1", channel="search"), touch("t2", "3-5", channel="social")


def test_a_journey_closes_one_look_back_after_its_last_touch() -> None:
    run = run_of(T1, T2)
    assert not after(run, "4-3 23:59")
    assert after(run, "4-4") == {("3-30", "search social"): 1}
    assert len(told(run)) == 1


def test_a_gap_of_the_look_back_is_none_and_a_longer_one_is() -> None:
    assert after(run_of(T1, touch("t2", "3-31", channel="social")), "6-1") == {("4-27", "search social"): 1}
    apart = run_of(T1, touch("t2", "3-31 00:01", channel="social"))
    assert after(apart, "6-1") == {("3-30", "search"): 1, ("4-27", "social"): 1}


def test_views_own_sends_and_deleted_touches_are_no_part_of_it() -> None:
    run = run_of(
        T1, touch("v", "3-2", "view"), touch("s", "3-2", "email_sent"), touch("d", "3-2"),
        touch("d", "3-2", revision=2, type=TouchpointDeleted),
    )  # fmt: skip
    assert after(run, "6-1") == {("3-30", "search"): 1}
    assert not after(run_of(touch("v", "3-2", "view")), "6-1")


def test_what_views_alone_led_to_is_counted_no_more_than_what_they_did_not() -> None:
    run = run_of(touch("v", "3-1", "impression", channel="display"), booking("3-1 10:00"))
    assert not run.said("workspace.inbox", PathCounted)
    run.publish(touch("c", "3-1 09:00", channel="search"))
    assert [(one.channels, one.converted) for one in run.said("workspace.inbox", PathCounted)] == [(["search"], True)]
    run.publish(touch("c", "3-1 09:00", channel="search", revision=2, type=TouchpointDeleted))
    assert [one.change for one in run.said("workspace.inbox", PathCounted)] == [1, -1]


def test_a_conversion_claims_the_journey_that_it_falls_into() -> None:
    for when in ("3-1", "3-3", "4-4"):
        assert not after(run_of(T1, T2, booking(when)), "6-1")
    for when in ("2-28 23:59", "4-4 00:01"):
        assert after(run_of(T1, T2, booking(when)), "6-1") == {("3-30", "search social"): 1}


def test_a_late_conversion_takes_back_what_was_counted_and_a_correction_counts_it_again() -> None:
    run = run_of(T1, T2)
    assert after(run, "5-1")
    run.publish(booking("5-1", booked_at="3-8"))
    assert not nulls(run)
    run.publish(booking("5-2", 2, booked_at="5-2"))
    assert nulls(run) == {("3-30", "search social"): 1}


def test_a_late_touch_takes_back_what_was_counted_and_counts_what_is_so() -> None:
    run = run_of(T1)
    assert after(run, "4-20") == {("3-30", "search"): 1}
    run.publish(touch("t2", "3-10", channel="email"))
    assert after(run, "4-21") == {("4-6", "search email"): 1}
    run.publish(touch("t3", "4-5", channel="email"))
    assert not nulls(run), "it is open again"
    assert after(run, "5-5") == {("5-4", "search email email"): 1}


def test_a_late_journey_of_its_own_closes_no_later_than_it_would_have() -> None:
    run = run_of(touch("t2", "4-10", channel="social"), T1)
    assert after(run, "4-10") == {("3-30", "search"): 1}


def test_a_touch_that_moves_takes_the_journey_along() -> None:
    run = run_of(T1)
    assert after(run, "4-20")
    run.publish(touch("t1", "4-15", channel="search", revision=2))
    assert not nulls(run)
    assert after(run, "5-15") == {("5-11", "search"): 1}


def test_a_policy_closes_journeys_anew() -> None:
    run = run_of(T1, touch("t2", "3-15", channel="social"))
    assert after(run, "5-1") == {("4-13", "search social"): 1}
    document = json.dumps({"click_look_back": 10 * DAY, "time_zone": "Asia/Dubai"})
    run.publish(fact(PolicyChanged, occurred_at="5-1", version=1, applies_from=0, document=document))
    assert after(run, "5-2") == {("3-9", "search"): 1, ("3-23", "social"): 1}


def test_touches_in_order_leave_the_timer_where_it_is() -> None:
    run = run_of(*(touch(f"t{n}", f"3-{n}") for n in range(1, 29)))
    timers = [
        entry.due for store in run.driver.stores.values() for entry in store.due(2**62) if "journey" in entry.name
    ]
    assert timers == [at("3-31")]
    assert not after(run, "4-1")
    assert after(run, "4-27") == {("4-27", " ".join(["web"] * 28)): 1}


def test_a_lead_whose_touches_were_away_when_the_timer_fired_closes_journeys_again() -> None:
    ada, bob = ({"kind": "email", "value": f"{name}@example.com"} for name in ("ada", "bob"))
    run = run_of(T1, touch("b1", "3-1", email=bob["value"], channel="email"))
    run.publish(fact(IdentitiesLinked, occurred_at="3-2", identifiers=[ada, bob]))
    run.driver.tick(at("4-5"))
    run.publish(fact(IdentitiesSplit, occurred_at="3-3", take=[bob], keep=[ada]))
    run.publish(touch("b2", "4-20", email=bob["value"], channel="social"))
    assert after(run, "6-1") == {("3-30", "search"): 1, ("3-30", "email"): 1, ("5-18", "social"): 1}


def test_of_a_timer_that_an_older_program_let_fire_nothing_is_left() -> None:
    stored = msgspec.msgpack.encode(Journeys((), 5, 7))
    assert msgspec.msgpack.decode(upcast(1, stored), type=Journeys) == Journeys((), 5, None)
    with pytest.raises(ValueError, match="version 3"):
        upcast(3, b"")


def test_what_is_too_old_to_keep_stays_as_it_was_counted() -> None:
    run = run_of(T1)
    assert after(run, "4-20") == {("3-30", "search"): 1}
    run.publish(touch("t2", "10-20", channel="social"))
    assert after(run, "12-1") == {("3-30", "search"): 1, ("11-16", "social"): 1}


def test_what_is_old_but_kept_stays_and_can_still_be_taken_back() -> None:
    run = run_of(touch("t1", "3-20", channel="search"))
    assert after(run, "5-1") == {("4-13", "search"): 1}
    run.publish(touch("t2", "9-10", channel="social"))
    assert after(run, "9-11") == {("4-13", "search"): 1}
    run.publish(touch("t1", "3-20", channel="search", revision=2, type=TouchpointDeleted))
    assert not after(run, "9-12")


def test_what_is_left_of_a_journey_that_is_too_old_to_keep_is_none() -> None:
    run = run_of(T1, T2, touch("t3", "3-30", channel="email"), touch("t4", "5-10", channel="ads"))
    once = {("4-27", "search social email"): 1, ("6-8", "ads"): 1}
    assert after(run, "6-20") == once
    for day in (2, 25):
        run.publish(touch(f"n{day}", f"9-{day}", "inquiry"))
        assert after(run, f"9-{day + 1}") == once
    run.publish(touch("t4", "9-26", channel="ads", revision=2, type=TouchpointDeleted))
    assert after(run, "9-27") == {("4-27", "search social email"): 1}, "this one is kept whole"


def test_what_a_full_path_forgets_stays_as_it_was_counted() -> None:
    with patch("processors.lead.path.MAX_TOUCHES", 3), patch("processors.lead.journey.MAX_TOUCHES", 3):
        run = run_of(T1)
        after(run, "4-5")
        for number in range(4):
            run.publish(touch(f"n{number}", f"4-{10 + number}"))
        assert after(run, "6-1")["3-30", "search"] == 1
