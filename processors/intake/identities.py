"""Links, splits and erasures that people and systems state: can they be meant, and their identifiers as hashes."""

from __future__ import annotations

from models.identity import STRONG, identifier_hash, normalise, workspace_key
from processors.base import DeadLetter
from schemas.events.governance import ErasureRequested, IdentifierValue, IdentitiesLinked, IdentitiesSplit
from schemas.events.identity import IdentifierHash

SaidOfIdentities = IdentitiesLinked | IdentitiesSplit | ErasureRequested

MIN_NAMED, MAX_NAMED = 2, 64
"""How many identifiers a link or a split may name; an erasure may name a single one."""


def contradiction(fact: SaidOfIdentities) -> DeadLetter | None:
    """Why what a fact says could not be applied, if so."""
    named = [_normal(fact, one) for one in _named(fact)]
    if None in named:
        return DeadLetter("no_usable_identifier", "an identifier cannot be read as its kind: write it in full")
    if any(one.kind not in STRONG for one in _named(fact)):
        weak = "only CRM ids, e-mail addresses, phone numbers and WhatsApp ids link people: leave the others out"
        return DeadLetter("weak_identifier", weak)
    sides = [named[: len(fact.take)], named[len(fact.take) :]] if isinstance(fact, IdentitiesSplit) else [named]
    if len({*named}) < (1 if isinstance(fact, ErasureRequested) else MIN_NAMED) or not all(sides):
        few = "name two different identifiers at least, in a split one on each side; in an erasure one"
        return DeadLetter("too_few_identifiers", few)
    if len(named) > MAX_NAMED:
        return DeadLetter("too_many_identifiers", f"{len(named)} identifiers; a fact may name {MAX_NAMED}")
    if len(sides) > 1 and {*sides[0]} & {*sides[1]}:
        return DeadLetter("contradiction", "an identifier stands on both sides of the split")
    return None


def hashed(identity_key: bytes, fact: SaidOfIdentities) -> list[IdentifierHash]:
    """The identifiers of a fact that can be applied, each in its place, the taken before the kept."""
    key = workspace_key(identity_key, fact.workspace_id)
    normal = [pair for one in _named(fact) if (pair := _normal(fact, one))]
    return [IdentifierHash.build(kind=kind, hash=identifier_hash(key, kind, value)) for kind, value in normal]


def _named(fact: SaidOfIdentities) -> list[IdentifierValue]:
    return [*fact.take, *fact.keep] if isinstance(fact, IdentitiesSplit) else fact.identifiers


def _normal(fact: SaidOfIdentities, one: IdentifierValue) -> tuple[str, str] | None:
    return normalise(one.kind, one.value, fact.region)
