"""The path: which bookings hear of a touch, and with which candidates."""

from __future__ import annotations

from unittest.mock import patch

from schemas.codec import decode
from schemas.events.clicks import ClickRecorded
from schemas.events.paths import PathChanged
from schemas.events.touchpoints import TouchpointDeleted
from tests.support.facts import fact
from tests.support.leads import booking, run_of, touch
from tests.support.runs import Run


def told(run: Run) -> list[PathChanged]:
    found = (decode(value).message for value in run.driver.values("ledger.inbox"))
    return sorted((one for one in found if isinstance(one, PathChanged)), key=lambda one: one.seq)


def candidates(message: PathChanged) -> list[str] | None:
    return None if message.touches is None else [one.touch_id for one in message.touches]


def test_a_booking_takes_its_candidates_along_in_order() -> None:
    run = run_of(touch("b", "3-3"), touch("a", "3-3"), touch("c", "3-1"), booking("b1", 1, "3-10"))
    (message,) = told(run)
    assert candidates(message) == ["c", "a", "b"]
    assert (message.epoch, message.seq, [one.revision for one in message.facts]) == (0, 1, [1])


def test_candidates_reach_ninety_days_both_ends_included() -> None:
    edges = [
        touch("before", "3-1 23:59"), touch("first", "3-2"), touch("last", "5-31"), touch("after", "5-31 00:01")
    ]  # fmt: skip
    (message,) = told(run_of(*edges, booking("b1", 1, "5-31")))
    assert candidates(message) == ["first", "last"]


def test_a_touch_is_told_to_every_booking_it_may_have_led_to_by_name() -> None:
    bookings = [booking("b2", 1, "3-10"), booking("b1", 1, "3-12"), booking("b0", 1, "3-2"), booking("b3", 1, "9-1")]
    run = run_of(*bookings)
    before = len(told(run))
    run.publish(touch("t1", "3-5"))
    fresh = told(run)[before:]
    assert [one.booking_id for one in fresh] == ["b1", "b2"]
    assert all(candidates(one) == ["t1"] and one.facts == [] for one in fresh)


def test_a_touch_that_moves_is_told_where_it_was_and_where_it_is() -> None:
    run = run_of(booking("b1", 1, "3-10"), booking("b2", 1, "9-10"), touch("t1", "3-5"))
    before = len(told(run))
    run.publish(touch("t1", "9-1", revision=2))
    assert [(one.booking_id, candidates(one)) for one in told(run)[before:]] == [("b1", []), ("b2", ["t1"])]


def test_deleted_touches_and_own_sends_are_no_candidates() -> None:
    run = run_of(
        touch("t1", "3-5"), touch("t1", "3-5", revision=2, type=TouchpointDeleted), touch("s", "3-5", "email_sent"),
        touch("r", "3-5"), touch("r", "3-5", "sms_sent", 2), touch("v", "3-5", "view"), booking("b1", 1, "3-10"),
    )  # fmt: skip
    assert candidates(told(run)[-1]) == ["v"]


def test_a_revision_that_leaves_the_conversion_where_it_is_leaves_the_touches_out() -> None:
    run = run_of(touch("t1", "3-5"), booking("b1", 1, "3-10", booked_at="3-10"), booking("b1", 2, "3-11"))
    assert [candidates(one) for one in told(run)] == [["t1"], None]
    run.publish(booking("b1", 3, "3-12", booked_at="3-4"))
    assert candidates(told(run)[-1]) == []


def test_a_click_is_a_touch_with_its_channel_from_the_tags() -> None:
    clicks = [
        fact(ClickRecorded, occurred_at="3-5", click_id=f"k{n}", url="https://x.test", email="ada@example.com", **tags)
        for n, tags in enumerate((
            {"utm_medium": "CPC", "utm_source": "google", "utm_campaign": "c1"},
            {"utm_medium": "podcast"}, {"utm_source": "Newsletter"}, {},
        ))
    ]  # fmt: skip
    (message,) = told(run_of(*clicks, booking("b1", 1, "3-10")))
    assert [one.channel for one in message.touches or ()] == ["search", "podcast", "newsletter", "direct"]
    assert {one.kind for one in message.touches or ()} == {"click"}


def test_a_booking_moves_as_a_whole() -> None:
    """The new lead learns of the earlier revisions, so it knows when the booking converted."""
    run = run_of(
        touch("t1", "1-5"), touch("t2", "6-9"),
        booking("b1", 1, "1-10", email="bob@example.com", booked_at="1-10"), booking("b1", 2, "9-1"),
    )  # fmt: skip
    last = [one for one in told(run) if one.epoch == 1][-1]
    assert candidates(last) == ["t1"]


def test_bookings_are_bounded_and_the_excess_is_refused() -> None:
    with patch("processors.lead.path.MAX_BOOKINGS", 2):
        run = run_of(*(booking(f"b{n}", 1, "3-10") for n in range(3)), booking("b0", 2, "3-11"))
    assert [letter.reason for letter in run.dead_letters()] == ["too_many_bookings"]
    assert [one.booking_id for one in told(run)] == ["b0", "b1", "b0"]
