"""Who a lead is: registers that join in any order."""

from __future__ import annotations

from functools import reduce
from itertools import permutations
from typing import Any

from processors.lead.profile import Profile, Register, Said, joined
from schemas.events.bookings import BookingChanged
from schemas.events.governance import IdentitiesSplit
from schemas.events.leads import LeadCaptured, LeadUpdated
from schemas.events.profiles import LeadProfiled
from tests.support.facts import at, fact, fresh_id
from tests.support.identities import states
from tests.support.runs import Run, leads, new_run

EMAIL = "Ada@Example.com"


def profiled(*facts: Any) -> list[LeadProfiled]:
    run = new_run()
    for one in facts:
        run.publish(one)
    return by_version(run)


def by_version(run: Run) -> list[LeadProfiled]:
    return sorted(run.said("lead.profiles", LeadProfiled), key=lambda one: one.version)


def captured(when: str, **fields: Any) -> LeadCaptured:
    type_ = fields.pop("type", LeadCaptured)
    return fact(type_, **{"occurred_at": when, "channel": "web", "email": EMAIL, **fields})


def test_the_newest_word_on_each_field_wins_whatever_came_last() -> None:
    facts = [
        captured("3-1", full_name="A", budget_minor=1, financing="cash"),
        captured("3-3", full_name="Ada", type=LeadUpdated, channel="phone"),
        captured("3-2", full_name="Adda", budget_minor=2, type=LeadUpdated),
    ]
    for order in permutations(facts):
        last = profiled(*order)[-1]
        assert (last.full_name, last.budget_minor, last.financing, last.channel) == ("Ada", 2, "cash", "phone")
        assert last.first_captured_at == at("3-1")
        assert (last.email, last.email_domain) == ("ada@example.com", "example.com")


def test_a_budget_is_in_the_currency_said_with_it_or_in_none_that_is_known() -> None:
    dollars = captured("3-1", budget_minor=5, currency="USD")
    bare = captured("3-3", budget_minor=5, type=LeadUpdated)
    alone = captured("3-4", currency="INR", full_name="Ada", type=LeadUpdated)
    rupees = captured("3-5", budget_minor=5, currency="INR", type=LeadUpdated)
    for facts, wanted in (((dollars, alone), "USD"), ((dollars, bare, alone), None), ((dollars, bare, rupees), "INR")):
        for order in permutations(facts):
            last = profiled(*order)[-1]
            assert (last.budget_minor, last.currency) == (5, wanted)
    assert profiled(alone)[-1].currency is None


def test_what_an_older_program_kept_of_a_currency_alone_is_no_budgets() -> None:
    budget, with_it, alone = Register(5, 1, 0, "a"), Register("USD", 1, 0, "a"), Register("INR", 2, 0, "b")
    apart = Profile({"e": Said({"budget_minor": budget, "currency": alone})})
    assert set(apart.newest_words()) == {"budget_minor"}
    other = Profile({"e": Said({"budget_minor": budget, "currency": with_it}), "f": Said({"currency": alone})})
    assert other.newest_words()["currency"] == with_it


def test_home_is_where_a_lead_was_first_named_whichever_fact_comes_first() -> None:
    facts = captured("3-1", region="EUR"), captured("3-2", region="USA", full_name="Ada", type=LeadUpdated)
    assert [profiled(*order)[-1].region for order in permutations(facts)] == ["EUR", "EUR"]


def test_of_two_words_at_one_instant_the_event_decides() -> None:
    one, other = captured("3-1", full_name="One"), captured("3-1", full_name="Other")
    assert profiled(one, other)[-1].full_name == profiled(other, one)[-1].full_name


def test_nothing_is_published_when_nothing_shows() -> None:
    assert [one.version for one in profiled(captured("3-1"), captured("3-2"), captured("3-3", language="ar"))] == [1, 2]


def test_phones_are_written_in_full() -> None:
    (profile,) = profiled(captured("3-1", email=None, phone="050 123 4567"))
    assert profile.phone == "+971501234567"


def test_former_numbers_are_known_whatever_came_last() -> None:
    numbers = [f"+9715012345{n}" for n in range(60, 63)]
    facts = [captured(f"3-{day}", phone=number) for day, number in enumerate(numbers, start=1)]
    for order in permutations((*facts, captured("3-4", wa_id="12125550123"))):
        run = new_run()
        for one in order:
            run.publish(one)
        profiles = (slices.get("profile", Profile()) for slices in states(run, "lead").values())
        (known,) = (one for one in profiles if one.newest("email"))
        assert known.newest("phone").value == numbers[-1]
        texts = {known.number(one) for one, kind in known.identifiers.items() if kind == "phone"}
        assert texts == {*numbers, "+12125550123"}


def test_the_newest_former_numbers_are_kept() -> None:
    parts = [Profile({"e": Said({"phone": Register(f"+{n}", n, 0, "dot", f"hash {n}")})}) for n in range(15)]
    for order in (parts, parts[::-1], parts[7:] + parts[:9]):
        said = reduce(joined, order, Profile()).said["e"]
        assert said.registers["phone"].wall == 14
        assert {word.wall for word in said.numbers.values()} == set(range(4, 14))


def test_values_of_identifiers_go_when_these_belong_to_somebody_else() -> None:
    """Ada's address came with her phone in one event; the phone turns out to be Bob's."""
    run = new_run()
    run.publish(captured("3-1", phone="+971501234567", full_name="Ada"))
    assert by_version(run)[-1].phone == "+971501234567"
    phone, email = ({"kind": kind, "value": value} for kind, value in (("phone", "+971501234567"), ("email", EMAIL)))
    run.publish(fact(IdentitiesSplit, occurred_at="3-2", take=[phone], keep=[email]))
    last = [one for one in by_version(run) if one.email]
    assert (last[-1].phone, last[-1].full_name, [one.kind for one in last[-1].identifiers]) == (None, "Ada", ["email"])


def test_bookings_and_bare_lead_ids_make_no_profile() -> None:
    booking = {"booking_id": "b1", "revision": 1, "status": "booked", "amount_minor": 1, "currency": "AED"}
    run = new_run()
    run.publish(fact(BookingChanged, occurred_at="3-1", **booking))
    run.publish(captured("3-1", email=None, lead_id=fresh_id()))
    assert leads(run) == {}
    run.publish(fact(BookingChanged, occurred_at="3-1", email="bob@example.com", **{**booking, "revision": 2}))
    run.publish(fact(BookingChanged, occurred_at="3-1", email="eve@example.com", **{**booking, "revision": 3}))
    assert leads(run) == {}, "nor does anybody get a stranger's identifiers"
