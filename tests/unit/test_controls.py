"""Control state in its store: in parts that stay small, whatever a workspace says over the years."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models.attribution.learned import Learned
from models.policy import Policy
from processors.control import RATE_REACH_DAYS, STRETCH, Control, Rate
from schemas.events.base import Event, as_date
from schemas.events.governance import ExchangeRateSet, IdentitySweepOrdered, PolicyChanged
from schemas.events.weights import Weight, WeightsVersion
from streams.controls import Controls
from streams.engine.changelog import CHANGELOG_CONFIG
from streams.store import Changes, MemoryStore
from tests.support.facts import at, fact

LIMIT = int(CHANGELOG_CONFIG["max.message.bytes"])
FIRST = 14_610
"""The first day of 2010."""


class Whole(msgspec.Struct):
    """Control state as it was once stored: as one record, rates by pair and day."""

    policies: dict[int, Policy] = {}
    rates: dict[str, dict[int, Rate]] = {}
    weights: dict[str, dict[int, Learned]] = {}
    swept: str = ""


def policy(version: int) -> PolicyChanged:
    return fact(PolicyChanged, occurred_at="3-1", version=version, applies_from=version, document="")


def rate(day: int, text: str = "3.672512", revision: int = 1) -> ExchangeRateSet:
    return fact(ExchangeRateSet, occurred_at="3-1", base="USD", quote="AED", day=day, revision=revision, rate=text)


def weights(version: int) -> WeightsVersion:
    learned = [Weight.build(among=["email", "search"], channel="email", weight=version)]
    return fact(
        WeightsVersion, occurred_at="3-1", model="shapley_set", version=version, applies_from=at(f"3-{version}"),
        adopted=True, conversions=1, journeys=1, weights=learned, shares=[],
    )  # fmt: skip


def hear(store: MemoryStore, *events: Event) -> dict[str, bytes]:
    """What a transaction that hears some events writes."""
    controls = Controls(store)
    for event in events:
        controls.hear(event)
    written = controls.changed()
    store.write(Changes(controls=written))
    controls.end(committed=True)
    assert controls.of("acme") == Controls(store).of("acme")
    return written


def of_many_years(pairs: int, years: int) -> Whole:
    """A workspace that was told rates every day, weights every week and new rules every month."""
    names = [f"{chr(65 + pair // 26)}{chr(65 + pair % 26)}X/AED" for pair in range(pairs)]
    days = range(FIRST, FIRST + 365 * years)
    learned = {
        tuple(f"channel-{n}-{m}" for m in range(5)): {f"channel-{n}-{m}": 10**9 for m in range(5)} for n in range(99)
    }
    return Whole(
        policies={version: Policy(version=version, applies_from=version) for version in range(1, 12 * years)},
        rates={name: {day: Rate(1, "3.672512", f"{name}/{as_date(day)}#1") for day in days} for name in names},
        weights={"shapley_set": {version: Learned(version, version, learned) for version in range(1, 52 * years)}},
    )


def test_ten_years_of_thirty_currencies_fit() -> None:
    store, whole = MemoryStore(), of_many_years(30, 10)
    assert len(msgspec.msgpack.encode(whole)) > LIMIT
    store.controls["acme"] = msgspec.msgpack.encode(whole)
    written = hear(store, rate(FIRST))
    assert max(map(len, written.values())) < LIMIT // 20


def test_a_full_stretch_of_the_longest_rates_is_small() -> None:
    store, text = MemoryStore(), f"{'9' * 12}.{'9' * 12}"
    first = STRETCH * 40
    hear(store, *(rate(day, text, 2**31 - 1) for day in range(first, first + STRETCH)))
    assert len(store.controls["acme/rates/USD/AED/40"]) < LIMIT // 50


def test_what_was_stored_as_a_whole_is_read_and_becomes_parts_with_the_next_change() -> None:
    store, whole = MemoryStore(), of_many_years(2, 3)
    whole.swept = "an order"
    store.controls["acme"] = msgspec.msgpack.encode(whole)
    before = Controls(store).of("acme")
    for pair, days in whole.rates.items():
        base, _, quote = pair.partition("/")
        assert {day: before.rate_on(base, quote, day) for day in days} == days
    assert (before.policies, before.weights, before.swept) == (whole.policies, whole.weights, "an order")
    hear(store, policy(9_999))
    after = Controls(store).of("acme")
    assert (after.rates, after.weights, after.swept) == (before.rates, before.weights, "an order")
    assert after.policies == {**before.policies, 9_999: Policy(version=9_999, applies_from=9_999)}


def test_what_changes_is_written_and_no_more() -> None:
    store = MemoryStore()
    assert set(hear(store, policy(1), rate(FIRST))) == {"acme", "acme/policies/1", "acme/rates/USD/AED/36"}
    assert set(hear(store, rate(FIRST + 1))) == {"acme", "acme/rates/USD/AED/36"}
    assert set(hear(store, rate(FIRST + STRETCH))) == {"acme", "acme/rates/USD/AED/37"}
    assert set(hear(store, weights(1), weights(2))) == {f"acme{part}" for part in ("", *WEIGHTS)}
    assert set(hear(store, fact(IdentitySweepOrdered, occurred_at="3-1", version=1))) == {"acme"}
    assert hear(store, rate(FIRST), policy(1)) == {}


WEIGHTS = ("/weights/shapley_set/1", "/weights/shapley_set/2")


def test_what_was_aborted_is_neither_held_nor_taken_for_written() -> None:
    store = MemoryStore()
    controls = Controls(store)
    controls.hear(rate(FIRST))
    controls.end(committed=False)
    assert controls.of("acme") == Control()
    controls.hear(policy(1))
    assert set(controls.changed()) == {"acme", "acme/policies/1"}
    controls.hear(rate(FIRST))
    assert set(controls.changed()) == {"acme", "acme/policies/1", "acme/rates/USD/AED/36"}


@pytest.mark.parametrize("day", [STRETCH * 40 - 1, STRETCH * 40, STRETCH * 40 + 3])
def test_a_rate_reaches_across_stretches(day: int) -> None:
    store = MemoryStore()
    hear(store, rate(day, "1.5"), rate(day - 20, "1.4"))
    found = [Controls(store).of("acme").rate_on("USD", "AED", day + after) for after in range(-1, RATE_REACH_DAYS + 2)]
    texts: list[Any] = [rate.rate if rate is not None else None for rate in found]
    assert texts == [None, *["1.5"] * (RATE_REACH_DAYS + 1), None]
