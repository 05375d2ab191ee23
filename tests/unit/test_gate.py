"""The gate in the driver: one answer to each request, with its receipt, and what holds, denies and releases it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import decode
from schemas.events.base import DAY, HOUR, SECOND
from schemas.events.contact import ConsentChanged, DeliveryReported, MessageReceived, OutreachRequested
from schemas.events.gate import ContactDecided
from schemas.events.governance import (
    ErasureRequested,
    IdentifierValue,
    IdentitiesLinked,
    IdentitiesSplit,
    PolicyChanged,
)
from schemas.events.leads import LeadCaptured
from schemas.events.profiles import LeadProfiled
from schemas.events.reserving import Release, Reserve
from streams.driver import Driver
from streams.partitioner import partition_of
from tests.support.facts import at, fact, fresh_id
from tests.support.runs import STAGES, Run

NOON = at("3-10 08:00")  # noon in Dubai
EMAIL, PHONE = "ann@example.com", "+971501234567"


@pytest.fixture
def run() -> Run:
    run = Run(Driver(STAGES))
    run.driver.tick(NOON - DAY)
    run.publish(captured(NOON - DAY))
    return run


def captured(when: int, **fields: Any) -> LeadCaptured:
    who = {"email": EMAIL, "phone": PHONE, "channel": "portal", "time_zone": "Asia/Dubai", "country": "AE"}
    return fact(LeadCaptured, occurred_at=when, **{**who, **fields})


def consent(channel: str, when: int, *, granted: bool = True, **fields: Any) -> ConsentChanged:
    who = {"email": EMAIL} if channel == "email" else {"phone": PHONE}
    said = {"consent_id": fresh_id(), "purpose": "marketing", "evidence": "box ticked"}
    return fact(ConsentChanged, occurred_at=when, channel=channel, granted=granted, **{**who, **said, **fields})


def ask(channel: str, when: int, message: str = "m1", **fields: Any) -> OutreachRequested:
    wish = {"email": EMAIL, "message_id": message, "purpose": "follow_up", "template_id": "follow_up"}
    return fact(OutreachRequested, occurred_at=when, channel=channel, **{**wish, **fields})


def decisions(run: Run, message: str = "m1") -> list[tuple[str, str]]:
    said = [one for one in run.said("contact.decisions", ContactDecided) if one.message_id == message]
    return [(one.decision, one.reason) for one in sorted(said, key=lambda one: one.seq)]


def receipt(run: Run, message: str = "m1") -> ContactDecided:
    said = [one for one in run.said("contact.decisions", ContactDecided) if one.message_id == message]
    return max(said, key=lambda one: one.seq)


def at_time(run: Run, when: int, *facts: Any) -> None:
    run.driver.tick(when)
    for one in facts:
        run.publish(one)


def test_an_allowed_message_names_all_that_it_rests_on(run: Run) -> None:
    given = consent("whatsapp", NOON - HOUR)
    at_time(run, NOON, given, ask("whatsapp", NOON))
    said = receipt(run)
    assert (said.decision, said.reason, said.channel) == ("allow", "allowed", "whatsapp")
    assert said.consent_id == given.consent_id
    assert (said.time_zones, said.zone_source) == (["Asia/Dubai"], "explicit")
    assert (said.cap, said.used_before, said.used_after) == (1, 0, 1)
    assert said.not_after == NOON + 300 * SECOND
    assert [check.check for check in said.checks] == [
        "erased", "time", "address", "history", "conflict", "suppression", "consent", "platform", "quiet_hours", "cap",
    ]  # fmt: skip
    assert {check.outcome for check in said.checks} == {"pass"}


def test_nobody_is_written_to_who_has_not_consented(run: Run) -> None:
    at_time(run, NOON, ask("email", NOON))
    assert decisions(run) == [("deny", "no_consent")]


def test_an_opt_out_ends_all_channels_and_an_opt_in_opens_one(run: Run) -> None:
    at_time(run, NOON, consent("email", NOON - 3 * HOUR), consent("whatsapp", NOON - 3 * HOUR))
    at_time(run, NOON + 1, consent("email", NOON, granted=False, evidence=None))
    at_time(run, NOON + 2, ask("whatsapp", NOON + 2, "w1"), ask("email", NOON + 2, "e1"))
    assert decisions(run, "w1") == decisions(run, "e1") == [("deny", "opted_out")]
    at_time(run, NOON + 3, consent("email", NOON + 3), ask("whatsapp", NOON + 4, "w2"), ask("email", NOON + 4, "e2"))
    assert decisions(run, "w2") == [("deny", "opted_out")]
    assert decisions(run, "e2") == [("allow", "allowed")]


def test_an_opt_out_that_comes_late_wins_from_its_own_time(run: Run) -> None:
    at_time(run, NOON, consent("email", NOON - 3 * HOUR))
    at_time(run, NOON + HOUR, consent("email", NOON - HOUR, granted=False, evidence=None), ask("email", NOON + HOUR))
    assert decisions(run) == [("deny", "opted_out")]


def test_stop_in_a_message_ends_it(run: Run) -> None:
    stop = fact(MessageReceived, occurred_at=NOON, phone=PHONE, message_id="in", channel="whatsapp", text=" Stop! ")
    at_time(run, NOON, consent("email", NOON - HOUR), stop, ask("email", NOON + 1))
    assert decisions(run) == [("deny", "opted_out")]


def test_a_cap_is_a_denial_that_names_the_next_time(run: Run) -> None:
    at_time(run, NOON, consent("whatsapp", NOON - HOUR), ask("whatsapp", NOON))
    later = NOON + 7 * DAY
    at_time(run, later - 1, ask("whatsapp", later - 1, "m2"))
    assert decisions(run, "m2") == [("deny", "cap")]
    assert receipt(run, "m2").next_at == later
    at_time(run, later, ask("whatsapp", later, "m3"))
    assert decisions(run, "m3") == [("allow", "allowed")]


def test_two_leads_that_share_a_phone_share_its_cap(run: Run) -> None:
    """The phone is Ann's; a second lead that names it becomes hers too, and cannot double the cap."""
    at_time(run, NOON, consent("whatsapp", NOON - HOUR), ask("whatsapp", NOON))
    other = captured(NOON, email="ben@example.com", phone=PHONE)
    at_time(run, NOON + 1, other, ask("whatsapp", NOON + 1, "m2", email="ben@example.com"))
    assert decisions(run, "m2")[-1] == ("deny", "cap")


def test_what_was_rejected_counts_no_more(run: Run) -> None:
    at_time(run, NOON, consent("whatsapp", NOON - HOUR), ask("whatsapp", NOON))
    report = {"message_id": "m1", "channel": "whatsapp", "email": EMAIL}
    at_time(run, NOON + 1, fact(DeliveryReported, occurred_at=NOON + 1, status="rejected", **report))
    at_time(run, NOON + 2, ask("whatsapp", NOON + 2, "m2"))
    assert decisions(run, "m2") == [("allow", "allowed")]


def test_a_permanent_bounce_silences_the_address_only(run: Run) -> None:
    at_time(run, NOON, consent("email", NOON - HOUR), consent("whatsapp", NOON - HOUR), ask("email", NOON))
    report = {"message_id": "m1", "channel": "email", "lead_id": receipt(run).lead_id, "permanent": True}
    at_time(run, NOON + 1, fact(DeliveryReported, occurred_at=NOON + 1, status="bounced", **report))
    at_time(run, NOON + 2, ask("email", NOON + 2, "m2"), ask("whatsapp", NOON + 2, "m3"))
    assert decisions(run, "m2") == [("deny", "suppressed")]


def test_quiet_hours_hold_and_everything_is_checked_again_at_their_end(run: Run) -> None:
    night = at("3-10 17:00")  # nine in the evening in Dubai
    at_time(run, night, consent("sms", NOON), ask("sms", night, "m1"), ask("sms", night, "m2"))
    assert decisions(run) == [("hold", "quiet_hours")]
    assert receipt(run).next_at == at("3-11 05:00")
    at_time(run, night + 1, consent("sms", night + 1, granted=False, evidence=None))
    at_time(run, at("3-11 04:59"))
    assert decisions(run) == [("hold", "quiet_hours")]
    at_time(run, at("3-11 05:00"))
    assert decisions(run) == [("hold", "quiet_hours"), ("deny", "opted_out")]
    assert [check.check for check in receipt(run).checks if check.outcome != "pass"] == ["consent"]


def test_a_held_request_is_allowed_at_the_first_legal_minute_and_never_beyond_its_end(run: Run) -> None:
    night = at("3-10 17:00")
    at_time(run, night, consent("sms", NOON), ask("sms", night), ask("sms", night, "m2", not_after=night + HOUR))
    at_time(run, at("3-11 05:00"))
    assert decisions(run) == [("hold", "quiet_hours"), ("allow", "allowed")]
    assert decisions(run, "m2") == [("hold", "quiet_hours"), ("deny", "expired")]


def test_an_unknown_zone_holds_until_it_is_known(run: Run) -> None:
    who = {"email": "kim@example.com", "phone": None, "time_zone": None, "country": None}
    kim = {"region": "EUR", "email": "kim@example.com"}
    at_time(run, NOON, captured(NOON, region="EUR", **who), consent("email", NOON, **kim), ask("email", NOON, **kim))
    assert decisions(run) == [("hold", "unknown_zone")]
    at_time(run, NOON + 1, captured(NOON + 1, region="EUR", **{**who, "time_zone": "Europe/Berlin"}))
    assert decisions(run) == [("hold", "unknown_zone"), ("allow", "allowed")]


def test_whatsapp_needs_a_template_or_an_answer_within_a_day(run: Run) -> None:
    at_time(run, NOON, consent("whatsapp", NOON - HOUR), ask("whatsapp", NOON, template_id=None))
    assert decisions(run) == [("deny", "whatsapp_needs_template")]
    hello = fact(MessageReceived, occurred_at=NOON, phone=PHONE, message_id="in", channel="whatsapp", text="Hello")
    at_time(run, NOON + 1, hello, ask("whatsapp", NOON + 1, "m2", template_id=None))
    assert decisions(run, "m2") == [("allow", "allowed")]


def test_transactional_messages_pass_caps_and_quiet_hours_but_not_suppression(run: Run) -> None:
    night = at("3-10 20:00")
    confirm = {"template_id": "booking_confirmation", "purpose": "booking"}
    at_time(run, night, *(ask("sms", night, f"m{n}", **confirm) for n in range(3)))
    assert [decisions(run, f"m{n}") for n in range(3)] == [[("allow", "allowed")]] * 3
    at_time(run, night, ask("sms", night, "m8", purpose="booking", template_id=None))
    assert decisions(run, "m8") == [("deny", "no_consent")], "what the caller calls it counts for nothing"
    at_time(run, night + 1, consent("sms", night + 1, granted=False, purpose="any", evidence=None))
    at_time(run, night + 2, ask("sms", night + 2, "m9", **confirm))
    assert decisions(run, "m9") == [("deny", "suppressed")]


def test_one_message_is_decided_once(run: Run) -> None:
    asked = ask("email", NOON)
    again = OutreachRequested(**{**asked.__dict__, "event_id": fresh_id()})
    other = OutreachRequested(**{**asked.__dict__, "event_id": fresh_id(), "purpose": "news"})
    at_time(run, NOON, consent("email", NOON - HOUR), asked, again, other)
    assert decisions(run) == [("allow", "allowed")]
    assert [letter.reason for letter in run.dead_letters()] == ["message_id_conflict"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"template_id": "never seen"}, "unknown_template"),
        ({"channel": "pigeon"}, "invalid_field"),
    ],
)
def test_what_cannot_be_decided_is_a_dead_letter(run: Run, change: dict[str, Any], reason: str) -> None:
    asked = ask("email", NOON)
    run.driver.tick(NOON)
    run.publish(OutreachRequested.build(**{**asked.__dict__, **change}))
    assert [letter.reason for letter in run.dead_letters()] == [reason]
    assert decisions(run) == []


def test_consent_needs_evidence_and_an_address(run: Run) -> None:
    bare = consent("email", NOON)
    run.driver.tick(NOON)
    run.publish(ConsentChanged.build(**{**bare.__dict__, "evidence": None}))
    run.publish(consent("email", NOON, email=None, crm_id="7"))
    assert [letter.reason for letter in run.dead_letters()] == ["no_evidence", "no_contact_point"]


def test_requests_of_the_past_contact_nobody(run: Run) -> None:
    at_time(run, NOON, consent("email", NOON - 2 * DAY), ask("email", NOON - DAY - 1))
    assert decisions(run) == []
    assert run.count("lead", "outreach", "drop:stale") == 1


def test_a_merge_in_flight_holds(run: Run) -> None:
    """Of two leads that become one, the one that awaits the other's history asks for nothing until it is there."""
    ben = captured(NOON, email="ben@example.com", phone="+971501234569")
    at_time(run, NOON, ben, consent("email", NOON - HOUR), consent("email", NOON - HOUR, email="ben@example.com"))
    at_time(run, NOON, ask("email", NOON, "m1"), ask("email", NOON, "m2", email="ben@example.com"))
    values = [IdentifierValue(kind="email", value=one) for one in (EMAIL, "ben@example.com")]
    at_time(run, NOON + 1, fact(IdentitiesLinked, occurred_at=NOON + 1, identifiers=values))
    at_time(run, NOON + 2, ask("email", NOON + 2, "m3"), ask("email", NOON + 2, "m4", email="ben@example.com"))
    assert decisions(run, "m1") == decisions(run, "m2") == [("allow", "allowed")]
    assert decisions(run, "m3")[-1] == decisions(run, "m4")[-1] == ("deny", "cap")


def test_a_bad_policy_leaves_the_one_in_force(run: Run) -> None:
    documents = (
        '{"caps": [["*", "email", -1, 604800000000]]}',
        '{"contact_windows": [["UAE", "sms", 600, 600]]}',
        '{"contact_windows": [["UAE", "sms", 540, 700], ["UAE", "sms", 650, 900]]}',
    )
    for version, document in enumerate(documents, start=1):
        run.publish(fact(PolicyChanged, occurred_at=NOON, version=version, applies_from=NOON - DAY, document=document))
    assert [letter.reason for letter in run.dead_letters()] == ["bad_policy"] * 3
    at_time(run, NOON, consent("email", NOON - HOUR), ask("email", NOON))
    assert decisions(run) == [("allow", "allowed")]


def test_an_account_takes_three_posts_a_local_day(run: Run) -> None:
    account = {"email": None, "account_id": "studio", "purpose": "news", "template_id": None}
    at_time(run, NOON, *(ask("social", NOON, f"p{n}", **account) for n in range(4)))
    assert [decisions(run, f"p{n}")[0] for n in range(4)] == [("allow", "allowed")] * 3 + [("deny", "cap")]
    assert receipt(run, "p3").next_at == at("3-11")
    at_time(run, at("3-11"), ask("social", at("3-11"), "p4", **account), ask("social", at("3-11"), "p0", **account))
    assert decisions(run, "p4") == decisions(run, "p0") == [("allow", "allowed")]
    run.publish(ask("social", at("3-11"), "p9", **{**account, "account_id": None}))
    assert [letter.reason for letter in run.dead_letters()] == ["no_account"]


class Enough(Exception):
    """The driver has come as far as a test wants it."""


@pytest.fixture
def interrupted() -> Run:
    """A run that stops when the contact point has been asked for m1, and then lets all else go before its answer.

    What else there is lies in other partitions.
    """
    asked_at: list[Any] = []

    def is_asked(record: Any) -> bool:
        message = decode(record.value).message
        return isinstance(message, Reserve) and message.message_id == "m1"

    def answer_last(waiting: Any) -> Any:
        if not asked_at:
            inboxes = [slot for slot in run.driver.log if slot[0] == "resolve.inbox"]
            asked_at.extend(slot for slot in inboxes if any(map(is_asked, run.driver.log[slot])))
            if asked_at:
                raise Enough
        return next((slot for slot in waiting if slot not in asked_at), waiting[0])

    run = Run(Driver(STAGES, answer_last, partitions=8))
    run.driver.tick(NOON - DAY)
    run.publish(captured(NOON - DAY))
    run.publish(consent("email", NOON - HOUR))
    return run


def test_the_lead_looks_again_at_the_grant(interrupted: Run) -> None:
    """An objection made elsewhere is heard between the question and its answer, and the slot is given back."""
    run = interrupted
    run.driver.tick(NOON)
    with pytest.raises(Enough):
        run.publish(ask("email", NOON))
    run.publish(consent("whatsapp", NOON, granted=False, evidence=None))
    assert decisions(run) == [("deny", "opted_out")]
    assert [release.message_id for release in run.said("resolve.inbox", Release)] == ["m1"]


def test_requests_under_way_count_before_they_are_answered(interrupted: Run) -> None:
    """Two addresses of one lead are asked at once, each free in itself: the lead's own cap stands between them."""
    run, second = interrupted, "+971501234569"
    run.publish(captured(NOON - DAY, phone=second))
    for phone in (PHONE, second):
        run.publish(consent("whatsapp", NOON - HOUR, phone=phone))
    run.driver.tick(NOON)
    with pytest.raises(Enough):
        run.publish(ask("whatsapp", NOON, "m1", phone=PHONE))
    run.publish(ask("whatsapp", NOON, "m2", phone=second))
    assert decisions(run, "m2") == [("deny", "cap")]
    assert decisions(run, "m1") == [("allow", "allowed")]


def test_an_objection_reaches_the_leads_of_all_addresses_that_it_names(run: Run) -> None:
    """The message comes from Ann's e-mail address; the phone that it names as well is another lead's by now."""
    values = [[IdentifierValue(kind=kind, value=value)] for kind, value in (("phone", PHONE), ("email", EMAIL))]
    second = "+971501234569"
    at_time(run, NOON, captured(NOON, phone=second, email=None))
    link = [IdentifierValue(kind="phone", value=second), *values[0]]
    at_time(run, NOON + 1, fact(IdentitiesLinked, occurred_at=NOON + 1, identifiers=link))
    at_time(run, NOON + 2, fact(IdentitiesSplit, occurred_at=NOON + 2, take=values[0], keep=values[1]))
    at_time(run, NOON + 3, consent("sms", NOON + 3, phone=second))
    stop = {"email": EMAIL, "phone": PHONE, "message_id": "in", "channel": "sms", "text": "STOP"}
    at_time(run, NOON + 4, ask("sms", NOON + 4, "m1", email=None, phone=second))
    at_time(run, NOON + 5, fact(MessageReceived, occurred_at=NOON + 5, **stop))
    at_time(run, NOON + 6, ask("sms", NOON + 6, "m2", email=None, phone=second))
    assert decisions(run, "m1") == [("allow", "allowed")]
    assert decisions(run, "m2") == [("deny", "opted_out")]


def test_a_lead_that_awaits_history_asks_for_nothing() -> None:
    """Ben, who was sent all that his cap allows, turns out to be Ann: until his history is there, Ann waits."""
    back: list[Any] = []

    def all_but(waiting: Any) -> Any:
        left = [slot for slot in waiting if slot not in back]
        if not left:
            raise Enough
        return left[0]

    run = Run(Driver(STAGES, all_but))
    ben = "ben@example.com"
    run.driver.tick(NOON - DAY)
    for email, phone in ((EMAIL, None), (ben, None)):
        run.publish(captured(NOON - DAY, email=email, phone=phone))
        run.publish(consent("email", NOON - HOUR, email=email))
    run.driver.tick(NOON)
    for message in ("m1", "m2"):
        run.publish(ask("email", NOON, message, email=ben))
    leads = {one.email: one.lead_id for one in run.said("lead.profiles", LeadProfiled)}
    back.append(("journeys", partition_of(f"acme/{leads[ben]}", 4)))
    values = [IdentifierValue(kind="email", value=one) for one in (EMAIL, ben)]
    for one in (fact(IdentitiesLinked, occurred_at=NOON + 1, identifiers=values), ask("email", NOON + 1, "m3")):
        with pytest.raises(Enough):
            run.publish(one)
    assert decisions(run, "m3") == [("hold", "history_awaited")]
    back.clear()
    run.driver.settle()
    assert decisions(run, "m3") == [("hold", "history_awaited"), ("deny", "cap")]


def test_a_held_request_moves_with_its_identifier_and_is_decided_once(run: Run) -> None:
    night = at("3-10 17:00")
    at_time(run, night, consent("sms", NOON), ask("sms", night, email=None, phone=PHONE))
    take, keep = ([IdentifierValue(kind=kind, value=value)] for kind, value in (("phone", PHONE), ("email", EMAIL)))
    at_time(run, night + 1, fact(IdentitiesSplit, occurred_at=night + 1, take=take, keep=keep))
    at_time(run, at("3-11 05:00"))
    assert [decision for decision in decisions(run) if decision[0] != "hold"] == [("allow", "allowed")]
    assert receipt(run).lead_id == receipt(run).contact_point, "by the lead that the phone founds"


# -- open conflicts

DEE = {"email": "dee@example.com", "phone": "+18502341234"}


def named_by_anothers_phone(when: int) -> LeadCaptured:
    """Ann's address, by a fact that names a phone of another home region together with it."""
    return captured(when, phone=DEE["phone"])


@pytest.fixture
def doubted(run: Run) -> Run:
    run.publish(captured(NOON - DAY, region="USA", time_zone=None, country="US", **DEE))
    at_time(run, NOON, consent("email", NOON - HOUR), consent("whatsapp", NOON - HOUR), named_by_anothers_phone(NOON))
    return run


def linked(when: int, *who: tuple[str, str], basis: str | None = None) -> IdentitiesLinked:
    values = [IdentifierValue(kind=kind, value=value) for kind, value in who]  # type: ignore[arg-type]
    return fact(IdentitiesLinked, occurred_at=when, identifiers=values, transfer_basis=basis)


def test_an_address_that_may_be_anothers_is_held_until_people_have_looked(doubted: Run) -> None:
    at_time(doubted, NOON + 1, ask("email", NOON + 1), ask("whatsapp", NOON + 1, "w1", email=None, phone=PHONE))
    assert decisions(doubted) == [("hold", "open_conflict")]
    assert decisions(doubted, "w1") == [("allow", "allowed")], "nobody doubts whose this phone is"
    made = {check.check: (check.outcome, check.reason) for check in receipt(doubted).checks}
    assert made["conflict"] == ("hold", "open_conflict")
    assert {outcome for check, (outcome, _) in made.items() if check != "conflict"} == {"pass"}
    at_time(doubted, NOON + 2, linked(NOON + 2, ("email", EMAIL), ("phone", DEE["phone"]), basis="consent"))
    assert decisions(doubted) == [("hold", "open_conflict"), ("allow", "allowed")]


def test_nobody_waits_for_ever_for_people_to_look(doubted: Run) -> None:
    at_time(doubted, NOON + 1, ask("email", NOON + 1, not_after=NOON + HOUR))
    at_time(doubted, NOON + HOUR)
    assert decisions(doubted) == [("hold", "open_conflict"), ("deny", "expired")]


def test_the_doubt_moves_with_the_address(doubted: Run) -> None:
    older = fact(LeadCaptured, occurred_at=NOON - 2 * DAY, crm_id="C-1", channel="web")
    at_time(doubted, NOON + 1, older, linked(NOON + 1, ("crm_id", "C-1"), ("email", EMAIL)))
    at_time(doubted, NOON + 2, ask("email", NOON + 2))
    assert receipt(doubted).lead_id != doubted.said("contact.decisions", ContactDecided)[0].contact_point
    assert decisions(doubted) == [("hold", "open_conflict")]


def test_a_split_settles_it(doubted: Run) -> None:
    at_time(doubted, NOON + 1, ask("email", NOON + 1))
    take, keep = (
        [IdentifierValue(kind=kind, value=value)]  # type: ignore[arg-type]
        for kind, value in (("phone", DEE["phone"]), ("email", EMAIL))
    )
    at_time(doubted, NOON + 2, fact(IdentitiesSplit, occurred_at=NOON + 2, take=take, keep=keep))
    assert decisions(doubted) == [("hold", "open_conflict"), ("allow", "allowed")]


def test_a_desk_that_many_share_is_no_address_of_one(run: Run) -> None:
    at_time(run, NOON, consent("whatsapp", NOON - HOUR))
    for number in range(9):
        run.publish(captured(NOON, email=f"n{number}@example.com"))
    at_time(run, NOON + 1, ask("whatsapp", NOON + 1, email=None, phone=PHONE))
    assert decisions(run) == [("hold", "open_conflict")]


# -- erasure


def erasure(when: int, **who: str) -> ErasureRequested:
    named = [IdentifierValue(kind=kind, value=value) for kind, value in who.items()]  # type: ignore[arg-type]
    return fact(ErasureRequested, occurred_at=when, identifiers=named, reason="asked")


def test_an_erased_address_is_written_to_only_after_a_newer_opt_in(run: Run) -> None:
    at_time(run, NOON, consent("email", NOON - HOUR), erasure(NOON, email=EMAIL), ask("email", NOON + 1))
    assert decisions(run) == [("deny", "erased")]
    said = receipt(run)
    assert (said.checks[0].check, said.checks[0].reason) == ("erased", "erased")
    at_time(run, NOON + 2, consent("email", NOON), ask("email", NOON + 2, "m2"))
    assert decisions(run, "m2") == [("deny", "erased")], "an older opt-in that comes late lifts nothing"
    at_time(run, NOON + 3, consent("email", NOON + 3), ask("email", NOON + 4, "m3"))
    assert decisions(run, "m3") == [("allow", "allowed")]


def test_nothing_whatever_is_sent_to_an_erased_address(run: Run) -> None:
    at_time(run, NOON, erasure(NOON, email=EMAIL), ask("email", NOON + 1, template_id="booking_confirmation"))
    assert decisions(run) == [("deny", "erased")]


def test_who_waits_for_an_answer_hears_of_the_erasure(run: Run) -> None:
    night = at("3-10 17:00")
    at_time(run, night, consent("sms", NOON), ask("sms", night, email=None, phone=PHONE))
    at_time(run, night + 1, erasure(night + 1, phone=PHONE))
    assert [decision for decision in decisions(run) if decision[0] != "hold"] == [("deny", "erased")]
    at_time(run, at("3-11 05:00"))
    assert len(decisions(run)) == 2


def test_a_request_of_before_the_erasure_that_comes_late_is_let_go(run: Run) -> None:
    at_time(run, NOON, consent("email", NOON - HOUR), erasure(NOON, email=EMAIL), ask("email", NOON - 1))
    assert decisions(run) == []
    assert run.count("resolve", "outreach", "accepted") == run.count("resolve", "outreach", "drop:erased") == 1


def test_what_an_address_allowed_before_its_erasure_counts_no_more(run: Run) -> None:
    """Neither here nor at the address, though another channel has been opened since."""
    crm = {"crm_id": "C-1", "phone": PHONE, "email": None}
    at_time(run, NOON, consent("sms", NOON - HOUR, **crm), erasure(NOON, phone=PHONE))
    at_time(run, NOON + 1, captured(NOON + 1, **crm), consent("whatsapp", NOON + 1, **crm))
    at_time(run, NOON + 2, ask("sms", NOON + 2, **crm), ask("whatsapp", NOON + 2, "m2", **crm))
    assert decisions(run) == [("deny", "no_consent")]
    assert decisions(run, "m2") == [("allow", "allowed")]
