"""Telling of a binding: the stores once per version, every lead that has or had the history, and dependents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from models.identity.binding import Rows, moves
from models.identity.erasure import NOBODY, somebody
from processors.base import Emit
from schemas.events.identity import IdentifierBound
from schemas.events.resolving import BindingChanged, BindingMove, BindingRow, Owner


class Bound(NamedTuple):
    """An identifier, or a booking's own, the version of its binding, and whether that is in doubt."""

    identifier: str
    kind: str
    ver: int = 0
    doubted: bool = False


class Change(NamedTuple):
    """Rows of a binding before and after, and what they moved, as (from lead, into lead)."""

    before: Rows
    after: Rows
    moves: Sequence[tuple[str, str]] = ()


def change(before: Rows, after: Rows, *, brought: bool) -> Change:
    """A change of a binding; nothing moves, and nobody waits for it, while the identifier has ``brought`` no fact.

    Nobody waits for what is erased either.
    """
    moved = [pair for pair in moves(before, after) if NOBODY not in pair] if brought else ()
    return Change(before, after, moved)


class Decision(NamedTuple):
    """Why a binding changed: the word for it, all identifiers that moved with this one, and what tells it apart."""

    why: str
    identifiers: Sequence[str] = ()
    id: str = ""


FIRST = Decision("first")
"""Nothing moved: somebody asks, or a binding is new."""


class Ownership(NamedTuple):
    """What dependents of an identifier (its key ``strong``) are told: its lead, the version, when it was erased."""

    strong: str
    lead_id: str
    ver: int
    erased_at: int | None = None


def first_bound(bound: Bound, rows: Rows, why: str, at: int) -> list[Emit]:
    """A version of a binding, for the stores. ``at``: microseconds."""
    identifier, kind, version, _ = bound
    return [
        Emit(
            IdentifierBound.build(
                occurred_at=at, identifier=identifier, kind=kind, lead_id=lead, since=since, version=version, why=why
            )
        )
        for since, lead in rows
    ]


def rebound(bound: Bound, change: Change, decision: Decision, at: int, *others: str) -> list[Emit]:
    """A new version of a binding, for the stores, for every lead in the old or the new one, and for ``others``."""
    leads = somebody(lead for rows in change[:2] for _, lead in rows) | {*others}
    return [
        *first_bound(bound, change.after, decision.why, at),
        *(told(lead, bound, change, decision, at) for lead in sorted(leads)),
    ]


def told(lead: str, bound: Bound, change: Change, decision: Decision, at: int) -> Emit:
    """To a lead: a binding as it is, and what has moved."""
    rows = [BindingRow.build(since=since, lead_id=owner) for since, owner in change.after]
    moved = [BindingMove.build(from_lead=old, into_lead=new) for old, new in change.moves]
    return Emit(
        BindingChanged.build(
            occurred_at=at,
            lead_id=lead,
            identifier=bound.identifier,
            kind=bound.kind,
            ver=bound.ver,
            rows=rows,
            moves=moved,
            doubted=bound.doubted,
            why=decision.why,
            identifiers=list(decision.identifiers),
            decision=decision.id,
        )
    )


def owners(subjects: Iterable[str], told: Ownership, decision: Decision, at: int) -> list[Emit]:
    """To dependents, in order: the lead of what they hang on."""
    return [
        Emit(
            Owner.build(
                occurred_at=at,
                subject=subject,
                strong=told.strong,
                lead_id=told.lead_id,
                ver=told.ver,
                why=decision.why,
                identifiers=list(decision.identifiers),
                decision=decision.id,
                erased_at=told.erased_at,
            )
        )
        for subject in sorted(subjects)
    ]
