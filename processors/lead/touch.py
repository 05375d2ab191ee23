"""What path and count see of a touchpoint or a click."""

from __future__ import annotations

from models.attribution.path import Touch
from models.touches import channel_of_click
from processors.base import Context
from processors.lead.history import brought_by
from schemas.events.base import Identified
from schemas.events.clicks import ClickRecorded
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded


def as_touch(fact: Identified, ctx: Context) -> Touch:
    """The touch that a fact tells of. Raises ``TypeError`` for any other fact."""
    identifier = brought_by(ctx)
    # by its type: to be told that it is no instance of a pydantic type takes as long as the rest
    if type(fact) is ClickRecorded:
        channel = channel_of_click(fact.utm_medium, fact.utm_source)
        return Touch(
            fact.click_id,
            fact.revision,
            fact.occurred_at,
            "click",
            channel,
            fact.utm_campaign,
            fact.utm_content,
            None,
            identifier,
        )
    if not isinstance(fact, TouchpointRecorded):
        raise TypeError(type(fact).__name__)
    return Touch(
        fact.touch_id,
        fact.revision,
        fact.occurred_at,
        fact.kind,
        fact.channel,
        fact.campaign_id,
        fact.content_id,
        fact.variant_id,
        identifier,
        type(fact) is not TouchpointDeleted and not fact.machine,
    )
