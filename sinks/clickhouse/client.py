"""Where a ClickHouse is, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.base import SinkError, Unavailable

# ClickHouse's own numbers. What is about the data: it will be refused again, so the block is halved instead.
_DATA = frozenset({6, 25, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 125, 130, 131, 349, 376, 407, 441, 469, 646, 1001})
# What passes by itself: busy, out of memory or disk, shutting down, connection trouble.
_PASSES = frozenset({3, 159, 173, 198, 202, 209, 210, 236, 241, 242, 243, 252, 279, 285, 319, 394, 425, 473, 999})


class Refused(SinkError):
    """Data that ClickHouse cannot take, none of them; ``code`` is ClickHouse's error number."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ClickHouse refuses data: error {code}")
        self.code = code


@dataclass(frozen=True)
class Server:
    """A database of a ClickHouse and one user of it."""

    host: str
    port: int
    database: str
    username: str
    password: str = field(repr=False)
    interface: str = "http"


class Client:
    """A connection; every error is one of ours and none quotes a row."""

    def __init__(self, server: Server, *, create_database: bool = False) -> None:
        self._server = server
        with explained():
            if create_database:
                with self._connected("default") as client:
                    client.command(f"CREATE DATABASE IF NOT EXISTS `{server.database}` ENGINE = Atomic")
            self._client = self._connected(server.database)

    def command(self, statement: str) -> None:
        """Run a statement that answers nothing."""
        with explained():
            self._client.command(statement)

    def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """The rows that a query answers with; instants are aware and keep their microseconds, both ways."""
        with explained():
            result = self._client.query(query, parameters=dict(parameters or {}), tz_mode="aware")
        rows: Sequence[Sequence[Any]] = result.result_rows
        return rows

    def insert(self, table: str, columns: Sequence[str], data: bytes, fmt: str, token: str) -> None:
        """Insert one block; a block whose token the table remembers is not inserted again.

        Raises:
            Refused: ClickHouse cannot take the data.
        """
        with explained():
            self._client.raw_insert(
                table,
                list(columns),
                data,
                fmt=fmt,
                settings={
                    "async_insert": 0,
                    "insert_deduplicate": 1,
                    "insert_deduplication_token": token,
                    "deduplicate_blocks_in_dependent_materialized_views": 1,
                },
            )

    def close(self) -> None:
        """Leave."""
        self._client.close()

    def _connected(self, database: str) -> Any:
        return clickhouse_connect.get_client(
            interface=self._server.interface,
            host=self._server.host,
            port=self._server.port,
            username=self._server.username,
            password=self._server.password,
            database=database,
            autogenerate_session_id=False,
            connect_timeout=5,
            send_receive_timeout=120,
            query_retries=0,
            compress=False,
        )


@contextmanager
def explained() -> Iterator[None]:
    """Errors of ClickHouse as a sink's: unavailable, refused, or to stop for."""
    try:
        yield
    except ClickHouseError as error:
        raise _meaning(error) from None
    except OSError as error:
        raise Unavailable(f"ClickHouse: {type(error).__name__}") from None


def _meaning(error: ClickHouseError) -> Exception:
    code = getattr(error, "code", None)
    text = str(error)
    if code in _DATA or "avro::Exception" in text:
        return Refused(code or 1001)
    if code is None or code in _PASSES:
        return Unavailable(f"ClickHouse: {type(error).__name__} {code or ''}".rstrip())
    # The first line names the object and the reason; further ones can quote a row.
    line = text.splitlines()[0][:300]
    return SinkError(f"{line}; `fineacers migrate` brings its tables up to date")
