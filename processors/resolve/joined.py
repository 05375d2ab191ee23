"""What an identifier hands to its group's root within one pass; it never leaves the key."""

from __future__ import annotations

from typing import Any

from schemas.events.base import Event, Id, Uuid


class FactsJoined(Event):
    """New facts of this identifier (``models.identity.facts.Facts``), and the root to meet where they link another."""

    facts: Any
    meet: Id | None = None
    cause: Uuid
