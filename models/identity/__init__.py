"""Who is who: identifiers as keyed hashes, what facts say of them, the leads that follow (identity specification)."""

from models.identity.hashing import (
    KINDS,
    STRONG,
    hashes,
    identifier_hash,
    normal_email,
    normal_phone,
    normalise,
    workspace_key,
)

__all__ = [
    "KINDS",
    "STRONG",
    "hashes",
    "identifier_hash",
    "normal_email",
    "normal_phone",
    "normalise",
    "workspace_key",
]
