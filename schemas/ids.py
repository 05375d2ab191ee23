"""Derived ids: same parts, same id, on every machine and in every replay."""

import hashlib
import uuid

_NAMESPACE = uuid.UUID("6f2f6f0e-6b1e-5b7e-9d2c-0c5f1f3a7b11").bytes


def derived_id(*parts: object) -> str:
    """The version 5 UUID of some parts, joined by a separator that no part contains."""
    digest = hashlib.sha1(_NAMESPACE + "\x1f".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
