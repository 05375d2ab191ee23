"""Identifiers: one form for each, and the keyed hash that stands for it everywhere behind intake.

The hash is keyed because an unkeyed hash of a phone number is that phone number. It is at once the name of the lead
that the identifier founds (identity specification, section 1).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import lru_cache

import phonenumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KINDS = ("crm_id", "email", "phone", "wa_id", "device_id", "cookie_id", "click_id")
"""Kinds of identifiers, best first."""

STRONG = KINDS[:4]
"""Kinds that may link leads; the others may only be claimed by one of these."""

_COUNTRY = {"UAE": "AE", "IND": "IN", "USA": "US", "EUR": None}
_CACHE = 65_536


@lru_cache(_CACHE)
def normal_phone(value: str, region: str) -> str | None:
    """E.164 of a phone number as written in a region, or none where it is no number."""
    try:
        number = phonenumbers.parse(value, _COUNTRY[region])
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    text: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return text


def normal_email(value: str) -> str | None:
    """Lower case without surrounding space, or none where there is no address."""
    address = value.strip().lower()
    user, at, domain = address.rpartition("@")
    return address if user and at and domain else None


def normalise(kind: str, value: str, region: str) -> tuple[str, str] | None:
    """(kind, value) in the one form that is hashed, or none when the value names nobody: ``-`` or nothing but space.

    A WhatsApp id that is a phone number is that phone number.
    """
    if kind == "email":
        email = normal_email(value)
        return ("email", email) if email else None
    if kind in ("phone", "wa_id"):
        phone = normal_phone(value if kind == "phone" else "+" + value.lstrip("+"), region)
        if phone:
            return "phone", phone
        if kind == "phone":
            return None
    text = value.strip()
    return (kind, text) if any(map(str.isalnum, text)) else None


@lru_cache(1_024)
def workspace_key(identity_key: bytes, workspace: str) -> bytes:
    """The workspace's own key, derived from the identity key by HKDF-SHA256."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"fineacers identity " + workspace.encode()).derive(
        identity_key
    )


@lru_cache(_CACHE)
def identifier_hash(key: bytes, kind: str, value: str) -> str:
    """First 16 bytes of HMAC-SHA256(key, kind ‖ 0 ‖ value), written as a UUID. The value must be normalised."""
    digest = hmac.digest(key, f"{kind}\0{value}".encode(), "sha256").hex()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def hashes(identity_key: bytes, workspace: str, region: str, value_of: Callable[[str], str | None]) -> dict[str, str]:
    """Hash → kind of all usable identifiers of an event, best first. ``value_of`` gives a kind's raw value or none."""
    key = workspace_key(identity_key, workspace)
    found: dict[str, str] = {}
    for kind in KINDS:
        raw = value_of(kind)
        normal = normalise(kind, raw, region) if raw else None
        if normal:
            found.setdefault(identifier_hash(key, *normal), normal[0])
    return found
