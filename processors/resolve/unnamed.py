"""A fact that names no person passes here for the duplicate index; policies and rates are told to every partition."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.base import Broadcast, Context, DeadLetter, Output
from processors.control import CONTROL_TYPES, EMPTY, apply
from processors.resolve.accept import accepted
from schemas.events.base import Event


def pass_on(slice_: None, fact: Event, ctx: Context) -> tuple[None, Sequence[Output]]:
    """Forward the fact; broadcast it too when it is a control record that can be understood."""
    forward = accepted(ctx.origin, lead_id=None)
    if not isinstance(fact, CONTROL_TYPES):
        return None, [forward]
    try:
        apply(EMPTY, fact)
    except msgspec.MsgspecError as error:
        return None, [DeadLetter("bad_policy", f"the document is no policy: {error}")]
    return None, [forward, Broadcast()]
