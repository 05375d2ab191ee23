"""Which identifiers of a fact mean somebody: all but those that the policy blocks."""

from __future__ import annotations

from functools import lru_cache

from models.identity.blocked import is_blocked
from models.policy import Policy
from schemas.events.base import Identified
from schemas.events.identity import IdentifierHash


def usable(identifiers: list[IdentifierHash], fact: Identified, policy: Policy) -> list[IdentifierHash]:
    """The identifiers without blocked ones, best first; the very list where none is."""
    blocked = _blocked(fact.crm_id, fact.email, fact.phone, fact.wa_id, policy.blocked_identifiers)
    left = identifiers
    for kind in blocked:
        left = _without(left, kind)
    return left


@lru_cache(65_536)  # a person is named by the same values again and again
def _blocked(
    crm_id: str | None, email: str | None, phone: str | None, wa_id: str | None, entries: tuple[str, ...]
) -> tuple[str, ...]:
    """The kinds whose values a policy's entries block."""
    values = {"crm_id": crm_id, "email": email, "phone": phone, "wa_id": wa_id}
    return tuple(kind for kind, value in values.items() if value is not None and is_blocked(kind, value, entries))


def _without(identifiers: list[IdentifierHash], kind: str) -> list[IdentifierHash]:
    """Without the identifier that a kind's value became; a WhatsApp id may have become a phone, the last one then."""
    found = [one for one in identifiers if one.kind == kind]
    if kind == "wa_id" and not found:
        found = [one for one in identifiers if one.kind == "phone"][-1:]
    return [one for one in identifiers if one is not found[0]] if found else identifiers
