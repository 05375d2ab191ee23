"""`fineacers topology`: the graph of stages and steps, from their declarations."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from schemas.topics import PLATFORM_TOPIC
from streams.cli.printing import printer
from streams.stage import Stage
from streams.topology import topology

_ANY_KEY = bytes(32)  # the graph is the same under every identity key


def topology_(as_json: Annotated[bool, typer.Option("--json", help="Print the graph as JSON.")] = False) -> None:
    """Print every stage with its inbox and its steps in order: what each consumes, what it emits, where that goes.

    Examples:

        fineacers topology

        fineacers topology --json
    """
    stages = topology(_ANY_KEY)
    graph = [_form(stage, stages) for stage in stages]
    if as_json:
        typer.echo(json.dumps(graph, indent=2))
        return
    for stage in graph:
        inputs = ", ".join(stage["inputs"]) if len(stage["inputs"]) < 5 else f"{len(stage['inputs'])} fact topics"
        tree = Tree(Text.assemble((stage["stage"], "bold"), f" ◀ {inputs}"))
        for step in stage["steps"]:
            branch = tree.add(f"{step['step']} ◀ {', '.join(step['consumes']) or 'nothing'}")
            for emitted in step["emits"]:
                branch.add(f"▶ {emitted['type']} → {', '.join(emitted['to']) or 'nobody'}")
        printer().print(tree)


def _form(stage: Stage, stages: tuple[Stage, ...]) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "inputs": list(stage.inputs),
        "stateful": stage.stateful,
        "facts_behind": stage.carries.__name__ if stage.carries else None,
        "controls": [type_.__name__ for type_ in stage.controls],
        "deduplicates": stage.deduplicates,
        "steps": [
            {
                "step": step.name,
                "remembers": step.slice.__name__ if step.slice else None,
                "consumes": [type_.__name__ for type_ in step.consumes],
                "emits": [{"type": type_.__name__, "to": _takers(type_, stage, place, stages)} for type_ in step.emits],
            }
            for place, step in enumerate(stage.steps)
        ],
    }


def _takers(type_: Any, stage: Stage, place: int, stages: tuple[Stage, ...]) -> list[str]:
    """Who takes what a step emits: later steps of the stage in the same pass, the type's topic, inboxes, whole ones."""
    later = [step.name for step in stage.steps[place + 1 :] if type_ in step.consumes]
    topic = [PLATFORM_TOPIC[type_].name] if type_ in PLATFORM_TOPIC else []
    takers = [other for other in stages if type_ in other.consumes and not (other is stage and later)]
    told = [f"all of {other.inputs[0]}" for other in stages if type_ in other.controls]
    return [*later, *topic, *(taker.inputs[0] for taker in takers), *told]
