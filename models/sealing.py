"""Tokens that stand in links: what one names is sealed by AES-SIV (RFC 5297).

Nobody without the key can read a token, make one or change one, and the same thing always gets the same one.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import Generic, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

S = TypeVar("S", bound=msgspec.Struct)

_packed = msgspec.msgpack.Encoder(uuid_format="bytes").encode


class Seal(Generic[S]):
    """The tokens of one purpose, which is part of their key: a token of another purpose is none of these."""

    def __init__(self, purpose: str, shape: type[S]) -> None:
        self._info = f"fineacers {purpose}".encode()
        self._unpacked = msgspec.msgpack.Decoder(shape).decode

    def sealed(self, identity_key: bytes, named: S) -> str:
        """The token of something: letters, digits, ``-`` and ``_``."""
        return _text(_cipher(identity_key, self._info).encrypt(_packed(named), None))

    def opened(self, identity_key: bytes, token: str) -> S | None:
        """What a token names; none where this is no token of ours to the last letter."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            if _text(raw) != token:
                return None
            return self._unpacked(_cipher(identity_key, self._info).decrypt(raw, None))
        except (ValueError, InvalidTag, msgspec.MsgspecError):
            return None


@lru_cache(8)
def _cipher(identity_key: bytes, info: bytes) -> AESSIV:
    return AESSIV(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(identity_key))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
