"""What a weak identifier is told of the logins of a strong one.

Whose it is at an instant is who logged in last: as long as one alone logs in, that is this one, whenever it was. So
only the earliest login is told, which decides whose its companions are; and all are, once somebody else has logged in.
"""

from __future__ import annotations

from typing import Any

import msgspec

from models.identity.facts import Said
from models.identity.logins import MAX_LOGINS
from processors.base import Context, Emit, Output
from processors.resolve.keys import key_of
from processors.resolve.known import Strong, with_dependent
from schemas.events.resolving import Contested, Login


def logged_in(strong: Strong, weak: str, said: Said, ctx: Context) -> tuple[Strong, list[Output]]:
    """A fact names a weak identifier (its key) together with this one: attach it, and tell it if that may be news."""
    strong, refused = with_dependent(strong, weak, said.at, ctx)
    if refused:
        return strong, refused
    held = strong.weak[weak]
    if held.contested or held.first is None or said < held.first:
        return _with(strong, weak, first=min(said, held.first or said)), [_login(strong, weak, said, ctx)]
    untold = (*held.untold, said)
    if len(untold) >= MAX_LOGINS:  # as many as it would keep; of one's alone the first and the last
        untold = (max(untold),)
    return _with(strong, weak, untold=untold), []


def contested(strong: Strong, message: Contested, ctx: Context) -> tuple[Strong, list[Output]]:
    """Somebody else logs in with a weak identifier: tell it of every login from now on, and of those so far."""
    held = strong.weak.get(message.weak)
    if held is None:
        return strong, []
    told: list[Output] = [_login(strong, message.weak, said, ctx) for said in sorted(held.untold)]
    return _with(strong, message.weak, untold=(), contested=True), told


def _with(strong: Strong, weak: str, **news: Any) -> Strong:
    held = msgspec.structs.replace(strong.weak[weak], **news)
    return msgspec.structs.replace(strong, weak={**strong.weak, weak: held})


def _login(strong: Strong, weak: str, said: Said, ctx: Context) -> Emit:
    return Emit(
        Login.build(
            occurred_at=said.at,
            subject=weak,
            strong=key_of(ctx).subject,
            at=said.at,
            fact_id=said.fact_id,
            lead_id=strong.lead_id,
            ver=strong.ver,
            erased_at=strong.erased_at,
        )
    )
