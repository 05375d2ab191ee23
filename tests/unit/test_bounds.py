"""Every number that comes from outside has bounds: nothing behind intake has to fear what a fact or a policy says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from models.policy import Policy
from processors.control import policy_of
from schemas.events.base import HOUR, Event
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import PropertyListed
from schemas.events.governance import CancellationRisk, ExchangeRateSet
from schemas.events.leads import LeadCaptured
from schemas.reasons import reason_of
from schemas.topics import FACT_TOPIC
from tests.support.facts import at, fact
from tests.support.runs import new_run

LEAST = {"minimum", "exclusiveMinimum", "ge"}  # pydantic says ``ge`` where something else comes before the check
MOST = {"maximum", "exclusiveMaximum", "le"}


def unbounded(schema: Any, path: str = "") -> Iterator[str]:
    """Where a JSON schema takes a number of any size."""
    if isinstance(schema, list):
        for part in schema:
            yield from unbounded(part, path)
    elif isinstance(schema, dict):
        if schema.get("type") in ("integer", "number") and not (LEAST & schema.keys() and MOST & schema.keys()):
            yield path
        for name, part in schema.items():
            if name not in ("default", "enum", "const"):
                yield from unbounded(part, f"{path}.{name}" if isinstance(part, dict) else path)


@pytest.mark.parametrize("type_", FACT_TOPIC)
def test_every_number_of_a_fact_has_bounds(type_: type[Event]) -> None:
    assert list(unbounded(type_.model_json_schema())) == []


def test_every_number_of_a_policy_has_bounds() -> None:
    of_the_fact = {".$defs.Policy.properties.version", ".$defs.Policy.properties.applies_from"}
    assert set(unbounded(msgspec.json.schema(Policy))) == of_the_fact


RISK = {"booking_id": "b", "version": 1}
HOME = {"property_id": "p", "revision": 1, "kind": "villa", "city": "Dubai", "country": "AE"}
RATE = {"base": "USD", "quote": "AED", "day": 20_000, "revision": 1, "rate": "3.67"}
LEAD = {"email": "ada@example.com", "channel": "web"}


@pytest.mark.parametrize(
    ("type_", "fields", "name", "wrong", "right"),
    [
        (CancellationRisk, RISK, "p_ppm", (-1, 1_000_001, 2**62), (0, 1_000_000)),
        (PropertyListed, HOME, "bedrooms", (-1, 100_001, 2**63), (0, 100_000)),
        (LeadCaptured, LEAD, "timeframe_days", (-1, 36_501, 2**63), (0, 36_500)),
        (ExchangeRateSet, RATE, "rate", ("0", "0.000"), ("0.000000000001", "999999999999.999999999999")),
        (ExchangeRateSet, RATE, "base", ("usd", "Gold", "XXQ"), ("USD", "LBP")),
        (ExchangeRateSet, RATE, "quote", ("aed", "", "XXQ"), ("AED", "KWD")),
    ],
)
def test_what_makes_no_sense_is_refused_at_every_door(
    type_: type[Event], fields: dict[str, Any], name: str, wrong: tuple[Any, ...], right: tuple[Any, ...]
) -> None:
    for value in right:
        assert getattr(fact(type_, occurred_at="3-1", **{**fields, name: value}), name) == value
    for value in wrong:
        with pytest.raises(ValidationError) as refused:
            fact(type_, occurred_at="3-1", **{**fields, name: value})
        reason, detail = reason_of(refused.value)
        assert reason == ("unknown_currency" if name in ("base", "quote") else "invalid_field")
        assert detail.startswith(f"{name}: ")


def test_a_booking_that_is_made_after_it_was_told_of_is_refused() -> None:
    run, arrived = new_run(), at("3-10")
    booking = {"occurred_at": "3-10", "revision": 1, "status": "booked", "amount_minor": 1, "currency": "AED"}
    for number, booked_at in enumerate((arrived + 24 * HOUR, arrived + 24 * HOUR + 1)):
        told = fact(BookingChanged, booking_id=f"b{number}", booked_at=booked_at, **booking)
        run.publish(told, arrived_at=arrived)
    (letter,) = run.dead_letters()
    assert (letter.stage, letter.reason) == ("intake", "future")
    assert letter.detail.startswith("booked_at ")
    assert run.count("resolve", "bookings", "accepted") == 1


@pytest.mark.parametrize("days", [-(2**63) - 1, 2**63, 10**20])
def test_lead_times_of_a_policy_can_be_stored(days: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        policy_of(f'{{"cancellation_risk": [["booked", {days}, 5]]}}', 1, 0)


def test_a_policy_nested_too_deep_is_no_policy() -> None:
    with pytest.raises(msgspec.ValidationError):
        policy_of('{"a":' + "[" * 30_000 + "]" * 30_000 + "}", 1, 0)
