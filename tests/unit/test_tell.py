"""Who is told of a lead by webhook, of what, until when; and that history tells nobody anything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from processors.control import policy_of
from schemas.events.base import DAY, HOUR
from schemas.events.contact import MessageReceived
from schemas.events.effects import EffectRequested, LeadReplied
from schemas.events.gate import ApprovalRequested
from schemas.events.governance import PolicyChanged
from tests.support.facts import at, fact
from tests.support.leads import captured, run_of, touch
from tests.support.runs import Run

ADA = {"email": "ada@example.com"}
ALL = '{"webhooks":[["reviewers","acme-reviewers"],["sales","acme-sales"]]}'


def policy(document: str = ALL) -> PolicyChanged:
    return fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document=document)


def worth(currency: str = "INR") -> Any:
    return captured(
        "3-1", budget_minor=2_500_000_050, currency=currency, full_name="Ada Lovelace", phone="+971501234567"
    )


def hot(when: str = "3-1 01:00") -> Any:
    return touch("t", when, "inquiry")


def answers(when: str = "3-3 12:00", text: str = "How much is it, for Ada?") -> MessageReceived:
    return fact(MessageReceived, occurred_at=when, message_id=f"m{when}", channel="email", text=text, **ADA)


def told(run: Run) -> list[EffectRequested]:
    return run.said("effects.requests", EffectRequested)


def in_sequence(*facts: Any, document: str = ALL) -> Run:
    """A cold lead that was written to on the first two days, then facts."""
    run = run_of(policy(document), captured("3-1", full_name="Ada Lovelace"))
    for half_day in range(1, 6):
        run.driver.tick(at("3-1") + half_day * DAY // 2)
    for one in facts:
        run.publish(one)
    return run


def test_reviewers_are_told_what_they_need_and_how_to_answer() -> None:
    run = run_of(policy(), worth(), hot())
    (request,) = run.said("approval.requests", ApprovalRequested)
    (one,) = told(run)
    assert one.payload == (
        f"Approval wanted by 2026-03-02 01:00 UTC: lead {request.lead_id} is hot, score {request.score} (budget 25, "
        f"urgency 0, engagement 5, readiness {request.score - 30}), worth 25,000,000.50 INR. Without an answer it is "
        f"treated as standard.\nLook: `fineacers lead show {request.lead_id}`\n"
        f"Answer: `fineacers approvals decide {request.approval_id} approved --reason …`, or rejected"
    )
    assert (one.kind, one.target, one.about, one.about_id) == (
        "webhook", "acme-reviewers", "approval", request.approval_id
    )  # fmt: skip
    assert (one.not_after, one.occurred_at, one.lead_id) == (request.answer_by, request.occurred_at, request.lead_id)
    assert (one.reply_stage, one.reply_key) == ("lead", request.lead_id)


@pytest.mark.parametrize("document", ["{}", '{"webhooks":[["sales","acme-sales"]]}'])
def test_nobody_is_told_whom_the_policy_does_not_name(document: str) -> None:
    run = run_of(policy(document), worth(), hot())
    assert run.said("approval.requests", ApprovalRequested)
    assert told(run) == []


@pytest.mark.parametrize(("late_by", "count"), [(24 * HOUR, 1), (24 * HOUR + 1, 0)])
def test_history_tells_reviewers_nothing(late_by: int, count: int) -> None:
    run = run_of(policy(), worth())
    run.driver.tick(at("3-1 01:00") + late_by)
    run.publish(hot())
    assert len(told(run)) == count


def test_an_answer_alerts_sales_once_and_leaves_a_row() -> None:
    run = in_sequence(answers(), touch("r", "3-3 12:00", "reply"), answers("3-3 13:00"))
    (reply,) = run.said("lead.replies", LeadReplied)
    assert (reply.tier, reply.since, reply.step, reply.occurred_at) == (
        "standard", at("3-1"), "standard-1", at("3-3 12:00")
    )  # fmt: skip
    (one,) = told(run)
    assert one.payload == (
        f"Lead {reply.lead_id} answered at 2026-03-03 12:00 UTC. Its nurture sequence of 2026-03-01 00:00 UTC has "
        f"stopped after standard-1; please take over.\nLook: `fineacers lead show {reply.lead_id}`"
    )
    assert (one.target, one.about, one.about_id) == ("acme-sales", "reply", reply.reply_id)
    assert one.not_after == at("3-4 12:00")


def test_sales_find_the_row_without_a_webhook() -> None:
    run = in_sequence(answers(), document="{}")
    assert len(run.said("lead.replies", LeadReplied)) == 1
    assert told(run) == []


@pytest.mark.parametrize(
    "said",
    [answers(text="STOP"), answers("2-20"), touch("t", "3-3 12:00", "inquiry"), touch("o", "3-3", "email_opened")],
)
def test_what_is_no_answer_to_a_sequence_alerts_nobody(said: Any) -> None:
    run = in_sequence(said)
    assert run.said("lead.replies", LeadReplied) == []


def test_an_answer_without_a_sequence_alerts_nobody() -> None:
    assert told(run_of(policy(), answers())) == []


@pytest.mark.parametrize(("late_by", "count"), [(24 * HOUR, 1), (24 * HOUR + 1, 0)])
def test_an_answer_of_the_past_stops_the_sequence_and_alerts_nobody(late_by: int, count: int) -> None:
    run = in_sequence()
    run.driver.tick(at("3-3 12:00") + late_by)
    run.publish(answers())
    assert len(run.said("lead.replies", LeadReplied)) == len(told(run)) == count


def test_the_same_cause_asks_under_the_same_id() -> None:
    first, second = (told(in_sequence(one))[0] for one in [answers()] * 2)
    assert first.request_id == second.request_id


def test_nothing_personal_is_told() -> None:
    run = run_of(policy(), worth("AED"), hot())
    run.publish(fact(PolicyChanged, occurred_at="3-1", version=2, applies_from=0, document=ALL))
    texts = [one.payload for one in (*told(run), *told(in_sequence(answers())))]
    assert texts
    for text in texts:
        assert not any(word in text.lower() for word in ("ada", "@", "lovelace", "971", "how much"))


def test_a_webhook_is_named_once_for_each() -> None:
    twice = json.dumps({"webhooks": [["sales", "a"], ["sales", "b"]]})
    for wrong in (twice, '{"webhooks":[["sales",""]]}', '{"webhooks":[["others","a"]]}'):
        with pytest.raises(Exception, match="webhooks"):
            policy_of(wrong, 1, 0)
