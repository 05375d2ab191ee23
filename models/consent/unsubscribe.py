"""The token by which whoever was sent a message objects to more of them; it stands in the message's unsubscribe link.

It names the message and the very contact point that it went to, and is sealed by AES-SIV (RFC 5297): nobody without
the key can read it, make one or change one, and the same message always gets the same one.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """A message, and the hash of the e-mail address that it was sent to."""

    workspace_id: str
    region: str
    message_id: str
    contact_point: UUID


_packed = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_unpacked = msgspec.msgpack.Decoder(Sent).decode


@lru_cache(4)
def _cipher(identity_key: bytes) -> AESSIV:
    return AESSIV(HKDF(algorithm=SHA256(), length=32, salt=None, info=b"fineacers unsubscribe").derive(identity_key))


def sealed(identity_key: bytes, sent: Sent) -> str:
    """The token of a message: letters, digits, ``-`` and ``_``, at the most 312 while its id is ASCII."""
    return _text(_cipher(identity_key).encrypt(_packed(sent), None))


def opened(identity_key: bytes, token: str) -> Sent | None:
    """What a token names; none where this is no token of ours to the last letter."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if _text(raw) != token:
            return None
        return _unpacked(_cipher(identity_key).decrypt(raw, None))
    except (ValueError, InvalidTag, msgspec.MsgspecError):
        return None


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
