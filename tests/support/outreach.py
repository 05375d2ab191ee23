"""Ann, who may be written to or not: facts about her, requests to reach her, and what the gate said."""

from __future__ import annotations

from typing import Any

from schemas.events.base import DAY
from schemas.events.contact import ConsentChanged, OutreachRequested
from schemas.events.gate import ContactDecided
from schemas.events.leads import LeadCaptured
from streams.driver import Driver
from tests.support.facts import at, fact, fresh_id
from tests.support.runs import STAGES, Run

NOON = at("3-10 08:00")  # noon in Dubai
EMAIL, PHONE = "ann@example.com", "+971501234567"


def ann() -> Run:
    """A run that knows Ann since yesterday."""
    run = Run(Driver(STAGES))
    run.driver.tick(NOON - DAY)
    run.publish(captured(NOON - DAY))
    return run


def captured(when: int, **fields: Any) -> LeadCaptured:
    """Ann, or who the fields say, is captured."""
    who = {"email": EMAIL, "phone": PHONE, "channel": "portal", "time_zone": "Asia/Dubai", "country": "AE"}
    return fact(LeadCaptured, occurred_at=when, **{**who, **fields})


def consent(channel: str, when: int, *, granted: bool = True, **fields: Any) -> ConsentChanged:
    """Ann's word on a channel."""
    who = {"email": EMAIL} if channel == "email" else {"phone": PHONE}
    said = {"consent_id": fresh_id(), "purpose": "marketing", "evidence": "box ticked"}
    return fact(ConsentChanged, occurred_at=when, channel=channel, granted=granted, **{**who, **said, **fields})


def ask(channel: str, when: int, message: str = "m1", **fields: Any) -> OutreachRequested:
    """Somebody wants to reach Ann."""
    wish = {"email": EMAIL, "message_id": message, "purpose": "follow_up", "template_id": "follow_up"}
    return fact(OutreachRequested, occurred_at=when, channel=channel, **{**wish, **fields})


def decisions(run: Run, message: str = "m1") -> list[tuple[str, str]]:
    """Decision and reason of each answer to a message, in order."""
    said = [one for one in run.said("contact.decisions", ContactDecided) if one.message_id == message]
    return [(one.decision, one.reason) for one in sorted(said, key=lambda one: one.seq)]


def receipt(run: Run, message: str = "m1") -> ContactDecided:
    """The last answer to a message."""
    said = [one for one in run.said("contact.decisions", ContactDecided) if one.message_id == message]
    return max(said, key=lambda one: one.seq)


def at_time(run: Run, when: int, *facts: Any) -> None:
    """Let it be that time, then publish."""
    run.driver.tick(when)
    for one in facts:
        run.publish(one)
