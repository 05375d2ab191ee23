"""Contact windows on the days on which clocks are changed, and which of them apply."""

from __future__ import annotations

import pytest

from models.consent.windows import Opening, hours_for, opening
from models.policy import DEFAULT_POLICY, Hours
from schemas.events.base import DAY, instant

NEW_YORK, CHICAGO, BERLIN = "America/New_York", "America/Chicago", "Europe/Berlin"
CALLS = Hours("USA", "call", 8 * 60, 21 * 60)


def window(opens: str, closes: str) -> Hours:
    def minute(text: str) -> int:
        return int(text[:2]) * 60 + int(text[3:])

    return Hours("USA", "call", minute(opens), minute(closes))


def opened(until: str) -> Opening:
    return Opening(True, instant(until))


def shut(until: str) -> Opening:
    return Opening(False, instant(until))


@pytest.mark.parametrize(
    ("zone", "at", "wanted"),
    [
        (NEW_YORK, "2026-03-08T02:00Z", shut("2026-03-08T12:00Z")),
        (NEW_YORK, "2026-11-01T01:00Z", shut("2026-11-01T13:00Z")),
        (NEW_YORK, "2027-03-14T02:00Z", shut("2027-03-14T12:00Z")),
        (NEW_YORK, "2027-11-07T01:00Z", shut("2027-11-07T13:00Z")),
        (BERLIN, "2026-03-28T20:00Z", shut("2026-03-29T06:00Z")),
        (BERLIN, "2026-10-24T19:00Z", shut("2026-10-25T07:00Z")),
        (BERLIN, "2027-03-27T20:00Z", shut("2027-03-28T06:00Z")),
        (BERLIN, "2027-10-30T19:00Z", shut("2027-10-31T07:00Z")),
        (NEW_YORK, "2026-03-08T12:00Z", opened("2026-03-09T01:00Z")),
        (BERLIN, "2026-10-25T07:00Z", opened("2026-10-25T20:00Z")),
    ],
)
def test_the_night_of_a_change_is_an_hour_shorter_or_longer(zone: str, at: str, wanted: Opening) -> None:
    assert opening(instant(at), (zone,), [CALLS]) == wanted


def test_a_window_in_the_hour_left_out_stays_shut_that_day() -> None:
    assert opening(instant("2026-03-08T05:00Z"), (NEW_YORK,), [window("02:00", "03:00")]) == shut("2026-03-09T06:00Z")
    assert opening(instant("2027-03-28T00:00Z"), (BERLIN,), [window("02:00", "03:00")]) == shut("2027-03-29T00:00Z")


def test_a_window_that_ends_in_the_hour_left_out_closes_where_it_begins() -> None:
    assert opening(instant("2026-03-08T06:30Z"), (NEW_YORK,), [window("01:30", "02:30")]) == opened("2026-03-08T07:00Z")
    assert opening(instant("2026-03-08T05:00Z"), (NEW_YORK,), [window("02:30", "04:00")]) == shut("2026-03-08T07:00Z")


def test_a_window_in_the_hour_that_is_repeated_opens_twice() -> None:
    half, place = [window("01:00", "01:30")], (NEW_YORK,)
    assert opening(instant("2026-11-01T04:00Z"), place, half) == shut("2026-11-01T05:00Z")
    assert opening(instant("2026-11-01T05:00Z"), place, half) == opened("2026-11-01T05:30Z")
    assert opening(instant("2026-11-01T05:30Z"), place, half) == shut("2026-11-01T06:00Z")
    assert opening(instant("2026-11-01T06:00Z"), place, half) == opened("2026-11-01T06:30Z")
    assert opening(instant("2026-10-25T00:00Z"), (BERLIN,), [window("02:00", "03:00")]) == opened("2026-10-25T02:00Z")


def test_bounds_are_half_open_to_the_microsecond() -> None:
    opens, closes = instant("2026-07-01T06:00Z"), instant("2026-07-01T15:00Z")
    day, place = [window("10:00", "19:00")], ("Asia/Dubai",)
    assert opening(opens - 1, place, day) == Opening(False, opens)
    assert opening(opens, place, day) == Opening(True, closes)
    assert opening(closes - 1, place, day) == Opening(True, closes)
    assert opening(closes, place, day) == Opening(False, opens + DAY)


def test_minutes_are_those_of_zones_off_the_hour() -> None:
    assert opening(instant("2026-07-01T04:29Z"), ("Asia/Kolkata",), [window("10:00", "21:00")]) == shut(
        "2026-07-01T04:30Z"
    )


def test_every_zone_must_be_open() -> None:
    both = (CHICAGO, NEW_YORK)
    assert opening(instant("2026-07-01T12:30Z"), both, [CALLS]) == shut("2026-07-01T13:00Z")
    assert opening(instant("2026-07-01T13:00Z"), both, [CALLS]) == opened("2026-07-02T01:00Z")
    assert opening(instant("2026-07-01T12:30Z"), (NEW_YORK, CHICAGO), [CALLS]) == shut("2026-07-01T13:00Z")


def test_every_window_must_be_open() -> None:
    both = [window("08:00", "21:00"), window("09:00", "18:00")]
    assert opening(instant("2026-07-01T04:30Z"), ("Asia/Dubai",), both) == shut("2026-07-01T05:00Z")
    assert opening(instant("2026-07-01T05:00Z"), ("Asia/Dubai",), both) == opened("2026-07-01T14:00Z")


def test_windows_that_never_meet_never_open() -> None:
    at = instant("2026-07-01T00:00Z")
    apart = ("Pacific/Honolulu", "Asia/Dubai")
    assert opening(at, ("Asia/Dubai",), [window("08:00", "10:00"), window("10:00", "12:00")]) == Opening(False, None)
    assert opening(at, apart, [window("09:00", "18:00")]) == Opening(False, None)


def test_without_windows_all_hours_are_open_and_without_zones_none() -> None:
    at = instant("2026-07-01T00:00Z")
    assert opening(at, (), []) == opening(at, (BERLIN,), []) == Opening(True, None)
    assert opening(at, (), [CALLS]) == Opening(False, None)
    assert opening(at, (BERLIN,), [window("00:00", "24:00")]) == Opening(True, None)


def test_clocks_are_known_past_the_end_of_the_period_that_they_are_kept_for() -> None:
    at = instant("2026-12-13T00:00Z") - 1
    assert (at + 1) % (16 * DAY) == 0
    assert opening(at, (NEW_YORK,), [window("12:00", "12:01")]) == shut("2026-12-13T17:00Z")
    assert opening(at, ("Asia/Dubai", "Pacific/Honolulu"), [window("09:00", "18:00")]) == Opening(False, None)


def test_the_windows_of_all_jurisdictions_apply_to_the_channel_alone() -> None:
    windows = DEFAULT_POLICY.contact_windows
    assert hours_for(windows, ("UAE",), "call") == (Hours("UAE", "call", 540, 1_080),)
    assert hours_for(windows, ("EUR", "IND"), "sms") == (
        Hours("IND", "sms", 600, 1_260), Hours("EUR", "sms", 480, 1_200)
    )  # fmt: skip
    assert hours_for(windows, ("USA",), "email") == ()


def test_what_binds_the_usa_binds_florida() -> None:
    federal, own = CALLS, Hours("US-FL", "call", 8 * 60, 20 * 60)
    assert hours_for((federal, own), ("US-FL",), "call") == (federal, own)
    assert hours_for((federal,), ("US-FL",), "call") == (federal,)
    assert hours_for((federal, own), ("USA",), "call") == (federal,)
