"""A hot lead of high value: who is asked, once, and what the answer, a second one, and none at all come to."""

from __future__ import annotations

from typing import Any

import pytest

from processors.base import Context, TimerFired
from processors.control import EMPTY
from processors.lead.approve import Approvals, Bundle, Concluded, approve
from schemas.events.base import DAY, HOUR, MAX_MINOR
from schemas.events.decisions import LeadScored
from schemas.events.gate import ApprovalConcluded, ApprovalRequested
from schemas.events.governance import ApprovalDecided, ExchangeRateSet, PolicyChanged
from schemas.events.leads import LeadUpdated
from schemas.events.operations import SweepFinished
from schemas.events.touchpoints import TouchpointDeleted
from tests.support.facts import at, fact, fresh_id
from tests.support.leads import captured, remembered, run_of, touch
from tests.support.runs import Run

MILLION = 100_000_000
"""Paise of a million rupees."""


def rate(text: str, day: str = "3-1", base: str = "AED") -> ExchangeRateSet:
    number = at(day) // DAY
    return fact(ExchangeRateSet, occurred_at=day, base=base, quote="INR", day=number, revision=1, rate=text)


def hot(when: str = "3-1 01:00", minor: int = 25 * MILLION, currency: str | None = "INR", **fields: Any) -> list[Any]:
    """A lead of a value, captured and then hot."""
    return [
        captured("3-1", budget_minor=minor, currency=currency, **fields),
        touch("t1", when, "inquiry"),
    ]


def requests(run: Run) -> list[ApprovalRequested]:
    return run.said("approval.requests", ApprovalRequested)


def conclusions(run: Run) -> list[tuple[str, str, str | None]]:
    said = run.said("approval.requests", ApprovalConcluded)
    return [(one.tier, one.reason, one.decided_by) for one in said]


def answer(request: ApprovalRequested, decision: str = "approved", by: str = "r1", **fields: Any) -> ApprovalDecided:
    given = {"lead_id": request.lead_id, "approval_id": request.approval_id, "occurred_at": "3-1 02:00", **fields}
    return fact(ApprovalDecided, decision=decision, decided_by=by, **given)


def refusals(run: Run) -> list[tuple[str, str, str]]:
    return [(one.stage, one.reason, one.detail) for one in run.dead_letters()]


def test_the_reviewer_is_told_what_there_is_to_know_and_until_when() -> None:
    run = run_of(rate("22.75"), *hot(minor=110 * MILLION, currency="AED", property_id="p1", owner_id="o1"))
    (request,) = requests(run)
    assert request.temperature == "hot"
    assert request.score == max(one.score for one in run.said("lead.scores", LeadScored))
    assert (request.value_minor, request.currency, request.value_inr_minor) == (110 * MILLION, "AED", 2_502_500 * 10**5)
    assert (request.property_id, request.owner_id) == ("p1", "o1")
    assert (request.occurred_at, request.answer_by) == (at("3-1 01:00"), at("3-2 01:00"))
    assert request.source == "lead.approve"


def test_a_cause_that_comes_late_takes_nothing_from_the_time_to_answer() -> None:
    run = run_of(
        fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document=f'{{"approval_wait":{HOUR}}}')
    )
    run.driver.tick(at("3-1 20:00"))
    for one in hot():
        run.publish(one, arrived_at=at("3-1 20:00"))
    (request,) = requests(run)
    assert (request.occurred_at, request.answer_by) == (at("3-1 01:00"), at("3-1 21:00"))
    run.driver.tick(at("3-1 20:59"))
    assert conclusions(run) == []
    run.driver.tick(at("3-1 21:00"))
    assert conclusions(run) == [("standard", "no_answer", None)]


def test_an_amount_without_a_currency_is_not_taken_for_one_in_the_last_currency_said() -> None:
    first = captured("3-1", budget_minor=MILLION, currency="AED")
    bare = captured("3-1 00:10", budget_minor=25 * MILLION, type=LeadUpdated)
    run = run_of(rate("22.75"), first, bare, touch("t1", "3-1 01:00", "inquiry"))
    assert requests(run) == []
    run.publish(captured("3-1 02:00", budget_minor=25 * MILLION, currency="INR", type=LeadUpdated))
    assert [(one.value_minor, one.currency) for one in requests(run)] == [(25 * MILLION, "INR")]


@pytest.mark.parametrize(("minor", "asked"), [(20 * MILLION, 1), (20 * MILLION - 1, 0), (0, 0)])
def test_from_twenty_million_rupees_on_a_person_is_asked(minor: int, asked: int) -> None:
    assert len(requests(run_of(*hot(minor=minor)))) == asked


def test_how_much_is_high_is_policy() -> None:
    document = f'{{"approval_from_inr":{MILLION},"approval_wait":{HOUR}}}'
    policy = fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document=document)
    (request,) = requests(run_of(policy, *hot(minor=MILLION)))
    assert request.answer_by == at("3-1 02:00")


@pytest.mark.parametrize(
    ("rates", "currency"),
    [
        ([], "AED"), ([rate("23", "2-21")], "AED"), ([rate("23", "3-2")], "AED"), ([rate("85", base="USD")], "AED"),
        ([rate("23")], None),
    ],
    ids=["none", "8 days old", "of tomorrow", "of another currency", "of no currency"],
)  # fmt: skip
def test_what_cannot_be_converted_is_not_of_high_value_and_counted(rates: list[Any], currency: str | None) -> None:
    run = run_of(*rates, *hot(minor=9_000 * MILLION, currency=currency))
    assert not requests(run)
    assert run.count("lead", "touchpoints", "drop:no_rate") == 1
    assert run.count("lead", "leads", "drop:*") == 0


def test_the_rate_is_that_of_the_day_where_the_workspace_is() -> None:
    policy = fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document='{"time_zone":"Asia/Dubai"}')
    run = run_of(policy, rate("1"), rate("30", "3-2"), *hot("3-1 21:00", MILLION, "AED"))
    assert [one.value_inr_minor for one in requests(run)] == [30 * MILLION]


def test_no_rate_makes_an_amount_that_cannot_be_written() -> None:
    (request,) = requests(run_of(rate("999999999999"), *hot(minor=MAX_MINOR, currency="AED")))
    assert request.value_inr_minor == MAX_MINOR


def test_a_new_rate_asks_about_nobody_and_visits_nobody() -> None:
    run = run_of(rate("1"), *hot(minor=MILLION, currency="AED"), rate("30", "3-2"))
    run.driver.tick(at("3-2"))
    assert not requests(run)
    assert "lead" not in {one.stage for one in run.said("sweeps", SweepFinished)}


@pytest.mark.parametrize("kind", ["content_engagement", "view"])
def test_a_lead_that_is_not_hot_is_none_to_ask_about(kind: str) -> None:
    assert not requests(run_of(captured("3-1", budget_minor=25 * MILLION, currency="INR"), touch("t", "3-1", kind)))


def test_a_hot_lead_that_turns_out_to_be_worth_so_much_is_asked_about() -> None:
    run = run_of(*hot(minor=MILLION))
    assert not requests(run)
    run.publish(captured("3-1 02:00", budget_minor=25 * MILLION, currency="INR", type=LeadUpdated))
    assert [one.occurred_at for one in requests(run)] == [at("3-1 02:00")]


@pytest.mark.parametrize(("decision", "tier"), [("approved", "premium"), ("rejected", "standard")])
def test_a_word_in_time_decides(decision: str, tier: str) -> None:
    run = run_of(*hot())
    run.publish(answer(requests(run)[0], decision))
    run.finish()
    assert conclusions(run) == [(tier, decision, "r1")]
    assert remembered(run, "approve").tier == tier
    assert not run.dead_letters()


def test_no_word_within_a_day_is_standard_whenever_the_tick_comes() -> None:
    for late in (0, 90 * DAY):
        run = run_of(*hot())
        run.driver.tick(at("3-2 01:00") - 1)
        assert conclusions(run) == []
        run.driver.tick(at("3-2 01:00") + late)
        assert conclusions(run) == [("standard", "no_answer", None)]
        (concluded,) = run.said("approval.requests", ApprovalConcluded)
        assert concluded.occurred_at == at("3-2 01:00")


def test_of_two_reviewers_the_first_in_the_log_has_the_say() -> None:
    run = run_of(*hot())
    (request,) = requests(run)
    run.publish(answer(request, "rejected", "r1", occurred_at="3-1 03:00"), settle=False)
    run.publish(answer(request, "approved", "r2", occurred_at="3-1 02:00"), settle=False)
    run.finish()
    assert conclusions(run) == [("standard", "rejected", "r1")]
    detail = "rejected by r1, 2026-03-01T03:00:00.000000Z: the first word stands"
    assert refusals(run) == [("lead", "approval_concluded", detail)]


def test_a_word_that_comes_too_late_is_told_so() -> None:
    run = run_of(*hot())
    run.driver.tick(at("3-2 01:00"))
    run.publish(answer(requests(run)[0]))
    detail = "nobody had answered by 2026-03-02T01:00:00.000000Z: the lead is treated as standard"
    assert refusals(run) == [("lead", "approval_concluded", detail)]
    assert len(conclusions(run)) == 1


def test_the_same_word_sent_again_is_no_second_one() -> None:
    run = run_of(*hot())
    word = answer(requests(run)[0])
    run.publish(word)
    run.publish(word)
    assert run.count("resolve", "approvals", "duplicate") == 1
    assert not run.dead_letters()


def test_an_answer_to_nothing_is_refused_and_changes_nothing() -> None:
    run = run_of(*hot())
    (request,) = requests(run)
    run.publish(answer(request, approval_id=fresh_id()))
    run.publish(answer(request, lead_id=fresh_id()))
    run.publish(answer(request, lead_id=None))
    assert [(stage, reason) for stage, reason, _ in refusals(run)] == [
        ("lead", "unknown_approval"), ("lead", "unknown_approval"), ("intake", "no_usable_identifier")
    ]  # fmt: skip
    run.publish(answer(request))
    assert conclusions(run) == [("premium", "approved", "r1")]


@pytest.mark.parametrize(("late_by", "asked"), [(24 * HOUR, 1), (24 * HOUR + 1, 0)])
def test_history_asks_for_no_approval_and_waits_for_none(late_by: int, asked: int) -> None:
    lead, inquiry = hot()
    run = run_of(lead)
    run.driver.tick(at("3-1 01:00") + late_by)
    run.publish(inquiry)
    assert len(requests(run)) == asked
    assert run.count("lead", "touchpoints", "drop:stale") == (0 if asked else 2), "the proposal and the request"
    assert bool(remembered(run, "approve").open) is bool(asked)
    run.finish()
    assert len(conclusions(run)) == asked


def test_a_lead_is_asked_about_once_for_as_long_as_it_is_hot() -> None:
    run = run_of(*hot())
    run.publish(touch("t2", "3-1 00:30", "inquiry"))
    run.publish(captured("3-1 03:00", budget_minor=30 * MILLION, type=LeadUpdated))
    run.publish(answer(requests(run)[0], "rejected"))
    run.publish(captured("3-1 04:00", budget_minor=40 * MILLION, type=LeadUpdated))
    run.publish(touch("t2", "3-1 00:30", "inquiry", 2, type=TouchpointDeleted))
    assert len(requests(run)) == 1, "restatements of how it became hot are no other heat"


@pytest.mark.parametrize(("decision", "asked"), [("rejected", 2), ("approved", 1)])
def test_a_lead_that_is_hot_again_is_asked_about_again_unless_it_is_premium(decision: str, asked: int) -> None:
    run = run_of(*hot())
    run.publish(answer(requests(run)[0], decision))
    run.driver.tick(at("4-1"))
    run.publish(touch("t2", "4-1", "inquiry"))
    assert len(requests(run)) == asked
    assert len({one.approval_id for one in requests(run)}) == asked


def test_while_a_request_is_open_there_is_no_other() -> None:
    run = run_of(*hot())
    run.publish(touch("t1", "3-1 01:00", "inquiry", 2, type=TouchpointDeleted))
    run.publish(touch("t2", "3-1 02:00", "inquiry"))
    run.publish(captured("3-1 03:00", budget_minor=30 * MILLION, type=LeadUpdated))
    run.driver.tick(at("3-2 02:00"))
    run.publish(captured("3-2 03:00", budget_minor=40 * MILLION, type=LeadUpdated))
    assert len(requests(run)) == 1
    assert conclusions(run) == [("standard", "no_answer", None)]


def test_the_newest_sixteen_endings_are_remembered() -> None:
    held = Approvals({"ada": Bundle({"new": 99}, {str(n): Concluded("rejected", n) for n in range(16)})})
    after, _ = approve(held, TimerFired("answer", 99), Context("acme/ada", 99, 99, "cause", EMPTY))
    assert after is not None
    assert list(after.by["ada"].concluded) == [*map(str, range(1, 16)), "new"]
