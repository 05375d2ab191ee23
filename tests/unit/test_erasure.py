"""Erasure: an identifier's history up to an instant is nobody's, wherever it is and however late it comes."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from models.consent.ledger import NOTHING_SAID, Said, Statement, heard, unerased
from models.identity.erasure import NOBODY, erased_at, name_of, rows_of
from models.identity.facts import Explicit, Facts, Sighting, join, pair
from models.identity.facts import Said as SaidOfPair
from models.identity.partition import partition
from processors.resolve.known import Strong
from processors.resolve.strong import upcast
from schemas.events.base import Event
from schemas.events.governance import ErasureRequested
from schemas.events.identity import IdentifierBound, LeadMerged, LeadSplit
from schemas.events.leads import LeadUpdated
from schemas.events.profiles import LeadProfiled
from schemas.events.touchpoints import TouchpointRecorded
from tests.property.checks import assert_balanced, assert_reconciled
from tests.property.oracles.touches import touched
from tests.support.campaigns import measured
from tests.support.facts import at, fact
from tests.support.identities import places, states, unsettled
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
    values,
)
from tests.support.runs import Run, bindings, leads


def erased(when: str, *named: str, **fields: Any) -> ErasureRequested:
    return fact(ErasureRequested, occurred_at=when, identifiers=values(*named), reason="asked", **fields)


def anew(value: str, when: str) -> str:
    """The lead that an identifier founds after an erasure."""
    return name_of(name(value), at(when))


def history() -> list[Event]:
    """Ada's address and phone are one lead of hers, and Bob's address is another's."""
    return [
        captured("3-1", email=ADA, phone=PHONE, full_name="Ada"),
        touch("t1", "3-2", email=ADA),
        touch("t2", "3-3", phone=PHONE),
        touch("t3", "3-3", email=BOB),
    ]


# -- the model


def test_the_newest_erasure_counts_in_whatever_order_they_are_told() -> None:
    one, other, link = "a", "b", pair("a", "b")
    seen = Facts(
        first={one: Sighting(1, "f1", "UAE", "email"), other: Sighting(2, "f2", "UAE", "phone")},
        links={link: SaidOfPair(2, "f2")},
        assigned={other: one},
    )
    first, newest = (Facts(erased={one: Sighting(when, f"e{when}", "UAE", "email")}) for when in (3, 9))
    later = Facts(explicit={link: Explicit(5, "f5", False)}, apart={link: SaidOfPair(4, "f4")})
    answers = set()
    for first_, second, third, fourth, again in permutations((seen, first, newest, later, first)):
        facts = join(join(join(join(first_, second), third), fourth), again)
        assert (facts.links, facts.explicit, facts.apart) == ({}, {}, {})
        assert facts.first[one] == Sighting(9, "e9", "UAE", "email")
        answers.add(tuple(partition(facts, {}).leads.items()))
    assert {frozenset(leads_) for leads_ in answers} == {frozenset({(one, name_of(one, 9)), (other, other)})}


def test_what_was_said_after_an_erasure_holds() -> None:
    link = pair("a", "b")
    mark = Sighting(3, "e", "UAE", "email")
    facts = Facts(
        first={"a": Sighting(1, "f", "UAE", "email"), "b": Sighting(9, "g", "UAE", "phone")},
        links={link: SaidOfPair(4, "f")},
    )
    found = join(facts, Facts(erased={"a": mark}))
    assert partition(found, {}).leads == {"a": name_of("a", 3), "b": name_of("a", 3)}
    assert join(found, Facts(erased={"a": Sighting(4, "e2", "UAE", "email")})).links == {}


def test_of_several_links_since_an_erasure_none_is_older() -> None:
    """An erasure that is heard of late does not know any more which was the first since."""
    kinds = {"a": "email", "b": "crm_id", "c": "crm_id"}
    found = []
    for seen_b, seen_c in ((8, 9), (9, 8)):
        facts = Facts(
            first={one: Sighting(at_, one, "UAE", kinds[one]) for at_, one in enumerate(kinds)},
            links={pair("a", "b"): SaidOfPair(seen_b, "f"), pair("a", "c"): SaidOfPair(seen_c, "g")},
        )
        found.append(partition(join(facts, Facts(erased={"a": Sighting(4, "e", "UAE", "email")})), {"crm_id": 1}))
    assert found[0] == found[1]
    assert len({*found[0].leads.values()}) == 2


def test_a_binding_tells_of_the_erasure() -> None:
    assert rows_of("l", None) == ((0, "l"),)
    assert rows_of("l", 7) == ((0, NOBODY), (8, "l"))
    assert erased_at(rows_of("l", 7)) == 7
    assert erased_at(rows_of("l", None)) is erased_at(()) is None
    assert erased_at(((0, "x"), (8, "l"))) is None


@pytest.mark.parametrize(("given_at", "allowed"), [(None, False), (7, False), (8, True)])
def test_only_a_newer_opt_in_lifts_an_erasure(given_at: int | None, allowed: bool) -> None:
    consents = NOTHING_SAID
    if given_at is not None:
        consents = heard(consents, Statement(Said(given_at, "c"), "email", "marketing", granted=True))
    assert unerased(consents, 7).allowed is allowed
    assert unerased(consents, None).allowed


# -- history


def test_history_up_to_it_is_nobodys_and_others_keep_their_lead() -> None:
    run = run_of(*history(), erased("3-4", ADA), touch("t4", "3-5", email=ADA))
    assert bindings(run)[name(ADA)] == [(0, NOBODY), (at("3-4") + 1, anew(ADA, "3-4"))]
    assert places(run) == {"t2": {name(PHONE)}, "t3": {name(BOB)}, "t4": {anew(ADA, "3-4")}}
    assert leads(run) == {
        name(PHONE): {name(PHONE)}, name(BOB): {name(BOB)}, anew(ADA, "3-4"): {name(ADA)},
    }  # fmt: skip
    assert not unsettled(run)
    assert_reconciled(run)


def test_a_campaign_counts_what_is_somebodys_whatever_came_first() -> None:
    one, late, other = (
        touch(name_, "3-2", email=who).model_copy(update={"campaign_id": "c1"})
        for name_, who in (("t1", ADA), ("t2", ADA), ("t3", BOB))
    )
    for facts in permutations((one, late, other, erased("3-4", ADA))):
        run = run_of(*facts)
        run.finish()
        assert measured(run) == touched([other])


def test_a_lead_that_has_lost_everything_tells_of_no_personal_value() -> None:
    run = run_of(captured("3-1", email=ADA, full_name="Ada"), erased("3-4", ADA))
    last = max(
        (one for one in run.said("lead.profiles", LeadProfiled) if one.lead_id == name(ADA)),
        key=lambda one: one.version,
    )
    assert (last.identifiers, last.email, last.email_domain, last.full_name) == ([], None, None, None)
    kept = [str(slices) for stage in ("lead", "resolve") for slices in states(run, stage).values()]
    assert not any(ADA in one or "Ada" in one for one in kept)
    assert not run.said("identity.changes", LeadMerged)
    assert not run.said("identity.changes", LeadSplit)


def test_a_value_that_came_with_another_identifiers_fact_goes_as_well() -> None:
    run = run_of(captured("3-1", email=ADA, phone=PHONE), erased("3-4", PHONE))
    assert not any(PHONE in str(slices) for slices in states(run, "lead").values())
    assert leads(run)[name(ADA)] == {name(ADA)}
    run.publish(captured("3-3", email=ADA, phone=PHONE))  # as late as that
    assert not any(PHONE in str(slices) for slices in states(run, "lead").values())


def test_a_former_number_goes_as_well() -> None:
    facts = captured("3-1", email=ADA, phone=PHONE), captured("3-2", email=ADA, phone="+971501234599")
    assert any(PHONE in str(slices["profile"]) for slices in states(run_of(*facts), "lead").values())
    run = run_of(*facts, erased("3-4", PHONE))
    run.publish(captured("3-1 01:00", email=ADA, phone=PHONE))  # as late as that
    assert not any(PHONE in str(slices) for slices in states(run, "lead").values())


def test_what_comes_late_is_accepted_and_reaches_no_lead() -> None:
    run = run_of(*history(), erased("3-4", ADA), touch("late", "3-4", email=ADA), touch("new", "3-4 00:01", email=ADA))
    assert "late" not in places(run)
    assert places(run)["new"] == {anew(ADA, "3-4")}
    assert run.count("resolve", "touchpoints", "accepted") == 5
    assert run.count("resolve", "touchpoints", "drop:erased") == 1
    assert_reconciled(run)


def test_an_erasure_that_comes_late_leaves_what_happened_since() -> None:
    run = run_of(
        *history(), touch("t4", "3-5", email=ADA), touch("t5", "3-6", email=ADA, phone=PHONE), erased("3-4", ADA)
    )
    lead = name(PHONE)  # which is older than an identifier that has begun anew
    assert places(run) == {"t2": {lead}, "t3": {name(BOB)}, "t4": {lead}, "t5": {lead}}
    assert leads(run) == {lead: {name(ADA), name(PHONE)}, name(BOB): {name(BOB)}}, "named together since"


def test_a_pair_that_was_known_is_linked_anew() -> None:
    run = run_of(*history(), touch("t4", "3-3", email=ADA, phone=PHONE), erased("3-4", PHONE))
    assert leads(run)[name(ADA)] == {name(ADA)}
    run.publish(touch("t5", "3-6", email=ADA, phone=PHONE))
    assert leads(run)[name(ADA)] == {name(ADA), name(PHONE)}


def test_a_late_fact_of_what_was_erased_has_named_the_others() -> None:
    run = run_of(erased("3-4", ADA), touch("t1", "3-2", email=ADA, phone=PHONE), captured("3-3", phone=PHONE))
    assert leads(run)[name(PHONE)] == {name(PHONE)}
    first = states(run, "resolve")[f"acme/phone:{name(PHONE)}"]["strong"].first
    assert first is not None
    assert first.at == at("3-2")


def test_who_names_what_was_erased_hears_of_it_and_links_it_anew() -> None:
    both = {"email": ADA, "phone": PHONE}
    run = run_of(erased("3-4", PHONE), touch("t1", "3-2", **both))
    assert leads(run)[name(ADA)] == {name(ADA)}
    run.publish(touch("t2", "3-6", **both))
    assert leads(run)[name(ADA)] == {name(ADA), name(PHONE)}


def test_who_stays_in_its_lead_loses_what_was_before_all_the_same() -> None:
    both, mine = {"crm_id": "1", "phone": PHONE}, name("1", "crm_id")
    assert mine < name(PHONE), "its key is the root, which then never sees it alone"
    run = run_of(touch("t0", "3-1", phone=PHONE), touch("t1", "3-2", **both), touch("t2", "3-6", **both))
    named = [{"kind": "crm_id", "value": "1"}]
    run.publish(fact(ErasureRequested, occurred_at="3-4", identifiers=named, reason="asked"))
    assert bindings(run)[mine] == [(0, NOBODY), (at("3-4") + 1, name(PHONE))]
    assert places(run) == {"t0": {name(PHONE)}, "t2": {name(PHONE)}}


@pytest.mark.parametrize("again", [("3-4", "3-4"), ("3-4", "3-3"), ("3-3", "3-4")])
def test_the_newest_of_several_erasures_names_the_lead(again: tuple[str, str]) -> None:
    run = run_of(*history(), *(erased(when, ADA) for when in again), touch("t4", "3-5", email=ADA))
    assert places(run)["t4"] == {anew(ADA, "3-4")}
    assert bindings(run)[name(ADA)] == [(0, NOBODY), (at("3-4") + 1, anew(ADA, "3-4"))]


def test_the_same_erasure_or_an_older_one_changes_nothing() -> None:
    run = run_of(*history(), erased("3-4", ADA))
    before = len(run.said("identity.bindings", IdentifierBound))
    run.publish(run.published[-1])
    run.publish(erased("3-2", ADA))
    assert len(run.said("identity.bindings", IdentifierBound)) == before


def test_several_identifiers_are_erased_by_one_fact() -> None:
    run = run_of(*history(), erased("3-4", ADA, PHONE, BOB))
    assert places(run) == {}
    assert leads(run) == {anew(one, "3-4"): {name(one)} for one in (ADA, PHONE, BOB)}
    assert len({anew(one, "3-4") for one in (ADA, PHONE, BOB)}) == 3


@pytest.mark.parametrize("when", ["3-3 12:00", "3-4"])
def test_what_people_said_before_it_is_void(when: str) -> None:
    run = run_of(*history(), erased("3-4", ADA), linked(when, ADA, BOB), split(when, ADA, PHONE))
    assert leads(run)[name(BOB)] == {name(BOB)}
    run.publish(touch("t5", "3-6", email=ADA, phone=PHONE))
    assert leads(run)[name(PHONE)] == {name(ADA), name(PHONE)}, "the cut is void as well"


def test_people_may_link_it_anew() -> None:
    run = run_of(*history(), erased("3-4", ADA), linked("3-5", ADA, BOB), touch("t4", "3-6", email=ADA))
    assert leads(run)[name(BOB)] == {name(BOB), name(ADA)}
    assert places(run)["t4"] == {name(BOB)}


def test_what_only_names_the_new_lead_follows_it() -> None:
    lead = anew(ADA, "3-4")
    run = run_of(*history(), erased("3-4", ADA), touch("t4", "3-5", lead_id=lead))
    assert places(run)["t4"] == {lead}
    run.publish(linked("3-6", ADA, BOB))
    run.publish(touch("t5", "3-7", lead_id=lead))
    assert places(run)["t4"] == places(run)["t5"] == {name(BOB)}
    assert not unsettled(run)


def test_what_only_names_the_old_lead_goes_with_its_identifier() -> None:
    run = run_of(*history(), touch("t4", "3-3", lead_id=name(ADA)), erased("3-4", ADA))
    run.publish(touch("t5", "3-4", lead_id=name(ADA)))
    assert "t4" not in places(run)
    assert "t5" not in places(run)


def named_only_by(lead: str, when: str) -> list[Event]:
    """What is said to a lead's name alone."""
    said = {"lead_id": lead, "full_name": "Ada Lovelace", "channel": "web"}
    return [fact(LeadUpdated, occurred_at=when, **said), touch("n1", when, lead_id=lead)]


def mentions(run: Run, text: str) -> list[str]:
    """Keys of all stages whose state holds a text."""
    return [
        key
        for stage in ("intake", "resolve", "lead")
        for key, slices in states(run, stage).items()
        if text in repr(slices)
    ]


@pytest.mark.parametrize("between", [[], [captured("3-5", email=ADA)], [linked("3-5", ADA, BOB)]])
def test_a_second_erasure_takes_what_was_said_to_the_name_since_the_first(between: list[Event]) -> None:
    """As when it was another's lead by then, and whatever is erased once more."""
    first = anew(ADA, "3-4")
    run = run_of(*history(), erased("3-4", ADA), *named_only_by(first, "3-5"), *between)
    assert mentions(run, "Lovelace")
    assert places(run)["n1"]
    run.publish(erased("3-6", ADA))
    assert not mentions(run, "Lovelace")
    assert "n1" not in places(run)
    run.publish(touch("n2", "3-5", lead_id=first))
    run.publish(touch("n3", "3-7", lead_id=first))
    assert "n2" not in places(run), "however late it comes"
    assert places(run)["n3"] == {anew(ADA, "3-6")}, "the name leads to who it is by now"
    for event in (linked("3-8", ADA, BOB), *named_only_by(anew(ADA, "3-6"), "3-8"), erased("3-9", ADA)):
        run.publish(event)
    assert not mentions(run, "Lovelace")
    assert not {"n1", "n2", "n3"} & places(run).keys()
    assert not unsettled(run)


def test_what_names_an_earlier_name_of_it_follows_it_on() -> None:
    first = anew(ADA, "3-4")
    run = run_of(*history(), erased("3-4", ADA), erased("3-5", ADA), touch("t4", "3-6", lead_id=first))
    run.publish(linked("3-7", ADA, BOB))
    run.publish(touch("t5", "3-8", lead_id=first))
    assert places(run)["t4"] == places(run)["t5"] == {name(BOB)}
    assert not unsettled(run)


def test_an_identifier_as_an_older_program_stored_it_is_read() -> None:
    stored = msgspec.msgpack.encode(msgspec.to_builtins(Strong("l", ver=3))[:-1])
    assert msgspec.msgpack.decode(upcast(1, stored), type=Strong) == Strong("l", ver=3)
    with pytest.raises(ValueError, match="version 3"):
        upcast(3, b"")


def test_a_cookie_is_nobodys_for_as_long_as_it_was_the_erased_ones() -> None:
    run = run_of(
        touch("w0", "3-1", cookie_id="c"),
        captured("3-2", email=ADA, cookie_id="c"),
        touch("w1", "3-3", cookie_id="c"),
        captured("3-4", email=BOB, cookie_id="c"),
        touch("w2", "3-5", cookie_id="c"),
        captured("3-8", email=ADA, cookie_id="c"),
        touch("w3", "3-9", cookie_id="c"),
        erased("3-6", ADA),
    )
    cookie = name("c", "cookie_id")
    assert bindings(run)[cookie] == [(0, NOBODY), (at("3-4"), name(BOB)), (at("3-8"), anew(ADA, "3-6"))]
    touches = {id_: where for id_, where in places(run).items() if id_.startswith("w")}
    assert touches == {"w2": {name(BOB)}, "w3": {anew(ADA, "3-6")}}
    run.publish(touch("w1b", "3-3", cookie_id="c"))
    assert "w1b" not in places(run)


# -- revenue


def test_revenue_remains_and_is_credited_to_nobody() -> None:
    run = run_of(captured("3-1", email=ADA), touch("t1", "3-2", email=ADA), booking(1, "3-3", email=ADA))
    assert credited(run) == {"t1#1": 100}
    run.publish(erased("3-4", ADA))
    assert credited(run) == {"(none)": 100}
    assert_balanced(run)
    assert not unsettled(run)


def test_a_booking_that_converts_after_it_is_the_new_leads() -> None:
    run = run_of(touch("t1", "3-2", email=ADA), erased("3-4", ADA), booking(1, "3-3", email=ADA))
    assert "b:b1" in places(run)
    assert places(run)["b:b1"].isdisjoint({name(ADA), anew(ADA, "3-4")})
    run.publish(
        fact(TouchpointRecorded, occurred_at="3-5", touch_id="t2", revision=1, kind="inquiry", channel="web", email=ADA)
    )
    run.publish(booking(2, "3-6", email=ADA, booked_at="3-6"))
    assert places(run)["b:b1"] == {anew(ADA, "3-4")}
    assert credited(run) == {"t2#1": 100}
    assert_balanced(run)


# -- at the door


@pytest.mark.parametrize(
    ("identifiers", "reason"),
    [
        ([], "too_few_identifiers"),
        ([{"kind": "cookie_id", "value": "c"}], "weak_identifier"),
        ([{"kind": "phone", "value": "call me"}], "no_usable_identifier"),
        ([{"kind": "crm_id", "value": f"c{number}"} for number in range(65)], "too_many_identifiers"),
    ],
)
def test_erasures_that_cannot_be_meant_are_refused(identifiers: list[dict[str, str]], reason: str) -> None:
    run = run_of(fact(ErasureRequested, occurred_at="3-1", identifiers=identifiers, reason="asked"))
    assert [(letter.stage, letter.reason) for letter in run.dead_letters()] == [("intake", reason)]
