"""PostgreSQL as an operator's commands look at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from streams.cli.fail import fail
from streams.settings import SettingsError, load_settings

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OPERATOR = "fineacers_operator"  # readers see neither every workspace nor dead letters, whose originals are personal


@contextmanager
def database(*, adds: bool = False) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A connection that sees every workspace and can change nothing; ends the command where there is none.

    With ``adds`` it may add to the audit log, which is committed at the end.
    """
    try:
        login = load_settings("postgres").postgres("admin")
        with psycopg.connect(**login, connect_timeout=10, row_factory=dict_row) as connection:
            connection.read_only = not adds
            connection.execute(f"SET ROLE {_OPERATOR}")
            yield connection
    except SettingsError as error:
        fail(str(error))
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject, psycopg.errors.InvalidParameterValue):
        fail("the database has no tables yet: run `fineacers migrate`")
    except psycopg.Error as error:
        fail(f"PostgreSQL: {str(error).splitlines()[0]}")
