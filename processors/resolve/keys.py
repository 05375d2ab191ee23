"""Keys of the resolve stage: ``<kind>:<hash>`` of an identifier, ``b:<booking>``, ``l:<lead>``, ``s:<social account>``,
``f:<natural key>``."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from models.identity import STRONG
from processors.base import Context
from schemas.events.identity import IdentifierHash

_STRONG = frozenset(STRONG)
_OTHERS = frozenset(("b", "l", "f", "s"))


class Key(NamedTuple):
    """An identifier's kind and hash; of other keys the letter and what follows.

    ``subject`` is what messages to this key are addressed to. A strong identifier may link leads, a weak one may only
    be claimed; other keys are neither.
    """

    kind: str
    hash: str
    subject: str
    is_strong: bool
    is_weak: bool


def key_of(ctx: Context) -> Key:
    """The key that a step works for."""
    return _key(ctx.key)


@lru_cache(65_536)
def _key(key: str) -> Key:
    subject = key.partition("/")[2]
    kind, _, rest = subject.partition(":")
    return Key(kind, rest, subject, kind in _STRONG, kind not in _STRONG and kind not in _OTHERS)


def subject_of(identifier: IdentifierHash) -> str:
    """What messages to an identifier are addressed to."""
    return f"{identifier.kind}:{identifier.hash}"


def is_strong(identifier: IdentifierHash) -> bool:
    """Whether an identifier may link leads."""
    return identifier.kind in _STRONG
