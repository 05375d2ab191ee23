"""Visits: after a control record, every key of its workspace is looked at again, a page with each tick."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from processors.base import Visit
from schemas.codec import encode
from schemas.events.base import Event
from schemas.events.operations import SweepFinished
from schemas.topics import TOPICS
from streams.records import OutRecord
from streams.stage import Input

VISITS_PER_TICK = 500


class Sweep(msgspec.Struct, array_like=True):
    """A visit under way: the control record, its workspace, the last key visited (empty: not begun), how many were."""

    control_id: str
    type: str
    workspace: str
    at: int
    cursor: str
    visited: int = 0


def queued(sweeps: Sequence[Sweep], control: Event) -> list[Sweep]:
    """With a sweep for a control record, unless one that has not begun will see this change as well."""
    if any(sweep.workspace == control.workspace_id and not sweep.cursor for sweep in sweeps):
        return [*sweeps]
    return [*sweeps, Sweep(control.event_id, type(control).__name__, control.workspace_id, control.occurred_at, "")]


def page(sweep: Sweep, keys_after: Callable[[str, int], list[str]]) -> list[str]:
    """The next keys to visit, fewer than a page at the end; ``keys_after`` gives keys behind one, in order."""
    inside = sweep.workspace + "/"
    return [key for key in keys_after(max(sweep.cursor, inside), VISITS_PER_TICK) if key.startswith(inside)]


def visit(sweep: Sweep, key: str) -> Input:
    """The visit of one key."""
    return Input(key, Visit(sweep.control_id, sweep.type), f"visit:{sweep.control_id}", sweep.at)


def advanced(sweeps: Sequence[Sweep], visited: Sequence[str]) -> tuple[list[Sweep], Sweep | None]:
    """What is left to do after a page of the first sweep, and that sweep if it has come to its end."""
    first, *rest = sweeps
    first = msgspec.structs.replace(first, visited=first.visited + len(visited))
    if len(visited) < VISITS_PER_TICK:
        return rest, first
    return [msgspec.structs.replace(first, cursor=visited[-1]), *rest], None


def finished(sweep: Sweep, stage: str, partition: int, now: int) -> OutRecord:
    """The word that a partition of a stage has visited every key; ``now`` in microseconds."""
    event = SweepFinished.build(
        stage=stage,
        partition=partition,
        workspace_id=sweep.workspace,
        control_id=sweep.control_id,
        control_type=sweep.type,
        keys=sweep.visited,
        at=now,
    )
    return OutRecord(TOPICS["sweeps"].name, f"{sweep.workspace}/{stage}", encode(event))
