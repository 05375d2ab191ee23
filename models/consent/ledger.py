"""What one contact point said of being contacted, as the newest of each kind of statement.

The join takes the greater of each, so it is commutative, associative and idempotent: statements may come in any order
and more than once. Rules: `regions-consent` notes, section 4.3; an opt-out of anything ends all marketing, an opt-in
allows what it names and nothing else, and of two at one instant the opt-out holds.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from models.policy import Policy
from schemas.events.gate import Category

MARKETING = "marketing"
"""Consent for this purpose covers every purpose of marketing."""

MAX_GRANTS = 32


class Said(msgspec.Struct, frozen=True, array_like=True, order=True):
    """When something was said (microseconds), and the id of the statement."""

    at: int
    id: str


class Consents(msgspec.Struct, frozen=True, array_like=True):
    """The newest consent by ``channel/purpose``, objection to marketing, and reason to send nothing at all.

    ``unusable``: the newest reason that is the address's own, as that it reaches nobody. Bound: the newest
    ``MAX_GRANTS`` consents.
    """

    granted: dict[str, Said] = {}
    withdrawn: Said | None = None
    suppressed: Said | None = None
    unusable: Said | None = None


NOTHING_SAID = Consents()


class Statement(NamedTuple):
    """Somebody said that a channel may, or nothing may, be used for a purpose; ``suppressed``: for none whatever.

    ``unusable``: a provider says that an address is of no use, which is nobody's word on being contacted.
    """

    said: Said
    channel: str
    purpose: str
    granted: bool
    suppressed: bool = False
    unusable: bool = False


class Permission(NamedTuple):
    """Whether a message may be sent, why, and by which statement."""

    allowed: bool
    reason: str
    consent_id: str | None = None


class Wish(NamedTuple):
    """A message of a category that somebody wants to send over a channel, for a purpose, in a home region."""

    channel: str
    purpose: str
    category: Category
    region: str


def heard(consents: Consents, statement: Statement) -> Consents:
    """With one statement more."""
    if statement.unusable:
        return joined(consents, Consents(unusable=statement.said))
    if statement.suppressed:
        return joined(consents, Consents(suppressed=statement.said))
    if not statement.granted:
        return joined(consents, Consents(withdrawn=statement.said))
    return joined(consents, Consents({f"{statement.channel}/{statement.purpose}": statement.said}))


def joined(one: Consents, other: Consents) -> Consents:
    """What both together say; the very ``one`` where the other says nothing new."""
    granted = dict(one.granted)
    for key, said in other.granted.items():
        granted[key] = max(granted.get(key, said), said)
    if len(granted) > MAX_GRANTS:
        granted = dict(sorted(granted.items(), key=lambda item: (item[1], item[0]))[-MAX_GRANTS:])
    both = Consents(
        granted,
        _newest(one.withdrawn, other.withdrawn),
        _newest(one.suppressed, other.suppressed),
        _newest(one.unusable, other.unusable),
    )
    return one if both == one else both


def objections(consents: Consents) -> Consents:
    """Only what a person forbids, which is no matter of one address."""
    return Consents(withdrawn=consents.withdrawn, suppressed=consents.suppressed)


def since_erasure(consents: Consents, erased_at: int | None) -> Consents:
    """Without what an address allowed up to its erasure, if there was one; its objections stay."""
    if erased_at is None:
        return consents
    granted = {name: said for name, said in consents.granted.items() if said.at > erased_at}
    return msgspec.structs.replace(consents, granted=granted)


def unerased(consents: Consents, erased_at: int | None) -> Permission:
    """Whether an address may be written to after an erasure, if there was one: once it has opted in anew."""
    if erased_at is None or since_erasure(consents, erased_at).granted:
        return Permission(True, "not_erased")
    return Permission(False, "erased")


def unsuppressed(consents: Consents) -> Permission:
    """Whether anything may be sent at all."""
    reason = consents.suppressed or consents.unusable
    if reason is not None:
        return Permission(False, "suppressed", reason.id)
    return Permission(True, "not_suppressed")


def consented(consents: Consents, wish: Wish, policy: Policy) -> Permission:
    """Whether a message may be sent as wished."""
    if wish.category == "transactional":
        return Permission(True, "transactional")
    names = (f"{wish.channel}/{wish.purpose}", f"{wish.channel}/{MARKETING}")
    given = max((said for name in names if (said := consents.granted.get(name)) is not None), default=None)
    withdrawn = consents.withdrawn
    if withdrawn is not None and (given is None or given.at <= withdrawn.at):
        return Permission(False, "opted_out", withdrawn.id)
    if given is not None:
        return Permission(True, "consent", given.id)
    if (wish.region, wish.channel) in policy.opt_out_suffices:
        return Permission(True, "no_objection")
    return Permission(False, "no_consent")


def _newest(one: Said | None, other: Said | None) -> Said | None:
    if one is None or other is None:
        return one or other
    return max(one, other)
