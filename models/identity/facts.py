"""What is known of a group of identifiers: a set of facts that only grows.

Joining two sets is commutative, associative and idempotent, so neither the order in which facts come nor how often
matters. Identifiers stand as keyed hashes; a pair is sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import msgspec

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
    """

    first: dict[str, Sighting] = {}
    links: dict[Pair, Said] = {}
    explicit: dict[Pair, Explicit] = {}
    apart: dict[Pair, Said] = {}
    shared: tuple[str, ...] = ()
    assigned: dict[str, str] = {}
    conflicts: tuple[Conflict, ...] = ()


def pair(one: str, other: str) -> Pair:
    """Two identifiers as a pair."""
    return (one, other) if one < other else (other, one)


def join(one: Facts, other: Facts) -> Facts:
    """All that either knows: the earliest sighting and observed link, the latest word of people on a pair."""
    return Facts(
        _united(one.first, other.first, min),
        _united(one.links, other.links, min),
        _united(one.explicit, other.explicit, max),
        _united(one.apart, other.apart, max),
        tuple(sorted({*one.shared, *other.shared})),
        {**one.assigned, **other.assigned},
        tuple(sorted({*one.conflicts, *other.conflicts})),
    )


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
