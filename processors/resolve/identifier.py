"""A fact about a person: the lead is the one that its best identifier is bound to.

An identifier's first binding is the lead that bears its own hash, from the beginning of time. (Links between
identifiers will change bindings; everything that carries ``identifier``, ``seq`` and ``ver`` is ready for it.)
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.base import Context, Emit, Forward, Output
from processors.resolve.accept import accepted
from schemas.events.base import Identified
from schemas.events.identity import IdentifierBound


class Identifier(msgspec.Struct, frozen=True, array_like=True):
    """One identifier (or a bare lead id): its lead, the binding's version, and how many facts it has brought."""

    lead_id: str
    ver: int = 0
    seq: int = 0


def bind(held: Identifier | None, fact: Identified, ctx: Context) -> tuple[Identifier, Sequence[Output]]:
    """Forward the fact to its lead; announce the binding at the identifier's first fact."""
    named = ctx.origin.identifiers[0] if ctx.origin.identifiers else None
    outputs: list[Output] = []
    if held is None:
        held = Identifier(named.hash if named else str(fact.lead_id).lower())
        if named:
            bound = IdentifierBound.build(
                occurred_at=fact.occurred_at,
                identifier=named.hash,
                kind=named.kind,
                lead_id=held.lead_id,
                since=0,
                version=held.ver,
            )
            outputs.append(Emit(bound))
    held = Identifier(held.lead_id, held.ver, held.seq + 1)
    identifier = named.hash if named else None
    prefix = accepted(ctx.origin, lead_id=held.lead_id, identifier=identifier, seq=held.seq, ver=held.ver)
    return held, [*outputs, Forward(prefix)]
