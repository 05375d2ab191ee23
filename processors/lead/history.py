"""History on the move, as the steps of the lead stage hand it on within one pass; neither leaves the stage.

Every slice says how a part of it is taken out (``parted``) and put in (``joined``); a part of a slice is a slice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from models.identity.binding import Rows, lead_at
from processors.base import Context
from schemas.events.base import Event, Uuid


class Whereabouts(NamedTuple):
    """Where an identifier's history belongs by its binding, as seen from the lead ``own``; without rows, there.

    ``alone``: what is looked at is a part under way, so all of it is this identifier's. ``of_person``: it is a strong
    identifier that belonged here, so what its person objected to with any other holds for it as well.
    """

    identifier: str
    rows: Rows
    own: str
    alone: bool = False
    of_person: bool = False

    @property
    def is_anchor(self) -> bool:
        """Whether what is not told apart by identifier is this one's: the lead is named after it, or it is alone."""
        return self.alone or self.identifier == self.own

    @property
    def leads(self) -> tuple[str, ...]:
        """All that it belongs to some of the time, in the binding's order: what is sent follows it."""
        return tuple(dict.fromkeys(lead for _, lead in self.rows)) or (self.own,)

    def lead_at(self, at: int) -> str:
        """The lead that history of an instant belongs to."""
        return lead_at(self.rows, at, self.own)


class HistoryGiven(Event):
    """What belongs to other leads by the ``rows`` of an identifier's binding is theirs now."""

    identifier: Uuid
    rows: Any

    def whereabouts(self, ctx: Context) -> Whereabouts:
        """Where the identifier's history belongs."""
        return Whereabouts(self.identifier, self.rows, lead_id(ctx))


class HistoryErased(Event):
    """History of an identifier that is nobody's any more: parts by the name of the step whose slice they were of."""

    identifier: Uuid
    parts: Any


class HistoryTaken(Event):
    """History of an identifier that belongs here has arrived: parts by the name of the step whose slice they join."""

    identifier: Uuid
    parts: Any


def lead_id(ctx: Context) -> str:
    """The lead that a step works for."""
    return ctx.key.partition("/")[2]


def brought_by(ctx: Context) -> str:
    """The identifier that the fact being processed belongs to; a fact that only names a lead follows its anchor."""
    identifier: str = ctx.origin.identifier or ctx.origin.lead_id
    return identifier
