"""Where a PostgreSQL is, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from sinks.base import SinkError, Unavailable

OPERATOR = "fineacers_operator"
SINK = "fineacers_sink"
READER = "fineacers_reader"


@dataclass(frozen=True)
class Server:
    """A database and one login of it."""

    host: str
    port: int
    dbname: str
    user: str
    password: str = field(repr=False)

    def connect(self, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """A new connection.

        Raises:
            Unavailable: nobody answers.
        """
        try:
            return psycopg.connect(
                host=self.host,
                port=self.port,
                dbname=self.dbname,
                user=self.user,
                password=self.password,
                connect_timeout=10,
                client_encoding="utf8",
                application_name="fineacers",
                **options,
            )
        except psycopg.OperationalError as error:
            raise Unavailable(f"PostgreSQL at {self.host}:{self.port}: {_first_line(error)}") from None


@contextmanager
def explained() -> Iterator[None]:
    """Errors of PostgreSQL as a sink's: unavailable, or to stop for."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        # Its text can quote values.
        raise SinkError(f"PostgreSQL refuses rows: {type(error).__name__} {error.sqlstate}") from None
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise Unavailable(f"PostgreSQL: {_first_line(error)}") from None
    except psycopg.Error as error:
        raise SinkError(f"PostgreSQL: {_first_line(error)}; `fineacers migrate` brings its tables up to date") from None


def _first_line(error: Exception) -> str:
    # Further lines can quote the row.
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
