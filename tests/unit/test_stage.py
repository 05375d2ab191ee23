"""The one pass: timers first, steps in order, refusals undo, derived ids, nothing stale reaches out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import msgspec
import pytest

from processors.base import CancelTimer, Context, DeadLetter, Drop, Emit, Forward, Output, Step, Timer, TimerFired
from schemas.events.base import DAY, HOUR, Event
from schemas.events.decisions import LeadRouted, LeadScored
from schemas.events.gate import ContactProposed
from schemas.events.leads import LeadCaptured
from schemas.events.routing import Accepted
from schemas.ids import derived_id
from streams.stage import Clock, Emitted, Input, KeyState, Outcome, Stage, fire_due, run
from tests.support.facts import fact

KEY = "acme/k"


class Seen(msgspec.Struct, frozen=True):
    """What a step was handed, in order."""

    what: tuple[str, ...] = ()


Answer = Callable[[Any, Context], Sequence[Output]]


def step(name: str, answer: Answer, *consumes: type) -> Step:
    def take(held: Seen | None, event: Any, ctx: Context) -> tuple[Seen, Sequence[Output]]:
        told = f"{event.name}@{event.due}" if isinstance(event, TimerFired) else type(event).__name__
        return Seen((*(held or Seen()).what, told)), answer(event, ctx)

    return Step(name, take, consumes=(*consumes,), slice=Seen)  # type: ignore[arg-type]


def stage(*steps: Step) -> Stage:
    return Stage("toy", ("journeys",), steps)


def captured(at: int) -> Input:
    event = fact(LeadCaptured, occurred_at=at, channel="web", email="a@b.test")
    return Input(KEY, event, event.event_id, at)


def scored(at: int, lead_id: str = "k") -> LeadScored:
    return LeadScored.build(
        occurred_at=at, lead_id=lead_id, seq=1, score=1, budget=1, urgency=0, engagement=0, readiness=0, reasons=[]
    )


def seen(outcome: Outcome, name: str = "a") -> tuple[str, ...]:
    held: Seen = outcome.state.slices[name]
    return held.what


def test_timers_due_fire_before_the_event_oldest_first_those_they_set_included() -> None:
    def answer(event: Any, _: Context) -> Sequence[Output]:
        if isinstance(event, TimerFired):
            return [Timer("third", 30)] if event.name == "first" else []
        return [Timer("second", 20), Timer("first", 10), Timer("later", 41)]

    toy = stage(step("a", answer, LeadCaptured, TimerFired))
    outcome = run(toy, KeyState(), captured(0), Clock(0))
    outcome = run(toy, outcome.state, captured(40), Clock(100))
    wanted = ("LeadCaptured", "first@10", "second@20", "third@30", "LeadCaptured")
    assert seen(outcome) == wanted
    assert {name: due for name, (due, _) in outcome.state.timers.items()} == {
        "a.second": 20,
        "a.first": 10,
        "a.later": 41,
    }


@pytest.mark.parametrize(("at", "now", "fires"), [(10, 10, True), (10, 9, False), (9, 10, False), (11, 11, True)])
def test_a_timer_waits_for_both_the_event_and_the_tick(at: int, now: int, fires: bool) -> None:
    toy = stage(step("a", lambda *_: (), LeadCaptured, TimerFired))
    outcome = run(toy, KeyState(timers={"a.t": (10, 1)}, generation=1), captured(at), Clock(now))
    assert ("t@10" in seen(outcome)) is fires


def test_setting_a_timer_again_moves_it_and_every_setting_has_a_generation_of_its_own() -> None:
    plans: list[Sequence[Output]] = [
        [Timer("t", 5), Timer("t", 7)], [CancelTimer("t"), CancelTimer("none")], [Timer("t", 7)]
    ]  # fmt: skip
    toy = stage(step("a", lambda *_: plans.pop(0), LeadCaptured))
    state, generations = KeyState(), []
    for _ in range(3):
        state = run(toy, state, captured(0), Clock(0)).state
        generations.append(state.timers.get("a.t"))
    assert generations == [(7, 2), None, (7, 3)]


def test_equal_instants_fire_by_name_and_each_firing_is_a_cause_of_its_own() -> None:
    causes: list[str] = []

    def answer(_: Any, ctx: Context) -> Sequence[Output]:
        causes.append(ctx.cause)
        return ()

    toy = stage(step("a", answer, TimerFired))
    outcome = Outcome(KeyState(timers={"a.y": (5, 2), "a.x": (5, 3)}, generation=3))
    fire_due(toy, outcome, KEY, 5, Clock(9))
    assert causes == ["timer:x:5:3", "timer:y:5:2"]
    assert not outcome.state.timers


def test_a_timer_reaches_only_the_step_that_set_it() -> None:
    toy = stage(step("a", lambda *_: (), TimerFired), step("b", lambda *_: (), TimerFired))
    outcome = Outcome(KeyState(timers={"b.t": (5, 1)}))
    fire_due(toy, outcome, KEY, 5, Clock(5))
    assert seen(outcome, "b") == ("t@5",)
    assert "a" not in outcome.state.slices


def test_what_a_step_emits_flows_on_through_later_steps_only() -> None:
    emits = step("a", lambda event, ctx: [Emit(scored(ctx.at))] if isinstance(event, LeadCaptured) else (),
                 LeadCaptured, LeadScored)  # fmt: skip
    toy = stage(emits, step("b", lambda *_: (), LeadScored), step("c", lambda *_: (), LeadCaptured, LeadScored))
    outcome = run(toy, KeyState(), captured(1), Clock(1))
    assert [seen(outcome, name) for name in "abc"] == [
        ("LeadCaptured",), ("LeadScored",), ("LeadCaptured", "LeadScored")
    ]  # fmt: skip
    (emitted,) = outcome.outputs
    assert isinstance(emitted, Emitted)
    assert emitted.handed_on


def test_what_is_for_another_key_is_not_handed_on() -> None:
    emits = step("a", lambda *_: [Emit(scored(1, "other"))], LeadCaptured)
    outcome = run(stage(emits, step("b", lambda *_: (), LeadScored)), KeyState(), captured(1), Clock(1))
    (emitted,) = outcome.outputs
    assert isinstance(emitted, Emitted)
    assert not emitted.handed_on
    assert "b" not in outcome.state.slices


@pytest.mark.parametrize("answer", [Forward(None), Drop("again", whole=True)], ids=["passed on", "dropped whole"])  # type: ignore[arg-type]
def test_an_input_that_a_step_lets_go_is_no_business_of_later_ones(answer: Output) -> None:
    toy = stage(step("a", lambda *_: [answer], LeadCaptured), step("b", lambda *_: (), LeadCaptured))
    outcome = run(toy, KeyState(), captured(1), Clock(1))
    assert outcome.outputs == [answer]
    assert "b" not in outcome.state.slices


def test_a_later_step_sees_what_earlier_ones_left_in_this_very_pass() -> None:
    looks: list[Any] = []

    def look(_: Any, ctx: Context) -> Sequence[Output]:
        looks.append(ctx.slices["a"].what)
        return ()

    run(stage(step("a", lambda *_: (), LeadCaptured), step("b", look, LeadCaptured)), KeyState(), captured(1), Clock(1))
    assert looks == [("LeadCaptured",)]


def test_a_refusal_undoes_the_input_but_not_the_timers_before_it() -> None:
    def refuse(event: Any, _: Context) -> Sequence[Output]:
        return [Drop("lost"), Timer("x", 99), DeadLetter("no", "not this one")]

    toy = stage(step("a", lambda *_: [Drop("timer")], LeadCaptured, TimerFired), step("b", refuse, LeadCaptured))
    before = KeyState(timers={"a.t": (5, 1)}, generation=1, region="IND")
    outcome = run(toy, before, captured(9), Clock(9))
    assert outcome.outputs == [Drop("timer"), DeadLetter("no", "not this one")]
    assert seen(outcome) == ("t@5",)
    assert (outcome.state.timers, outcome.state.generation) == ({}, 1)
    assert "b" not in outcome.state.slices
    assert before.timers == {"a.t": (5, 1)}, "the state that was given stays as it was"


def test_a_refusal_alone_leaves_the_very_state() -> None:
    toy = stage(step("a", lambda *_: [DeadLetter("no", "no")], LeadCaptured))
    state = KeyState()
    assert run(toy, state, captured(1), Clock(1)).state is state


def test_a_step_that_answers_with_the_slice_it_was_given_leaves_the_very_state() -> None:
    kept = Step("a", lambda held, event, ctx: (held, [Emit(scored(1))]), consumes=(LeadCaptured,), slice=Seen)
    state = KeyState({"a": Seen(), "b": Seen()}, {"a.t": (99, 1)}, 1, "UAE")
    outcome = run(stage(kept), state, captured(1), Clock(1))
    assert outcome.state is state
    assert len(outcome.outputs) == 1
    for answer in ([Timer("t", 99)], [CancelTimer("t")]):
        sets = Step("a", lambda held, event, ctx, answer=answer: (held, answer), consumes=(LeadCaptured,), slice=Seen)
        assert run(stage(sets), state, captured(1), Clock(1)).state != state
    assert run(stage(kept), KeyState(), captured(1), Clock(1)).state == KeyState(), "a home alone is not kept"


FACTS = [(3, "EUR"), (1, "USA"), (2, "UAE"), (1, "IND")]


def test_home_is_where_the_earliest_fact_was_whichever_arrives_first() -> None:
    toy = stage(step("a", lambda *_: (), LeadCaptured))
    prefix = Accepted.build(arrived_at=9, topic="leads", partition=0, offset=0, lead_id="k")
    said_by_a_stage = (0, "EUR")  # and earlier than any fact
    for order in permutations([*FACTS, said_by_a_stage]):
        state = KeyState()
        for at, region in order:
            event = fact(LeadCaptured, occurred_at=at, region=region, channel="web", email="a@b.test")
            carried = None if (at, region) == said_by_a_stage else prefix
            state = run(toy, state, Input(KEY, event, event.event_id, at, carried), Clock(9)).state
        assert (state.region, state.since) == ("IND", 1), order


def test_derived_events_carry_ids_cause_tenant_and_home_region() -> None:
    toy = stage(step("a", lambda event, ctx: [Emit(scored(1)), Emit(scored(2))], LeadCaptured))
    given = captured(3)
    first = run(toy, KeyState(), given, Clock(3))
    events = [output.event for output in first.outputs if isinstance(output, Emitted)]
    assert [event.event_id for event in events] == [derived_id("a", KEY, given.cause, n) for n in (0, 1)]
    for event in events:
        assert (event.workspace_id, event.region, event.source, event.cause_id) == ("acme", "UAE", "toy.a", given.cause)
    assert run(toy, KeyState(), given, Clock(3)).outputs == first.outputs


@pytest.mark.parametrize(
    ("cause_at", "speaks_of", "now", "goes"),
    [
        (DAY, DAY, 2 * DAY, True),
        (DAY, DAY, 2 * DAY + 1, False),
        (2 * DAY, DAY, 2 * DAY + 1, False),
        (DAY, 2 * DAY, 2 * DAY + 1, False),
    ],
)
def test_nothing_reaches_out_for_an_old_cause_or_of_old_times(
    cause_at: int, speaks_of: int, now: int, goes: bool
) -> None:
    proposal = ContactProposed.build(
        occurred_at=speaks_of, lead_id="x", message_id="y", purpose="p", channels=[], not_after=now + HOUR
    )
    routed = LeadRouted.build(occurred_at=speaks_of, lead_id="x", seq=1, temperature="hot", route="email", reason="r")
    toy = stage(step("a", lambda *_: [Emit(proposal), Emit(routed)], LeadCaptured))
    outcome = run(toy, KeyState(), captured(cause_at), Clock(now))
    told: list[Any] = [type(one.event) if isinstance(one, Emitted) else one for one in outcome.outputs]
    assert told == [ContactProposed if goes else Drop("stale"), LeadRouted]


def test_a_stage_is_stateful_when_a_step_remembers_or_it_holds_the_duplicate_index() -> None:
    forgetful = Step("a", lambda *_: (None, ()), consumes=(Event,))
    assert not stage(forgetful).stateful
    assert Stage("toy", ("journeys",), (forgetful,), deduplicates=True).stateful
    assert stage(step("a", lambda *_: (), LeadCaptured)).stateful
