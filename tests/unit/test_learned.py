"""Learned weights on a path: the worked example, repeats, what is not known."""

from __future__ import annotations

import pytest

from models.attribution import MODELS, weigh
from models.attribution.learned import Learned, Weights, moved
from models.attribution.path import Touch
from models.money import apportion
from models.policy import Policy

MARKOV: Weights = {(): {"search": 600, "social": 300, "portal": 0, "direct": 0}}
SHAPLEY: Weights = {("search", "social"): {"search": 1, "social": 3}, ("portal", "search"): {"portal": 0, "search": 0}}


def path(*channels: str) -> list[Touch]:
    return [Touch(str(place), 1, place, "click", channel) for place, channel in enumerate(channels)]


def weighed(weights: Weights, *channels: str) -> list[int]:
    return weigh("markov_path", path(*channels), Policy(), Learned(1, 0, weights))


def test_the_worked_example() -> None:
    touches = path("search", "social")
    assert apportion(9_999, weigh("markov_path", touches, Policy(), None)) == [5_000, 4_999]
    assert apportion(9_999, weigh("markov_path", touches, Policy(), Learned(1, 0, MARKOV))) == [6_666, 3_333]


@pytest.mark.parametrize(
    ("channels", "weights"),
    [
        (("search", "search", "social"), [600, 600, 600]),
        (("search", "search", "social", "social", "social"), [1_800, 1_800, 600, 600, 600]),
        (("portal", "search"), [0, 600]),
        (("portal", "direct", "portal"), [1, 1, 1]),
        (("search", "search", "fair"), [1, 1, 2]),
    ],
    ids=("a channel's weight is shared by its touches", "in whole numbers", "zero", "all zero", "unknown channel"),
)
def test_a_channels_weight_falls_on_its_touches(channels: tuple[str, ...], weights: list[int]) -> None:
    assert weighed(MARKOV, *channels) == weights


def test_weights_within_a_set_hold_for_that_set_alone() -> None:
    assert weighed(SHAPLEY, "social", "search", "social") == [3, 2, 3]
    assert weighed(SHAPLEY, "portal", "search", "search") == [1, 1, 1], "all zero: linear"
    assert weighed(SHAPLEY, "portal", "social", "social") == [2, 1, 1], "a set that is not known"


def test_without_weights_data_driven_models_are_linear() -> None:
    for model in ("markov_path", "shapley_set"):
        assert MODELS[model](path("a", "b", "a"), Policy()) == [1, 1, 1]


def test_what_other_weights_move_is_counted_once() -> None:
    conversions = {("search", "social"): 3, ("portal",): 7}
    even: Weights = {("search", "social"): {"search": 1, "social": 1}}
    assert moved(conversions, MARKOV, even) == (500_000, 10_000_000)
    assert moved(conversions, even, {}) == (0, 10_000_000)
