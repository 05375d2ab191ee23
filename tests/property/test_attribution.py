"""Every attribution model against its definition, and what all of them have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attribution import MODELS
from models.attribution.path import Touch
from models.money import apportion
from models.policy import Policy
from schemas.events.base import DAY
from schemas.events.touchpoints import TouchpointRecorded
from tests.property.oracles.ledger import share_out, weigh

KINDS = ("content_engagement", "inquiry", "meeting_requested", "site_visit", "call")

touches = st.builds(
    Touch,
    id=st.uuids().map(str),
    revision=st.just(1),
    at=st.integers(0, 400 * DAY),
    kind=st.sampled_from(KINDS),
    channel=st.sampled_from(("direct", "search", "social")),
)
paths = st.lists(touches, min_size=1, max_size=12).map(lambda some: sorted(some, key=lambda one: (one.at, one.id)))
policies = st.builds(Policy, half_life=st.integers(1, 400 * DAY))
models = st.sampled_from(sorted(MODELS))


def _facts(path: list[Touch]) -> list[TouchpointRecorded]:
    return [
        TouchpointRecorded.build(
            occurred_at=touch.at, touch_id=touch.id, revision=1, kind=touch.kind, channel=touch.channel
        )
        for touch in path
    ]


@given(models, paths, policies, st.integers(0, 10**12))
def test_shares_are_those_of_the_definition(model: str, path: list[Touch], policy: Policy, amount: int) -> None:
    weights = MODELS[model](path, policy)
    assert apportion(amount, weights) == share_out(amount, weigh(model, _facts(path), policy.half_life))


@given(paths, policies)
def test_decay_is_exact(path: list[Touch], policy: Policy) -> None:
    assert MODELS["time_decay"](path, policy) == weigh("time_decay", _facts(path), policy.half_life)


@given(models, paths, policies)
def test_weights_fit_the_path(model: str, path: list[Touch], policy: Policy) -> None:
    weights = MODELS[model](path, policy)
    assert len(weights) == len(path)
    assert min(weights) >= 0
    assert any(weights)


@given(models, touches, policies)
def test_a_single_touch_gets_all(model: str, touch: Touch, policy: Policy) -> None:
    assert apportion(999, MODELS[model]([touch], policy)) == [999]


@pytest.mark.parametrize(
    ("model", "kinds", "shares"),
    [
        ("position_u", "....", [40, 10, 10, 40]),
        ("position_u", "..", [50, 50]),
        ("position_w", ".i.v.", [30, 30, 5, 30, 5]),
        ("position_w", "i.v", [60, 10, 30]),
        ("position_w", "..", [90, 10]),
        ("position_w", "iv", [67, 33]),
    ],
)
def test_shares_in_hundredths(model: str, kinds: str, shares: list[int]) -> None:
    names = {".": "content_engagement", "i": "inquiry", "v": "site_visit"}
    path = [Touch(str(place), 1, place, names[kind], "search") for place, kind in enumerate(kinds)]
    assert apportion(100, MODELS[model](path, Policy())) == shares


def test_direct_is_passed_over() -> None:
    path = [Touch(str(place), 1, place, "click", channel) for place, channel in enumerate(("search", "direct"))]
    assert MODELS["last_non_direct"](path, Policy()) == [1, 0]
    assert MODELS["last_non_direct"](path[1:], Policy()) == [1]


def test_a_half_life_halves() -> None:
    path = [Touch(str(day), 1, day * DAY, "click", "search") for day in (0, 7, 14)]
    assert MODELS["time_decay"](path, Policy()) == [2**46, 2**47, 2**48]
