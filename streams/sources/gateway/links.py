"""Where the doors are, for whoever writes links to them."""

from __future__ import annotations

from streams.settings import Settings

UNSUBSCRIBE = "/unsubscribe/"


def unsubscribe_link(settings: Settings, token: str) -> str:
    """What stands in the ``List-Unsubscribe`` header of a message whose decision bears a token."""
    base = settings.gateway_url or settings.gateway_address
    return base.rstrip("/") + UNSUBSCRIBE + token
