"""What is known of a group of identifiers: a set of facts that only grows.

Joining two sets is commutative, associative and idempotent, so neither the order in which facts come nor how often
matters. Identifiers stand as keyed hashes; a pair is sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from models.identity.erasure import NOBODY, name_of

Pair = tuple[str, str]
V = TypeVar("V", bound=tuple[object, ...])


class Sighting(NamedTuple):
    """The first time an identifier was named, microseconds, by which fact, in which home region; and its kind."""

    at: int
    fact_id: str
    region: str
    kind: str


class Said(NamedTuple):
    """When a fact said something of a pair, and which fact it was."""

    at: int
    fact_id: str


class Explicit(NamedTuple):
    """When a person or a system linked a pair on purpose; ``transfer_basis``: allowed across home regions."""

    at: int
    fact_id: str
    transfer_basis: bool


class Conflict(NamedTuple):
    """A link that a rule keeps from joining (``kind`` as in ``IdentityConflict``), by the identifiers it concerns."""

    kind: str
    identifiers: tuple[str, ...]


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """Facts of a group, and what its root has concluded from them so far.

    ``first`` holds the group's members. A pair is ``apart`` unless it was linked on purpose later; an identifier that
    is ``shared`` links nothing. ``assigned`` has the lead of each member that does not bear its own name.

    ``erased`` has the newest erasure of an identifier, as the sighting that it begins anew with: what was said of it
    at or before that is void, and forgotten.
    """

    first: dict[str, Sighting] = {}
    links: dict[Pair, Said] = {}
    explicit: dict[Pair, Explicit] = {}
    apart: dict[Pair, Said] = {}
    shared: tuple[str, ...] = ()
    assigned: dict[str, str] = {}
    conflicts: tuple[Conflict, ...] = ()
    erased: dict[str, Sighting] = {}

    def own_name(self, identifier: str) -> str:
        """The lead that an identifier founds."""
        mark = self.erased.get(identifier)
        return name_of(identifier, mark.at if mark is not None else None)

    def told(self, identifier: str) -> str:
        """The lead that a member was last told to belong to; nobody's, if it has been erased since."""
        return self.assigned.get(identifier, NOBODY if identifier in self.erased else identifier)


def pair(one: str, other: str) -> Pair:
    """Two identifiers as a pair."""
    return (one, other) if one < other else (other, one)


def join(one: Facts, other: Facts) -> Facts:
    """All that either knows: the earliest sighting and observed link, the latest word of people on a pair.

    The newest erasures go first: they void what either side says, however late it comes.
    """
    erased = _united(one.erased, other.erased, max)
    if erased:
        one, other = _without_void(one, erased), _without_void(other, erased)
    return Facts(
        _united(one.first, other.first, min),
        _united(one.links, other.links, min),
        _united(one.explicit, other.explicit, max),
        _united(one.apart, other.apart, max),
        tuple(sorted({*one.shared, *other.shared})),
        {**one.assigned, **other.assigned},
        tuple(sorted({*one.conflicts, *other.conflicts})),
        erased,
    )


def _without_void(facts: Facts, erased: Mapping[str, Sighting]) -> Facts:
    """Facts without what was said of an identifier up to its erasure, which is its first sighting now."""
    return msgspec.structs.replace(
        facts,
        first={one: erased.get(one, first) for one, first in facts.first.items()},
        links=_since(facts.links, erased),
        explicit=_since(facts.explicit, erased),
        apart=_since(facts.apart, erased),
        assigned={one: lead for one, lead in facts.assigned.items() if facts.erased.get(one) == erased.get(one)},
    )


def _since(said: Mapping[Pair, V], erased: Mapping[str, Sighting]) -> dict[Pair, V]:
    """What was said of pairs after either end was last erased."""
    return {
        ends: word
        for ends, word in said.items()
        if all(word[0] > erased[end].at for end in ends if end in erased)  # type: ignore[operator]
    }


def _united(one: Mapping[str, V] | Mapping[Pair, V], other: Mapping, best: Callable[[V, V], V]) -> dict:  # type: ignore[type-arg]
    """Two maps as one; of two values of a key the better one."""
    united = dict(one)
    for key, value in other.items():
        united[key] = best(united[key], value) if key in united else value
    return united


_packer = msgspec.msgpack.Encoder()
_unpacker = msgspec.msgpack.Decoder(Facts)


def packed(facts: Facts) -> bytes:
    """Facts as bytes, on their way to another key."""
    return _packer.encode(facts)


def unpacked(data: bytes) -> Facts:
    """The facts in some bytes."""
    return _unpacker.decode(data)
