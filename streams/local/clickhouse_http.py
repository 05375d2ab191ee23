"""ClickHouse's HTTP protocol in front of the embedded engine: who asks what, and the answer as clients expect it."""

import asyncio
import hmac
import json
import re
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, suppress
from email.parser import BytesParser
from secrets import token_hex
from typing import Any, Protocol

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from streams.local import clickhouse_wire as wire
from streams.local.clickhouse_rules import READER, SINK
from streams.local.clickhouse_wire import Answer, Refused, Statement

_AT_ONCE = 8
_QUEUE_SECONDS = 30
# Parameters of a request that are no settings of the engine.
_TRANSPORT = frozenset(
    (
        *("query", "database", "default_format", "query_id", "session_id", "session_timeout", "session_check"),
        *("user", "password", "role", "quota_key", "wait_end_of_query", "buffer_size", "client_protocol_version"),
        *("enable_http_compression", "send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        "cancel_http_readonly_queries_on_client_close",
    )
)
# Each block of these stands for itself, so the blocks of a stream are together one answer.
_STREAMED = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"})


class Engine(Protocol):
    """What answers the queries; blocking, used from several threads at once."""

    version: str

    def handle(self, user: str, database: str, settings: Mapping[str, str]) -> AbstractContextManager[Any]:
        """Something to run one statement on."""

    def run(self, handle: Any, user: str, statement: Statement, values: dict[str, str], streamed: bool) -> Answer:
        """Run it; the answer's rows may still be on their way."""

    def close(self) -> None:
        """Called once, when no request is left."""


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
            with suppress(ValueError):
                user, _, key = b64decode(credentials).decode().partition(":")
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
        # What stays open while rows are being sent: the slot, the handle, the result.
        with ExitStack() as opened:
            await self._take_slot()
            opened.callback(self._slots.release)
            handle = await run_sync(
                opened.enter_context, self._engine.handle(user, params.get("database", ""), settings)
            )
            streamed = "wait_end_of_query" not in params and statement.format in _STREAMED
            answer = await run_sync(self._engine.run, handle, user, statement, values, streamed)
            opened.callback(answer.rows.close)
            # of these rows alone: an error goes out with the headers given, as it is
            headers = {**headers, "X-ClickHouse-Format": statement.format}
            headers["X-ClickHouse-Summary"] = json.dumps(answer.summary)
            if encoding:
                headers["Content-Encoding"] = encoding
            media = _media_type(statement.format)
            if not streamed:
                rows = await run_sync(lambda: b"".join(wire.compress(answer.rows, encoding)))
                return Response(rows, 200, headers, media)
            tag = headers["X-ClickHouse-Exception-Tag"] = token_hex(8)
            rows_or_error = self._until_error(answer.rows, tag)
            return _Streaming(wire.compress(rows_or_error, encoding), headers, media, opened.pop_all())

    def _until_error(self, chunks: Iterator[bytes], tag: str) -> Iterator[bytes]:
        try:
            yield from chunks
        except RuntimeError as error:
            yield Refused.by_engine(error).in_stream(self._engine.version, tag)

    async def _take_slot(self) -> None:
        try:
            await asyncio.wait_for(self._slots.acquire(), _QUEUE_SECONDS)
        except TimeoutError:
            raise Refused(
                wire.TOO_MANY_QUERIES,
                f"{_AT_ONCE} queries run and none ended within {_QUEUE_SECONDS} s. (TOO_MANY_SIMULTANEOUS_QUERIES)",
            ) from None


class _Streaming(StreamingResponse):
    """Rows as they come. Gives back what was open for them also when the client leaves before the first row."""

    def __init__(self, rows: Iterator[bytes], headers: Mapping[str, str], media: str, opened: ExitStack) -> None:
        super().__init__(rows, 200, headers, media)
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._opened:
            await super().__call__(scope, receive, send)


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
