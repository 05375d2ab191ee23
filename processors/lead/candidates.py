"""What the ledger is told of a booking's path: every touch, and every bundle of them, that may have led to it."""

from __future__ import annotations

from collections.abc import Mapping

from models.attribution.bundle import Bundles, as_touch
from models.attribution.path import Touch
from processors.lead.bookings import Booking
from schemas.events.paths import PathBundle, PathTouch


def candidates(touches: Mapping[str, Touch], bundles: Bundles, booking: Booking) -> list[PathTouch]:
    """The candidates by (time, id) of the first touch of each."""
    older = [
        as_touch(key, tally)
        for key, tally in bundles.tallies.items()
        if booking.reached_from(tally.first[0], tally.last[0])
    ]
    reached = [touch for touch in touches.values() if touch.creditable and booking.reached_from(touch.at, touch.at)]
    return [_told(touch) for touch in sorted((*older, *reached), key=lambda touch: touch.first)]


def _told(touch: Touch) -> PathTouch:
    many = touch.many
    return PathTouch.build(
        touch_id=touch.id,
        revision=touch.revision,
        occurred_at=touch.at,
        kind=touch.kind,
        identifier=touch.identifier,
        channel=touch.channel,
        campaign_id=touch.campaign_id,
        content_id=touch.content_id,
        variant_id=touch.variant_id,
        bundle=None
        if many is None
        else PathBundle.build(
            count=many.count,
            mean_at=many.mean_at,
            first_id=many.first_id,
            last_at=many.last_at,
            last_id=many.last_id,
        ),
    )
