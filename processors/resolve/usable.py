"""Which identifiers of a fact mean somebody: all but those that the policy blocks."""

from __future__ import annotations

from functools import lru_cache

from models.identity import STRONG, normalise
from models.identity.blocked import is_blocked
from models.policy import Policy
from processors.resolve.keys import is_strong
from schemas.events.base import Identified
from schemas.events.identity import IdentifierHash


def usable(identifiers: list[IdentifierHash], fact: Identified, policy: Policy) -> list[IdentifierHash]:
    """The identifiers without blocked ones, best first; the very list where none is.

    Where it is not all that intake found, a key that the fact came by before has left the blocked ones out.
    """
    values = (fact.crm_id, fact.email, fact.phone, fact.wa_id)
    named = _named(values, fact.region, policy.blocked_identifiers)
    strong = [one for one in identifiers if is_strong(one)] if named else []
    if not named or [one.kind for one in strong] != [kind for kind, _ in named]:
        return identifiers
    left = [one for one, (_, blocked) in zip(strong, named, strict=True) if not blocked]
    return [*left, *identifiers[len(strong) :]]


@lru_cache(65_536)  # a person is named by the same values again and again
def _named(all_values: tuple[str | None, ...], region: str, entries: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    """Kind of each strong identifier as intake finds them in these values, and whether a policy's entries block it.

    Nothing where they block none. A WhatsApp id may be a phone number, and what is written may be no identifier.
    """
    values = [(kind, value) for kind, value in zip(STRONG, all_values, strict=True) if value]
    blocked = {kind for kind, value in values if is_blocked(kind, value, entries)}
    found: dict[tuple[str, str], bool] = {}
    for kind, value in values if blocked else ():
        normal = normalise(kind, value, region)
        if normal:
            found[normal] = found.get(normal, False) or kind in blocked
    return tuple((kind, is_blocked_) for (kind, _), is_blocked_ in found.items()) if any(found.values()) else ()
