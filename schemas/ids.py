"""Derived ids: same parts, same id, on every machine and in every replay."""

import hashlib
import uuid

_NAMESPACE = uuid.UUID("6f2f6f0e-6b1e-5b7e-9d2c-0c5f1f3a7b11").bytes


def derived_id(*parts: object) -> str:
    """The version 5 UUID of some parts, joined by a separator that no part contains."""
    digest = hashlib.sha1(_NAMESPACE + "\x1f".join(map(str, parts)).encode(), usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))
