"""Where sales sends a lead: hot to WhatsApp and then a call, warm to e-mail, cold to the nurture queue.

How the platform itself would write to them first is another matter: by the first channel in order that the gate allows.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.base import Context, Emit, Output
from processors.lead.advance import Temperatures
from schemas.events.decisions import LeadRouted, TemperatureChanged
from schemas.events.gate import ContactProposed
from schemas.ids import derived_id

_ROUTE = {"hot": "whatsapp_then_call", "warm": "email", "cold": "nurture", "none": "none"}
_WARMTH = ("", "none", "nurture", "email", "whatsapp_then_call")
_CHANNELS = {"hot": ["whatsapp", "call"], "warm": ["whatsapp", "email"], "cold": [], "none": []}


class Route(msgspec.Struct, frozen=True, array_like=True):
    """The route in force and how many there were."""

    route: str = ""
    seq: int = 0


def route(held: Route | None, event: TemperatureChanged, ctx: Context) -> tuple[Route, Sequence[Output]]:
    """Publish the route when it changes; a lead that is warmer than before is proposed for contact (while fresh).

    Of several changes that come at once, only the last one proposes: a lead that was cold and is hot is not warm.
    """
    before = held or Route()
    wanted = _ROUTE[event.temperature]
    if wanted == before.route:
        return before, ()
    after = Route(wanted, before.seq + 1)
    routed = LeadRouted.build(
        occurred_at=event.occurred_at,
        lead_id=event.lead_id,
        seq=after.seq,
        temperature=event.temperature,
        route=wanted,
        reason=event.reason,
    )
    outputs: list[Output] = [Emit(routed)]
    told: Temperatures = ctx.slices["advance"]
    warmer = _WARMTH.index(wanted) > _WARMTH.index(before.route)
    if warmer and event.seq == told.seq and _CHANNELS[event.temperature]:
        proposed = ContactProposed.build(
            occurred_at=event.occurred_at,
            lead_id=event.lead_id,
            message_id=derived_id("proposed contact", ctx.key, after.seq),
            purpose=f"{event.temperature}_lead",
            template_id=f"{event.temperature}_lead",
            channels=_CHANNELS[event.temperature],
            not_after=event.occurred_at + ctx.policy.contact_not_after,
        )
        outputs.append(Emit(proposed))
    return after, outputs
