"""Topic ``identity.changes``: which lead an identifier belongs to."""

from schemas.events.base import Event, Instant, Message, Uuid
from schemas.events.governance import IdentifierKind


class IdentifierHash(Message):
    """An identifier as the platform carries it: its kind and its keyed hash."""

    kind: IdentifierKind
    hash: Uuid


class IdentifierBound(Event):
    """From ``since`` on, history of this identifier belongs to this lead (highest version wins)."""

    identifier: Uuid
    kind: IdentifierKind
    lead_id: Uuid
    since: Instant
    version: int
