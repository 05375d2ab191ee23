"""The contact point's own door: whose it is, what it heard, and how much it takes, whatever a lead believes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models.identity.facts import Sighting
from models.policy import Cap, Policy
from processors.base import Context, Emit
from processors.control import Control
from processors.resolve.known import Strong
from processors.resolve.point import Point, hear_and_reserve
from schemas.events.base import DAY, HOUR, Event
from schemas.events.reserving import ConsentNoted, Granted, Refused, Release, Reserve
from tests.support.facts import at

NOON, WEEK = at("3-10 08:00"), 7 * DAY
LEAD, OTHER = "lead-1", "lead-2"


def ctx(owner: str = LEAD, policy: Policy | None = None) -> Context:
    control = Control({policy.version: policy}) if policy is not None else Control()
    return Context("acme/email:h", NOON, NOON, "cause", control, {"strong": Strong(owner)})


def consented(*, granted: bool = True, when: int = NOON - DAY) -> ConsentNoted:
    said = {"consent_id": "c", "channel": "email", "purpose": "marketing", "suppressed": False}
    return ConsentNoted.build(subject="email:h", occurred_at=when, granted=granted, **said)


def asked(message: str, when: int = NOON, **change: Any) -> Reserve:
    fields = {
        "subject": "email:h", "lead_id": LEAD, "message_id": message, "ask": 1, "at": when, "channel": "email",
        "purpose": "news", "category": "marketing", "week": "2026-W11", "occurred_at": when, "region": "UAE",
    }  # fmt: skip
    return Reserve.build(**{**fields, **change})


def told(point: Point | None, event: Event, where: Context | None = None) -> tuple[Point | None, Any]:
    """The point after an event, and its answer: how many are used, or why not."""
    after, outputs = hear_and_reserve(point, event, where or ctx())
    for output in outputs:
        if isinstance(output, Emit) and isinstance(output.event, Granted):
            return after, output.event.used
        if isinstance(output, Emit) and isinstance(output.event, Refused):
            return after, output.event.reason
    return after, None


@pytest.fixture
def point() -> Point:
    after, _ = told(None, consented())
    assert after is not None
    return after


def test_it_takes_what_the_cap_allows_in_any_seven_days(point: Point) -> None:
    answers, held = [], point
    for number, when in enumerate((NOON, NOON + DAY, NOON + WEEK - 1, NOON + WEEK, NOON + DAY + WEEK - 1)):
        held, answer = told(held, asked(f"m{number}", when))  # type: ignore[assignment]
        answers.append(answer)
    assert answers == [1, 2, "cap", 2, "cap"]


def test_requests_out_of_order_share_their_windows(point: Point) -> None:
    held, first = told(point, asked("m1", NOON + DAY))
    held, second = told(held, asked("m2", NOON))
    held, third = told(held, asked("m3", NOON - DAY))
    assert (first, second, third) == (1, 2, "cap")


def test_only_its_own_lead_may_use_it(point: Point) -> None:
    assert told(point, asked("m1"), ctx(OTHER))[1] == "moved"


def test_what_it_heard_counts_whatever_the_lead_believes(point: Point) -> None:
    objected, _ = told(point, consented(granted=False, when=NOON))
    assert told(objected, asked("m1"))[1] == "opted_out"


def test_of_two_statements_at_one_instant_the_objection_holds(point: Point) -> None:
    objected, _ = told(point, consented(granted=False, when=NOON - DAY))
    assert told(objected, asked("m1"))[1] == "opted_out"


def test_what_was_released_is_free_again_and_an_older_ask_for_it_is_none(point: Point) -> None:
    held, _ = told(point, asked("m1", ask=1))
    held, _ = told(held, Release.build(subject="email:h", message_id="m1", ask=2, occurred_at=NOON))
    assert held is not None and held.slots == ()
    assert told(held, asked("m1", ask=1)) == (held, None)


def test_what_another_lead_sent_before_it_gave_the_request_away_comes_too_late(point: Point) -> None:
    """The request went from one lead to the other, and its question overtook what the first had sent."""
    held, _ = told(point, asked("m1", ask=2))
    for late in (
        asked("m1", ask=1, lead_id=OTHER),
        Release.build(subject="email:h", message_id="m1", ask=1, occurred_at=NOON),
    ):
        held, answer = told(held, late)
        assert answer is None
        assert held is not None and [slot.message_id for slot in held.slots] == ["m1"]


def test_asking_again_does_not_count_twice(point: Point) -> None:
    held, _ = told(point, asked("m1", ask=1))
    held, again = told(held, asked("m1", ask=2))
    assert again == 1
    assert held is not None and len(held.slots) == 1


@pytest.mark.parametrize(
    ("windows", "answers"),
    [("rolling", [1, "cap", 1]), ("iso_week_local", [1, 1, "cap"]), ("both", [1, "cap", 1])],
)
def test_caps_over_any_seven_days_calendar_weeks_or_both(windows: Any, answers: list[Any], point: Point) -> None:
    policy = Policy(version=1, caps=(Cap("*", "email", 1, WEEK),), cap_window=windows)
    held, found = point, []
    for number, (when, week) in enumerate(((NOON, "W11"), (NOON + 6 * DAY, "W12"), (NOON + WEEK, "W12"))):
        held, answer = told(held, asked(f"m{number}", when, week=week), ctx(policy=policy))  # type: ignore[assignment]
        found.append(answer)
    assert found == answers


def test_an_erased_address_refuses_until_it_opts_in_anew(point: Point) -> None:
    """Whatever the lead that asks has heard of the erasure."""
    mark = Sighting(NOON - HOUR, "e", "UAE", "email")
    where = msgspec.structs.replace(ctx(), slices={"strong": Strong(LEAD, mark=mark)})
    assert told(point, asked("m1"), where)[1] == "erased"
    assert told(point, asked("m1", category="transactional"), where)[1] == "erased"
    again, _ = told(point, consented(when=NOON - HOUR), where)
    assert told(again, asked("m2"), where)[1] == "erased"
    again, _ = told(point, consented(when=NOON - HOUR + 1), where)
    assert told(again, asked("m3"), where)[1] == 1


def test_what_was_allowed_before_an_erasure_counts_no_more() -> None:
    where = msgspec.structs.replace(
        ctx(), slices={"strong": Strong(LEAD, mark=Sighting(NOON - HOUR, "e", "UAE", "email"))}
    )
    held, _ = told(None, consented(when=NOON - DAY), where)
    said = {"consent_id": "d", "channel": "whatsapp", "purpose": "marketing", "suppressed": False, "granted": True}
    held, _ = told(held, ConsentNoted.build(subject="email:h", occurred_at=NOON, **said), where)
    assert told(held, asked("m1"), where)[1] == "no_consent"
