"""Who is who, rule by rule: links, splits, weak identifiers, bookings, limits, and what each costs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from models.identity.facts import packed
from models.identity.logins import MAX_LOGINS
from processors.base import Context
from processors.control import EMPTY
from processors.resolve.known import Strong
from processors.resolve.told import assigned
from schemas.codec import decode
from schemas.events.base import Event
from schemas.events.bookings import BookingChanged
from schemas.events.governance import IdentitiesLinked, IdentitiesSplit, PolicyChanged
from schemas.events.identity import IdentifierBound, LeadMerged, LeadSplit
from schemas.events.leads import LeadCaptured
from schemas.events.ledger import CreditsPosted
from schemas.events.profiles import LeadProfiled
from schemas.events.resolving import Assign
from schemas.events.touchpoints import TouchpointRecorded
from schemas.ids import derived_id
from streams.stage import KeyState
from streams.state import StateCodec
from tests.property.oracles.identity import hash_of
from tests.support.facts import at, fact
from tests.support.identities import places, states, unsettled
from tests.support.runs import IDENTITY_KEY, STAGES, Run, bindings, leads, new_run, open_conflicts

ADA, BOB, PHONE = "ada@example.com", "bob@example.com", "+971501234567"
KIND = {ADA: "email", BOB: "email", PHONE: "phone"}


def name(value: str, kind: str = "") -> str:
    return hash_of(IDENTITY_KEY, "acme", kind or KIND[value], value)


def touch(id_: str, when: str, **who: Any) -> TouchpointRecorded:
    return fact(TouchpointRecorded, occurred_at=when, touch_id=id_, revision=1, kind="inquiry", channel="web", **who)


def captured(when: str, **who: Any) -> LeadCaptured:
    return fact(LeadCaptured, occurred_at=when, channel="web", **who)


def values(*named: str) -> list[dict[str, str]]:
    return [{"kind": KIND[one], "value": one} for one in named]


def linked(when: str, *named: str, **fields: Any) -> IdentitiesLinked:
    return fact(IdentitiesLinked, occurred_at=when, identifiers=values(*named), **fields)


def split(when: str, take: str, keep: str) -> IdentitiesSplit:
    return fact(IdentitiesSplit, occurred_at=when, take=values(take), keep=values(keep))


def booking(revision: int, when: str, **who: Any) -> BookingChanged:
    return fact(
        BookingChanged, booking_id="b1", revision=revision, status="booked", amount_minor=100, currency="AED",
        occurred_at=when, **who,
    )  # fmt: skip


def ran(*facts: Event) -> Run:
    run = new_run()
    for one in facts:
        run.publish(one)
    return run


def sent(run: Run, topic: str) -> Counter[str]:
    """Messages in an inbox, by type."""
    found = (decode(record.value) for (name_, _), log in run.driver.log.items() if name_ == topic for record in log)
    return Counter(type(one.message).__name__ for one in found if one.prefix is None)


# -- links and splits


def test_two_leads_become_one_and_part_again() -> None:
    """The worked example of the identity specification, section 8."""
    run = ran(
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
    run = ran(*(touch(f"e{n}", "3-1", email=ADA, phone=PHONE) for n in range(2)))
    before = sent(run, "resolve.inbox")
    run.publish(touch("e3", "3-2", email=ADA, phone=PHONE))
    assert sent(run, "resolve.inbox") == before


def test_a_link_by_hand_lifts_a_split_and_an_observed_one_does_not() -> None:
    run = ran(touch("e1", "3-1", email=ADA), touch("e2", "3-2", email=BOB), split("3-3", BOB, ADA))
    run.publish(linked("3-2", ADA, BOB))
    assert set(leads(run)) == {name(ADA), name(BOB)}, "an older link is the one that the split undid"
    run.publish(linked("3-4", ADA, BOB))
    assert set(leads(run)) == {name(ADA)}


def test_each_end_of_a_split_holds_it() -> None:
    """The taken identifiers are of groups that have nothing to do with the kept one yet."""
    mail, other = "cy@example.com", "dee@example.com"
    run = ran(touch("e1", "3-1", email=ADA), touch("e2", "3-1", email=BOB), touch("e3", "3-1", email=mail))
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
    run = ran(captured("3-1", crm_id="1"), captured("3-2", crm_id="2"))
    both = [{"kind": "crm_id", "value": one} for one in "12"]
    run.publish(fact(IdentitiesLinked, occurred_at="3-3", identifiers=both))
    assert (len(leads(run)), open_conflicts(run)) == (1, set())
    run.publish(captured("3-4", crm_id="1", email=ADA))
    assert (len(leads(run)), open_conflicts(run)) == (1, set()), "and it grows by other kinds"


def test_leads_of_two_regions_join_only_with_a_transfer_basis() -> None:
    run = ran(touch("e1", "3-1", email=ADA), touch("e2", "3-2", email=BOB, region="IND"), linked("3-3", ADA, BOB))
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
        run = ran(*(said[place] for place in order))
        assert open_conflicts(run) == {(kind, tuple(sorted(pair))) for kind, *pair in doubts}


def test_a_lead_has_one_crm_id_unless_people_say_otherwise() -> None:
    run = ran(captured("3-1", crm_id="1", email=ADA), captured("3-2", crm_id="2", email=ADA))
    pair = tuple(sorted((name("2", "crm_id"), name(ADA))))
    assert open_conflicts(run) == {("limit", pair)}
    document = '{"identity_limits": [["crm_id", 2]]}'
    run.publish(fact(PolicyChanged, occurred_at="3-3", version=1, applies_from=0, document=document))
    assert len(leads(run)) == 2, "new limits decide nothing anew by themselves"
    run.publish(captured("3-4", crm_id="2", phone=PHONE))
    assert len(leads(run)) == 1, "but from the next decision on"


def test_eight_of_a_kind_are_not_too_many() -> None:
    run = ran(*(captured("3-1", crm_id=str(n), email=ADA) for n in range(8)), captured("3-1", email=ADA, phone=PHONE))
    assert {kind for kind, _ in open_conflicts(run)} == {"limit"}


def test_an_identifier_named_with_too_many_others_means_nobody() -> None:
    run = ran(*(captured("3-1", crm_id=str(n), email=ADA) for n in range(9)))
    assert ("shared", (name(ADA),)) in open_conflicts(run)
    assert {len(identifiers) for identifiers in leads(run).values()} == {1}
    run.publish(touch("t1", "3-2", email=ADA, phone=PHONE))
    assert places(run)["t1"] == {name(PHONE)}, "a shared identifier passes facts on"
    run.publish(touch("t2", "3-2", email=ADA))
    assert places(run)["t2"] == {name(ADA)}, "unless there is nobody else"
    run.publish(touch("t3", "3-3", email=ADA, phone=PHONE, cookie_id="c"))
    assert bindings(run)[name("c", "cookie_id")] == [(0, name(ADA))], "it tells the others itself"


def test_a_split_may_name_who_has_not_been_seen() -> None:
    run = ran(touch("e1", "3-1", email=ADA), split("3-2", PHONE, ADA))
    assert open_conflicts(run) == {("unknown", (name(PHONE),))}
    run.publish(touch("e2", "3-3", email=ADA, phone=PHONE))
    assert open_conflicts(run) == set()
    assert bindings(run)[name(PHONE)] == [(0, name(PHONE))], "the split holds against links that come later"


# -- what is refused


@pytest.mark.parametrize(
    "who",
    [{"email": "info@example.com"}, {"email": "Test@Test.com"}, {"phone": "000 000 0000"}, {"crm_id": "0000000000"}],
    ids=["mailbox", "test address", "zeros", "crm"],
)
def test_blocked_identifiers_name_nobody(who: dict[str, str]) -> None:
    run = ran(captured("3-1", **who))
    assert [(letter.stage, letter.reason) for letter in run.dead_letters()] == [("resolve", "no_usable_identifier")]
    run.publish(captured("3-2", **{**who, "device_id": "d"}))
    assert set(leads(run)) == {name("d", "device_id")}, "another identifier takes the fact"
    assert run.count("resolve", "leads", "accepted") == 1


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
    run = ran(said())
    assert [(letter.stage, letter.reason) for letter in run.dead_letters()] == [("intake", reason)]


# -- weak identifiers


def test_anonymous_history_is_claimed_by_the_first_login_and_later_ones_own_what_follows() -> None:
    run = ran(touch("t1", "3-1", cookie_id="c"), touch("t2", "3-9", cookie_id="c"))
    run.publish(captured("3-4", email=ADA, cookie_id="c"))
    assert places(run)["t1"] == places(run)["t2"] == {name(ADA)}
    run.publish(captured("3-8", email=BOB, cookie_id="c"))
    assert (places(run)["t1"], places(run)["t2"]) == ({name(ADA)}, {name(BOB)})
    assert set(leads(run)) == {name(ADA), name(BOB)}, "a cookie links nobody"
    cookie = name("c", "cookie_id")
    assert bindings(run)[cookie] == [(0, name(ADA)), (at("3-8"), name(BOB))]
    changes = [*run.said("identity.changes", LeadMerged), *run.said("identity.changes", LeadSplit)]
    assert [(type(one).__name__, one.lead_id, one.into_lead_id) for one in changes] == [
        ("LeadMerged", cookie, name(ADA)), ("LeadSplit", name(ADA), name(BOB))
    ]  # fmt: skip


def test_of_one_who_alone_logs_in_only_the_earliest_login_is_told() -> None:
    run = ran(*(touch(f"t{n}", f"3-{n}", email=ADA, cookie_id="c") for n in range(5, 25)))
    assert sent(run, "resolve.inbox")["Login"] == 1
    run.publish(touch("t4", "3-4", email=ADA, cookie_id="c"))
    told = sent(run, "resolve.inbox")
    assert (told["Login"], told["Contested"]) == (2, 0)


def test_all_logins_are_told_once_somebody_else_has_logged_in() -> None:
    run = ran(*(touch(f"a{n}", f"3-{n}", email=ADA, cookie_id="c") for n in (2, 6, 9)))
    for day in (1, 4, 5, 7, 8, 12, 14):
        run.publish(touch(f"c{day}", f"3-{day} 12:00", cookie_id="c"))
    run.publish(touch("b5", "3-5", email=BOB, cookie_id="c"))
    cookie = name("c", "cookie_id")
    assert bindings(run)[cookie] == [(0, name(ADA)), (at("3-5"), name(BOB)), (at("3-6"), name(ADA))]
    run.publish(touch("b11", "3-11", email=BOB, cookie_id="c"))
    run.publish(touch("a13", "3-13", email=ADA, cookie_id="c"))
    run.publish(touch("b8", "3-8", email=BOB, cookie_id="c"))
    owners = {f"c{day}": places(run)[f"c{day}"] for day in (1, 4, 5, 7, 8, 12, 14)}
    assert owners == {
        "c1": {name(ADA)}, "c4": {name(ADA)}, "c5": {name(BOB)}, "c7": {name(ADA)}, "c8": {name(BOB)},
        "c12": {name(BOB)}, "c14": {name(ADA)},
    }  # fmt: skip
    assert not unsettled(run)
    told = sent(run, "resolve.inbox")
    assert (told["Login"], told["Contested"]) == (7, 2), "each login once, each of the two is asked once"


def test_what_is_not_told_is_bounded_and_the_last_login_is_kept() -> None:
    run = ran(
        *(touch(f"a{n}", f"3-{1 + n // 24} {n % 24}:00", email=ADA, cookie_id="c") for n in range(1 + MAX_LOGINS))
    )
    held = states(run, "resolve")[f"acme/email:{name(ADA)}"]["strong"].weak[f"cookie_id:{name('c', 'cookie_id')}"]
    assert len(held.untold) == 1
    run.publish(touch("b", "3-2", email=BOB, cookie_id="c"))
    run.publish(touch("c", "4-1", cookie_id="c"))
    assert places(run)["c"] == {name(ADA)}


def test_companions_are_claimed_with_the_one_that_is_logged_in() -> None:
    run = ran(touch("t1", "3-1", device_id="d", cookie_id="c"), touch("t2", "3-2", cookie_id="c"))
    run.publish(captured("3-3", email=ADA, device_id="d"))
    assert places(run)["t1"] == places(run)["t2"] == {name(ADA)}


def test_what_hangs_on_a_lead_moves_with_it() -> None:
    run = ran(touch("t1", "3-1", email=ADA), touch("t2", "3-2", cookie_id="c", phone=PHONE))
    run.publish(touch("t3", "3-3", cookie_id="c"))
    run.publish(booking(1, "3-4", phone=PHONE))
    assert places(run)["t3"] == places(run)["b:b1"] == {name(PHONE)}
    run.publish(linked("3-5", ADA, PHONE))
    assert places(run) == {one: {name(ADA)} for one in ("t1", "t2", "t3", "b:b1")}
    assert len(run.said("identity.changes", LeadMerged)) == 1, "one decision is told once, whatever moved by it"


def test_what_a_departed_identifier_said_goes_with_it() -> None:
    run = ran(captured("3-1", email=ADA, full_name="Ada"), captured("3-2", phone=PHONE, full_name="Bob", language="ar"))
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
    run = ran(touch("t1", "3-1", email=ADA), booking(1, "3-4", email=ADA), touch("t2", "3-2", phone=PHONE))
    assert credited(run) == {"t1#1": 100}
    run.publish(linked("3-5", ADA, PHONE))
    assert credited(run) == {"t1#1": 50, "t2#1": 50}
    run.publish(split("3-6", PHONE, ADA))
    assert credited(run) == {"t1#1": 100}


def credited(run: Run) -> dict[str, int]:
    """Linear net credit by account."""
    sums: Counter[str] = Counter()
    for posting in run.said("attribution.credits", CreditsPosted):
        for line in posting.lines:
            if (line.model, line.basis) == ("linear", "net") and line.account != "(revenue)":
                sums[line.account] += line.amount_minor
    return {account: amount for account, amount in sums.items() if amount}


def test_touches_of_two_leads_are_in_order_when_they_are_one() -> None:
    run = ran(touch("t1", "3-1", email=ADA), touch("t3", "3-3", email=ADA), touch("t2", "3-2", phone=PHONE))
    run.publish(linked("3-5", ADA, PHONE))
    assert list(states(run, "lead")[f"acme/{name(ADA)}"]["path"].touches) == ["t1", "t2", "t3"]


def test_a_kiosk_belongs_to_nobody_who_logs_in() -> None:
    run = new_run()
    for n in range(500):
        run.publish(captured(f"3-{1 + n // 24} {n % 24}:00", email=f"p{n}@example.com", cookie_id="c"))
    (weak,) = [slices["weak"] for slices in states(run, "resolve").values() if "weak" in slices]
    assert (len(weak.logins.known), weak.logins.kiosk_at is not None) == (64, True)
    run.publish(touch("t1", "4-1", cookie_id="c"))
    assert places(run)["t1"] == {name("c", "cookie_id")}


# -- bookings


def test_a_bookings_facts_wait_for_nobody_and_follow_its_owner() -> None:
    run = ran(booking(1, "3-1", email=ADA), booking(2, "3-2", email=BOB))
    assert places(run)["b:b1"] == {name(BOB)}
    bound = run.said("identity.bindings", IdentifierBound)
    (moved,) = [one for one in bound if one.kind == "booking"]
    identifier = derived_id("booking", "acme/b:b1")
    assert (moved.identifier, moved.lead_id, moved.version, moved.why) == (identifier, name(BOB), 1, "revised")
    assert run.count("resolve", "bookings", "accepted") == 2
    assert not run.said("identity.changes", LeadSplit), "that a booking was renamed splits nobody"


# -- what it costs


def test_a_new_lead_comes_to_rest_within_the_message_bounds() -> None:
    run = ran(captured("3-1", crm_id="1", email=ADA, phone=PHONE))
    n, m = 3, 2
    assert leads(run) == {name("1", "crm_id"): {name("1", "crm_id"), name(ADA), name(PHONE)}}
    assert sent(run, "resolve.inbox").total() <= 13 * n + 10 * m
    assert sent(run, "journeys").total() <= 20 * n


def size(run: Run, stage: str, key: str) -> int:
    """Bytes of a key's state."""
    codec = StateCodec(next(one for one in STAGES if one.name == stage))
    return len(codec.encode(KeyState(states(run, stage)[f"acme/{key}"])))


def test_states_are_as_small_as_the_specification_says() -> None:
    run = ran(captured("3-1", crm_id="1", email=ADA, phone=PHONE), touch("t", "3-2", cookie_id="c"))
    assert size(run, "resolve", f"cookie_id:{name('c', 'cookie_id')}") < 250
    roots = [slices["root"].facts for slices in states(run, "resolve").values() if "root" in slices]
    assert sorted(len(facts.first) for facts in roots) == [0, 0, 3]
    assert max(len(packed(facts)) for facts in roots) < 1_000


def test_an_identifier_linked_to_300_others_stays_bounded() -> None:
    run = ran(*(captured("3-1", crm_id=f"c{n}", email=ADA) for n in range(300)))
    held = states(run, "resolve")[f"acme/email:{name(ADA)}"]["strong"]
    assert (len(held.known), held.shared) == (9, True)
    assert max(len(slices["root"].facts.first) for slices in states(run, "resolve").values() if "root" in slices) <= 64
    assert not unsettled(run)


def test_a_lead_of_64_identifiers_takes_no_more() -> None:
    limits = '{"identity_limits": [["crm_id", 64], ["email", 64], ["phone", 64], ["wa_id", 64]]}'
    run = ran(fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document=limits))
    for n in range(80):  # a chain: each link names the one before
        run.publish(captured("3-1", email=f"p{n}@example.com", phone=f"+97150000{n // 2:04}"))
        run.publish(captured("3-1", email=f"p{n}@example.com", phone=f"+97150000{(n + 1) // 2:04}"))
    assert max(len(identifiers) for identifiers in leads(run).values()) <= 64
    assert "cluster_full" in {kind for kind, _ in open_conflicts(run)}
