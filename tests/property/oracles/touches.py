"""What the touches of campaigns add up to, computed from the facts alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from models.touches import OWN_SENDS
from schemas.events.base import DAY, HOUR, Event
from schemas.events.clicks import ClickRecorded
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded


def touched(facts: Iterable[Event]) -> dict[tuple[str, int], Counter[int]]:
    """Touches by campaign and day, and hour within, in UTC: what the newest revision of each touch says."""
    newest: dict[str, tuple[int, str | None, str, int, bool]] = {}
    for one in facts:
        if isinstance(one, ClickRecorded):
            name, said = one.click_id, (one.revision, one.utm_campaign, "click", one.occurred_at, True)
        elif isinstance(one, TouchpointRecorded):
            live = not isinstance(one, TouchpointDeleted)
            name, said = one.touch_id, (one.revision, one.campaign_id, one.kind, one.occurred_at, live)
        else:
            continue
        newest[name] = max(newest.get(name, said), said, key=lambda each: each[0])
    found: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    for _, campaign, kind, at, live in newest.values():
        if campaign is not None and live and kind not in OWN_SENDS:
            found[campaign, at // DAY][at % DAY // HOUR] += 1
    return dict(found)
