"""Contact windows open and close when the wall clocks say so, whatever the clocks do."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from models.consent.windows import HORIZON, opening
from models.policy import Hours
from schemas.events.base import DAY, instant
from tests.property.oracles.windows import changes_at, is_allowed

ZONES = (
    "America/New_York", "America/Chicago", "America/St_Johns", "Europe/Berlin", "Europe/London", "Asia/Dubai",
    "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Honolulu", "America/Sao_Paulo",
)  # fmt: skip
CHANGES = (
    "2026-03-08T07:00Z", "2026-11-01T06:00Z", "2027-03-14T07:00Z", "2027-11-07T06:00Z",  # New York
    "2026-03-29T01:00Z", "2026-10-25T01:00Z", "2027-03-28T01:00Z", "2027-10-31T01:00Z",  # Berlin
    "2026-04-04T15:00Z", "2026-10-03T15:30Z",  # Lord Howe, by half an hour
    "2011-12-30T10:00Z",  # Apia left out a day
    "2018-11-04T03:00Z",  # São Paulo left out a midnight
)  # fmt: skip


def hours(first: int, second: int) -> Hours:
    return Hours("USA", "call", min(first, second), max(first, second))


minutes = st.integers(0, 1_440) | st.sampled_from((0, 60, 90, 120, 150, 180, 480, 1_260, 1_440))
windows = st.lists(st.lists(minutes, min_size=2, max_size=2, unique=True).map(lambda two: hours(*two)), max_size=3)
zones = st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True).map(tuple)
instants = st.builds(
    lambda change, shift: instant(change) + shift,
    st.sampled_from(CHANGES),
    st.integers(-2 * DAY, 2 * DAY) | st.integers(-180, 180).map(lambda minutes: minutes * 60_000_000),
)


@given(instants, zones, windows)
@example(instant("2026-03-08T06:59Z"), ("America/New_York",), [hours(120, 180)])
@example(instant("2026-11-01T05:30Z"), ("America/New_York",), [hours(60, 90)])
@example(instant("2026-11-01T02:00Z"), ("America/New_York", "Asia/Dubai"), [hours(480, 1_260)])
@example(instant("2026-11-01T02:00Z"), ("Pacific/Honolulu", "Asia/Dubai"), [hours(540, 600)])
def test_windows_open_and_close_at_the_minutes_that_the_clocks_show(
    at: int, zones: tuple[str, ...], windows: list[Hours]
) -> None:
    found = opening(at, zones, windows)
    assert found.is_open is is_allowed(at, zones, windows)
    assert found.until == changes_at(at, zones, windows)


@given(instants, zones, windows)
def test_until_is_the_first_instant_that_differs(at: int, zones: tuple[str, ...], windows: list[Hours]) -> None:
    found = opening(at, zones, windows)
    if found.until is None:
        assert opening(at + HORIZON, zones, windows).is_open is found.is_open
    else:
        assert at < found.until <= at + HORIZON
        assert opening(found.until, zones, windows).is_open is not found.is_open
        assert opening(found.until - 1, zones, windows) == found
        assert opening((at + found.until) // 2, zones, windows) == found


@given(instants, zones, zones, windows, windows)
def test_what_is_allowed_is_what_each_zone_and_each_window_allows(
    at: int, zones: tuple[str, ...], others: tuple[str, ...], windows: list[Hours], more: list[Hours]
) -> None:
    together = opening(at, zones + others, windows + more).is_open
    each = [opening(at, (zone,), [one]).is_open for zone in zones + others for one in windows + more]
    assert together is all(each)
