"""Telling of a binding: to the stores once per version, to every lead that has or had the history, and to dependents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from models.identity.binding import Rows, moves
from processors.base import Emit
from schemas.events.identity import IdentifierBound
from schemas.events.resolving import BindingChanged, BindingMove, BindingRow, Owner


class Decision(NamedTuple):
    """Why a binding changed: the word for it, all identifiers that moved with this one, and what tells it apart."""

    why: str
    identifiers: Sequence[str]
    id: str


def bound(identifier: str, kind: str, rows: Rows, version: int, why: str, at: int) -> list[Emit]:
    """A version of a binding, for the stores."""
    return [
        Emit(
            IdentifierBound.build(
                occurred_at=at, identifier=identifier, kind=kind, lead_id=lead, since=since, version=version, why=why
            )
        )
        for since, lead in rows
    ]


def rebound(
    identifier: str, kind: str, before: Rows, after: Rows, version: int, decision: Decision, at: int
) -> list[Emit]:
    """A new version of a binding, for the stores and for every lead in the old or the new one."""
    told = sorted({lead for _, lead in (*before, *after)})
    rows = [BindingRow.build(since=since, lead_id=lead) for since, lead in after]
    moved = [BindingMove.build(from_lead=old, into_lead=new) for old, new in moves(before, after)]
    messages = [
        Emit(
            BindingChanged.build(
                occurred_at=at,
                lead_id=lead,
                identifier=identifier,
                kind=kind,
                ver=version,
                rows=rows,
                moves=moved,
                why=decision.why,
                identifiers=list(decision.identifiers),
                decision=decision.id,
            )
        )
        for lead in told
    ]
    return [*bound(identifier, kind, after, version, decision.why, at), *messages]


def owner(subject: str, strong: str, lead_id: str, ver: int, decision: Decision, at: int) -> Emit:
    """To a dependent: the lead of what it hangs on."""
    return Emit(
        Owner.build(
            occurred_at=at,
            subject=subject,
            strong=strong,
            lead_id=lead_id,
            ver=ver,
            why=decision.why,
            identifiers=list(decision.identifiers),
            decision=decision.id,
        )
    )


def owners(subjects: Iterable[str], strong: str, lead_id: str, ver: int, decision: Decision, at: int) -> list[Emit]:
    """To all dependents, in order."""
    return [owner(subject, strong, lead_id, ver, decision, at) for subject in sorted(subjects)]
