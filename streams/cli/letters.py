"""Dead letters in the database, and how a command line names them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from streams.cli.fail import fail
from streams.settings import SettingsError, load_settings

COLUMNS = (
    'event_id::text, workspace_id, region, stage, reason, detail, topic, partition, "offset", arrived_at, fact_type'
)
_OPERATOR = "fineacers_operator"  # readers may not see dead letters: the originals hold personal data
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_COORDINATES = re.compile(r"(?P<topic>.+):(?P<partition>\d{1,9}):(?P<offset>\d{1,18})")


@contextmanager
def database() -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A connection that sees all dead letters and can change nothing."""
    try:
        login = load_settings("postgres").postgres("admin")
        with psycopg.connect(**login, connect_timeout=10, row_factory=dict_row) as connection:
            connection.read_only = True
            connection.execute(f"SET ROLE {_OPERATOR}")
            yield connection
    except SettingsError as error:
        fail(str(error))
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject, psycopg.errors.InvalidParameterValue):
        fail("the database has no dead letters' table yet: run `fineacers migrate`")
    except psycopg.Error as error:
        fail(f"PostgreSQL: {str(error).splitlines()[0]}")


def named(which: str) -> dict[str, Any]:
    """The parameters ``id``, ``topic``, ``partition`` and ``offset`` of a query for what somebody named."""
    if _UUID.fullmatch(which):
        return {"id": which, "topic": None, "partition": None, "offset": None}
    place = coordinates(which)
    if place is None:
        fail(f"{which} is neither an id nor TOPIC:PARTITION:OFFSET, such as bookings:2:1041")
    return {"id": None, "topic": place[0], "partition": place[1], "offset": place[2]}


def coordinates(which: str) -> tuple[str, int, int] | None:
    """Topic, partition and offset of ``TOPIC:PARTITION:OFFSET``; none where it is no such text."""
    place = _COORDINATES.fullmatch(which)
    return (place["topic"], int(place["partition"]), int(place["offset"])) if place is not None else None


def where(row: dict[str, Any]) -> str:
    """Where a dead letter stood, as ``named`` takes it."""
    return f"{row['topic']}:{row['partition']}:{row['offset']}"
