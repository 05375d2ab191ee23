"""The log of engagements and the score: points, revisions, bounds."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from models.policy import DEFAULT_POLICY
from models.scoring.points import Signals, points
from schemas.events.base import DAY
from schemas.events.decisions import LeadScored
from schemas.events.governance import PolicyChanged
from schemas.events.leads import LeadUpdated
from schemas.events.touchpoints import TouchpointDeleted
from tests.property.oracles import temperature as oracle
from tests.support.facts import at, fact
from tests.support.leads import captured, run_of, touch
from tests.support.runs import IDENTITY_KEY, Run, temperatures


def scores(*facts: Any) -> list[LeadScored]:
    return sorted(run_of(*facts).said("lead.scores", LeadScored), key=lambda one: one.seq)


@pytest.mark.parametrize(
    ("signals", "engagements", "ready", "wanted"),
    [
        (Signals(), 0, False, (0, 0, 0, 0)),
        (Signals(1), 0, False, (5, 0, 0, 0)),
        (Signals(9_999_999), 0, False, (5, 0, 0, 0)),
        (Signals(10_000_000), 0, False, (10, 0, 0, 0)),
        (Signals(50_000_000), 0, False, (18, 0, 0, 0)),
        (Signals(200_000_000, 30), 0, False, (25, 25, 0, 0)),
        (Signals(None, 31), 0, False, (0, 15, 0, 0)),
        (Signals(None, 90), 0, False, (0, 15, 0, 0)),
        (Signals(None, 91), 0, False, (0, 8, 0, 0)),
        (Signals(None, 181), 0, False, (0, 3, 0, 0)),
        (Signals(), 1, False, (0, 0, 5, 0)),
        (Signals(), 9, False, (0, 0, 25, 0)),
        (Signals(financing="cash"), 0, True, (0, 0, 0, 25)),
        (Signals(financing="needed"), 0, False, (0, 0, 0, 5)),
        (Signals(financing="none"), 0, True, (0, 0, 0, 10)),
    ],
)
def test_points(signals: Signals, engagements: int, ready: bool, wanted: tuple[int, ...]) -> None:
    found = points(signals, engagements, ready, DEFAULT_POLICY)
    assert (found.budget, found.urgency, found.engagement, found.readiness) == wanted
    assert found.total == sum(wanted)
    assert len(found.reasons) == sum(1 for part in (*wanted[:3],) if part) + bool(signals.financing and (
        signals.financing != "none")) + ready  # fmt: skip


def test_a_score_is_published_when_it_changes_with_its_reasons() -> None:
    told = scores(captured(budget_minor=50_000_000), touch("t1", "3-2"), touch("t1", "3-2"), touch("v", "3-2", "view"))
    assert [(one.seq, one.score) for one in told] == [(1, 18), (2, 23)]
    assert told[1].reasons == ["budget 50000000: 18", "1 engagements in 30 days: 5"]
    assert told[1].occurred_at == at("3-2")


def test_newer_details_are_laid_over_older_ones_by_event_time() -> None:
    update = captured("3-2", type=LeadUpdated, timeframe_days=10)
    first = captured(budget_minor=200_000_000, timeframe_days=200)
    assert scores(update, first)[-1].score == scores(first, update)[-1].score == 50


def test_a_touch_counts_once_in_its_highest_revision() -> None:
    one, two = touch("t1", "3-2"), touch("t1", "3-3", "inquiry", 2)
    for order in ((one, two), (two, one), (two, one, two)):
        assert scores(captured(), *order)[-1].score == 15
    gone = touch("t1", "3-3", "inquiry", 3, type=TouchpointDeleted)
    assert scores(captured(budget_minor=1), gone, two, one)[-1].score == 5
    assert scores(captured(budget_minor=1), one, two, gone)[-1].score == 5
    seen = touch("t1", "3-3", "view", 3)
    assert scores(captured(budget_minor=1), one, two, seen)[-1].score == 5


def test_scores_follow_the_policy_of_their_instant_and_a_late_policy_restates_them() -> None:
    policy = fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document='{"budget_points":[[1,25]]}')
    run = run_of(captured(budget_minor=1), policy)
    assert run.said("lead.scores", LeadScored)[-1].score == 5
    run.driver.tick(at("3-1"))
    assert run.said("lead.scores", LeadScored)[-1].score == 25
    assert run_of(policy, captured(budget_minor=1)).said("lead.scores", LeadScored)[-1].score == 25


def history_of(run: Run) -> list[Any]:
    (found,) = temperatures(run).values()
    return found


def test_the_log_is_bounded_by_number_and_keeps_telling_the_truth() -> None:
    facts = [
        captured(),
        *(touch(f"t{n}", f"3-{1 + n}", "content_engagement" if n % 4 else "inquiry") for n in range(20)),
    ]
    late = touch("late", "3-18 12:00", "site_visit")
    beyond = touch("beyond", "3-2 12:00", "inquiry")
    with patch("processors.lead.score.MAX_ENTRIES", 5):
        run = run_of(*facts, late, beyond)
        run.finish()
    assert run.count("lead", "touchpoints", "drop:beyond_log") == 1
    lead = next(iter(temperatures(run)))
    wanted = oracle.history(IDENTITY_KEY, [*facts, late], lead, run.driver.now)
    assert history_of(run) == [tuple(move) for move in wanted]


def test_entries_of_one_instant_leave_the_log_together() -> None:
    first = captured()
    ties = [touch(f"t{n}", "3-2", "content_engagement") for n in range(6)]
    later = [touch(f"u{n}", f"3-{3 + n}", "reply") for n in range(4)]
    with patch("processors.lead.score.MAX_ENTRIES", 7):
        run = run_of(first, *ties, *later)
        run.finish()
    wanted = oracle.history(IDENTITY_KEY, [first, *ties, *later], next(iter(temperatures(run))), run.driver.now)
    assert history_of(run) == [tuple(move) for move in wanted]


def test_what_is_older_than_the_horizon_leaves_the_log() -> None:
    old, new = touch("old", "1-1", "inquiry"), touch("new", "12-1")
    run = run_of(captured("1-1"), old, new, captured("1-1"))
    assert run.count("lead", "leads", "drop:beyond_log") == 1
    assert at("12-1") - at("1-1") > 180 * DAY


def test_what_a_machine_did_is_no_engagement() -> None:
    inquiry = run_of(captured("3-1"), touch("t", "3-2", "inquiry", machine=True))
    (moves,) = temperatures(inquiry).values()
    assert [after for _, _, after, _ in moves] == ["cold"]
