"""ClickHouse on this machine: one process that alone opens the embedded engine and speaks ClickHouse's HTTP protocol.

    python -m streams.local.clickhouse STATE_DIR

It listens on loopback, knows the users fineacers_sink (reads and writes) and fineacers_reader (reads), and keeps no
sessions: every request gets a handle of its own, so that nothing set for one request is left for the next.
"""

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import chdb
import uvicorn

from streams.local import clickhouse_wire as wire
from streams.local.clickhouse_http import application
from streams.local.clickhouse_rules import READER, READER_LIMITS, SINK, why_refused
from streams.local.clickhouse_wire import Answer, Refused, Rows, Statement
from streams.settings import load_settings

# An insert is done when the answer says so.
_WRITER_DEFAULTS = {"async_insert": "0"}
_NEEDS_SESSION = re.compile(r"\s*(SET\s|USE\s|CREATE\s+(OR\s+REPLACE\s+)?TEMPORARY\s)", re.IGNORECASE)


class Engine:
    """The embedded engine: one open data folder, a fresh handle for each request."""

    def __init__(self, data: Path, database: str) -> None:
        self._data = str(data)
        # Held open for the life of the process: the first handle loads the engine, the last one closes it.
        self._root = chdb.connect(self._data)
        self._root.query(f"CREATE DATABASE IF NOT EXISTS `{database}` ENGINE = Atomic")
        self.version = _text(self._root.query("SELECT version()", "TSVRaw")).strip()
        named = _text(self._root.query("SELECT name FROM system.table_functions", "TSVRaw"))
        self._table_functions = frozenset(named.split())

    def close(self) -> None:
        """Close the data folder."""
        self._root.close()

    @contextmanager
    def handle(self, user: str, database: str, settings: Mapping[str, str]) -> Iterator[Any]:
        """A handle with that database and those settings, closed afterwards.

        Raises:
            Refused: by the engine, whatever is done with the handle.
        """
        handle = chdb.connect(self._data)
        try:
            if database:
                handle.query("USE `" + database.replace("\\", "\\\\").replace("`", "\\`") + "`")
            # The reader's come first and end with readonly, so that the engine refuses any of the request's.
            for given in (READER_LIMITS if user == READER else _WRITER_DEFAULTS, settings):
                if given:
                    handle.query("SET " + ", ".join(f"{name} = {_quoted(value)}" for name, value in given.items()))
            yield handle
        except RuntimeError as error:  # what chDB raises, also as ChdbError
            raise Refused.by_engine(error) from error
        finally:
            handle.close()

    def run(self, handle: Any, user: str, statement: Statement, values: dict[str, str], streamed: bool) -> Answer:
        """Run one statement; its first rows are there when this returns, so that early errors have come.

        Args:
            handle: of this user.
            user: who asks.
            statement: what to run.
            values: query parameters by name, each in the escaped form that the protocol carries.
            streamed: whether the rows may come piece by piece.

        Raises:
            Refused: the user may not, or it would need a session.
            RuntimeError: by the engine.
        """
        if user == READER:
            self._judge(handle, statement)
        elif _NEEDS_SESSION.match(statement.sql):
            raise Refused(
                wire.NOT_IMPLEMENTED,
                "no sessions are kept here: pass settings and the database with each query, use an ordinary table",
            )
        begun = time.monotonic_ns()
        if statement.data is None:
            answer = _select(handle, statement, values, streamed)
        else:
            answer = _insert(handle, statement, statement.data)
        answer.summary["elapsed_ns"] = str(time.monotonic_ns() - begun)
        return answer

    def _judge(self, handle: Any, statement: Statement) -> None:
        if statement.data is not None:
            raise Refused(wire.ACCESS_DENIED, f"{READER}: a reader may not insert. (ACCESS_DENIED)")
        plain = _text(handle.query(f"SELECT formatQuerySingleLine({_quoted(statement.sql)})", "TSVRaw"))
        reason = why_refused(plain, self._table_functions)
        if reason is not None:
            raise Refused(wire.ACCESS_DENIED, f"{READER}: {reason}. (ACCESS_DENIED)")


def _select(handle: Any, statement: Statement, values: dict[str, str], streamed: bool) -> Answer:
    reads = re.match(r"[\s(]*(SELECT|WITH)\b", statement.sql, re.IGNORECASE)
    summary: dict[str, str] = {}
    if streamed and reads:
        result = handle.send_query(statement.sql, statement.format, params=values)
        first = result.fetch()
        if first is not None:
            return Answer(_blocks(first, result), summary)
        data = b""
    else:
        result = handle.query(statement.sql, statement.format, params=values)
        data = result.bytes()
        summary = {
            "read_rows": str(result.storage_rows_read()),
            "read_bytes": str(result.storage_bytes_read()),
            "result_rows": str(result.rows_read()),
        }
    if not data and reads and statement.format == "Native":
        # The engine says nothing for an empty result, and a client could not tell its columns.
        described = handle.query(f"DESCRIBE ({wire.without_format(statement.sql)})", "JSONCompact", params=values)
        data = wire.empty_native((row[0], row[1]) for row in json.loads(described.bytes())["data"])
    return Answer(_one(data), summary)


def _insert(handle: Any, statement: Statement, data: bytes) -> Answer:
    """Insert a body as one piece: the same body always makes the same blocks, on which deduplication rests."""
    with handle.send_insert(statement.sql, statement.format) as inserter:
        if data:
            inserter.append(data)
        written = inserter.finish()
    return Answer(_one(b""), {"written_rows": str(written.rows_written), "written_bytes": str(written.bytes_written)})


def _one(data: bytes) -> Rows:
    yield data


def _blocks(first: Any, result: Any) -> Rows:
    with result:
        yield first.bytes()
        for block in result:
            yield block.bytes()


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _text(result: Any) -> str:
    return bytes(result.bytes()).decode()


def main(state_dir: str) -> None:
    """Serve the data of that state folder on the address of its services.json until SIGTERM."""
    settings = load_settings("clickhouse", state_dir=Path(state_dir))
    address = urlsplit(settings.need("clickhouse_url"))
    data = settings.state_dir / "clickhouse"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    passwords = {
        SINK: settings.need("clickhouse_sink_password"),
        READER: settings.need("clickhouse_reader_password"),
    }
    web = application(Engine(data, settings.clickhouse_database), passwords)
    assert address.hostname is not None and address.port is not None, "services.json holds both"
    uvicorn.run(
        web,
        host=address.hostname,
        port=address.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main(sys.argv[1])
