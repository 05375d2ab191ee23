"""Resolve: whose a fact is, and whether it was seen before."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.events.base import DAY, Event
from schemas.events.bookings import BookingChanged
from schemas.events.governance import ExchangeRateSet, PolicyChanged
from schemas.events.identity import IdentifierBound
from schemas.events.leads import LeadCaptured
from schemas.events.routing import Accepted
from schemas.events.touchpoints import TouchpointRecorded
from schemas.topics import FACT_TOPIC, TOPICS
from tests.property.oracles.identity import hash_of
from tests.support.facts import at, fact, fresh_id
from tests.support.runs import IDENTITY_KEY, STAGES, Run, new_run

ADA = hash_of(IDENTITY_KEY, "acme", "email", "ada@example.com")
BOB = hash_of(IDENTITY_KEY, "acme", "email", "bob@example.com")


def booking(revision: int, **fields: Any) -> BookingChanged:
    given = {"booking_id": "b1", "status": "booked", "amount_minor": 100, "currency": "AED", "occurred_at": "3-1"}
    return fact(BookingChanged, **{**given, "revision": revision, **fields})


def prefixes(run: Run, topic: str) -> list[Accepted]:
    found = [decode(value).prefix for value in run.driver.values(topic)]
    assert all(isinstance(prefix, Accepted) for prefix in found)
    return found  # type: ignore[return-value]


def test_the_lead_is_the_best_identifiers_and_its_first_binding_is_announced_once() -> None:
    run = new_run()
    for _ in range(2):
        run.publish(fact(LeadCaptured, occurred_at="3-1", channel="web", email="ada@example.com", cookie_id="c"))
    assert {prefix.lead_id for prefix in prefixes(run, "accepted.leads")} == {ADA}
    assert [prefix.seq for prefix in prefixes(run, "accepted.leads")] == [1, 2]
    (bound,) = [one for one in run.said("identity.bindings", IdentifierBound) if one.identifier == ADA]
    assert (bound.lead_id, bound.since, bound.version, bound.why) == (ADA, 0, 0, "first")


def test_a_lead_id_names_one_lead_however_it_is_written() -> None:
    run, id_ = new_run(), fresh_id().replace("0", "a")
    for written in (id_, id_.upper()):
        raw = encode(LeadCaptured.build(
            event_id=fresh_id(), workspace_id="acme", region="UAE", occurred_at=at("3-1"), source="t", channel="web",
            lead_id=written,
        ))  # fmt: skip
        run.driver.publish("leads", "", raw, at("3-1"))
    assert {prefix.lead_id for prefix in prefixes(run, "accepted.leads")} == {id_}


def test_a_booking_hangs_on_its_highest_revision_and_each_move_is_an_epoch() -> None:
    run = new_run()
    run.publish(booking(2, email="ada@example.com"))
    run.publish(booking(1, email="bob@example.com"))
    run.publish(booking(3, email="ada@example.com"))
    run.publish(booking(4, email="bob@example.com"))
    run.publish(booking(5))
    nobody = prefixes(run, "accepted.bookings")[-1].lead_id
    told = [(prefix.lead_id, prefix.ver, prefix.seq) for prefix in prefixes(run, "accepted.bookings")]
    assert sorted(told, key=lambda one: one[2]) == [
        (ADA, 0, 1), (ADA, 0, 2), (ADA, 0, 3), (BOB, 1, 4), (nobody, 2, 5)
    ]  # fmt: skip
    assert nobody not in (ADA, BOB, None)


def test_a_resend_is_discarded_for_seven_days_and_counted() -> None:
    run, captured = new_run(), fact(LeadCaptured, occurred_at="3-1", channel="web", email="ada@example.com")
    run.driver.tick(at("3-1"))
    run.publish(captured)
    run.driver.tick(at("3-1") + 7 * DAY - 1)
    run.publish(captured)
    assert run.count("resolve", "leads", "duplicate") == 1
    assert run.count("resolve", "leads", "accepted") == 1
    run.driver.tick(at("3-1") + 7 * DAY)
    run.publish(captured)
    assert run.count("resolve", "leads", "accepted") == 2


def test_one_id_with_two_contents_is_refused_and_the_first_stays() -> None:
    run, captured = new_run(), fact(LeadCaptured, occurred_at="3-1", channel="web", email="ada@example.com")
    run.publish(captured)
    run.publish(captured.model_copy(update={"channel": "phone"}))
    (letter,) = run.dead_letters()
    assert (letter.stage, letter.reason, letter.fact_id) == ("resolve", "event_id_conflict", captured.event_id)
    assert len(run.driver.values("accepted.leads")) == 1


def test_a_refused_fact_is_not_remembered() -> None:
    run = new_run()
    bad = fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document="[]")
    run.publish(bad)
    run.publish(bad)
    assert [letter.reason for letter in run.dead_letters()] == ["bad_policy", "bad_policy"]
    run.publish(bad.model_copy(update={"document": "{}"}))
    assert run.count("resolve", "policies", "accepted") == 1


@pytest.mark.parametrize(
    "document",
    [
        "[]", "5", '"text', '{"nope": 1}', '{"time_zone": "Mars"}', '{"time_zone": "../etc/passwd"}',
        '{"attribution_models": ["astrology"]}', '{"reporting_currency": "XXQ"}', '{"cooling_after": 0}',
        '{"cooling_after": -1}', '{"click_look_back": 7776000000001}', '{"warming_engagements": 17}',
        '{"hot_score": 99999999999999999999999999}', '{"budget_points": [[1, 5], [2, 10]]}',
        '{"attribution_bases": ["gross"]}', '{"version": 7, "applies_from": 3, "warm_score": "40"}',
        '{"hot_score": ' + "[" * 30_000, '{"a": ' * 8_000 + "1" + "}" * 8_000,
        '{"hot_score": ' + "[" * 400 + "]" * 400 + ', "hot_score": 60}',  # one stage could read it, the next could not
    ],
    ids=lambda document: document[:40],
)  # fmt: skip
def test_a_policy_that_could_not_be_applied_stops_here(document: str) -> None:
    run = new_run()
    run.publish(fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document=document))
    (letter,) = run.dead_letters()
    assert letter.reason == "bad_policy"
    assert not run.driver.values("ledger.inbox")


def test_brackets_in_the_texts_of_a_policy_are_no_nesting() -> None:
    run = new_run()
    document = '{"blocked_identifiers": ["' + r"\"[" * 100 + '"], "identity_limits": [["email", 3]]}'
    run.publish(fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document=document))
    assert run.dead_letters() == []


RULES = fact(PolicyChanged, occurred_at="3-1", version=2, applies_from=0, document='{"hot_score":60}')
RATE = fact(ExchangeRateSet, occurred_at="3-1", base="USD", quote="AED", day=20_000, revision=2, rate="3.67")


@pytest.mark.parametrize(
    ("first", "other"),
    [(RULES, {"document": '{"hot_score":90}'}), (RULES, {"applies_from": 1}), (RATE, {"rate": "36.7"})],
)
def test_of_two_contents_under_one_version_the_first_stays(first: Event, other: dict[str, Any]) -> None:
    run, topic = new_run(), FACT_TOPIC[type(first)].name
    run.publish(first)
    run.publish(first.model_copy(update={"event_id": fresh_id(), "source": "again"}))
    assert run.count("resolve", topic, "accepted") == 2
    contradicted = first.model_copy(update={"event_id": fresh_id(), **other})
    run.publish(contradicted)
    (letter,) = run.dead_letters()
    assert (letter.stage, letter.reason, letter.fact_id) == ("resolve", "revision_conflict", contradicted.event_id)
    number = "version" if isinstance(first, PolicyChanged) else "revision"
    run.publish(contradicted.model_copy(update={"event_id": fresh_id(), number: 3}))
    run.publish(first.model_copy(update={"event_id": fresh_id()}))
    assert len(run.dead_letters()) == 1
    assert run.count("resolve", topic, "accepted") == 4


def test_policies_go_to_every_partition_that_holds_them_and_rates_only_where_money_is_converted() -> None:
    run = new_run()
    facts: list[Event] = [
        fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document="{}"),
        fact(ExchangeRateSet, occurred_at="3-1", base="USD", quote="AED", day=20_000, revision=1, rate="3.6725"),
    ]
    for one in facts:
        run.publish(one)
    wanted_in = {"workspace.inbox": facts[:1], "journeys": facts, "ledger.inbox": facts, "campaign.inbox": facts}
    for topic, wanted in wanted_in.items():
        for partition in range(TOPICS[topic].partitions):
            assert [record.value for record in run.driver.log[topic, partition]] == [encode(one) for one in wanted]
    assert run.count("resolve", "rates", "accepted") == 1


def test_touches_of_one_person_reach_one_lead_by_any_of_its_writings() -> None:
    run = new_run()
    for who in ({"phone": "+971 50 123 4567"}, {"wa_id": "971501234567"}, {"phone": "0501234567"}):
        run.publish(fact(TouchpointRecorded, occurred_at="3-1", touch_id=fresh_id(), kind="view", channel="x", **who))
    assert len({prefix.lead_id for prefix in prefixes(run, "accepted.touchpoints")}) == 1
    assert next(stage for stage in STAGES if stage.deduplicates).name == "resolve"
