"""Temperature, rule by rule; restatements; cooling by timer; contact only while fresh."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.base import DAY, HOUR
from schemas.events.decisions import LeadRouted, TemperatureChanged
from schemas.events.gate import ContactProposed
from schemas.events.governance import PolicyChanged
from schemas.events.leads import LeadUpdated
from schemas.events.touchpoints import TouchpointDeleted
from tests.support.facts import at, fact
from tests.support.leads import captured, run_of, touch
from tests.support.runs import Run, new_run, temperatures


def moves(run: Run) -> list[tuple[str, str | None, str, str]]:
    """Moves of the one lead, days written as month-day."""
    (found,) = temperatures(run).values()
    return [(_day(when), before, after, reason) for when, before, after, reason in found]


def _day(when: int) -> str:
    from schemas.events.base import as_datetime

    moment = as_datetime(when)
    return f"{moment.month}-{moment.day}"


def records(run: Run) -> list[TemperatureChanged]:
    return sorted(run.said("lead.temperatures", TemperatureChanged), key=lambda one: one.seq)


HOT = {"budget_minor": 200_000_000, "timeframe_days": 10, "financing": "cash", "type": LeadUpdated}


def test_no_temperature_before_the_first_capture() -> None:
    run = run_of(touch("t1", "3-1", "inquiry"), captured("2-1", type=LeadUpdated))
    run.finish()
    assert not temperatures(run)


@pytest.mark.parametrize(
    ("details", "band"),
    [
        ({}, "cold"),
        ({"budget_minor": 200_000_000, "financing": "preapproved"}, "cold"),
        ({"budget_minor": 200_000_000, "financing": "cash"}, "warm"),
        ({"budget_minor": 50_000_000, "timeframe_days": 30, "financing": "preapproved"}, "warm"),
    ],
)
def test_it_starts_in_the_band_of_the_score(details: Any, band: str) -> None:
    assert moves(run_of(captured("3-1", **details))) == [("3-1", None, band, "captured")]


def test_earlier_engagements_count_from_the_capture_on() -> None:
    contents = [touch(f"t{n}", f"2-{10 + n}") for n in range(3)]
    assert moves(run_of(*contents, captured("3-1"))) == [
        ("3-1", None, "cold", "captured"), ("3-1", "cold", "warm", "content_engagement")
    ]  # fmt: skip
    assert moves(run_of(touch("t", "2-20", "inquiry"), captured("3-1")))[1:] == [
        ("3-1", "cold", "warm", "direct_inquiry"), ("3-1", "warm", "hot", "direct_inquiry")
    ]  # fmt: skip
    assert len(moves(run_of(touch("t", "1-20", "inquiry"), captured("3-1")))) == 1


def test_three_contents_within_thirty_days_warm_and_one_instant_later_not() -> None:
    inside = [touch("t1", "3-2"), touch("t2", "3-3"), touch("t3", "3-31 23:59")]
    assert moves(run_of(captured("3-1"), *inside))[1:] == [("3-31", "cold", "warm", "content_engagement")]
    outside = [touch("t1", "3-2"), touch("t2", "3-3"), touch("t3", "4-1")]
    assert moves(run_of(captured("3-1"), *outside))[1:] == []


def test_two_contents_and_a_view_do_not_warm() -> None:
    run = run_of(captured("3-1"), touch("t1", "3-2"), touch("t2", "3-2"), touch("v", "3-2", "view"))
    assert moves(run)[1:] == []


@pytest.mark.parametrize("kind", ["inquiry", "meeting_requested"])
def test_a_direct_inquiry_makes_hot_by_both_steps(kind: str) -> None:
    assert moves(run_of(captured("3-1"), touch("t1", "3-2", kind)))[1:] == [
        ("3-2", "cold", "warm", "direct_inquiry"), ("3-2", "warm", "hot", "direct_inquiry")
    ]  # fmt: skip


def test_a_score_raises_only_by_crossing_upwards() -> None:
    run = run_of(captured("3-1"), captured("3-2", **HOT))
    assert moves(run)[1:] == [("3-2", "cold", "warm", "score")]
    run.publish(touch("t", "3-3", "site_visit"))
    assert moves(run)[2:] == [("3-3", "warm", "hot", "score")]
    run.publish(captured("3-4", budget_minor=0, timeframe_days=900, financing="none", type=LeadUpdated))
    assert len(moves(run)) == 3, "never down"


def test_a_score_that_was_high_already_raises_nobody_again() -> None:
    run = run_of(captured("3-1", budget_minor=200_000_000, timeframe_days=90))
    run.driver.tick(at("4-1"))
    assert moves(run)[1:] == [("3-31", "warm", "cold", "quiet")]
    run.publish(touch("t", "4-2", "reply"))
    assert len(moves(run)) == 2


def test_thirty_quiet_days_cool_by_one_step_and_thirty_more_by_another() -> None:
    run = run_of(captured("3-1"), touch("t1", "3-2", "inquiry"))
    run.driver.tick(at("4-1") - 1)
    assert len(moves(run)) == 3
    run.driver.tick(at("4-1"))
    assert moves(run)[3:] == [("4-1", "hot", "warm", "quiet")]
    run.finish()
    assert moves(run)[3:] == [("4-1", "hot", "warm", "quiet"), ("5-1", "warm", "cold", "quiet")]


def test_views_own_sends_and_details_do_not_break_the_quiet_but_engagements_do() -> None:
    quiet = [touch("v", "3-20", "view"), touch("s", "3-20", "email_sent"), captured("3-20", type=LeadUpdated)]
    for extra, cooled in ((quiet, "4-1"), ([touch("r", "3-20", "reply")], "4-19")):
        run = run_of(captured("3-1"), touch("t1", "3-2", "inquiry"), *extra)
        run.finish()
        assert moves(run)[3][0] == cooled


def test_when_the_tick_comes_does_not_matter() -> None:
    facts = [captured("3-1"), touch("t1", "3-2", "inquiry"), touch("t2", "4-15", "reply")]
    early, late = new_run(), run_of(*facts)
    for one in facts:
        early.driver.tick(one.occurred_at)
        early.publish(one)
    early.finish()
    late.finish()
    assert moves(early) == moves(late)


def test_a_late_touch_restates_from_where_it_belongs() -> None:
    run = run_of(captured("3-1"), touch("t1", "3-5"), touch("t2", "3-6"), touch("t3", "3-7"))
    run.publish(touch("late", "3-4"))
    last = records(run)[-1]
    assert (_day(last.occurred_at), _day(last.restates_from or 0), last.temperature) == ("3-6", "3-6", "warm")
    assert moves(run)[1:] == [("3-6", "cold", "warm", "content_engagement")]


def test_a_restatement_says_again_what_else_holds_of_its_instant() -> None:
    """One instant brought two moves; when the second goes, the first must survive the restatement."""
    run = run_of(
        captured("3-1"), touch("a1", "3-5"), touch("a2", "3-5"), touch("a3", "3-6"), touch("b", "3-6", "inquiry")
    )
    assert [move[3] for move in moves(run)[1:]] == ["content_engagement", "direct_inquiry"]
    run.publish(touch("b", "3-6", "inquiry", 2, type=TouchpointDeleted))
    assert moves(run)[1:] == [("3-6", "cold", "warm", "content_engagement")]


def test_when_nothing_holds_any_more_the_record_says_what_does() -> None:
    run = run_of(captured("3-1"), touch("t1", "3-2", "inquiry"))
    run.publish(touch("t1", "3-2", "inquiry", 2, type=TouchpointDeleted))
    last = records(run)[-1]
    assert (last.temperature, last.previous, last.reason) == ("cold", "cold", "restated")
    assert moves(run) == [("3-1", None, "cold", "captured")]


def policy(applies_from: str, document: str, version: int = 1) -> PolicyChanged:
    return fact(PolicyChanged, occurred_at="3-1", version=version, applies_from=at(applies_from), document=document)


def test_a_quiet_period_is_judged_by_the_policy_at_its_beginning() -> None:
    facts = [captured("3-1"), touch("t1", "3-2", "inquiry"), policy("3-10", '{"cooling_after":864000000000}')]
    for order in (facts, facts[::-1]):
        run = run_of(*order)
        run.finish()
        assert moves(run)[3:] == [("4-1", "hot", "warm", "quiet"), ("4-11", "warm", "cold", "quiet")]


def test_a_backdated_policy_restates_the_past() -> None:
    run = run_of(captured("3-1"), touch("t1", "3-2"), touch("t2", "3-3"))
    run.publish(policy("1-1", '{"warming_engagements":2}'))
    assert moves(run)[1:] == []
    run.driver.tick(run.driver.now)
    assert moves(run)[1:] == [("3-3", "cold", "warm", "content_engagement")]


def proposals(run: Run) -> list[ContactProposed]:
    """Those of the route; a sequence's name their step."""
    return [one for one in run.said("contact.requests", ContactProposed) if one.step is None]


def test_a_route_follows_and_a_warmer_lead_is_proposed_for_contact() -> None:
    run = run_of(captured("3-1"), touch("t1", "3-2", "inquiry"))
    routes = sorted(run.said("lead.routes", LeadRouted), key=lambda one: one.seq)
    assert [one.route for one in routes] == ["nurture", "email", "whatsapp_then_call"]
    (proposed,) = proposals(run)
    assert (proposed.purpose, proposed.channels, proposed.not_after) == ("hot_lead", ["whatsapp", "call"], at("3-3"))


def test_a_lead_that_warms_step_by_step_is_proposed_for_contact_at_each() -> None:
    contents = [touch(f"c{n}", "3-2") for n in range(3)]
    run = run_of(captured("3-1"), *contents, touch("t1", "3-2 01:00", "inquiry"))
    assert [one.purpose for one in proposals(run)] == ["warm_lead", "hot_lead"]


def test_a_lead_that_cools_is_not_contacted_for_it() -> None:
    run = run_of(captured("3-1"), touch("t1", "3-2", "inquiry"))
    before = len(proposals(run))
    run.driver.tick(at("4-1"))
    assert moves(run)[-1][3] == "quiet"
    run.publish(touch("t1", "3-2", "inquiry", 2, type=TouchpointDeleted))
    assert len(proposals(run)) == before


def test_a_restatement_downwards_contacts_nobody() -> None:
    contents = [touch(f"c{n}", "3-2") for n in range(3)]
    run = run_of(captured("3-1"), *contents, touch("t1", "3-2 01:00", "inquiry"))
    before = len(proposals(run))
    run.publish(touch("t1", "3-2 01:00", "inquiry", 2, type=TouchpointDeleted))
    assert moves(run)[-1][2] == "warm"
    assert len(proposals(run)) == before


@pytest.mark.parametrize(("late_by", "contacted"), [(24 * HOUR, True), (24 * HOUR + 1, False)])
def test_history_contacts_nobody(late_by: int, contacted: bool) -> None:
    run = run_of(captured("3-1"))
    run.driver.tick(at("3-2") + late_by)
    run.publish(touch("t1", "3-2", "inquiry"))
    assert bool(proposals(run)) is contacted
    assert run.count("lead", "touchpoints", "drop:stale") == (0 if contacted else 1)
    assert moves(run)[-1][2] == "hot"


def test_a_new_policy_contacts_nobody_for_old_times() -> None:
    run = run_of(captured("3-1"), touch("t1", "3-2"), touch("t2", "3-3"))
    run.driver.tick(at("3-20"))
    fresh = policy("1-1", '{"warming_engagements":2}').model_copy(update={"occurred_at": at("3-20")})
    run.publish(fresh)
    run.driver.tick(at("3-20"))
    assert moves(run)[-1][2] == "warm"
    assert not proposals(run)
    assert at("3-20") - at("3-3") > DAY
