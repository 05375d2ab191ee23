"""ClickHouse on this machine: one process that alone opens the embedded engine and speaks ClickHouse's HTTP protocol.

    python -m streams.local.clickhouse STATE_DIR

It listens on loopback, knows the users fineacers_sink (reads and writes) and fineacers_reader (reads), and keeps no
sessions: every request gets a handle of its own, so that nothing set for one request is left for the next.
"""

import asyncio
import hmac
import json
import re
import sys
import time
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import chdb
import uvicorn
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from streams.local import clickhouse_wire as wire
from streams.local.clickhouse_rules import why_refused
from streams.local.clickhouse_wire import Refused, Statement
from streams.settings import load_settings

SINK, READER = "fineacers_sink", "fineacers_reader"
_AT_ONCE = 8
_QUEUE_SECONDS = 30
_READER_LIMITS = {
    "max_execution_time": "60",
    "max_memory_usage": "4000000000",
    # Clients may not change settings under readonly, so this one is set for them.
    "enable_http_compression": "1",
    "readonly": "1",
}
# An insert is done when the answer says so.
_WRITER_DEFAULTS = {"async_insert": "0"}
_TRANSPORT = frozenset(
    "query database default_format session_id session_timeout session_check query_id quota_key wait_end_of_query "
    "buffer_size client_protocol_version role user password compress decompress enable_http_compression "
    "send_progress_in_http_headers http_headers_progress_interval_ms cancel_http_readonly_queries_on_client_close".split()
)
# Each block of these stands for itself, so the blocks of a stream are together one answer.
_STREAMED = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"})
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
            limits = _READER_LIMITS if user == READER else _WRITER_DEFAULTS
            if database:
                handle.query("USE `" + database.replace("\\", "\\\\").replace("`", "\\`") + "`")
            handle.query("SET " + ", ".join(f"{name} = {_quoted(value)}" for name, value in limits.items()))
            if settings:
                handle.query("SET " + ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items()))
            yield handle
        except RuntimeError as error:  # what chDB raises, also as ChdbError
            raise Refused.by_engine(error) from error
        finally:
            handle.close()

    def judge(self, handle: Any, user: str, sql: str) -> None:
        """Refuse what the user may not say, or what would need a session.

        Raises:
            Refused: with the reason.
        """
        if user == READER:
            plain = _text(handle.query(f"SELECT formatQuerySingleLine({_quoted(sql)})", "TSVRaw"))
            reason = why_refused(plain, self._table_functions)
            if reason is not None:
                raise Refused(wire.ACCESS_DENIED, f"{READER}: {reason}. (ACCESS_DENIED)")
        elif _NEEDS_SESSION.match(sql):
            raise Refused(
                wire.NOT_IMPLEMENTED,
                "no sessions are kept here: pass settings and the database with each query, use an ordinary table",
            )


class Server:
    """The HTTP side: who asks, what, with which settings; and the answer in the form that clients expect."""

    def __init__(self, engine: Engine, passwords: Mapping[str, str]) -> None:
        self._engine, self._passwords = engine, passwords
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def answer(self, request: Request) -> Response:
        """Run one request."""
        query_id = request.query_params.get("query_id") or str(uuid.uuid4())
        headers = {"X-ClickHouse-Query-Id": query_id, "X-ClickHouse-Timezone": "UTC"}
        try:
            user = self._authenticate(request)
            params = dict(request.query_params)
            body = await _read_body(request)
            if request.headers.get("content-type", "").startswith("multipart/form-data"):
                params.update(_form_fields(request.headers["content-type"], body))
                body = b""
            default = params.get("default_format") or request.headers.get("x-clickhouse-format") or "TabSeparated"
            statement = wire.read_statement(params.get("query", "").encode(), body, default)
            return await self._run(user, statement, params, headers, request.headers.get("accept-encoding", ""))
        except Refused as refused:
            headers["X-ClickHouse-Exception-Code"] = str(refused.code)
            return PlainTextResponse(refused.body(self._engine.version), refused.status, headers)

    def _authenticate(self, request: Request) -> str:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        user, key = request.headers.get("x-clickhouse-user", ""), request.headers.get("x-clickhouse-key", "")
        if scheme.lower() == "basic":
            try:
                user, _, key = b64decode(credentials).decode().partition(":")
            except ValueError:
                pass
        if not hmac.compare_digest(self._passwords.get(user, "").encode(), key.encode()) or not key:
            raise Refused(
                wire.AUTHENTICATION_FAILED,
                f"Authentication failed: the password is wrong or there is no such user; users here are {SINK} and "
                f"{READER}, their passwords are in services.json of the state folder. (AUTHENTICATION_FAILED)",
            )
        return user

    async def _run(
        self, user: str, statement: Statement, params: dict[str, str], headers: dict[str, str], accepted: str
    ) -> Response:
        settings = {name: value for name, value in params.items() if name not in _TRANSPORT and name[:6] != "param_"}
        for name in settings:
            if not re.fullmatch(r"[A-Za-z_]\w*", name):
                raise Refused(wire.BAD_ARGUMENTS, f"{name!r} is not the name of a setting")
        if "compress" in params or "decompress" in params:
            raise Refused(wire.NOT_IMPLEMENTED, "compress= and decompress= are not supported; use Content-Encoding")
        values = {name[6:]: value for name, value in params.items() if name[:6] == "param_"}
        wanted = user == READER or params.get("enable_http_compression") == "1"
        encoding = wire.choose_encoding(accepted) if wanted else ""
        headers["X-ClickHouse-Format"] = statement.format
        if encoding:
            headers["Content-Encoding"] = encoding
        # What is open while rows are still being sent: the slot, the handle, the result.
        with ExitStack() as opened:
            await self._take_slot()
            opened.callback(self._slots.release)
            handle = await run_sync(
                opened.enter_context, self._engine.handle(user, params.get("database", ""), settings)
            )
            work = _insert if statement.data is not None else _select
            streamed = "wait_end_of_query" not in params and statement.format in _STREAMED
            try:
                await run_sync(self._engine.judge, handle, user, statement.sql)
                chunks, summary = await run_sync(work, handle, statement, values, streamed)
            except RuntimeError as error:
                raise Refused.by_engine(error) from error
            headers["X-ClickHouse-Summary"] = json.dumps(summary)
            rows = wire.compress(chunks, encoding)
            if not streamed:
                return Response(await run_sync(lambda: b"".join(rows)), 200, headers, _media_type(statement.format))
            kept = opened.pop_all()
            return StreamingResponse(_and_then(rows, kept.close), 200, headers, _media_type(statement.format))

    async def _take_slot(self) -> None:
        try:
            await asyncio.wait_for(self._slots.acquire(), _QUEUE_SECONDS)
        except TimeoutError:
            raise Refused(
                wire.TOO_MANY_QUERIES,
                f"{_AT_ONCE} queries are running and none ended within {_QUEUE_SECONDS} s. (TOO_MANY_SIMULTANEOUS_QUERIES)",
            ) from None


def _select(handle: Any, statement: Statement, values: dict[str, str], streamed: bool) -> tuple[Iterator[bytes], Any]:
    """Run anything but an insert with data; the first rows are there when this returns, so that errors have come."""
    begun = time.monotonic_ns()
    reads = re.match(r"[\s(]*(SELECT|WITH)\b", statement.sql, re.IGNORECASE)
    if streamed and reads:
        result = handle.send_query(statement.sql, statement.format, params=values)
        first = result.fetch()
        if first is not None:
            return _blocks(first, result), {"elapsed_ns": str(time.monotonic_ns() - begun)}
        data, counts = b"", {}
    else:
        result = handle.query(statement.sql, statement.format, params=values)
        data = result.bytes()
        counts = {
            "read_rows": str(result.storage_rows_read()),
            "read_bytes": str(result.storage_bytes_read()),
            "result_rows": str(result.rows_read()),
        }
    if not data and reads and statement.format == "Native":
        # The engine says nothing for an empty result, and a client could not tell its columns.
        described = handle.query(f"DESCRIBE ({wire.without_format(statement.sql)})", "JSONCompact", params=values)
        data = wire.empty_native((row[0], row[1]) for row in json.loads(described.bytes())["data"])
    return iter([data]), {**counts, "elapsed_ns": str(time.monotonic_ns() - begun)}


def _insert(handle: Any, statement: Statement, _values: dict[str, str], _streamed: bool) -> tuple[Iterator[bytes], Any]:
    """Insert a body as one piece: the same body always makes the same blocks, on which deduplication rests."""
    begun = time.monotonic_ns()
    with handle.send_insert(statement.sql, statement.format) as inserter:
        if statement.data:
            inserter.append(statement.data)
        written = inserter.finish()
    summary = {"written_rows": str(written.rows_written), "written_bytes": str(written.bytes_written)}
    return iter([]), {**summary, "elapsed_ns": str(time.monotonic_ns() - begun)}


def _blocks(first: Any, result: Any) -> Iterator[bytes]:
    with result:
        yield first.bytes()
        for block in result:
            yield block.bytes()


def _and_then(chunks: Iterator[bytes], close: Callable[[], None]) -> Iterator[bytes]:
    try:
        yield from chunks
    finally:
        close()


async def _read_body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > wire.MAX_BODY_BYTES:
            raise Refused(wire.TOO_LARGE, f"the body is larger than {wire.MAX_BODY_BYTES} bytes: send it in parts")
        parts.append(part)
    encoding = request.headers.get("content-encoding", "").lower()
    return await run_sync(wire.decompress, b"".join(parts), encoding)


def _form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Fields of a form, which clients use when query parameters are too long for an address."""
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise Refused(wire.NOT_IMPLEMENTED, "external tables are not supported: insert the rows into a table")
        if isinstance(name, str):
            fields[name] = bytes(part.get_payload(decode=True)).decode()
    return fields


def _media_type(name: str) -> str:
    if name.startswith(("TabSeparated", "TSV", "Pretty")):
        return "text/plain; charset=UTF-8"
    return "application/json; charset=UTF-8" if name.startswith("JSON") else "application/octet-stream"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _text(result: Any) -> str:
    return bytes(result.bytes()).decode()


def application(engine: Engine, passwords: Mapping[str, str]) -> Starlette:
    """The web application: `/` for queries, `/ping` for health."""
    server = Server(engine, passwords)

    async def query(request: Request) -> Response:
        asks = request.method == "POST" or "query" in request.query_params
        return await server.answer(request) if asks else PlainTextResponse("Ok.\n")

    async def ping(_request: Request) -> Response:
        return PlainTextResponse("Ok.\n")

    @asynccontextmanager
    async def life(_application: Starlette) -> AsyncIterator[None]:
        yield
        engine.close()

    return Starlette(routes=[Route("/", query, methods=["GET", "POST"]), Route("/ping", ping)], lifespan=life)


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
