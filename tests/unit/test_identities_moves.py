"""What moves with an identifier from lead to lead: scores, touches and credit, bookings."""

from __future__ import annotations

import pytest

from schemas.events.identity import IdentifierBound, LeadMerged, LeadSplit
from schemas.events.ledger import CreditsPosted
from schemas.events.profiles import LeadProfiled
from schemas.ids import derived_id
from tests.support.identities import places, states
from tests.support.leads import run_of
from tests.support.persons import (
    ADA,
    BOB,
    PHONE,
    booking,
    captured,
    credited,
    linked,
    name,
    split,
    touch,
)
from tests.support.runs import Run


def test_what_hangs_on_a_lead_moves_with_it() -> None:
    run = run_of(touch("t1", "3-1", email=ADA), touch("t2", "3-2", cookie_id="c", phone=PHONE))
    run.publish(touch("t3", "3-3", cookie_id="c"))
    run.publish(booking(1, "3-4", phone=PHONE))
    assert places(run)["t3"] == places(run)["b:b1"] == {name(PHONE)}
    run.publish(linked("3-5", ADA, PHONE))
    assert places(run) == {one: {name(ADA)} for one in ("t1", "t2", "t3", "b:b1")}
    assert len(run.said("identity.changes", LeadMerged)) == 1, "one decision is told once, whatever moved by it"


def test_what_a_departed_identifier_said_goes_with_it() -> None:
    run = run_of(
        captured("3-1", email=ADA, full_name="Ada"), captured("3-2", phone=PHONE, full_name="Bob", language="ar")
    )
    run.publish(touch("e1", "3-3", email=ADA, phone=PHONE))
    assert newest(run, ADA).full_name == "Bob"
    run.publish(split("3-4", PHONE, ADA))
    assert (newest(run, ADA).full_name, newest(run, ADA).language) == ("Ada", None)
    assert newest(run, PHONE).full_name == "Bob"


def newest(run: Run, value: str) -> LeadProfiled:
    """The profile that a lead has now."""
    told = [one for one in run.said("lead.profiles", LeadProfiled) if one.lead_id == name(value)]
    return max(told, key=lambda one: one.version)


def test_touches_that_come_with_a_merge_are_credited_and_a_split_takes_that_back() -> None:
    run = run_of(touch("t1", "3-1", email=ADA), booking(1, "3-4", email=ADA), touch("t2", "3-2", phone=PHONE))
    assert credited(run) == {"t1#1": 100}
    run.publish(linked("3-5", ADA, PHONE))
    assert credited(run) == {"t1#1": 50, "t2#1": 50}
    run.publish(split("3-6", PHONE, ADA))
    assert credited(run) == {"t1#1": 100}


def test_touches_of_two_leads_are_in_order_when_they_are_one() -> None:
    run = run_of(touch("t1", "3-1", email=ADA), touch("t3", "3-3", email=ADA), touch("t2", "3-2", phone=PHONE))
    run.publish(linked("3-5", ADA, PHONE))
    assert list(states(run, "lead")[f"acme/{name(ADA)}"]["path"].touches) == ["t1", "t2", "t3"]


def test_a_bookings_facts_wait_for_nobody_and_follow_its_owner() -> None:
    run = run_of(booking(1, "3-1", email=ADA), booking(2, "3-2", email=BOB))
    assert places(run)["b:b1"] == {name(BOB)}
    bound = run.said("identity.bindings", IdentifierBound)
    (moved,) = [one for one in bound if one.kind == "booking"]
    identifier = derived_id("booking", "acme/b:b1")
    assert (moved.identifier, moved.lead_id, moved.version, moved.why) == (identifier, name(BOB), 1, "revised")
    assert run.count("resolve", "bookings", "accepted") == 2
    assert not run.said("identity.changes", LeadSplit), "that a booking was renamed splits nobody"


@pytest.mark.parametrize("another", ["2-10", "1-10"])
def test_a_booking_stays_where_the_first_word_of_a_revision_puts_it(another: str) -> None:
    """What the lead refuses has moved nothing; the same fact under another id is no news either."""
    run = run_of(captured("1-2", email=ADA, cookie_id="c"), captured("2-2", email=BOB, cookie_id="c"))
    run.publish(touch("t", "1-3", email=ADA))
    run.publish(booking(1, "1-10", cookie_id="c", booked_at="1-10"))
    posted = run.said("attribution.credits", CreditsPosted)
    run.publish(booking(1, another, cookie_id="c", booked_at=another))
    conflicts = [("lead", "revision_conflict")] if another != "1-10" else []
    assert [(letter.stage, letter.reason) for letter in run.dead_letters()] == conflicts
    assert places(run)["b:b1"] == {name(ADA)}
    assert run.said("attribution.credits", CreditsPosted) == posted
    assert credited(run) == {"t#1": 100}
