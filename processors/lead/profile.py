"""Who the lead is: each field a versioned register, so that regions can join theirs later in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from models.identity import normal_email, normal_phone
from processors.base import Context, Drop, Emit, Output
from schemas.events.base import Identified
from schemas.events.identity import IdentifierHash
from schemas.events.leads import LeadCaptured
from schemas.events.profiles import LeadProfiled

MAX_IDENTIFIERS = 64

_PERSONAL = ("crm_id", "email", "phone", "wa_id")
_DETAILS = (
    "full_name",
    "country",
    "language",
    "time_zone",
    "owner_id",
    "property_id",
    "channel",
    "campaign_id",
    "interest",
    "budget_minor",
    "currency",
    "timeframe_days",
    "financing",
)


class Register(msgspec.Struct, frozen=True, array_like=True):
    """A value with its hybrid logical clock (``wall`` microseconds, then ``logical``) and dot (region and event).

    The greatest (wall, logical, dot) wins: the join is commutative, associative and idempotent.
    """

    value: str | int
    wall: int
    logical: int
    dot: str


class Profile(msgspec.Struct, frozen=True):
    """A lead's registers by field, its identifiers' hashes by kind, first capture, and the version last published.

    Bound: one register per field of ``LeadProfiled``, ``MAX_IDENTIFIERS`` identifiers.
    """

    registers: dict[str, Register] = {}
    identifiers: dict[str, str] = {}
    first_captured_at: int | None = None
    version: int = 0


def profile(held: Profile | None, fact: Identified, ctx: Context) -> tuple[Profile, Sequence[Output]]:
    """Join what the fact says of the person; publish the profile when it changed.

    A lead that nobody can be recognised by again has no profile. A booking says nothing here: it follows the person
    that its highest revision names, and an older one may have named another.
    """
    before = held or Profile()
    outputs: list[Output] = []
    identifiers = {**before.identifiers, **{one.hash: one.kind for one in ctx.origin.identifiers}}
    if len(identifiers) > MAX_IDENTIFIERS:
        identifiers = before.identifiers
        outputs.append(Drop("too_many_identifiers"))
    first = before.first_captured_at
    if type(fact) is LeadCaptured:
        first = fact.occurred_at if first is None else min(first, fact.occurred_at)
    if not identifiers:
        return before, outputs
    newer = _newer(before.registers, fact)
    version = before.version
    if held is None or (identifiers, first) != (before.identifiers, before.first_captured_at) or _tells(newer, before):
        version += 1
    after = Profile({**before.registers, **newer}, identifiers, first, version)
    if version > before.version:
        outputs.append(Emit(_published(after, fact, ctx)))
    return after, outputs


def _newer(registers: dict[str, Register], fact: Identified) -> dict[str, Register]:
    """What the fact says with a greater clock than what is held."""
    wall, logical, dot = fact.occurred_at, 0, f"{fact.region}:{fact.event_id}"
    newer: dict[str, Register] = {}
    for name, value in _said(fact).items():
        held = registers.get(name)
        if held is None or (wall, logical, dot) > (held.wall, held.logical, held.dot):
            newer[name] = Register(value, wall, logical, dot)
    return newer


def _tells(newer: dict[str, Register], before: Profile) -> bool:
    """Whether any value changes; the clocks behind the values, which are not published, move more often."""
    held = before.registers
    return any(name not in held or held[name].value != register.value for name, register in newer.items())


def _said(fact: Identified) -> dict[str, Any]:
    names = (*_PERSONAL, *_DETAILS) if isinstance(fact, LeadCaptured) else _PERSONAL
    said = {name: value for name in names if (value := getattr(fact, name)) is not None}
    if "email" in said:
        said["email"] = normal_email(said["email"])
    if "phone" in said:
        said["phone"] = normal_phone(said["phone"], fact.region)
    return {name: value for name, value in said.items() if value is not None}


def _published(profile_: Profile, fact: Identified, ctx: Context) -> LeadProfiled:
    values = {name: register.value for name, register in profile_.registers.items()}
    email = values.get("email")
    return LeadProfiled.build(
        occurred_at=fact.occurred_at,
        lead_id=ctx.origin.lead_id,
        version=profile_.version,
        identifiers=[IdentifierHash.build(kind=kind, hash=hash_) for hash_, kind in profile_.identifiers.items()],
        email_domain=str(email).rpartition("@")[2] if email else None,
        first_captured_at=profile_.first_captured_at,
        **values,
    )
