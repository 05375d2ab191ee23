"""Bundles in models: what a bundle weighs is what its touches would, but for the decay within a day."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from models.attribution import MODELS
from models.attribution.path import Many, Touch, path
from models.money import apportion
from models.policy import Policy
from schemas.events.base import DAY, HOUR
from tests.support import hot

MOST_MOVED = {"time_decay": Fraction(4, 100_000)}
"""What of a booking may be credited to another cell; other models move nothing."""


@pytest.fixture(scope="module")
def lead() -> Any:
    touches = hot.hot_touches()
    return touches, hot.folded(touches)


def test_a_hot_lead_is_a_tenth_in_memory_and_in_lines(lead: Any) -> None:
    touches, held = lead
    assert len(touches) == 10_000
    assert len(held.bundles.tallies) <= 700
    assert len(hot.elements(held)) == len(held.bundles.tallies) + 200
    every = msgspec.msgpack.encode({touch.id: touch for touch in touches})
    assert len(msgspec.msgpack.encode(held)) * 10 <= len(every)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_bundles_move_next_to_no_credit(lead: Any, model: str) -> None:
    touches, held = lead
    bundled = hot.elements(held)
    assert hot.moved(model, touches, bundled) <= MOST_MOVED.get(model, 0)
    assert sum(apportion(12_345_678, MODELS[model](bundled, hot.POLICY))) == 12_345_678


def bundle(channel: str, first: int, last: int, count: int, kind: str = "click") -> Touch:
    """A bundle of hours of one day."""
    many = Many(count, (first + last) * HOUR // 2, "first", last * HOUR, "last")
    return Touch(f"bundle:{channel}", 1, first * HOUR, kind, channel, many=many)


def alone(channel: str, hour: int, kind: str = "click") -> Touch:
    return Touch(channel, 1, hour * HOUR, kind, channel)


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        ("first", [1, 0, 0]),
        ("last", [0, 1, 0]),
        ("last_non_direct", [0, 1, 0]),
        ("linear", [1, 4, 2]),
        ("position_u", [10, 13, 2]),
        ("position_w", [45, 51, 4]),
    ],
)
def test_the_extremes_of_a_bundle_get_their_weight_and_the_rest_theirs(model: str, weights: list[int]) -> None:
    elements = [alone("search", 1), bundle("social", 2, 9, 4, "inquiry"), bundle("direct", 3, 5, 2)]
    assert MODELS[model](elements, Policy()) == weights


def test_a_bundle_decays_by_its_mean_time() -> None:
    elements = [bundle("search", 0, 4, 3), alone("social", 26)]
    assert MODELS["time_decay"](elements, Policy(half_life=DAY)) == [3 * 2**47, 2**48]


def test_a_lone_bundle_shares_with_nobody() -> None:
    assert [apportion(99, MODELS[model]([bundle("search", 1, 9, 5)], Policy())) for model in MODELS] == [[99]] * len(
        MODELS
    )


@pytest.mark.parametrize(("hour", "there"), [(1, False), (2, True), (9, True), (15, True), (16, False)])
def test_a_bundle_is_in_the_window_when_it_overlaps_it(hour: int, there: bool) -> None:
    found = path([bundle("search", 2, 9, 3)], hour * HOUR, Policy(click_look_back=6 * HOUR))
    assert bool(found) is there


def test_exposure_keeps_the_last_of_a_run_of_one_channel() -> None:
    touches = [alone("search", 1), alone("search", 2), alone("social", 3), alone("search", 4)]
    kept = path(touches, 9 * HOUR, Policy(exposure=True))
    assert [(touch.channel, touch.at // HOUR) for touch in kept] == [("search", 2), ("social", 3), ("search", 4)]


def test_exposure_leaves_the_last_touch_of_a_bundle() -> None:
    kept = path([bundle("search", 1, 6, 3), alone("search", 2), alone("social", 7)], 9 * HOUR, Policy(exposure=True))
    assert [(touch.account, touch.count, touch.at // HOUR) for touch in kept] == [
        ("bundle:search", 1, 6), ("social#1", 1, 7)
    ]  # fmt: skip
