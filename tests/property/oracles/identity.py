"""Who a fact belongs to, from the identity specification alone: HMAC and HKDF as their standards write them."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from functools import cache

from schemas.events.base import Event, Identified

KINDS = ("crm_id", "email", "phone", "wa_id", "device_id", "cookie_id", "click_id")


@cache
def workspace_key(identity_key: bytes, workspace: str) -> bytes:
    """RFC 5869 with SHA-256, no salt, one block."""
    extracted = hmac.digest(bytes(32), identity_key, hashlib.sha256)
    return hmac.digest(extracted, b"fineacers identity " + workspace.encode() + b"\x01", hashlib.sha256)


def normal(kind: str, value: str) -> tuple[str, str] | None:
    """(kind, value) in normal form, none without a letter or digit. Phones must be written in full, with country."""
    text = value.strip()
    if kind == "email":
        text = text.lower()
    if kind == "phone" or (kind == "wa_id" and re.fullmatch(r"\+?\d{8,15}", text)):
        return "phone", "+" + "".join(c for c in text if c.isdigit())
    return (kind, text) if any(c.isalnum() for c in text) else None


def named(fact: Identified) -> list[tuple[str, str]]:
    """(kind, normal value) of every identifier, best first."""
    found: list[tuple[str, str]] = []
    for kind in KINDS:
        value = getattr(fact, kind)
        pair = normal(kind, value) if value else None
        if pair and pair not in found:
            found.append(pair)
    return found


def hash_of(identity_key: bytes, workspace: str, kind: str, value: str) -> str:
    """The identifier's hash, which is the name of the lead that it founds."""
    message = kind.encode() + b"\0" + value.encode()
    return str(uuid.UUID(bytes=hmac.digest(workspace_key(identity_key, workspace), message, hashlib.sha256)[:16]))


def lead_of(identity_key: bytes, fact: Event) -> str | None:
    """The lead of a fact's best identifier, else the lead that it names, else none."""
    if not isinstance(fact, Identified):
        return None
    found = named(fact)
    if found:
        return hash_of(identity_key, fact.workspace_id, *found[0])
    return fact.lead_id.lower() if fact.lead_id else None
