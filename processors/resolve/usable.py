"""Which identifiers of a fact mean somebody: all but those that the policy blocks."""

from __future__ import annotations

from models.identity.blocked import is_blocked
from models.policy import Policy
from schemas.events.base import Identified
from schemas.events.identity import IdentifierHash

_BLOCKABLE = ("crm_id", "email", "phone", "wa_id")


def usable(identifiers: list[IdentifierHash], fact: Identified, policy: Policy) -> list[IdentifierHash]:
    """The identifiers without blocked ones, best first; the very list where none is."""
    blocked = [
        kind
        for kind in _BLOCKABLE
        if (value := getattr(fact, kind)) is not None and is_blocked(kind, value, policy.blocked_identifiers)
    ]
    left = identifiers
    for kind in blocked:
        left = _without(left, kind)
    return left


def _without(identifiers: list[IdentifierHash], kind: str) -> list[IdentifierHash]:
    """Without the identifier that a kind's value became; a WhatsApp id may have become a phone, the last one then."""
    found = [one for one in identifiers if one.kind == kind]
    if kind == "wa_id" and not found:
        found = [one for one in identifiers if one.kind == "phone"][-1:]
    return [one for one in identifiers if one is not found[0]] if found else identifiers
