"""Topics ``lead.scores``, ``lead.temperatures``, ``lead.routes``: what the platform decided about a lead."""

from typing import Literal

from schemas.events.base import Code, Event, Instant, Revision, Uuid

Temperature = Literal["cold", "warm", "hot"]
Standing = Literal["cold", "warm", "hot", "none"]


class LeadScored(Event):
    """A lead's score as of an event, 0 to 100, in four parts of 25, with the reasons in words."""

    lead_id: Uuid
    seq: Revision
    score: int
    budget: int
    urgency: int
    engagement: int
    readiness: int
    reasons: list[Code]


class TemperatureChanged(Event):
    """From ``occurred_at`` on the lead has this temperature; ``none``: its history belongs to another lead.

    A record with ``restates_from`` voids everything said before about that lead from that instant on; where it names
    the same temperature twice it only says what holds from there. ``seq`` counts a lead's records.
    """

    lead_id: Uuid
    seq: Revision
    temperature: Standing
    previous: Temperature | None = None
    reason: Code
    restates_from: Instant | None = None


class LeadRouted(Event):
    """Where sales sends a lead from now on."""

    lead_id: Uuid
    seq: Revision
    temperature: Standing
    route: Literal["whatsapp_then_call", "email", "nurture", "none"]
    reason: Code
