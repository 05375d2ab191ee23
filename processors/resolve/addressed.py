"""A fact that only names a lead goes to the lead of that name, which knows where it lives on."""

from __future__ import annotations

from collections.abc import Sequence

from processors.base import Context, Output
from processors.resolve.accept import accepted
from processors.resolve.keys import key_of
from schemas.events.base import Identified


def pass_on_to_lead(_: None, fact: Identified, ctx: Context) -> tuple[None, Sequence[Output]]:
    """Forward the fact, accepted, to the lead that it names."""
    key = key_of(ctx)
    return (None, [accepted(ctx.origin, lead_id=key.hash)]) if key.kind == "l" else (None, ())
