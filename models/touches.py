"""What kinds of touches mean, for scoring and attribution alike, and which channel a tagged click came by."""

from __future__ import annotations

OWN_SENDS = frozenset({"email_sent", "whatsapp_sent", "whatsapp_delivered", "sms_sent", "sms_delivered"})
"""What we did ourselves: never an engagement, never credited."""

VIEW_CLASS = frozenset({"impression", "view", "email_opened", "whatsapp_read"})
"""Seen, not acted on. Everything else that is not our own send is click class."""

INQUIRIES = frozenset({"inquiry"})
MEETINGS = frozenset({"meeting_requested", "site_visit"})
"""Milestones on the way to a booking."""

_CHANNEL_OF_MEDIUM = {
    "cpc": "search",
    "ppc": "search",
    "search": "search",
    "paid-search": "search",
    "organic": "search",
    "social": "social",
    "paid-social": "social",
    "paid_social": "social",
    "email": "email",
    "whatsapp": "whatsapp",
    "sms": "sms",
    "display": "display",
    "banner": "display",
    "referral": "referral",
    "portal": "portal",
    "affiliate": "portal",
}


def is_click_class(kind: str) -> bool:
    """Whether a touch of this kind is an act of the person."""
    return kind not in OWN_SENDS and kind not in VIEW_CLASS


def channel_of_click(medium: str | None, source: str | None) -> str:
    """The channel of a click by its utm medium, else by its source, else direct."""
    if medium:
        return _CHANNEL_OF_MEDIUM.get(medium.lower(), medium.lower())
    return source.lower() if source else "direct"
