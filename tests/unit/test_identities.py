"""Who is who, rule by rule: links, splits, and how many may be one."""

from __future__ import annotations

from typing import Any

import pytest

from processors.base import Context
from processors.control import EMPTY
from processors.resolve.known import Strong
from processors.resolve.told import assigned
from schemas.events.governance import IdentitiesLinked, IdentitiesSplit, PolicyChanged
from schemas.events.identity import LeadMerged, LeadSplit
from schemas.events.resolving import Assign
from tests.support.facts import fact
from tests.support.identities import places, unsettled
from tests.support.leads import run_of
from tests.support.persons import (
    ADA,
    BOB,
    PHONE,
    captured,
    linked,
    name,
    sent,
    split,
    touch,
    values,
)
from tests.support.runs import bindings, leads, open_conflicts


def test_two_leads_become_one_and_part_again() -> None:
    """The worked example of the identity specification, section 8."""
    run = run_of(
        touch("e1", "3-1", email=ADA), touch("e2", "3-2", phone=PHONE), touch("e3", "3-3", email=ADA, phone=PHONE)
    )
    assert leads(run) == {name(ADA): {name(ADA), name(PHONE)}}
    assert places(run) == {one: {name(ADA)} for one in ("e1", "e2", "e3")}
    (merged,) = run.said("identity.changes", LeadMerged)
    assert (merged.lead_id, merged.into_lead_id, merged.identifiers) == (name(PHONE), name(ADA), [name(PHONE)])
    run.publish(split("3-4", PHONE, ADA))
    run.publish(touch("e4", "3-5", email=ADA, phone=PHONE))
    assert leads(run) == {name(ADA): {name(ADA)}, name(PHONE): {name(PHONE)}}
    assert places(run) == {"e1": {name(ADA)}, "e2": {name(PHONE)}, "e3": {name(ADA)}, "e4": {name(ADA)}}
    (parted,) = run.said("identity.changes", LeadSplit)
    assert (parted.lead_id, parted.into_lead_id, parted.identifiers) == (name(ADA), name(PHONE), [name(PHONE)])
    assert not unsettled(run)


def test_a_known_pair_sends_nothing() -> None:
    run = run_of(*(touch(f"e{n}", "3-1", email=ADA, phone=PHONE) for n in range(2)))
    before = sent(run, "resolve.inbox")
    run.publish(touch("e3", "3-2", email=ADA, phone=PHONE))
    assert sent(run, "resolve.inbox") == before


def test_a_link_by_hand_lifts_a_split_and_an_observed_one_does_not() -> None:
    run = run_of(touch("e1", "3-1", email=ADA), touch("e2", "3-2", email=BOB), split("3-3", BOB, ADA))
    run.publish(linked("3-2", ADA, BOB))
    assert set(leads(run)) == {name(ADA), name(BOB)}, "an older link is the one that the split undid"
    run.publish(linked("3-4", ADA, BOB))
    assert set(leads(run)) == {name(ADA)}


def test_each_end_of_a_split_holds_it() -> None:
    """The taken identifiers are of groups that have nothing to do with the kept one yet."""
    mail, other = "cy@example.com", "dee@example.com"
    run = run_of(touch("e1", "3-1", email=ADA), touch("e2", "3-1", email=BOB), touch("e3", "3-1", email=mail))
    run.publish(touch("e4", "3-1", email=other))
    take = [{"kind": "email", "value": value} for value in (BOB, mail, other)]
    run.publish(fact(IdentitiesSplit, occurred_at="3-4", take=take, keep=values(ADA)))
    for value in (BOB, mail, other):
        pair = [{"kind": "email", "value": one} for one in (value, ADA)]
        run.publish(fact(IdentitiesLinked, occurred_at="3-3", identifiers=pair))
    assert len(leads(run)) == 4


def test_an_assignment_of_a_former_root_comes_too_late() -> None:
    key = Context(f"acme/email:{name(ADA)}", 0, 0, "cause", EMPTY)
    held = Strong(name(BOB), ver=3)
    late = Assign.build(
        occurred_at=0, subject="", lead_id=name(ADA), version=3, root="", why="merged", identifiers=[],
        decision="", cause="", doubted=False,
    )  # fmt: skip
    assert assigned(held, late, key) == (held, ())
    after, outputs = assigned(held, late.model_copy(update={"version": 4}), key)
    assert (after.lead_id, after.ver, bool(outputs)) == (name(ADA), 4, True)


def test_people_may_link_beyond_a_limit() -> None:
    run = run_of(captured("3-1", crm_id="1"), captured("3-2", crm_id="2"))
    both = [{"kind": "crm_id", "value": one} for one in "12"]
    run.publish(fact(IdentitiesLinked, occurred_at="3-3", identifiers=both))
    assert (len(leads(run)), open_conflicts(run)) == (1, set())
    run.publish(captured("3-4", crm_id="1", email=ADA))
    assert (len(leads(run)), open_conflicts(run)) == (1, set()), "and it grows by other kinds"


def test_leads_of_two_regions_join_only_with_a_transfer_basis() -> None:
    run = run_of(touch("e1", "3-1", email=ADA), touch("e2", "3-2", email=BOB, region="IND"), linked("3-3", ADA, BOB))
    assert open_conflicts(run) == {("region", tuple(sorted((name(ADA), name(BOB)))))}
    run.publish(linked("3-4", ADA, BOB, transfer_basis="consent"))
    assert (set(leads(run)), open_conflicts(run)) == ({name(ADA)}, set())


def test_what_was_seen_together_counts_though_people_said_so_before() -> None:
    """Their word may be refused, what was seen for another reason: both are doubts, whichever came first."""
    desk = {"kind": "crm_id", "value": "7"}
    said = (
        linked("3-1", BOB, PHONE),
        fact(IdentitiesLinked, occurred_at="3-2", identifiers=[desk, *values(BOB, ADA)], region="IND"),
        captured("3-3", crm_id="7", email=BOB, phone=PHONE),
        split("3-4", BOB, ADA),
    )
    seven = name("7", "crm_id")
    doubts = {("region", seven, name(BOB)), ("apart", seven, name(BOB)), ("apart", seven, name(PHONE))}
    for order in ((0, 1, 2, 3), (0, 2, 1, 3), (3, 2, 1, 0)):
        run = run_of(*(said[place] for place in order))
        assert open_conflicts(run) == {(kind, tuple(sorted(pair))) for kind, *pair in doubts}


def test_a_lead_has_one_crm_id_unless_people_say_otherwise() -> None:
    run = run_of(captured("3-1", crm_id="1", email=ADA), captured("3-2", crm_id="2", email=ADA))
    pair = tuple(sorted((name("2", "crm_id"), name(ADA))))
    assert open_conflicts(run) == {("limit", pair)}
    document = '{"identity_limits": [["crm_id", 2]]}'
    run.publish(fact(PolicyChanged, occurred_at="3-3", version=1, applies_from=0, document=document))
    assert len(leads(run)) == 2, "new limits decide nothing anew by themselves"
    run.publish(captured("3-4", crm_id="2", phone=PHONE))
    assert len(leads(run)) == 1, "but from the next decision on"


def test_eight_of_a_kind_are_not_too_many() -> None:
    run = run_of(
        *(captured("3-1", crm_id=str(n), email=ADA) for n in range(8)), captured("3-1", email=ADA, phone=PHONE)
    )
    assert {kind for kind, _ in open_conflicts(run)} == {"limit"}


def test_an_identifier_named_with_too_many_others_means_nobody() -> None:
    run = run_of(*(captured("3-1", crm_id=str(n), email=ADA) for n in range(9)))
    assert ("shared", (name(ADA),)) in open_conflicts(run)
    assert {len(identifiers) for identifiers in leads(run).values()} == {1}
    run.publish(touch("t1", "3-2", email=ADA, phone=PHONE))
    assert places(run)["t1"] == {name(PHONE)}, "a shared identifier passes facts on"
    run.publish(touch("t2", "3-2", email=ADA))
    assert places(run)["t2"] == {name(ADA)}, "unless there is nobody else"
    run.publish(touch("t3", "3-3", email=ADA, phone=PHONE, cookie_id="c"))
    assert bindings(run)[name("c", "cookie_id")] == [(0, name(ADA))], "it tells the others itself"


def test_a_split_may_name_who_has_not_been_seen() -> None:
    run = run_of(touch("e1", "3-1", email=ADA), split("3-2", PHONE, ADA))
    assert open_conflicts(run) == {("unknown", (name(PHONE),))}
    run.publish(touch("e2", "3-3", email=ADA, phone=PHONE))
    assert open_conflicts(run) == set()
    assert bindings(run)[name(PHONE)] == [(0, name(PHONE))], "the split holds against links that come later"


@pytest.mark.parametrize(
    "who",
    [
        {"email": "info@example.com"}, {"email": "Test@Test.com"}, {"phone": "000 000 0000"}, {"crm_id": "0000000000"},
        {"crm_id": "N/A"}, {"wa_id": " null "},
    ],
    ids=["mailbox", "test address", "zeros", "crm", "placeholder", "placeholder for WhatsApp"],
)  # fmt: skip
def test_blocked_identifiers_name_nobody(who: dict[str, str]) -> None:
    run = run_of(captured("3-1", **who))
    assert [(letter.stage, letter.reason) for letter in run.dead_letters()] == [("resolve", "no_usable_identifier")]
    run.publish(captured("3-2", **{**who, "device_id": "d"}))
    assert set(leads(run)) == {name("d", "device_id")}, "another identifier takes the fact"
    assert run.count("resolve", "leads", "accepted") == 1


@pytest.mark.parametrize("nobody", [{"wa_id": " "}, {"crm_id": "-"}, {"wa_id": "n/a"}, {"crm_id": "NULL"}])
def test_what_stands_for_no_identifier_brings_nobody_together(nobody: dict[str, str]) -> None:
    run = run_of(captured("3-1", email=ADA, **nobody), captured("3-2", email=BOB, **nobody))
    assert leads(run) == {name(ADA): {name(ADA)}, name(BOB): {name(BOB)}}
    assert run.dead_letters() == []


ZEROS, WHATSAPP = "000 000 0000", "971501234567"


@pytest.mark.parametrize(
    "who",
    [
        {"phone": ZEROS, "wa_id": WHATSAPP},
        {"phone": ZEROS, "wa_id": WHATSAPP, "region": "EUR"},  # where it cannot be read as a phone
        {"phone": PHONE, "wa_id": "0000000000"},
        {"email": "info@example.com", "phone": ZEROS, "wa_id": WHATSAPP},
    ],
)
def test_a_blocked_number_takes_no_other_along(who: dict[str, str]) -> None:
    run = run_of(captured("3-1", **{**who, "cookie_id": "c"}))
    assert run.dead_letters() == []
    assert bindings(run)[name("c", "cookie_id")] == [(0, name(PHONE))]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (lambda: linked("3-1", ADA), "too_few_identifiers"),
        (lambda: linked("3-1", ADA, ADA), "too_few_identifiers"),
        (lambda: fact(IdentitiesSplit, occurred_at="3-1", take=values(ADA), keep=[]), "too_few_identifiers"),
        (lambda: fact(IdentitiesSplit, occurred_at="3-1", take=values(ADA, BOB), keep=values(ADA)), "contradiction"),
        (
            lambda: fact(IdentitiesLinked, occurred_at="3-1", identifiers=[
                *values(ADA), {"kind": "cookie_id", "value": "c"},
            ]),
            "weak_identifier",
        ),
        (
            lambda: fact(IdentitiesLinked, occurred_at="3-1", identifiers=[
                *values(ADA), {"kind": "phone", "value": "call me"},
            ]),
            "no_usable_identifier",
        ),
    ],
)  # fmt: skip
def test_links_and_splits_that_cannot_be_meant_are_refused(said: Any, reason: str) -> None:
    run = run_of(said())
    assert [(letter.stage, letter.reason) for letter in run.dead_letters()] == [("intake", reason)]
