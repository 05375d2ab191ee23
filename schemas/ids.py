"""Derived ids: same parts, same id, on every machine and in every replay."""

import hashlib
import uuid

_NAMESPACE = uuid.UUID("6f2f6f0e-6b1e-5b7e-9d2c-0c5f1f3a7b11").bytes
_BEGUN = hashlib.sha1(_NAMESPACE, usedforsecurity=False)  # a copy is had for less than a hash begun anew


def derived_id(*parts: object) -> str:
    """The version 5 UUID of some parts, joined by a separator that no part contains."""
    hash_ = _BEGUN.copy()
    hash_.update("\x1f".join(map(str, parts)).encode())
    digest = hash_.hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def numbered_ids(whole: str, count: int) -> list[str]:
    """The UUIDs of the parts of something that has one, numbered from 1: the number is set into its last 48 bits.

    So the parts of one thing have ids of their own for certain, those of two as surely as the two have; and what is
    stored together sorts together.
    """
    first, last = whole[:24], int(whole[24:], 16)
    return [first + (last ^ number).to_bytes(6, "big").hex() for number in range(1, count + 1)]
