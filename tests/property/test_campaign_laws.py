"""Laws of the campaign stage: order does not matter to a day's figures, and an optimizer can always catch up."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events.base import DAY, Event
from schemas.events.governance import ExchangeRateSet, PolicyChanged
from schemas.events.ledger import RevenueAttributed
from tests.property.checks import assert_ids_unique_and_causes_named, interleaved
from tests.property.oracles.touches import touched
from tests.property.strategies import Arrivals, arrivals, histories, randoms
from tests.support.campaigns import CONVERTED, NOW, TOUCHED, Inbox, cell, conversions, counted, measured, spent
from tests.support.facts import fact
from tests.support.optimizer import Held, Optimizer, cell_of

amounts = st.integers(-1_000, 1_000)
kinds = st.sampled_from(("impression", "click", "inquiry"))
currencies = st.sampled_from(("AED", "USD"))


def rate(day: int, number: int, text: str) -> ExchangeRateSet:
    return fact(ExchangeRateSet, occurred_at="3-10", base="USD", quote="AED", day=day, revision=number + 1, rate=text)


def policy(version: int, applies_from: int, currency: str) -> PolicyChanged:
    document = f'{{"reporting_currency":"{currency}"}}'
    return fact(PolicyChanged, occurred_at="3-1", version=version + 1, applies_from=applies_from, document=document)


@st.composite
def days(draw: st.DrawFn) -> list[Event]:
    """What one campaign's day is told: no two contents of one revision."""
    told: list[Event] = []
    told += [counted(draw(kinds), draw(st.sampled_from((1, 1, -1))), draw(st.integers(0, 2)))
             for _ in range(draw(st.integers(0, 6)))]  # fmt: skip
    told += [cell(draw(amounts), draw(amounts), currency="EUR", reporting_currency=draw(currencies))
             for _ in range(draw(st.integers(0, 4)))]  # fmt: skip
    told += [conversions(draw(amounts)) for _ in range(draw(st.integers(0, 2)))]
    told += [spent(draw(st.integers(0, 1_000)), number + 1, draw(currencies))
             for number in range(draw(st.integers(0, 3)))]  # fmt: skip
    told += [rate(CONVERTED - draw(st.integers(0, 8)), number, draw(st.sampled_from(("3.6725", "2", "0.5"))))
             for number in range(draw(st.integers(0, 2)))]  # fmt: skip
    told += [policy(version, draw(st.sampled_from((0, CONVERTED * DAY, NOW))), draw(currencies))
             for version in range(draw(st.integers(0, 2)))]  # fmt: skip
    return [*told, counted()]


def last_figures(events: list[Event], ticks: list[bool]) -> dict[str, Any]:
    inbox = Inbox()
    for event, tick in zip(events, ticks, strict=True):
        inbox.give(event)
        if tick:
            inbox.tick()
    for _ in range(3):
        inbox.tick()
    told = inbox.measured()
    assert [one.seq for one in told] == list(range(1, len(told) + 1))
    shown = [one.model_dump(exclude={"event_id", "seq", "occurred_at", "cause_id"}) for one in told]
    assert all(one != other for one, other in pairwise(shown)), "the same figures twice"
    return shown[-1]


@given(days(), st.data())
def test_a_days_figures_do_not_depend_on_order_nor_on_ticks(events: list[Event], data: st.DataObject) -> None:
    ticks = st.lists(st.booleans(), min_size=len(events), max_size=len(events))
    one = last_figures(events, data.draw(ticks))
    assert one == last_figures(data.draw(st.permutations(events)), data.draw(ticks))


cells = st.lists(
    st.builds(
        lambda delta, reporting, day, channel, currency: cell(
            delta, reporting, touch_day=TOUCHED - day, channel=channel, currency=currency
        ),
        amounts, amounts, st.sampled_from((0, 1, 2)), st.sampled_from(("search", "social")), currencies,
    ),
    min_size=1, max_size=20,
)  # fmt: skip
pauses = st.sampled_from((0, 0, 0, DAY, 1_085 * DAY))
"""After the longest of them days begin to be too old to keep."""


@given(cells, st.data())
def test_an_optimizer_holds_the_sums_of_deltas_at_every_offset(given_cells: list[Any], data: st.DataObject) -> None:
    inbox = Inbox()
    for change in given_cells:
        inbox.give(change)
        inbox.tick(inbox.partition.now + data.draw(pauses))
    told = inbox.all(RevenueAttributed)
    assert len({one.event_id for one in told}) == len(told) == len(given_cells)
    optimizer, sums = Optimizer(), Counter[str]()
    for change, delta in zip(told, given_cells, strict=True):
        optimizer.take(change)
        sums["own"] += delta.delta_minor
        sums["reporting"] += delta.delta_reporting_minor
        assert sum(held.total for held in optimizer.held.values()) == sums["own"]
        assert sum(held.reporting for held in optimizer.held.values()) == sums["reporting"]


@given(cells, st.data())
def test_an_optimizer_catches_up_over_gaps_repeats_and_restarts(given_cells: list[Any], data: st.DataObject) -> None:
    inbox = Inbox()
    inbox.give(*given_cells)
    told = inbox.all(RevenueAttributed)
    offsets = data.draw(st.lists(st.integers(0, len(told) - 1), max_size=40))
    optimizer, reached, snapshots = Optimizer(), dict[Any, int](), [dict[Any, Held]()]
    for offset in offsets:
        if data.draw(st.booleans()):
            snapshots.append(dict(optimizer.held))
        optimizer.take(told[offset])
        which = cell_of(told[offset])
        reached[which] = max(reached.get(which, 0), offset)
        assert optimizer.held == {one: _sum(told, one, upto) for one, upto in reached.items()}
    restarted = Optimizer(data.draw(st.sampled_from(snapshots)))
    for change in told:
        restarted.take(change)
    assert restarted.held == {one: _sum(told, one, len(told)) for one in map(cell_of, told)}


def _sum(told: list[RevenueAttributed], which: Any, upto: int) -> Held:
    """A cell as the deltas up to an offset make it."""
    own = [one for one in told[: upto + 1] if cell_of(one) == which]
    return Held(len(own), sum(one.delta_minor for one in own), sum(one.delta_reporting_minor for one in own))


@st.composite
def touch_arrivals(draw: st.DrawFn) -> tuple[tuple[Event, ...], Arrivals]:
    """A history in which days stay where they are: no policy moves the past to another zone."""
    facts = tuple(one for one in draw(histories(size=10)) if not isinstance(one, PolicyChanged))
    return facts, draw(arrivals(facts))


@given(touch_arrivals(), randoms)
def test_any_interleaving_counts_the_newest_revision_of_each_touch_once(case: Any, random: Random) -> None:
    facts, arrived = case
    run = interleaved(arrived, random)
    assert measured(run) == touched(facts)
    assert_ids_unique_and_causes_named(run)
