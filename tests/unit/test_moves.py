"""Sequences and approvals of people who turn out to be one, or two: one voice, one question, no objection lost."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from models.scoring.points import Signals
from processors.lead.consent import Stated, Voice
from processors.lead.history import Whereabouts
from processors.lead.moves import _PARTED, packed, unpacked
from processors.lead.score import MAX_ENTRIES
from processors.lead.sequences import Nurturing
from schemas.events.base import DAY
from schemas.events.bookings import BookingChanged
from schemas.events.contact import ConsentChanged, MessageReceived
from schemas.events.effects import LeadReplied
from schemas.events.gate import ApprovalConcluded, ApprovalRequested, ContactProposed
from schemas.events.governance import ApprovalDecided, IdentitiesLinked, IdentitiesSplit, PolicyChanged
from schemas.events.leads import LeadUpdated
from tests.property.oracles.identity import hash_of
from tests.support.facts import at, fact
from tests.support.identities import states, unsettled
from tests.support.leads import captured, run_of, touch
from tests.support.runs import IDENTITY_KEY, Run, new_run

ADA, BOB = "ada@example.com", "bob@example.com"
A, B = (hash_of(IDENTITY_KEY, "acme", "email", one) for one in (ADA, BOB))
START = at("3-1")
DAYS = (1, 3, 7, 14, 30)


def values(*named: str) -> list[dict[str, str]]:
    return [{"kind": "email", "value": one} for one in named]


def linked(when: str) -> IdentitiesLinked:
    return fact(IdentitiesLinked, occurred_at=when, identifiers=values(ADA, BOB))


def split(when: str) -> IdentitiesSplit:
    return fact(IdentitiesSplit, occurred_at=when, take=values(BOB), keep=values(ADA))


def happened(*facts: Any, until: str = "5-1") -> Run:
    """Facts each when it happened, with a tick every six hours."""
    run = new_run()
    now = START - DAY
    for one in [*facts, None]:
        end = one.occurred_at if one is not None else at(until)
        while now + DAY // 4 <= end:
            now += DAY // 4
            run.driver.tick(now)
        if one is not None:
            run.publish(one)
    assert not unsettled(run)
    return run


def proposed(run: Run) -> dict[str, list[tuple[int, str]]]:
    """(Instant, step) of what was proposed, by lead."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for one in run.said("contact.requests", ContactProposed):
        if one.purpose == "nurture":
            found[one.lead_id].append((one.occurred_at, str(one.step)))
    return {lead: sorted(said) for lead, said in found.items()}


def plan(since: str, *days: int) -> list[tuple[int, str]]:
    return [(at(since) + day * DAY, f"standard-{day}") for day in days]


def nurturing(run: Run, lead: str) -> Nurturing:
    held: Nurturing = states(run, "lead")[f"acme/{lead}"]["nurture"]
    return held


def objects(who: str, when: str) -> ConsentChanged:
    given = {"consent_id": f"c{when}", "channel": "email", "purpose": "marketing", "granted": False}
    return fact(ConsentChanged, occurred_at=when, email=who, **given)


def writes(who: str, when: str, text: str = "How much is it?") -> MessageReceived:
    return fact(MessageReceived, occurred_at=when, message_id=f"m{when}", channel="email", text=text, email=who)


def books(who: str, when: str) -> BookingChanged:
    given = {"booking_id": f"b{when}", "revision": 1, "amount_minor": 5, "currency": "AED", "booked_at": when}
    return fact(BookingChanged, occurred_at=when, status="booked", email=who, **given)


def two(second: str = "3-3 12:00") -> tuple[Any, Any]:
    return captured("3-1"), captured(second, email=BOB)


# -- sequences


def test_of_two_sequences_the_earlier_one_goes_on_and_says_no_day_twice() -> None:
    run = happened(*two(), linked("3-5"))
    assert proposed(run) == {A: plan("3-1", *DAYS), B: plan("3-3 12:00", 1)}


def test_the_earlier_sequence_goes_on_under_whatever_name_the_person_has() -> None:
    """Bob is the older lead, so that both are he; but he was warm meanwhile, and Ada has been written to for longer."""
    warm = [touch(f"w{n}", "3-1 06:00", email=BOB) for n in range(3)]
    policy = fact(
        PolicyChanged, occurred_at="2-28", version=1, applies_from=0, document='{"cooling_after":172800000000}'
    )
    run = happened(policy, captured("3-1", email=BOB), *warm, captured("3-2"), linked("3-8"))
    said = proposed(run)
    assert said[A] == plan("3-2", 1, 3)
    assert said[B] == [*plan("3-3 06:00", 1, 3), *plan("3-2", 7, 14, 30)]


def test_a_sequence_moves_with_the_identifier_that_it_began_under() -> None:
    run = happened(
        captured("3-1", email=None, cookie_id="c1"), captured("3-2 12:00", email=ADA, cookie_id="c1", full_name="Ada")
    )
    said = proposed(run)
    gone = next(lead for lead in said if lead != A)
    assert said == {gone: plan("3-1", 1), A: plan("3-1", 3, 7, 14, 30)}


def test_the_lead_that_a_fresh_sequence_comes_to_begins_none_of_its_own() -> None:
    seen = captured("3-1 18:00", email=ADA, cookie_id="c1", type=LeadUpdated)
    run = happened(captured("3-1", email=None, cookie_id="c1"), seen)
    assert proposed(run) == {A: plan("3-1", *DAYS)}
    assert len(nurturing(run, A).by) == 1


def test_people_who_are_told_apart_again_go_on_each_where_they_were() -> None:
    run = happened(*two(), linked("3-5"), split("3-9"))
    assert proposed(run) == {A: plan("3-1", *DAYS), B: plan("3-3 12:00", 1, 14, 30)}, "day 7 was proposed to both"


def test_a_person_who_was_written_to_to_the_end_is_not_written_to_again() -> None:
    run = happened(captured("3-1"), captured("4-5", email=BOB), linked("4-7"), until="6-1")
    assert proposed(run) == {A: plan("3-1", *DAYS), B: plan("4-5", 1)}


@pytest.mark.parametrize("who", [ADA, BOB])
@pytest.mark.parametrize("when", ["3-4 18:00", "3-5 18:00"])
def test_an_objection_of_either_stops_both_before_and_after(who: str, when: str) -> None:
    facts = sorted([linked("3-5"), objects(who, when)], key=lambda one: one.occurred_at)
    said = proposed(happened(*two(), *facts))
    assert all(instant < at("3-5 18:00") for steps in said.values() for instant, _ in steps)


def test_an_objection_stays_with_both_when_they_are_told_apart() -> None:
    run = happened(*two(), linked("3-5"), objects(BOB, "3-6"), split("3-9"))
    assert all(instant < at("3-6") for steps in proposed(run).values() for instant, _ in steps)
    for lead in (A, B):
        assert nurturing(run, lead).objected, lead


@pytest.mark.parametrize(
    ("said", "stops"), [(writes(BOB, "3-4"), True), (books(BOB, "3-4"), True), (writes(BOB, "2-28 18:00"), False)]
)
def test_what_stopped_one_stops_the_other_unless_it_was_before(said: Any, stops: bool) -> None:
    run = happened(*two("3-1 06:00"), said, linked("3-5"))
    after = [one for said in proposed(run).values() for one in said if one[0] > at("3-5")]
    assert bool(after) is not stops


def test_a_sequence_ends_that_comes_to_a_lead_which_is_warm() -> None:
    warm = [touch(f"w{n}", "3-3 13:00", email=ADA) for n in range(3)]
    run = happened(captured("3-1"), captured("3-2", email=BOB), *warm, linked("3-4"), until="3-31")
    assert all(instant <= at("3-4") for steps in proposed(run).values() for instant, _ in steps)


def test_an_answer_of_the_merged_person_alerts_sales_once() -> None:
    run = happened(*two(), linked("3-5"), writes(BOB, "3-6"))
    (reply,) = run.said("lead.replies", LeadReplied)
    assert (reply.lead_id, reply.since, reply.step) == (A, START, "standard-3")


# -- what the log has forgotten


def test_what_is_behind_the_checkpoint_of_a_log_moves_with_the_lead_that_ends() -> None:
    run = new_run()
    run.publish(captured("1-1"))
    run.publish(captured("1-2", email=BOB, budget_minor=2_500_000_000, currency="INR"))
    for number in range(MAX_ENTRIES + 10):
        run.publish(touch(f"x{number}", f"1-{3 + number // 10} {number % 10}:00", email=BOB))
    before = states(run, "lead")[f"acme/{B}"]["score"]
    assert before.checkpoint.signals.budget_minor and before.told[0] == 25
    run.publish(linked("2-1"))
    after = states(run, "lead")[f"acme/{A}"]["score"]
    assert after.head.signals.budget_minor == before.head.signals.budget_minor
    assert after.told == before.told


DETAILS = {"budget_minor": 2_500_000_000, "currency": "INR", "timeframe_days": 14, "financing": "cash"}


def many_touches(who: str) -> list[Any]:
    """More than a log keeps."""
    return [touch(f"x{n}", f"1-{3 + n // 10} {n % 10}:00", email=who) for n in range(MAX_ENTRIES + 10)]


@pytest.mark.parametrize("captured_one", [ADA, BOB], ids=["what was here", "what comes"])
def test_what_is_older_than_the_others_checkpoint_is_not_lost(captured_one: str) -> None:
    """One was captured and asked, then the other's log forgot what is later than that. Bob's history goes to Ada."""
    engaged_one = BOB if captured_one == ADA else ADA
    known = [
        captured("1-1 06:00", email=captured_one, **DETAILS),
        touch("q", "1-2", "inquiry", email=captured_one),
        touch("first", "1-1" if engaged_one == ADA else "1-2 12:00", "call", email=engaged_one),
    ]
    before, after = (
        run_of(*facts)
        for facts in (
            [*known, linked("1-2 18:00"), *many_touches(engaged_one)],
            [*known, *many_touches(engaged_one), linked("2-1")],
        )
    )
    expected, log = (states(run, "lead")[f"acme/{A}"]["score"] for run in (before, after))
    assert log.forgotten >= at("1-3")
    assert log.head.signals == expected.head.signals != Signals()
    assert log.checkpoint.direct == expected.checkpoint.direct == (at("1-2"),)
    assert log.head.temperature == expected.head.temperature == 2
    assert log.told == expected.told


@pytest.mark.parametrize("forgetful", [ADA, BOB], ids=["here", "there"])
def test_a_touch_that_was_corrected_to_be_the_others_counts_where_it_is_now(forgetful: str) -> None:
    run = run_of(
        captured("1-1"),
        captured("1-1 12:00", email=BOB),
        touch("q", "1-2", "inquiry", email=BOB if forgetful == ADA else ADA),
        *many_touches(forgetful),
        touch("q", "1-25", "inquiry", revision=2, email=forgetful),
        linked("2-1"),
    )
    log = states(run, "lead")[f"acme/{A}"]["score"]
    assert (log.checkpoint.direct, log.head.direct) == ((), (at("1-25"),))


# -- approvals

VALUE = {"budget_minor": 2_500_000_000, "currency": "INR"}


def hot(who: str, when: str) -> list[Any]:
    return [captured(when, email=who, **VALUE), touch(f"i-{who}", when, "inquiry", email=who)]


def decided(request: ApprovalRequested, when: str, word: str = "approved") -> ApprovalDecided:
    ids = {"approval_id": request.approval_id, "lead_id": request.lead_id}
    return fact(ApprovalDecided, occurred_at=when, decision=word, decided_by="r1", **ids)


def concluded(run: Run) -> list[tuple[str, str, str]]:
    said = run.said("approval.requests", ApprovalConcluded)
    return sorted((one.lead_id, one.reason, one.tier) for one in said)


def asked(run: Run) -> list[ApprovalRequested]:
    return sorted(run.said("approval.requests", ApprovalRequested), key=lambda one: one.occurred_at)


def test_an_open_request_moves_is_not_made_again_and_hears_the_answer_to_the_old_lead() -> None:
    run = happened(captured("2-28 12:00"), *hot(BOB, "3-1"), linked("3-1 06:00"), until="3-1 12:00")
    (request,) = asked(run)
    assert request.lead_id == B
    run.publish(decided(request, "3-1 13:00"))
    run.driver.tick(at("3-5"))
    assert len(asked(run)) == 1
    assert concluded(run) == [(A, "approved", "premium")]
    assert not run.dead_letters()
    assert states(run, "lead")[f"acme/{A}"]["approve"].tier == "premium"


def test_an_open_request_that_moved_ends_in_its_time() -> None:
    run = happened(captured("2-28 12:00"), *hot(BOB, "3-1"), linked("3-1 06:00"), until="3-2")
    (end,) = run.said("approval.requests", ApprovalConcluded)
    assert (end.lead_id, end.reason, end.occurred_at) == (A, "no_answer", at("3-2"))


def test_two_that_were_asked_about_are_both_answered_and_a_second_word_is_told_so() -> None:
    run = happened(*hot(ADA, "3-1"), *hot(BOB, "3-1 01:00"), linked("3-1 06:00"), until="3-1 12:00")
    first, second = asked(run)
    for word in (decided(first, "3-1 13:00"), decided(second, "3-1 14:00", "rejected")):
        run.publish(word)
    assert concluded(run) == [(A, "approved", "premium"), (A, "rejected", "standard")]
    assert states(run, "lead")[f"acme/{A}"]["approve"].tier == "premium", "once somebody has said so"
    run.publish(decided(second, "3-1 15:00"))
    (letter,) = run.dead_letters()
    assert (letter.reason, "rejected by r1" in letter.detail) == ("approval_concluded", True)
    run.driver.tick(at("3-5"))
    assert len(asked(run)) == 2


def test_who_was_refused_is_not_asked_about_again_because_of_a_merge() -> None:
    run = happened(captured("2-28 12:00"), *hot(BOB, "3-1"), until="3-1 01:00")
    run.publish(decided(asked(run)[0], "3-1 01:00", "rejected"))
    run.publish(linked("3-1 02:00"))
    run.driver.tick(at("3-1 06:00"))
    assert len(asked(run)) == 1


def test_a_request_goes_back_with_whom_it_was_about() -> None:
    run = happened(captured("2-28 12:00"), *hot(BOB, "3-1"), linked("3-1 06:00"), split("3-1 12:00"), until="3-1 18:00")
    (request,) = asked(run)
    run.publish(decided(request, "3-1 19:00"))
    assert concluded(run) == [(B, "approved", "premium")]
    assert states(run, "lead")[f"acme/{A}"]["approve"].tier == "standard"
    assert len(asked(run)) == 1


@pytest.mark.parametrize("held", [Stated({"i": Voice({})}), Nurturing({}, ("i",))], ids=["consent", "nurture"])
def test_what_goes_to_many_leads_goes_in_the_bindings_order_in_every_process(held: Any) -> None:
    """A set's order is drawn anew for each process, and what a restarted worker does again must be the same."""
    leads = [f"lead {number}" for number in range(20)]
    where = Whereabouts("i", tuple((number, lead) for number, lead in enumerate(leads)), "own")
    (parts,) = (
        parts for slice_, parted in _PARTED.values() if isinstance(held, slice_) for _, parts in [parted(held, where)]
    )
    assert [*parts] == leads


def test_what_a_newer_program_has_packed_is_not_misread() -> None:
    stated = {"consent": Stated()}
    (part,) = packed(stated)
    assert unpacked([part]) == stated
    with pytest.raises(ValueError, match="consent is packed as version 2"):
        unpacked([part.model_copy(update={"version": 2})])


# -- a device that several use


def on_device(type_: Any, **said: Any) -> Any:
    return fact(type_, occurred_at="3-2", device_id="d1", channel="email", **said)


@pytest.mark.parametrize(
    "objection",
    [
        on_device(ConsentChanged, consent_id="c", purpose="marketing", granted=False),
        on_device(MessageReceived, message_id="m", text="STOP"),
    ],
    ids=["consent", "message"],
)
def test_an_objection_made_on_a_shared_device_reaches_all_who_use_it_and_comes_to_rest(objection: Any) -> None:
    """Each keeps a copy of it, and a copy is not handed on: it would never end."""
    logins = [touch(f"l{n}", f"3-{n}", email=who, device_id="d1") for n, who in ((3, ADA), (4, BOB), (5, ADA))]
    run = happened(*two("3-1 12:00"), objection, *logins)
    for lead in (A, B):
        assert nurturing(run, lead).objected, lead
