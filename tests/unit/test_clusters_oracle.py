"""The oracle of identity resolution itself: the specification's worked example, and a case of each of its rules."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from schemas.events.base import Event
from schemas.events.bookings import BookingChanged
from schemas.events.governance import IdentifierValue, IdentitiesLinked, IdentitiesSplit
from schemas.events.leads import LeadCaptured
from schemas.ids import derived_id
from tests.property.oracles.clusters import Resolved, refused, resolved
from tests.property.oracles.identity import hash_of, named, normal
from tests.support.facts import WORKSPACE, at, fact
from tests.support.runs import IDENTITY_KEY

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"
PHONE, OTHER_PHONE = "+971501234567", "+971501234568"


def seen(when: str, **who: Any) -> LeadCaptured:
    return fact(LeadCaptured, occurred_at=when, channel="web", **who)


def booked(revision: int, when: str, **fields: Any) -> BookingChanged:
    common = {"booking_id": "b1", "status": "booked", "amount_minor": 1, "currency": "AED"}
    return fact(BookingChanged, occurred_at=when, revision=revision, **{**common, **fields})


def ids(*values: str) -> list[IdentifierValue]:
    return [IdentifierValue(kind=_kind(value), value=value) for value in values]  # type: ignore[arg-type]


def linked(when: str, *values: str, **fields: Any) -> IdentitiesLinked:
    return fact(IdentitiesLinked, occurred_at=when, identifiers=ids(*values), **fields)


def split(when: str, take: str, keep: str) -> IdentitiesSplit:
    return fact(IdentitiesSplit, occurred_at=when, take=ids(take), keep=ids(keep))


def _kind(value: str) -> str:
    starts = {"+": "phone", "c": "cookie_id", "d": "device_id", "t": "click_id"}
    return "email" if "@" in value else "crm_id" if value.isdigit() else starts[value[0]]


def name(value: str) -> str:
    """The hash of an identifier, which is the name of the lead that it founds."""
    pair = normal(_kind(value), value)
    assert pair
    return hash_of(IDENTITY_KEY, WORKSPACE, *pair)


def answer(*facts: Event) -> Resolved:
    """Who is who, asked in some orders, which must not matter."""
    first, random = resolved(IDENTITY_KEY, facts), Random(7)
    for _ in range(8):
        other = resolved(IDENTITY_KEY, random.sample(facts, len(facts)))
        assert (other.leads, other.conflicts) == (first.leads, first.conflicts)
        assert [other.lead_of_event(one) for one in facts] == [first.lead_of_event(one) for one in facts]
    return first


def pair(one: str, other: str) -> tuple[str, ...]:
    return tuple(sorted((name(one), name(other))))


def groups(found: Resolved) -> set[frozenset[str]]:
    return {*found.leads.values()}


def together(*values: str) -> frozenset[str]:
    return frozenset(map(name, values))


def test_worked_example() -> None:
    e1, e2 = seen("3-1 09:00", email=ANN), seen("3-1 09:05", phone=PHONE)
    e3 = seen("3-1 09:20", email=ANN, phone=PHONE)
    told = seen("3-1 09:30", lead_id=name(PHONE))
    found = answer(e1, e2)
    assert found.leads == {name(ANN): together(ANN), name(PHONE): together(PHONE)}
    found = answer(e1, e2, e3, told)
    assert found.leads == {name(ANN): together(ANN, PHONE)}
    assert {found.lead_of(one) for one in (e1, e2, e3, told)} == {name(ANN)}
    cut, again = split("3-1 10:00", PHONE, ANN), seen("3-1 11:00", email=ANN, phone=PHONE)
    found = answer(e1, e2, e3, told, cut, again)
    assert found.leads == {name(ANN): together(ANN), name(PHONE): together(PHONE)}
    assert [found.lead_of(one) for one in (e1, e2, e3, told, again)] == [
        name(ANN), name(PHONE), name(ANN), name(PHONE), name(ANN)
    ]  # fmt: skip
    assert found.lead_of_event(e3) == {name(ANN)}
    assert found.lead_of_event(cut) == set()
    assert found.conflicts == set()


def test_a_lead_is_named_after_what_was_seen_first_then_by_kind() -> None:
    assert {*answer(seen("3-2", email=ANN, phone=PHONE), seen("3-1", phone=PHONE)).leads} == {name(PHONE)}
    assert {*answer(seen("3-1", phone=PHONE, email=ANN)).leads} == {name(ANN)}


def test_links_go_from_the_best_identifier_to_the_others() -> None:
    found = answer(seen("3-1", crm_id="7", email=ANN, phone=PHONE), split("3-2", PHONE, "7"))
    assert groups(found) == {together("7", ANN), together(PHONE)}


def test_a_split_holds_against_later_observations_until_that_pair_is_linked_again() -> None:
    both = seen("3-1", email=ANN, phone=PHONE)
    cut, later = split("3-2", PHONE, ANN), seen("3-3", email=ANN, phone=PHONE)
    assert len(answer(both, cut, later).leads) == 2
    assert len(answer(both, cut, later, linked("3-1", ANN, PHONE)).leads) == 2
    assert len(answer(both, cut, later, linked("3-4", PHONE, ANN)).leads) == 1
    assert len(answer(both, cut, later, linked("3-4", PHONE, ANN), split("3-5", ANN, PHONE)).leads) == 2


def test_what_is_linked_to_both_sides_of_a_split_goes_with_its_earliest_link() -> None:
    cut = split("3-5", ANN, PHONE)
    found = answer(seen("3-1", crm_id="7", phone=PHONE), seen("3-2", crm_id="7", email=ANN), cut)
    assert groups(found) == {together("7", PHONE), together(ANN)}
    assert found.conflicts == {("apart", pair("7", ANN))}


def test_explicit_links_come_before_observed_ones() -> None:
    cut = split("3-5", ANN, PHONE)
    facts = seen("3-1", crm_id="7", phone=PHONE), seen("3-2", email=ANN), linked("3-3", "7", ANN), cut
    assert groups(answer(*facts)) == {together("7", ANN), together(PHONE)}


def test_home_regions_are_joined_only_on_a_transfer_basis() -> None:
    here, there = seen("3-1", email=ANN), seen("3-2", phone=PHONE, region="IND")
    both = seen("3-3", email=ANN, phone=PHONE)
    apart = {("region", pair(ANN, PHONE))}
    assert answer(here, there, both).conflicts == apart
    assert answer(here, there, linked("3-3", ANN, PHONE)).conflicts == apart
    found = answer(here, there, both, linked("3-3", ANN, PHONE, transfer_basis="consent"))
    assert (groups(found), found.conflicts) == ({together(ANN, PHONE)}, frozenset())
    withdrawn = linked("3-4", ANN, PHONE)
    found = answer(here, there, linked("3-3", ANN, PHONE, transfer_basis="consent"), withdrawn)
    assert found.conflicts == apart


def test_a_group_is_of_its_anchors_region() -> None:
    moved = linked("3-3", ANN, PHONE, transfer_basis="consent")
    facts = seen("3-1", email=ANN), seen("3-2", phone=PHONE, region="IND"), moved
    found = answer(*facts, seen("3-4", crm_id="7", phone=PHONE))
    assert groups(found) == {together(ANN, PHONE, "7")}
    found = answer(*facts, seen("3-4", crm_id="7", phone=PHONE, region="IND"))
    assert found.conflicts == {("region", pair("7", PHONE))}


def test_an_observed_link_keeps_within_a_leads_limits_and_an_explicit_one_need_not() -> None:
    two = seen("3-1", crm_id="7", email=ANN), seen("3-2", crm_id="8", email=ANN)
    found = answer(*two)
    assert groups(found) == {together("7", ANN), together("8")}
    assert found.conflicts == {("limit", pair("8", ANN))}
    found = answer(*two, linked("3-3", "7", "8"))
    assert groups(found) == {together("7", "8", ANN)}, "what people put beyond a limit may grow by other kinds"
    assert not found.conflicts
    mails = [f"n{number}@example.com" for number in range(6)]
    found = answer(*(seen(f"3-{day + 1}", email=mail, crm_id="7") for day, mail in enumerate(mails)))
    assert groups(found) == {together("7", *mails[:5]), together(mails[5])}
    assert found.conflicts == {("limit", pair("7", mails[5]))}


def hub(neighbours: int) -> list[LeadCaptured]:
    return [seen(f"3-{day}", email="desk@example.com", phone=f"+97150000000{day}") for day in range(1, neighbours + 1)]


def test_an_identifier_with_more_than_eight_neighbours_of_a_kind_links_nothing() -> None:
    eight = resolved(IDENTITY_KEY, hub(8))
    assert {kind for kind, _ in eight.conflicts} == {"limit"}
    nine = answer(*hub(9), linked("4-1", "desk@example.com", "7"))
    assert nine.conflicts == {("shared", (name("desk@example.com"),))}
    assert {len(group) for group in groups(nine)} == {1}


def test_history_passes_a_shared_identifier_or_stays_at_it() -> None:
    facts = hub(9)
    alone, anonymous = seen("4-1", email="desk@example.com"), seen("4-2", email="desk@example.com", cookie_id="c1")
    found = answer(*facts, alone, anonymous)
    assert found.lead_of_event(facts[0]) == {name("desk@example.com"), name("+971500000001")}
    assert found.lead_of(facts[0]) == name("+971500000001")
    assert found.lead_of_event(alone) == found.lead_of_event(anonymous) == {name("desk@example.com")}
    assert found.intervals(name("c1")) == [(0, name("desk@example.com"))]


def test_what_a_split_takes_and_nobody_saw_is_unknown() -> None:
    booking = booked(1, "3-1", email=BOB)
    found = answer(seen("3-1", email=ANN), split("3-2", BOB, ANN), split("3-2", ANN, CY), booking)
    assert found.conflicts == {("unknown", (name(BOB),))}
    assert answer(split("3-2", BOB, ANN), linked("3-3", BOB, CY)).conflicts == frozenset()


def test_a_link_is_a_sight_of_all_that_it_names() -> None:
    found = answer(linked("3-1", BOB, PHONE, ANN), seen("3-2", email=ANN))
    assert found.leads == {min(name(BOB), name(ANN)): together(BOB, PHONE, ANN)}


def test_a_cookie_belongs_to_the_last_login_before_and_before_all_to_the_first() -> None:
    early, late = seen("3-1", cookie_id="c1"), seen("3-9", cookie_id="c1")
    ann, bob = seen("3-3", email=ANN, cookie_id="c1"), seen("3-5", email=BOB, cookie_id="c1")
    between = seen("3-4", cookie_id="c1")
    found = answer(early, late, ann, bob, between)
    assert [found.lead_of(one) for one in (early, between, late)] == [name(ANN), name(ANN), name(BOB)]
    assert found.intervals(name("c1")) == [(0, name(ANN)), (at("3-5"), name(BOB))]
    assert found.leads == {name(ANN): together(ANN, "c1"), name(BOB): together(BOB, "c1")}
    one = answer(early, late, ann, bob, linked("4-1", ANN, BOB))
    assert one.intervals(name("c1")) == [(0, name(ANN))]


def test_of_logins_at_once_the_first_claims_the_past_and_the_last_what_follows() -> None:
    one, other = seen("3-3", email=ANN, cookie_id="c1"), seen("3-3", email=BOB, cookie_id="c1")
    first, last = (name(fact.email) for fact in sorted((one, other), key=lambda fact: fact.event_id) if fact.email)
    assert answer(one, other).intervals(name("c1")) == [(0, first), (at("3-3"), last)]


def test_a_login_claims_companions_without_one_and_only_those() -> None:
    visit, chain = seen("3-1", cookie_id="c1", device_id="d1"), seen("3-1", device_id="d2", cookie_id="c1")
    found = answer(visit, chain)
    assert found.leads == {name(one): together(one) for one in ("c1", "d1", "d2")}
    login = seen("3-5", email=ANN, cookie_id="c1")
    found = answer(visit, chain, login, seen("3-6", email=BOB, device_id="d2"))
    assert found.lead_of(visit) == name(ANN)
    assert found.intervals(name("d1")) == [(0, name(ANN))]
    assert found.intervals(name("d2")) == [(0, name(BOB))]
    # a claim is not passed on: d2 has no login of its own
    found = answer(visit, chain, seen("3-5", email=ANN, device_id="d1"))
    assert found.lead_of(visit) == found.lead_at(name("c1"), 0) == name(ANN)
    assert found.lead_of(chain) == name("d2")


def test_the_least_of_companions_first_logins_claims() -> None:
    visits = seen("3-1", device_id="d1", cookie_id="c1"), seen("3-1", device_id="d1", click_id="t1")
    found = answer(*visits, seen("3-3", email=ANN, cookie_id="c1"), seen("3-2", email=BOB, click_id="t1"))
    assert found.intervals(name("d1")) == [(0, name(BOB))]


def test_a_fact_that_names_a_lead_follows_the_identifier_that_the_lead_is_named_after() -> None:
    known = seen("3-2", email=ANN, phone=PHONE), seen("3-3", email=BOB, cookie_id="c1")
    more = seen("3-1", email=ANN), seen("3-5", email=ANN, cookie_id="c1")
    stranger = "00000000-0000-4000-8000-000000000000"
    by = [seen("3-4", lead_id=lead) for lead in (name(PHONE), name("c1"), stranger)] + [seen("3-6", lead_id=name("c1"))]
    found = answer(*known, *more, *by)
    assert [found.lead_of(one) for one in by] == [name(ANN), name(BOB), stranger, name(ANN)]
    assert stranger not in found.leads


def test_a_booking_hangs_on_the_best_identifier_of_its_highest_revision() -> None:
    people = seen("3-1", email=ANN, phone=PHONE), seen("3-2", email=BOB)
    first, second = booked(1, "3-3", phone=PHONE), booked(2, "3-4", email=BOB)
    assert answer(*people, first).lead_of_event(first) == {name(ANN)}
    found = answer(*people, first, second)
    assert found.lead_of(first) == found.lead_of(second) == name(BOB)
    assert resolved(IDENTITY_KEY, [booked(1, "3-3", email=CY)]).lead_of_booking(WORKSPACE, "b1") == name(CY)
    for nobody in ({}, {"email": "info@example.com"}, {"lead_id": name(ANN)}):
        found = answer(*people, first, booked(3, "3-1", **nobody))
        assert found.lead_of(first) == derived_id("lead of booking", "acme/b:b1")


def test_a_booking_links_nothing_sees_nothing_and_is_no_login() -> None:
    found = answer(booked(1, "3-1", email=ANN, phone=PHONE, cookie_id="c1"), seen("3-2", cookie_id="c1"))
    assert found.leads == {name("c1"): together("c1")}
    assert found.lead_of_identifier == {}


def test_a_booking_on_a_cookie_goes_to_its_owner_at_conversion() -> None:
    logins = seen("3-3", email=ANN, cookie_id="c1"), seen("3-5", email=BOB, cookie_id="c1")
    revisions = booked(2, "3-6", cookie_id="c1"), booked(1, "3-4", cookie_id="c1")
    assert answer(*logins, revisions[0]).lead_of(revisions[0]) == name(BOB)
    assert answer(*logins, *revisions).lead_of(revisions[0]) == name(ANN)
    dated = booked(3, "3-1", cookie_id="c1", booked_at="3-7")
    assert answer(*logins, *revisions, dated).lead_of(dated) == name(BOB)
    assert answer(*revisions).lead_of(revisions[0]) == name("c1")


@pytest.mark.parametrize(
    ("wanted", "one"),
    [
        (True, seen("3-1")),
        (True, seen("3-1", email="noreply@example.com")),
        (True, seen("3-1", email="Test@Test.com", lead_id="00000000-0000-4000-8000-000000000000")),
        (True, seen("3-1", phone="+971 000 000 000")),
        (False, seen("3-1", email="information@example.com")),
        (False, seen("3-1", email="no-reply@example.com", cookie_id="c1")),
        (False, seen("3-1", lead_id="00000000-0000-4000-8000-000000000000")),
        (False, booked(1, "3-1")),
        (True, linked("3-1", ANN, " Ann@Example.com")),
        (True, linked("3-1", ANN, "info@example.com")),
        (True, linked("3-1", ANN, BOB, "c1")),
        (False, linked("3-1", ANN, ANN, BOB)),
        (True, split("3-1", ANN, "ANN@example.com")),
        (True, split("3-1", ANN, "c1")),
        (True, fact(IdentitiesSplit, occurred_at="3-1", take=[], keep=ids(ANN))),
        (False, split("3-1", ANN, BOB)),
    ],
)
def test_refusals(wanted: bool, one: Event) -> None:
    assert refused(IDENTITY_KEY, one) == wanted
    found = resolved(IDENTITY_KEY, [one])
    if wanted:
        assert (found.leads, found.conflicts, found.lead_of(one)) == ({}, frozenset(), None)


def test_what_names_nobody_is_as_if_it_were_not_there() -> None:
    one = seen("3-1", email="info@example.com", phone=PHONE, cookie_id="c1")
    found = answer(one)
    assert found.leads == {name(PHONE): together(PHONE, "c1")}
    assert found.lead_of_event(one) == {name(PHONE)}
    assert resolved(IDENTITY_KEY, [one], lambda *_: True).lead_of(one) == name("info@example.com")


def test_a_whatsapp_number_is_the_phone_and_another_whatsapp_name_is_not() -> None:
    assert named(seen("3-1", wa_id="971501234567")) == named(seen("3-1", phone="+971 50 123 4567"))
    assert named(seen("3-1", wa_id="user-17")) == [("wa_id", "user-17")]
    found = answer(seen("3-1", phone=PHONE, wa_id="971501234568"))
    assert {*found.leads} == {min(name(PHONE), name(OTHER_PHONE))}


def test_a_resend_changes_nothing() -> None:
    one = seen("3-1", email=ANN, cookie_id="c1")
    assert answer(one, one).leads == answer(one).leads
