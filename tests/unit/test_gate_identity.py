"""The gate where it is not settled whose an address is: moved, doubted, split, shared, erased."""

from __future__ import annotations

import pytest

from schemas.events.base import DAY, HOUR
from schemas.events.contact import DeliveryReported, MessageReceived
from schemas.events.gate import ContactDecided
from schemas.events.governance import (
    ErasureRequested,
    IdentifierValue,
    IdentitiesLinked,
    IdentitiesSplit,
)
from schemas.events.leads import LeadCaptured
from streams.driver import Driver
from tests.support.facts import at, fact
from tests.support.identities import unsettled
from tests.support.outreach import EMAIL, NOON, PHONE, ann, ask, at_time, captured, consent, decisions, receipt
from tests.support.runs import STAGES, Run

DEE = {"email": "dee@example.com", "phone": "+18502341234"}


@pytest.fixture
def run() -> Run:
    return ann()


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


def test_a_held_request_moves_with_its_identifier_and_is_decided_once(run: Run) -> None:
    night = at("3-10 17:00")
    at_time(run, night, consent("sms", NOON), ask("sms", night, email=None, phone=PHONE))
    take, keep = ([IdentifierValue(kind=kind, value=value)] for kind, value in (("phone", PHONE), ("email", EMAIL)))
    at_time(run, night + 1, fact(IdentitiesSplit, occurred_at=night + 1, take=take, keep=keep))
    at_time(run, at("3-11 05:00"))
    assert [decision for decision in decisions(run) if decision[0] != "hold"] == [("allow", "allowed")]
    assert receipt(run).lead_id == receipt(run).contact_point, "by the lead that the phone founds"


def test_what_is_unusable_moves_with_its_address_and_silences_no_other(run: Run) -> None:
    """A CRM reports the bounce; address and phone part, and come together again."""
    crm = {"crm_id": "C-1", "email": EMAIL}
    at_time(run, NOON, captured(NOON, **crm), consent("email", NOON), consent("sms", NOON))
    bounced = {"message_id": "m", "channel": "email", "status": "bounced", "permanent": True}
    at_time(run, NOON, fact(DeliveryReported, occurred_at=NOON, **crm, **bounced))
    phone, email, known = (
        [IdentifierValue(kind=kind, value=value)]  # type: ignore[arg-type]
        for kind, value in (("phone", PHONE), ("email", EMAIL), ("crm_id", "C-1"))
    )
    splits = (fact(IdentitiesSplit, occurred_at=NOON + 1, take=email, keep=other) for other in (phone, known))
    at_time(run, NOON + 1, *splits)

    def asked(message: str, when: int) -> list[tuple[str, str]]:
        at_time(run, when, ask("email", when, f"{message}e"), ask("sms", when, f"{message}s", email=None, phone=PHONE))
        made = {check.check: check.outcome for check in receipt(run, f"{message}e").checks}
        assert made["suppression"] == "deny", "the lead knows by itself"
        return [decisions(run, f"{message}{kind}")[-1] for kind in "es"]

    assert asked("apart", NOON + 2) == [("deny", "suppressed"), ("allow", "allowed")]
    assert receipt(run, "aparte").lead_id != receipt(run, "aparts").lead_id
    links = (fact(IdentitiesLinked, occurred_at=NOON + 3, identifiers=[*email, *other]) for other in (phone, known))
    at_time(run, NOON + 3, *links)
    assert asked("again", NOON + 4) == [("deny", "suppressed"), ("allow", "allowed")]
    assert receipt(run, "againe").lead_id == receipt(run, "agains").lead_id


# -- open conflicts


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


# -- objections of who parts


def objected(oldest: str, **said: str) -> Run:
    """Ann, of an address, a phone and a CRM id, of which one is the oldest; she opted in, then says no with another."""
    run = Run(Driver(STAGES))
    run.driver.tick(NOON - DAY)
    who: dict[str, str | None] = {"email": EMAIL, "phone": PHONE, "crm_id": "C-1"}
    nothing: dict[str, str | None] = dict.fromkeys(who)
    run.publish(captured(NOON - DAY, **{**nothing, oldest: who[oldest]}))
    run.publish(captured(NOON - DAY + 1, **who))
    at_time(run, NOON - DAY + 2, consent("email", NOON - DAY + 2))
    at_time(run, NOON, consent("call", NOON, granted=False, **{**nothing, **said}), ask("email", NOON, "m0"))
    return run


def parted_by(act: str) -> ErasureRequested | IdentitiesSplit:
    """Ann's address leaves the others, or these are erased."""
    if act == "erasure":
        return erasure(NOON + 1, phone=PHONE, crm_id="C-1")
    take, phone, known = (
        IdentifierValue(kind=kind, value=value)  # type: ignore[arg-type]
        for kind, value in (("email", EMAIL), ("phone", PHONE), ("crm_id", "C-1"))
    )
    return fact(IdentitiesSplit, occurred_at=NOON + 1, take=[take], keep=[phone, known])


@pytest.mark.parametrize("said", [{"phone": PHONE}, {"crm_id": "C-1"}], ids=["phone", "crm"])
@pytest.mark.parametrize("oldest", ["email", "phone", "crm_id"])
@pytest.mark.parametrize("act", ["split", "erasure"])
def test_an_address_keeps_the_objections_of_those_it_parts_from(act: str, oldest: str, said: dict[str, str]) -> None:
    """Whichever of them the lead is named after; only a newer opt-in of the address's own ends it."""
    run = objected(oldest, **said)
    at_time(run, NOON + 1, parted_by(act))
    at_time(run, NOON + 2, ask("email", NOON + 2, "m1"))
    assert decisions(run, "m0") == decisions(run, "m1") == [("deny", "opted_out")]
    at_time(run, NOON + 3, consent("email", NOON + 3), ask("email", NOON + 4, "m2"))
    assert decisions(run, "m2") == [("allow", "allowed")]
    assert not unsettled(run)


@pytest.mark.parametrize("act", ["split", "erasure"])
def test_what_was_kept_of_one_who_has_gone_goes_along_with_the_next(act: str) -> None:
    """The phone objects and leaves; then the address leaves as well."""
    run = objected("crm_id", phone=PHONE)
    phone, others = (
        [IdentifierValue(kind=kind, value=value) for kind, value in who]  # type: ignore[arg-type]
        for who in ([("phone", PHONE)], [("email", EMAIL), ("crm_id", "C-1")])
    )
    at_time(run, NOON, fact(IdentitiesSplit, occurred_at=NOON, take=phone, keep=others))
    at_time(run, NOON + 1, parted_by(act))
    at_time(run, NOON + 2, ask("email", NOON + 2, "m1"))
    assert decisions(run, "m1") == [("deny", "opted_out")]
    assert not unsettled(run)
