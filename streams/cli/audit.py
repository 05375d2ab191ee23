"""The audit log: what people do and look at by hand, kept in PostgreSQL, where an operator can add and not change."""

from __future__ import annotations

import logging
import os
import pwd
from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from streams.cli.operator_database import database

_log = logging.getLogger("fineacers.audit")

_ADD = """
    INSERT INTO audit_log (who, command, workspace_id, event_id, reason, ids)
    VALUES (%(who)s, %(command)s, %(workspace)s, %(event_id)s, %(reason)s, %(ids)s)
"""

Ids = Mapping[str, Sequence[str]]
"""Ids by what they are of (``leads``, ``identifiers`` …): identifiers by their hash, never by their value."""


def operator() -> str:
    """The user of the operating system who runs the command: LOGNAME and USER hold whatever that user likes."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # as in a container that runs under a number
        return f"uid {uid}"


def audit(
    command: str, ids: Ids, *, workspace: str | None = None, event_id: str | None = None, reason: str | None = None
) -> None:
    """Write down an act before it is done; ends the command where that cannot be: what is not noted is not done."""
    entry = {
        "who": operator(), "command": command, "workspace": workspace, "event_id": event_id, "reason": reason,
        "ids": Jsonb({name: list(of) for name, of in ids.items()}),
    }  # fmt: skip
    with database(adds=True) as connection:
        connection.execute(_ADD, entry)


def audit_reveal(command: str, what: str, ids: Ids) -> None:
    """Write down that somebody is about to see personal values, and log it."""
    audit(f"{command} --reveal", ids)
    _log.warning("personal values revealed: %s, by %s", what, operator())
