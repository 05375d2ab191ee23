"""Steps are pure: what they were given stays as it was, and the same question has the same answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given

from processors.base import Context, Step
from streams.stage import Stage
from tests.property.checks import interleaved
from tests.property.strategies import histories_with_arrivals, randoms
from tests.support.runs import STAGES, view

_encode = msgspec.msgpack.Encoder().encode


def watched(step: Step) -> Step:
    """A step that is asked twice, and whose slices are compared before and after."""

    def run(slice_: Any, event: Any, ctx: Context) -> Any:
        before = _encode([slice_, dict(ctx.slices), ctx.control])
        fields = dict(event.__dict__) if hasattr(event, "__dict__") else None
        first = step.run(slice_, event, ctx)
        second = step.run(slice_, event, ctx)
        assert _encode([slice_, dict(ctx.slices), ctx.control]) == before, f"{step.name} changed what it was given"
        assert fields is None or fields == event.__dict__
        assert _encode(first[0]) == _encode(second[0])
        assert list(first[1]) == list(second[1])
        return first

    return replace(step, run=run)


def watching(stage: Stage) -> Stage:
    """The stage with every step watched."""
    return replace(stage, steps=tuple(watched(step) for step in stage.steps))


@given(histories_with_arrivals(size=8), randoms)
def test_steps_keep_their_hands_off_what_they_are_given(case: Any, random: Any) -> None:
    _, (arrivals,) = case
    run = interleaved(arrivals, random, tuple(watching(stage) for stage in STAGES))
    assert view(run).outcomes
