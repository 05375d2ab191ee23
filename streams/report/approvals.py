"""A request for approval as PostgreSQL has it, and how it ended, in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from streams.report.tables import exact_money, moment

PATIENCE_SECONDS = 10.0
"""So long a word is waited for to come to something."""
_PAUSE_SECONDS = 0.25

Request = Mapping[str, Any]

_ONE = """
    SELECT workspace_id, region, approval_id::text, lead_id::text, lead_id_at_request::text, temperature, score,
           value_minor, currency, value_inr_minor, property_id, requested_at, answer_by, told, reason, decided_by,
           concluded_at
    FROM approvals WHERE approval_id = %s
"""


def request(connection: psycopg.Connection[dict[str, Any]], approval_id: str) -> Request | None:
    """The request, if the store has it and the connection may see it."""
    return connection.execute(_ONE, (approval_id.lower(),)).fetchone()


def concluded(look: Callable[[], Request | None]) -> Request | None:
    """The request once it has ended; none if that takes long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found is not None and found["concluded_at"] is not None:
            return found
        time.sleep(_PAUSE_SECONDS)
    return None


def ending(of: Request) -> str:
    """How it ended, and by whose word."""
    if of["reason"] == "no_answer":
        return f"nobody had answered by {moment(of['concluded_at'])}"
    return f"{of['reason']} by {of['decided_by']}, {moment(of['concluded_at'])}"


def worth(of: Request) -> str:
    """The lead's value."""
    return f"{exact_money(of['value_minor'], of['currency'])} {of['currency']}"
