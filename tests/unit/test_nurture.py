"""A sequence for a cold lead: when it starts, on which days it speaks, what stops it, what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from processors.lead.sequences import Nurturing
from schemas.events.base import DAY, HOUR
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.contact import ConsentChanged, MessageReceived
from schemas.events.gate import ApprovalRequested, ContactProposed
from schemas.events.governance import ApprovalDecided, PolicyChanged
from schemas.events.leads import LeadUpdated
from schemas.events.touchpoints import TouchpointDeleted
from tests.support.facts import at, fact
from tests.support.leads import captured, remembered, run_of, touch
from tests.support.runs import Run

ADA = {"email": "ada@example.com"}
START = at("3-1")


def proposals(run: Run) -> list[ContactProposed]:
    said = [one for one in run.said("contact.requests", ContactProposed) if one.purpose == "nurture"]
    return sorted(said, key=lambda one: one.occurred_at)


def steps(run: Run) -> list[str | None]:
    return [one.step for one in proposals(run)]


def pass_days(run: Run, until: int, since: int = 0) -> Run:
    """A tick a day, up to so many days after the start."""
    for day in range(since, until + 1):
        run.driver.tick(START + day * DAY)
    return run


def nurtured(*facts: Any, until: int = 31) -> Run:
    """A lead captured cold, then facts, each when it happened, with a tick a day."""
    run = run_of(captured("3-1"))
    for one in facts:
        pass_days(run, (one.occurred_at - START - 1) // DAY)
        run.publish(one)
    return pass_days(run, until)


def says(text: str, when: str, **fields: Any) -> MessageReceived:
    return fact(MessageReceived, occurred_at=when, message_id=f"m{when}", channel="email", text=text, **ADA, **fields)


def objects(when: str, **fields: Any) -> ConsentChanged:
    given = {"consent_id": f"c{when}", "channel": "email", "purpose": "marketing", "granted": False, **fields}
    return fact(ConsentChanged, occurred_at=when, **given, **ADA)


def books(when: str, status: str = "booked") -> BookingChanged:
    given = {"booking_id": "b1", "revision": 1, "amount_minor": 5, "currency": "AED", "booked_at": when}
    return fact(BookingChanged, occurred_at=when, status=status, **given, **ADA)


def ended(run: Run) -> str | None:
    """Why the run's only lead is written to no more."""
    held: Nurturing = remembered(run, "nurture")
    return "opt_out" if held.objected else next((one.stopped for one in held.by.values()), None)


def policy(document: str) -> PolicyChanged:
    return fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document=document)


def test_a_cold_lead_is_written_to_on_the_days_of_the_policy() -> None:
    run = nurtured()
    days = (1, 3, 7, 14, 30)
    assert steps(run) == [f"standard-{day}" for day in days]
    assert [one.occurred_at for one in proposals(run)] == [START + day * DAY for day in days]
    assert {tuple(one.channels) for one in proposals(run)} == {("email",)}
    assert all(one.not_after == one.occurred_at + DAY for one in proposals(run))
    assert len({one.message_id for one in proposals(run)}) == 5
    assert {one.source for one in proposals(run)} == {"lead.nurture"}
    assert len(steps(pass_days(run, 400, 31))) == 5


def test_the_days_are_policy_and_may_change_under_way() -> None:
    run = run_of(policy('{"sequences":[["standard",[0,2]]]}'), captured("3-1"))
    assert steps(pass_days(run, 9)) == ["standard-0", "standard-2"]
    run = pass_days(run_of(captured("3-1")), 2)
    run.publish(policy('{"sequences":[["standard",[1,2,3,5]]]}'))
    assert steps(pass_days(run, 31, 3)) == ["standard-1", "standard-3", "standard-5"]
    run = run_of(policy('{"sequences":[["premium",[1]]]}'), captured("3-1"))
    assert not proposals(pass_days(run, 9))


@pytest.mark.parametrize(("late_by", "starts"), [(24 * HOUR, True), (24 * HOUR + 1, False)])
def test_history_starts_nothing(late_by: int, starts: bool) -> None:
    run = run_of(touch("t0", "2-1", "view"))
    run.driver.tick(START + late_by)
    run.publish(captured("3-1"))
    assert (remembered(run, "nurture") is not None) is starts
    assert bool(proposals(pass_days(run, 31, 2))) is starts


def test_a_day_that_nobody_was_there_is_left_out() -> None:
    run = run_of(captured("3-1"))
    run.driver.tick(START + 4 * DAY + 1)
    assert steps(run) == []
    assert run.count("lead", "journeys", "drop:stale") == 2
    run.driver.tick(START + 8 * DAY)
    assert steps(run) == ["standard-7"], "a day late, as it may be"
    assert proposals(run)[0].not_after == START + 8 * DAY
    assert steps(pass_days(run, 31, 9)) == ["standard-7", "standard-14", "standard-30"]


@pytest.mark.parametrize(
    ("stopper", "reason"),
    [
        (books("3-5"), "booking"),
        (books("3-5", "contracted"), "booking"),
        (says("How much is it?", "3-5"), "reply"),
        (touch("t", "3-5", "reply"), "reply"),
        (says("Stop!", "3-5"), "opt_out"),
        (objects("3-5"), "opt_out"),
        (touch("t", "3-5", "inquiry"), "warmer"),
    ],
)
def test_it_stops(stopper: Any, reason: str) -> None:
    run = nurtured(stopper)
    assert steps(run) == ["standard-1", "standard-3"]
    assert ended(run) == reason


@pytest.mark.parametrize(
    "other",
    [
        books("3-5", "cancelled"),
        objects("3-5", granted=True, evidence="asked for it"),
        touch("t", "3-5", "email_opened"),
        touch("t", "3-5"),
        touch("t", "3-5", "reply", 2, type=TouchpointDeleted),
        captured("3-5", type=LeadUpdated, full_name="Ada"),
    ],
)
def test_it_does_not_stop_for_anything_else(other: Any) -> None:
    assert len(steps(nurtured(other))) == 5


@pytest.mark.parametrize("old", [books("2-20"), touch("t", "2-20", "reply"), says("Hello", "2-20")])
def test_what_happened_before_it_began_does_not_stop_it(old: Any) -> None:
    run = run_of(captured("3-1"), old)
    assert len(steps(pass_days(run, 31))) == 5


def test_an_objection_stops_it_whatever_its_time() -> None:
    run = run_of(captured("3-1"), objects("2-20"))
    assert not proposals(pass_days(run, 31))


def warm_and_cold_again(run: Run) -> None:
    """Warm on 12 March, cold on 11 April, and 32 more days."""
    pass_days(run, 11)
    for number in range(3):
        run.publish(touch(f"w{number}", "3-12 01:00"))
    pass_days(run, 75, 12)


@pytest.mark.parametrize("stopper", [books("3-5"), says("How much is it?", "3-5"), None])
def test_routed_to_nurture_anew_it_starts_again(stopper: Any) -> None:
    run = run_of(captured("3-1"))
    if stopper is not None:
        run.publish(stopper)
    warm_and_cold_again(run)
    since = [one for one in proposals(run) if one.occurred_at > at("4-11")]
    assert [one.occurred_at for one in since] == [at("4-11 01:00") + day * DAY for day in (1, 3, 7, 14, 30)]
    assert len({one.message_id for one in proposals(run)}) == len(proposals(run))


@pytest.mark.parametrize("objection", [says("STOP", "3-5"), objects("3-5")])
@pytest.mark.parametrize("before", [None, books("3-4")])
def test_after_an_objection_it_never_starts_again(objection: Any, before: Any) -> None:
    run = run_of(captured("3-1"), *([before] if before else []), objection)
    count = len(proposals(run))
    warm_and_cold_again(run)
    assert len(proposals(run)) == count
    assert ended(run) == "opt_out"


def test_who_objected_before_the_first_route_is_not_written_to() -> None:
    run = run_of(objects("2-20"), captured("3-1"))
    assert not proposals(pass_days(run, 31))


def test_a_lead_whose_history_has_moved_away_is_not_written_to() -> None:
    run = run_of(captured("3-1", email=None, cookie_id="c1"))
    pass_days(run, 1)
    run.publish(captured("3-2", cookie_id="c1", type=LeadUpdated))
    gone = proposals(run)[0].lead_id
    pass_days(run, 31)
    assert [one.step for one in proposals(run) if one.lead_id == gone] == ["standard-1"]


def test_a_premium_lead_that_has_cooled_is_in_the_premium_sequence() -> None:
    document = '{"sequences":[["standard",[1]],["premium",[2]]],"cooling_after":172800000000}'
    run = run_of(policy(document), captured("3-1", budget_minor=2_500_000_000, currency="INR"))
    run.publish(touch("t", "3-1 01:00", "inquiry"))
    (request,) = run.said("approval.requests", ApprovalRequested)
    ids = {"lead_id": request.lead_id, "approval_id": request.approval_id}
    run.publish(fact(ApprovalDecided, occurred_at="3-1 02:00", decision="approved", decided_by="r1", **ids))
    pass_days(run, 20)
    assert steps(run) == ["premium-2"]


def came_back(run: Run) -> dict[str, dict[str, int]]:
    held: Nurturing = remembered(run, "nurture")
    return {said.step: said.touches for sequence in held.by.values() for said in sequence.proposed}


def clicked(name: str, when: str) -> ClickRecorded:
    return fact(ClickRecorded, occurred_at=when, click_id=name, url="https://example.com", **ADA)


def test_what_comes_back_counts_for_the_message_before_it() -> None:
    run = nurtured(
        touch("t0", "3-1 12:00", "email_opened"),
        touch("t1", "3-2 12:00", "email_opened"),
        touch("t2", "3-3 12:00", "email_opened"),
        clicked("k1", "3-3 13:00"),
        touch("v", "3-4 12:00", "impression"),
        touch("s", "3-4 12:00", "email_sent"),
        touch("t3", "3-4 12:00", "whatsapp_read"),
        touch("late", "3-2 13:00", "email_opened"),
        touch("r", "3-9", "reply"),
        touch("after", "3-10"),
    )
    assert came_back(run) == {
        "standard-1": {"email_opened": 3, "click": 1},
        "standard-3": {"whatsapp_read": 1},
        "standard-7": {"reply": 1},
    }


def test_a_touch_that_comes_again_or_is_corrected_counts_once() -> None:
    run = nurtured(
        touch("t", "3-2 12:00", "email_opened"),
        touch("t", "3-2 12:00", "email_opened"),
        touch("t", "3-2 13:00", "email_opened", 2),
        clicked("k", "3-2 12:00"),
        clicked("k", "3-2 12:00"),
    )
    assert came_back(run)["standard-1"] == {"email_opened": 1, "click": 1}


def test_what_a_machine_did_is_no_answer_and_no_engagement() -> None:
    run = nurtured(
        touch("t1", "3-2 12:00", "email_opened", machine=True),
        touch("t2", "3-2 12:00", "email_opened", machine=False),
        touch("r", "3-2 13:00", "reply", machine=True),
    )
    assert came_back(run)["standard-1"] == {"email_opened": 1}
    assert len(steps(run)) == 5
