"""Learned weights against their definitions; counting and taking back; when a Monday is solved."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import permutations
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attribution.learned import UNIT, Learned, spread
from models.attribution.markov import markov
from models.attribution.path import Touch
from models.attribution.shapley import Tally, shapley, values
from processors.control import EMPTY, Control, apply
from processors.workspace.week import Week, total
from schemas.events.base import DAY
from schemas.events.operations import Tick
from schemas.events.weights import PathCounted, Weight, WeightsVersion
from tests.property.oracles import paths as oracle
from tests.property.oracles.paths import Journeys
from tests.property.strategies import randoms
from tests.property.test_log_law import replayed, stored
from tests.support.facts import at
from tests.support.workspace import Bench, counted, published

NAMES = ("direct", "email", "search", "social")

channels = st.lists(st.sampled_from(NAMES), min_size=1, max_size=6).map(tuple)
tables = st.lists(
    st.builds(Journeys, channels, st.integers(0, 5), st.just(0), st.integers(0, 5)), min_size=1, max_size=8
)
converting = tables.filter(lambda rows: any(one.conversions for one in rows))


def week_of(rows: list[Journeys]) -> Week:
    week = Week()
    for one in rows:
        for converted, times in ((True, one.conversions), (False, one.nulls)):
            for _ in range(times):
                week = week.counted(one.channels, converted=converted, change=1)
    return week


def said(week: Week) -> Any:
    """What a week says, whatever it has said before."""
    chain, sets = total([week])
    return [+counts for counts in chain], {one: tally for one, tally in sets.items() if tally.journeys}


@given(converting)
def test_removal_effects_are_those_of_the_chain_without_the_channel(rows: list[Journeys]) -> None:
    whole = oracle.brought(rows, 1, "conversions", None)
    (found,) = markov(total([week_of(rows)]).chain).values()
    assert found.keys() == {name for one in rows if one.conversions + one.nulls for name in one.channels}
    for name, weight in found.items():
        lost = (whole - oracle.brought(rows, 1, "conversions", name)) / whole
        assert abs(weight - lost * UNIT) <= Fraction(3, 2)


@given(st.dictionaries(st.frozensets(st.sampled_from(NAMES), min_size=1), st.integers(0, 100), min_size=1))
def test_shapley_values_are_mean_marginal_worths(worths: dict[frozenset[str], int]) -> None:
    worth = {tuple(sorted(one)): float(value) for one, value in worths.items()}
    orders = list(permutations(NAMES))
    for name, value in zip(NAMES, values(NAMES, worth), strict=True):
        before = [frozenset(order[: order.index(name)]) for order in orders]
        marginal = [worths.get(one | {name}, 0) - worths.get(one, 0) for one in before]
        assert value == pytest.approx(float(Fraction(sum(marginal), len(orders))), abs=1e-9)


@given(st.dictionaries(channels.map(lambda one: tuple(sorted({*one}))), st.integers(0, 60), min_size=1))
def test_weights_are_for_sets_seen_often_and_never_negative(seen: dict[tuple[str, ...], int]) -> None:
    weights = shapley({one: Tally(count, count // 3) for one, count in seen.items()})
    assert weights.keys() == {one for one, count in seen.items() if count >= 30 and len(one) > 1}
    for one, within in weights.items():
        assert tuple(within) == one
        assert all(0 <= weight <= UNIT for weight in within.values())


@given(channels, st.dictionaries(st.sampled_from(NAMES), st.integers(0, UNIT)))
def test_a_channels_share_of_a_path_is_its_weight_and_equal_among_its_touches(path: Any, known: Any) -> None:
    touches = [Touch(str(place), 1, place, "click", name) for place, name in enumerate(path)]
    weights = spread(touches, Learned(1, 0, {(): known}))
    assert len(weights) == len(path)
    assert any(weights)
    assert min(weights) >= 0
    share: Counter[str] = Counter()
    for name, weight in zip(path, weights, strict=True):
        share[name] += weight
        assert weight == weights[path.index(name)], "equal within the channel"
    wanted = {name: known[name] for name in path} if known.keys() >= {*path} else dict.fromkeys(path, 1)
    if not any(wanted.values()):
        wanted = Counter(path)
    for name in share:
        assert share[name] * sum(wanted.values()) == wanted[name] * sum(weights)


@given(tables, tables, randoms)
def test_what_is_counted_and_taken_back_in_any_order_was_never_there(
    stays: list[Journeys], goes: list[Journeys], random: Random
) -> None:
    changes = [(one, converted, 1) for one in (*stays, *goes) for converted in (True, False)]
    random.shuffle(changes)
    back = [(one, converted, -1) for one in goes for converted in (True, False)]
    for one in back:  # anywhere after it came
        changes.insert(random.randint(changes.index((one[0], one[1], 1)) + 1, len(changes)), one)
    week, wanted = Week(), Week()
    for one, converted, change in changes:
        week = week.counted(one.channels, converted=converted, change=change)
    for one in stays:
        for converted in (True, False):
            wanted = wanted.counted(one.channels, converted=converted, change=1)
    assert said(week) == said(wanted)


versions = st.lists(
    st.builds(
        lambda version, since, adopted: WeightsVersion.build(
            model="markov_path", version=version, applies_from=since, adopted=adopted,
            weights=[Weight.build(among=[], channel="search", weight=version * 1_000 + since)],
        ),
        st.integers(1, 6), st.integers(0, 9), st.booleans(),
    ),
    max_size=8, unique_by=lambda one: one.version,
)  # fmt: skip


@given(versions, randoms)
def test_the_highest_adopted_version_that_applies_is_in_force_whatever_came_first(
    told: list[WeightsVersion], random: Random
) -> None:
    control: Control = EMPTY
    for event in random.sample(told, len(told)):
        control = apply(control, event)
        assert apply(control, event) is control
    for when in range(10):
        wanted = [one.version for one in told if one.adopted and one.applies_from <= when]
        found = control.weights_at("markov_path", when)
        assert (found.version if found else None) == max(wanted, default=None)
    assert control.weights_at("shapley_set", 10) is None


happenings = st.lists(
    st.one_of(
        st.builds(
            lambda path, week, converted: counted(path, converted=converted, week=week),
            st.text("abc", min_size=1, max_size=4), st.sampled_from(("3-2", "3-9", "3-16")), st.booleans(),
        ),
        st.integers(1, 9 * 24).map(lambda hours: hours * DAY // 24),
    ),
    min_size=4, max_size=40,
)  # fmt: skip


def solved(happened: list[Any]) -> Bench:
    """The stage after journeys, and after time went by."""
    bench, now = Bench(), at("3-10")
    bench.take(Tick.build(at=now))
    for one in happened:
        now += one if isinstance(one, int) else 0
        bench.take(Tick.build(at=now) if isinstance(one, int) else one)
    return bench


@given(happenings)
def test_a_monday_is_solved_once_if_it_is_the_latest_and_enough_is_known(happened: list[Any]) -> None:
    with patch("processors.workspace.solve.ENOUGH_CONVERSIONS", 2):
        bench = solved(happened)
    wanted, known, now, monday = list[int](), list[PathCounted](), at("3-10"), at("3-9")
    for one in happened:
        if isinstance(one, int):
            now += one
            latest = now - (now - at("3-9")) % (7 * DAY)
            enough = sum(path.converted for path in known if path.week * DAY < latest) >= 2
            if latest > monday and known:
                wanted += [latest] * 2 if enough else []
            monday = latest
        else:
            known.append(one)
    said_at = [one.occurred_at for one in published(bench.outputs)]
    assert said_at == wanted
    assert [one.version for one in published(bench.outputs)] == [1 + place // 2 for place in range(len(wanted))]


@given(happenings, randoms)
def test_the_log_alone_gives_the_same_weights(happened: list[Any], random: Random) -> None:
    with patch("processors.workspace.solve.ENOUGH_CONVERSIONS", 2):
        bench = solved(happened)
        for how in ("each", "some", "all"):
            outputs, _, there = replayed("workspace.inbox", bench.records, random, how)
            assert outputs == bench.outputs
            assert there == stored(bench.store)


@given(happenings, randoms)
def test_weights_do_not_depend_on_the_order_of_journeys(happened: list[Any], random: Random) -> None:
    paths = [one for one in happened if isinstance(one, PathCounted)]
    weights = []
    with patch("processors.workspace.solve.ENOUGH_CONVERSIONS", 2):
        for order in (paths, random.sample(paths, len(paths))):
            bench = solved(list(order))
            bench.take(Tick.build(at=at("3-30")))
            weights.append([(one.weights, one.shares, one.adopted) for one in published(bench.outputs)])
    assert weights[0] == weights[1]
