"""A lead of more touches than a person makes is flagged."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from schemas.events.incidents import IncidentRaised
from schemas.events.touchpoints import TouchpointDeleted
from tests.support.facts import at
from tests.support.leads import run_of, touch
from tests.support.runs import Run


@pytest.fixture(autouse=True)
def _five_touches_are_hot_and_three_are_kept() -> Iterator[None]:
    with (
        patch("processors.lead.path.MAX_TOUCHES", 3),
        patch("processors.lead.flag.MAX_TOUCHES", 3),
        patch("processors.lead.flag.HOT_TOUCHES", 5),
    ):
        yield


def incidents(run: Run) -> list[IncidentRaised]:
    return run.said("incidents", IncidentRaised)


def test_a_lead_is_flagged_at_so_many_touches_and_not_before() -> None:
    run = run_of(*(touch(f"t{n}", f"3-{n + 1}", campaign_id=f"c{n}") for n in range(4)))
    assert not incidents(run)
    run.publish(touch("t4", "3-5"))
    (incident,) = incidents(run)
    assert (incident.kind, incident.severity, incident.touches, incident.days) == ("hot_lead", "warning", 5, 30)
    assert incident.occurred_at == at("3-5")
    assert incident.detail == "a robot, an agent's phone or a shared device"
    assert incident.source == "lead.flag"


def test_the_thirty_days_end_at_the_newest_touch_and_their_first_instant_is_one_of_them() -> None:
    run = run_of(*(touch(f"t{n}", "3-1") for n in range(3)), touch("t3", "3-31 00:01"), touch("t4", "3-31 00:01"))
    assert not incidents(run), "the three of 1 March lie one minute before"
    run = run_of(*(touch(f"t{n}", "3-1") for n in range(3)), touch("t3", "3-31"), touch("t4", "3-31"))
    assert len(incidents(run)) == 1


def test_a_bundle_of_older_days_does_not_count() -> None:
    run = run_of(*(touch(f"t{n}", "1-1") for n in range(4)), *(touch(f"u{n}", "3-1") for n in range(4)))
    assert not incidents(run)
    run.publish(touch("u4", "3-1"))
    assert [incident.touches for incident in incidents(run)] == [5]


def test_it_is_flagged_once_in_thirty_days() -> None:
    run = run_of(*(touch(f"t{n}", "3-1") for n in range(9)))
    assert len(incidents(run)) == 1
    run.publish(touch("u0", "3-30 23:59"))
    assert len(incidents(run)) == 1
    for n in range(5):
        run.publish(touch(f"v{n}", "3-31"))
    assert [incident.occurred_at for incident in incidents(run)] == [at("3-1"), at("3-31")]


def test_a_late_touch_may_be_the_one_too_many() -> None:
    run = run_of(*(touch(f"t{n}", "3-10") for n in range(4)), touch("late", "3-1"))
    assert [incident.occurred_at for incident in incidents(run)] == [at("3-10")]


def test_deleted_touches_and_own_sends_do_not_count() -> None:
    gone = touch("t0", "3-10", revision=2, type=TouchpointDeleted)
    run = run_of(*(touch(f"t{n}", "3-10") for n in range(3)), gone, touch("late", "3-1"), touch("later", "3-1 01:00"))
    run.publish(touch("sent", "3-11", "email_sent"))
    assert not incidents(run)
    run.publish(touch("more", "3-1 02:00"))
    assert len(incidents(run)) == 1
