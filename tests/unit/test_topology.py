"""The topology says all: every step is in it, every declaration holds."""

from __future__ import annotations

import importlib
import pkgutil
from functools import partial

import processors
from processors.base import Received, Step, TimerFired, Visit
from schemas.events.base import Event, Message
from schemas.events.governance import IdentitySweepOrdered
from schemas.topics import FACTS, INBOXES, MESSAGES, PLATFORM_TOPIC, TOPICS
from streams.local.services import _PLATFORM
from tests.support.runs import STAGES

HELPERS = {
    "processors.base",
    "processors.closing",
    "processors.control",
    "processors.noting",
    "processors.campaign.figures",
    "processors.lead.asking",
    "processors.lead.bookings",
    "processors.lead.candidates",
    "processors.lead.checks",
    "processors.lead.history",
    "processors.lead.moves",
    "processors.lead.receipt",
    "processors.lead.requests",
    "processors.lead.sequences",
    "processors.lead.situation",
    "processors.lead.touch",
    "processors.intake.identities",
    "processors.resolve.accept",
    "processors.resolve.binding",
    "processors.resolve.conflicts",
    "processors.resolve.erased",
    "processors.resolve.joined",
    "processors.resolve.keys",
    "processors.resolve.known",
    "processors.resolve.login",
    "processors.resolve.told",
    "processors.resolve.usable",
    "processors.resolve.witness",
    "processors.ledger.accounts",
    "processors.ledger.books",
    "processors.ledger.cells",
    "processors.ledger.close",
    "processors.ledger.journey",
    "processors.ledger.lines",
    "processors.ledger.target",
    "processors.ledger.value",
    "processors.workspace.week",
}
"""Modules that hold no step. A new module is a step in the topology, or stands here."""

STEPS = [step for stage in STAGES for step in stage.steps]


def _module(run: object) -> str:
    while isinstance(run, partial):
        run = run.func
    return str(getattr(run, "__module__", ""))


def test_every_processor_module_is_a_step_or_a_known_helper() -> None:
    found = {info.name for info in pkgutil.walk_packages(processors.__path__, "processors.") if not info.ispkg}
    for name in found:
        importlib.import_module(name)
    assert found == {_module(step.run) for step in STEPS} | HELPERS


def test_steps_and_stages_have_names_of_their_own() -> None:
    # ids are derived from the step's name, not the stage's
    names = [step.name for step in STEPS]
    assert len(names) == len(set(names))
    assert len({stage.name for stage in STAGES}) == len(STAGES)
    assert not any("." in name or "/" in name for name in names)


def test_every_stage_but_intake_reads_one_inbox_of_its_own() -> None:
    intake, *others = STAGES
    assert intake.inputs == (*(topic.name for topic in FACTS), "effects.results")
    assert [stage.inputs for stage in others] == [(inbox.name,) for inbox in INBOXES]
    assert not intake.stateful
    assert all(stage.stateful for stage in others)


def test_what_is_emitted_goes_somewhere_and_is_never_a_fact() -> None:
    consumed = {type_ for stage in STAGES for type_ in stage.consumes}
    for step in STEPS:
        for type_ in step.emits:
            assert type_.__name__ in MESSAGES or _stays_in_the_pass(step, type_)
            assert type_ in PLATFORM_TOPIC or type_ in consumed
            assert not any(type_ in topic.types for topic in FACTS)


def _stays_in_the_pass(step: Step, type_: type[Message]) -> bool:
    """Whether only later steps of its own stage take what a step emits."""
    (stage,) = (stage for stage in STAGES if step in stage.steps)
    later = stage.steps[stage.steps.index(step) + 1 :]
    takers = [other for other in STEPS if type_ in other.consumes]
    return bool(takers) and all(taker in later for taker in takers)


def test_what_is_consumed_can_arrive() -> None:
    for stage in STAGES:
        carried = {type_ for topic in stage.inputs for type_ in TOPICS[topic].types}
        made = {type_ for step in stage.steps for type_ in step.emits}
        for type_ in stage.consumes - {TimerFired, Visit, Received}:
            assert issubclass(type_, Event)
            assert type_ in carried | made


def test_a_stage_that_holds_control_records_lets_its_steps_be_visited() -> None:
    for stage in STAGES:
        assert bool(stage.controls) == (Visit in stage.consumes)


def test_a_policy_lets_no_old_group_of_identifiers_be_decided_anew() -> None:
    """Identity specification, section 10: on an order, not by itself."""
    (resolve,) = (stage for stage in STAGES if stage.name == "resolve")
    assert set(resolve.controls) - set(resolve.consulted) == {IdentitySweepOrdered}


def test_the_local_stack_runs_every_stage_once() -> None:
    run = [stage for command, *stages in _PLATFORM.values() if command == "worker" for stage in stages]
    assert sorted(run) == sorted(stage.name for stage in STAGES)
