"""Conflicts: what a rule keeps from joining, told to people while it lasts."""

from __future__ import annotations

from collections.abc import Sequence

from processors.base import Context, Emit
from schemas.events.identity import IdentityConflict
from schemas.ids import derived_id


def conflict(ctx: Context, kind: str, identifiers: Sequence[str], *, is_open: bool, version: int, at: int) -> Emit:
    """A conflict opened or closed; ``version`` grows with each word on it."""
    return Emit(
        IdentityConflict.build(
            occurred_at=at,
            conflict_id=derived_id("identity conflict", ctx.workspace, kind, *identifiers),
            kind=kind,
            identifiers=list(identifiers),
            open=is_open,
            version=version,
        )
    )
