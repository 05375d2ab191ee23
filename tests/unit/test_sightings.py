"""What is told of identifiers that facts name, alone and together: each once, and again only if it was earlier."""

from __future__ import annotations

import pytest

from schemas.events.base import DAY
from schemas.events.governance import IdentifierValue, IdentitiesLinked
from schemas.events.identity import IdentifierSighted, LinkObserved
from schemas.events.leads import LeadCaptured
from schemas.events.touchpoints import TouchpointRecorded
from tests.property.oracles.identity import hash_of
from tests.support.facts import at, fact
from tests.support.runs import IDENTITY_KEY, Run, new_run

EMAIL, PHONE = "ada@example.com", "+971501234567"
ADA, FON = (hash_of(IDENTITY_KEY, "acme", kind, value) for kind, value in (("email", EMAIL), ("phone", PHONE)))


def captured(day: str, **who: str) -> LeadCaptured:
    return fact(LeadCaptured, occurred_at=day, channel="web", **who)


def links(run: Run) -> list[LinkObserved]:
    return run.said("identity.sightings", LinkObserved)


def test_a_link_is_told_when_it_is_learned_with_its_fact() -> None:
    run, first = new_run(), captured("3-2", email=EMAIL, phone=PHONE)
    run.publish(first)
    run.publish(fact(TouchpointRecorded, occurred_at="3-3", touch_id="t", kind="inquiry", channel="web", email=EMAIL,
                     phone=PHONE))  # fmt: skip
    run.publish(first)
    (told,) = links(run)
    assert (told.occurred_at, told.fact_id, told.fact_topic, told.fact_source) == (
        at("3-2"), first.event_id, "leads", "test",
    )  # fmt: skip
    ends = sorted([(ADA, "email"), (FON, "phone")])
    assert [(told.identifier, told.kind), (told.other, told.other_kind)] == ends
    assert sorted(one.identifier for one in run.said("identity.sightings", IdentifierSighted)) == sorted([ADA, FON])


def test_an_earlier_fact_that_comes_later_is_told_too_and_a_later_one_is_not() -> None:
    run = new_run()
    for day in ("3-4", "3-2", "3-3", "3-5"):
        run.publish(captured(day, email=EMAIL, phone=PHONE))
    assert [told.occurred_at for told in links(run)] == [at("3-4"), at("3-2")]
    for one in (ADA, FON):
        told = [t for t in run.said("identity.sightings", IdentifierSighted) if t.identifier == one]
        assert [t.occurred_at for t in told] == [at("3-4"), at("3-2")]


def test_of_two_numbers_that_both_may_lead_each_fact_is_told_by_the_end_that_it_came_to() -> None:
    run = new_run()
    run.publish(captured("3-2", phone=PHONE, wa_id="971501234568"))
    run.publish(captured("3-3", phone="+971501234568", wa_id=PHONE))
    assert [told.occurred_at for told in links(run)] == [at("3-2")]
    run.publish(captured("3-1", phone="+971501234568", wa_id=PHONE))
    assert sorted(told.occurred_at for told in links(run)) == [at("3-1"), at("3-2")]


def test_what_people_link_is_no_observation() -> None:
    run = new_run()
    both = [IdentifierValue(kind="email", value=EMAIL), IdentifierValue(kind="phone", value=PHONE)]
    run.publish(fact(IdentitiesLinked, occurred_at="3-2", identifiers=both))
    assert links(run) == []
    assert len(run.said("identity.sightings", IdentifierSighted)) == 2
    run.publish(captured("3-3", email=EMAIL, phone=PHONE))
    assert [told.occurred_at for told in links(run)] == [at("3-3")]


@pytest.mark.parametrize(("people", "told"), [(8, 8), (12, 9)])
def test_one_that_is_shared_by_too_many_links_nothing_any_more(people: int, told: int) -> None:
    run = new_run()
    for number in range(people):
        day = at("3-1") + number * DAY
        run.publish(fact(LeadCaptured, occurred_at=day, channel="web", crm_id="desk", email=f"n{number}@example.com"))
    assert len(links(run)) == told
