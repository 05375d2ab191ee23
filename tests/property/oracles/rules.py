"""The rules in force, from the policies known: version 0 as the design writes it, documents laid over it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from schemas.events.base import DAY, HOUR, Event
from schemas.events.governance import PolicyChanged

DEFAULTS: dict[str, Any] = {
    "version": 0,
    "time_zone": "UTC",
    "reporting_currency": "AED",
    "hot_score": 70,
    "warm_score": 40,
    "warming_engagements": 3,
    "warming_window": 30 * DAY,
    "cooling_after": 30 * DAY,
    "attribution_models": ["first", "last", "linear"],
    "attribution_bases": ["net"],
    "optimizer_model": "time_decay",
    "optimizer_basis": "net",
    "cancellation_risk": [],
    "exposure": False,
    "half_life": 7 * DAY,
    "click_look_back": 30 * DAY,
    "view_look_back": 24 * HOUR,
}

OWN_SENDS = ("email_sent", "whatsapp_sent", "whatsapp_delivered", "sms_sent", "sms_delivered")
VIEWS = ("impression", "view", "email_opened", "whatsapp_read")


def rules_at(facts: Iterable[Event], at: int) -> dict[str, Any]:
    """The highest version that applies from then or before."""
    best: PolicyChanged | None = None
    for fact in facts:
        if isinstance(fact, PolicyChanged) and fact.applies_from <= at and (not best or fact.version > best.version):
            best = fact
    return {**DEFAULTS, **json.loads(best.document or "{}"), "version": best.version} if best else DEFAULTS
