"""The gate in the driver: one answer to each request, with its receipt, and what holds, denies and releases it."""

from __future__ import annotations

from typing import Any

import pytest

from processors.lead.requests import FEWEST_DECIDED, MAX_DECIDED, Bundle, End
from processors.resolve.social import Account
from schemas.events.base import DAY, HOUR, SECOND
from schemas.events.contact import ConsentChanged, DeliveryReported, MessageReceived, OutreachRequested
from schemas.events.gate import ContactDecided
from schemas.events.governance import (
    IdentifierValue,
    IdentitiesLinked,
    PolicyChanged,
)
from streams.driver import Driver
from tests.support.facts import at, fact, fresh_id
from tests.support.identities import states
from tests.support.outreach import EMAIL, NOON, PHONE, ann, ask, at_time, captured, consent, decisions, receipt
from tests.support.runs import STAGES, Run


@pytest.fixture
def run() -> Run:
    return ann()


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
    confirm = {"template_id": "booking_confirmation"}
    at_time(run, NOON + 2, ask("email", NOON + 2, "m2"), ask("email", NOON + 2, "m3", **confirm))
    at_time(run, NOON + 2, ask("whatsapp", NOON + 2, "m4"), ask("whatsapp", NOON + 2, "m5", **confirm))
    assert decisions(run, "m2") == decisions(run, "m3") == [("deny", "suppressed")]
    assert decisions(run, "m4") == decisions(run, "m5") == [("allow", "allowed")]


def test_a_complaint_silences_the_address_and_objects_to_marketing(run: Run) -> None:
    at_time(run, NOON, consent("email", NOON - HOUR), consent("whatsapp", NOON - HOUR), ask("email", NOON))
    report = {"message_id": "m1", "channel": "email", "lead_id": receipt(run).lead_id}
    at_time(run, NOON + 1, fact(DeliveryReported, occurred_at=NOON + 1, status="complained", **report))
    confirm = {"template_id": "booking_confirmation"}
    at_time(run, NOON + 2, ask("email", NOON + 2, "m2", **confirm), ask("whatsapp", NOON + 2, "m3", **confirm))
    at_time(run, NOON + 2, ask("whatsapp", NOON + 2, "m4"))
    assert decisions(run, "m2") == [("deny", "suppressed")]
    assert decisions(run, "m3") == [("allow", "allowed")]
    assert decisions(run, "m4") == [("deny", "opted_out")]
    at_time(run, NOON + 3, *(consent(channel, NOON + 3) for channel in ("email", "whatsapp")))
    at_time(run, NOON + 4, ask("email", NOON + 4, "m5"), ask("whatsapp", NOON + 4, "m6"))
    assert decisions(run, "m5") == [("deny", "suppressed")]
    assert decisions(run, "m6") == [("allow", "allowed")]


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
    said = {"email": EMAIL, "phone": PHONE, "text": "Hello"}
    for channel in ("email", "sms"):
        at_time(run, NOON, fact(MessageReceived, occurred_at=NOON, message_id=channel, channel=channel, **said))
        at_time(run, NOON, ask("whatsapp", NOON, f"after {channel}", template_id=None))
        assert decisions(run, f"after {channel}") == [("deny", "whatsapp_needs_template")]
    hello = fact(MessageReceived, occurred_at=NOON, message_id="in", channel="whatsapp", **said)
    at_time(run, NOON + 1, hello, ask("whatsapp", NOON + 1, "m2", template_id=None))
    assert decisions(run, "m2") == [("allow", "allowed")]


@pytest.mark.parametrize("phone", ["+12125550123", "+13055550123", "+17875550123"])
def test_whatsapp_takes_no_marketing_to_american_numbers_those_of_florida_among_them(run: Run, phone: str) -> None:
    who = {"email": None, "phone": phone}
    at_time(run, NOON, captured(NOON, **who), consent("whatsapp", NOON, **who), ask("whatsapp", NOON, **who))
    at_time(run, NOON, ask("whatsapp", NOON, "m2", template_id="booking_confirmation", **who))
    assert decisions(run) == [("deny", "whatsapp_marketing_us")]
    assert decisions(run, "m2") == [("allow", "allowed")]


def test_law_and_clock_are_those_of_the_number_that_is_contacted() -> None:
    """Noon in Dubai is four in the morning in New York; which number was said last does not matter."""
    new_york, zone = {"phone": "+12125550123"}, {"time_zone": None, "country": None}
    run = Run(Driver(STAGES))
    run.driver.tick(NOON - DAY)
    run.publish(captured(NOON - DAY, **new_york, **zone))
    at_time(run, NOON, consent("call", NOON - HOUR, **new_york), ask("call", NOON, **new_york))
    at_time(run, NOON + 1, captured(NOON + 1, **zone), consent("call", NOON + 1), ask("call", NOON + 1, "m2"))
    assert decisions(run) == [("hold", "quiet_hours")]
    assert receipt(run).time_zones == ["America/New_York"]
    assert decisions(run, "m2") == [("allow", "allowed")]
    assert receipt(run, "m2").time_zones == ["Asia/Dubai"]


def test_a_whatsapp_id_that_is_a_number_is_under_that_numbers_law(run: Run) -> None:
    both = {"wa_id": "12125550123", "phone": PHONE}
    at_time(run, NOON, captured(NOON, **both), consent("whatsapp", NOON, email=EMAIL, **{**both, "phone": None}))
    at_time(run, NOON + 1, ask("whatsapp", NOON + 1))
    assert decisions(run) == [("deny", "whatsapp_marketing_us")]


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


def test_a_message_is_decided_once_however_many_others_come_between(run: Run) -> None:
    """As long as somebody may want it sent, and a day beyond; then it is forgotten for newer ones."""
    confirm = {"template_id": "booking_confirmation", "purpose": "booking"}
    at_time(run, NOON, *(ask("email", NOON, f"m{n}", **confirm) for n in range(100)))
    last = NOON + 4 * DAY - 1
    at_time(run, last, *(ask("email", last, f"m{n}", **confirm) for n in (0, 99, 100)))
    assert [decisions(run, f"m{n}") for n in (0, 99, 100)] == [[("allow", "allowed")]] * 3
    at_time(run, last + 1, ask("email", last + 1, "m101", **confirm))
    (requests,) = (slices["gate"] for slices in states(run, "lead").values() if "gate" in slices)
    (bundle,) = requests.by.values()
    assert list(bundle.decided) == list(bundle.ends) == [f"m{n}" for n in range(38, 102)]


def test_so_many_decided_messages_are_known_and_no_more() -> None:
    bundle = Bundle()
    for number in range(600):
        bundle = Bundle({}, {**bundle.decided, f"m{number}": ""}, {**bundle.ends, f"m{number}": End(1)}).remembering(0)
    assert list(bundle.decided) == list(bundle.ends) == [f"m{n}" for n in range(600 - MAX_DECIDED, 600)]
    assert len(bundle.remembering(1).decided) == FEWEST_DECIDED


def test_a_bounce_of_what_no_cap_counts_finds_its_address(run: Run) -> None:
    confirm = {"template_id": "booking_confirmation"}
    at_time(run, NOON, ask("email", NOON, **confirm))
    report = {"message_id": "m1", "channel": "email", "lead_id": receipt(run).lead_id, "permanent": True}
    at_time(run, NOON + 1, fact(DeliveryReported, occurred_at=NOON + 1, status="bounced", **report))
    at_time(run, NOON + 2, ask("email", NOON + 2, "m2", **confirm), ask("sms", NOON + 2, "m3", **confirm))
    assert decisions(run, "m2") == [("deny", "suppressed")]
    assert decisions(run, "m3") == [("allow", "allowed")]


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


@pytest.mark.parametrize("cap", [3, 100])
def test_whoever_asks_too_often_posts_no_more_for_it(run: Run, cap: int) -> None:
    account = {"email": None, "account_id": "studio", "purpose": "news", "template_id": None}
    policy = {"version": 1, "applies_from": 0, "document": f'{{"social_cap": {cap}}}'}
    at_time(run, NOON, fact(PolicyChanged, occurred_at=NOON, **policy))
    run.driver.tick(NOON)
    at_time(run, NOON, *(ask("social", NOON, f"p{n}", **account) for n in range(cap + 70)))
    at_time(run, NOON, *(ask("social", NOON, f"p{n}", **account) for n in range(cap)))
    said = [one for one in run.said("contact.decisions", ContactDecided) if one.channel == "social"]
    allowed = [one.message_id for one in said if one.decision == "allow"]
    assert sorted(allowed) == sorted(f"p{n}" for n in range(cap))
    assert len(said) == cap + 70


def test_an_account_remembers_so_much_and_no_more() -> None:
    today, yesterday, denied = ({(day, n): ("news", day) for n in range(70)} for day in (9, 8, None))
    asked = {f"{day} {n}": what for (day, n), what in (denied | yesterday | today).items()}
    kept = Account(asked).remembering(9).asked
    assert list(kept) == [*list(asked)[6:70], *list(asked)[76:140], *list(asked)[140:]]
