"""The root of a group of identifiers: it holds the group's facts and decides who belongs to which lead.

Roots are ordered by hash and a pointer only ever goes to a smaller one, so pointers make no cycle, and one root speaks
for each identifier: the one that its facts have come to rest at.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.identity.doubts import in_doubt
from models.identity.erasure import NOBODY
from models.identity.facts import Conflict, Facts, join, packed, unpacked
from models.identity.partition import partition
from processors.base import Context, Emit, Output, Visit
from processors.resolve.conflicts import conflict
from processors.resolve.joined import FactsJoined
from processors.resolve.keys import Key, key_of
from processors.resolve.known import NOTHING
from schemas.events.resolving import Assign, FactsMoved, Meet, Named

MAX_MEMBERS = 64
"""A group that would grow beyond this is left as it is, and people are told; those under way may pass it."""


class Root(msgspec.Struct, frozen=True, array_like=True):
    """A group's facts and the version of its last decision; or, once it met a smaller root, the one it points to."""

    facts: Facts = NOTHING
    version: int = 0
    points_to: str | None = None


def conclude(
    held: Root | None, event: FactsJoined | Meet | FactsMoved | Assign | Visit, ctx: Context
) -> tuple[Root | None, Sequence[Output]]:
    """Join facts, meet another root, and say who belongs to which lead where that has changed."""
    if isinstance(event, Visit):
        return _swept(held, event, ctx)
    root = held or Root()
    if isinstance(event, Assign):
        return _shortened(root, event)
    if root.points_to is not None:
        return root, _passed_down(root.points_to, event)
    me = key_of(ctx)
    before = root.facts
    outputs: list[Output] = []
    if isinstance(event, Meet):
        root, outputs = _met(root, event, ctx)
    else:
        moved = unpacked(event.facts) if isinstance(event, FactsMoved) else event.facts
        version = event.version if isinstance(event, FactsMoved) else 0
        root = msgspec.structs.replace(root, facts=join(root.facts, moved), version=max(root.version, version))
        if isinstance(event, FactsJoined) and event.meet is not None:
            meet = Meet.build(root=event.meet, size=1, cause=event.cause)
            root, outputs = _met(root, meet, ctx)
    if root.points_to is None and root.facts != before:
        root, decided = _decided(root, me, event.cause, ctx)
        outputs = [*outputs, *decided]
    return root, outputs


def _swept(held: Root | None, order: Visit, ctx: Context) -> tuple[Root | None, Sequence[Output]]:
    """Somebody orders that everybody be decided anew: the same facts, by the rules in force now."""
    if held is None or held.points_to is not None:
        return held, ()
    return _decided(held, key_of(ctx), order.control_id, ctx)


def _shortened(root: Root, message: Assign) -> tuple[Root, Sequence[Output]]:
    if root.points_to is not None and _hash(message.root) < _hash(root.points_to):
        root = msgspec.structs.replace(root, points_to=message.root)
    return root, ()


def _passed_down(below: str, event: FactsJoined | Meet | FactsMoved) -> list[Output]:
    """What a former root hears goes to the root that it points to."""
    if isinstance(event, Meet):
        return [_meet(below, event.root, event.size, event.cause, event.occurred_at)]
    if isinstance(event, FactsMoved):
        return [_facts(below, event.facts, event.version, event.cause, event.occurred_at)]
    outputs: list[Output] = []
    if event.facts != NOTHING:
        outputs.append(_facts(below, packed(event.facts), 0, event.cause, event.occurred_at))
    if event.meet is not None:
        outputs.append(_meet(below, event.meet, 1, event.cause, event.occurred_at))
    return outputs


def _met(root: Root, other: Meet, ctx: Context) -> tuple[Root, list[Output]]:
    """Two roots of one group: the larger hands its facts to the smaller and points to it."""
    me, members = key_of(ctx), len(root.facts.first)
    if other.root == me.subject:
        return root, []
    if _hash(other.root) > me.hash:
        return root, [_meet(other.root, me.subject, members, other.cause, ctx.at)]
    if members + other.size <= MAX_MEMBERS:
        return Root(points_to=other.root), [_facts(other.root, packed(root.facts), root.version, other.cause, ctx.at)]
    full = Conflict("cluster_full", tuple(sorted((me.hash, _hash(other.root)))))
    told: list[Output] = [] if full in root.facts.conflicts else [_told(ctx, full, is_open=True, version=root.version)]
    conflicts = tuple(sorted({*root.facts.conflicts, full}))
    return msgspec.structs.replace(root, facts=msgspec.structs.replace(root.facts, conflicts=conflicts)), told


def _decided(root: Root, me: Key, cause: str, ctx: Context) -> tuple[Root, list[Output]]:
    """Partition anew: an ``Assign`` to exactly those whose lead has changed, or whether it is in doubt, and conflicts
    opened or closed."""
    facts = root.facts
    found = partition(facts, dict(ctx.policy.identity_limits))
    moved = {one: lead for one, lead in found.leads.items() if lead != facts.told(one)}
    lasting = {one for one in facts.conflicts if one.kind == "cluster_full"}
    conflicts = tuple(sorted({*found.conflicts, *lasting}))
    if not moved and conflicts == facts.conflicts:
        return root, []
    version = root.version + 1
    decision, names = f"{me.hash}:{version}", {*found.leads.values()}
    outputs: list[Output] = []
    doubted = in_doubt(conflicts)
    for one in (*moved, *sorted((doubted ^ in_doubt(facts.conflicts)) - moved.keys())):
        lead, before = found.leads[one], facts.told(one)
        together = sorted(other for other, into in moved.items() if into == lead and facts.told(other) == before)
        assign = Assign.build(
            occurred_at=ctx.at,
            subject=f"{facts.first[one].kind}:{one}",
            lead_id=lead,
            version=version,
            root=me.subject,
            why="erased" if before == NOBODY else "split" if before in names else "merged",
            identifiers=together,
            decision=decision,
            doubted=one in doubted,
            cause=cause,
        )
        outputs.append(Emit(assign))
    in_use = {lead for one, lead in moved.items() if one != lead} - {*facts.assigned.values()}
    outputs += [
        Emit(Named.build(occurred_at=ctx.at, subject=f"{facts.first[one].kind}:{one}"))
        for one in sorted(in_use & {*facts.first})  # who bears another name since an erasure tells of it anyway
    ]
    outputs += [_told(ctx, one, is_open=True, version=version) for one in conflicts if one not in facts.conflicts]
    outputs += [_told(ctx, one, is_open=False, version=version) for one in facts.conflicts if one not in conflicts]
    assigned = {one: lead for one, lead in found.leads.items() if one != lead}
    return Root(msgspec.structs.replace(facts, assigned=assigned, conflicts=conflicts), version), outputs


def _told(ctx: Context, one: Conflict, *, is_open: bool, version: int) -> Emit:
    return conflict(ctx, one.kind, one.identifiers, is_open=is_open, version=version, at=ctx.at)


def _meet(subject: str, root: str, size: int, cause: str, at: int) -> Emit:
    return Emit(Meet.build(occurred_at=at, subject=subject, root=root, size=size, cause=cause))


def _facts(subject: str, facts: bytes, version: int, cause: str, at: int) -> Emit:
    return Emit(FactsMoved.build(occurred_at=at, subject=subject, facts=facts, version=version, cause=cause))


def _hash(subject: str) -> str:
    return subject.partition(":")[2]
