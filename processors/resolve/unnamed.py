"""A fact that names no person passes here for the duplicate index; policies and rates are told to every partition."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from processors.base import Broadcast, Context, DeadLetter, Output
from processors.control import CONTROL_TYPES, EMPTY, apply
from processors.resolve.accept import accepted
from schemas.events.base import Event
from schemas.events.governance import ExchangeRateSet, PolicyChanged


class Told(msgspec.Struct, frozen=True, array_like=True):
    """The highest version of a policy, or revision of a rate, accepted under this key, and a hash of its content.

    Bound: one of each.
    """

    version: int
    content: bytes


def pass_on(held: Told | None, fact: Event, ctx: Context) -> tuple[Told | None, Sequence[Output]]:
    """Forward the fact; broadcast it too when it is a control record that can be understood and is no contradiction."""
    forward = accepted(ctx.origin, lead_id=None)
    if not isinstance(fact, CONTROL_TYPES):
        return held, [forward]
    try:
        apply(EMPTY, fact)
    except msgspec.MsgspecError as error:
        return held, [DeadLetter("bad_policy", f"the document is no policy: {error}")]
    told = _told(fact)
    if told is not None and held is not None and told.version == held.version and told != held:
        return held, [_CONFLICT]
    newer = told is not None and (held is None or told.version > held.version)
    return told if newer else held, [forward, Broadcast()]


_CONFLICT = DeadLetter(
    "revision_conflict", "this version is known with other content, which stays: publish a higher version or revision"
)


def _told(fact: Event) -> Told | None:
    match fact:
        case PolicyChanged():
            version, content = fact.version, f"{fact.applies_from} {fact.document}"
        case ExchangeRateSet():
            version, content = fact.revision, fact.rate
        case _:
            return None
    return Told(version, blake2b(content.encode(), digest_size=16).digest())
