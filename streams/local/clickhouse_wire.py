"""ClickHouse's HTTP conventions that need no engine: statements, compression, errors."""

import re
import sys
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import lz4.frame  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_BODY_BYTES = 256 * 1024 * 1024
"""Largest request body, as sent and after decompression."""

ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516
BAD_ARGUMENTS = 36
NOT_IMPLEMENTED = 48
TOO_LARGE = 307
TOO_MANY_QUERIES = 202
_STATUS = {
    ACCESS_DENIED: 403,
    AUTHENTICATION_FAILED: 403,
    164: 403,  # READONLY
    TOO_LARGE: 413,
    TOO_MANY_QUERIES: 503,
    NOT_IMPLEMENTED: 501,
    60: 404,  # UNKNOWN_TABLE
    81: 404,  # UNKNOWN_DATABASE
    159: 408,  # TIMEOUT_EXCEEDED
    49: 500,  # LOGICAL_ERROR
    241: 500,  # MEMORY_LIMIT_EXCEEDED
}


_VERSION = re.compile(r" \(version [\d.]+\)")


class Refused(Exception):
    """An error as the protocol reports it: ClickHouse's code and a message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = _STATUS.get(code, 400 if code else 500)

    @classmethod
    def by_engine(cls, error: Exception) -> "Refused":
        """The engine's own error, its code read from the text; 0 if it has none."""
        text = str(error)
        start = text.find("Code: ")
        found = re.match(r"Code: (\d+)\. DB::Exception: (.*)", text[start:], re.DOTALL) if start >= 0 else None
        return cls(int(found[1]), _VERSION.sub("", found[2]).strip()) if found else cls(0, text)

    def body(self, version: str) -> str:
        """The text that clients show."""
        return f"Code: {self.code}. DB::Exception: {self} (version {version})\n"

    def in_stream(self, version: str, tag: str) -> bytes:
        """The same when rows were already sent: clients look for it between the marks that the header announced."""
        mark, message = tag.encode(), self.body(version).encode()
        return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (mark, message, len(message), mark)


@dataclass(frozen=True)
class Statement:
    """A request's SQL, taken apart as far as the protocol needs."""

    sql: str
    """For an INSERT with data: up to FORMAT, which the engine takes separately."""
    format: str
    """Output format, or the input format if there are data."""
    data: bytes | None = None
    """Rows in the body of an `INSERT … FORMAT …`."""


Rows = Generator[bytes, None, None]


@dataclass(frozen=True)
class Answer:
    """What the engine gives back."""

    rows: Rows
    """Encoded in the statement's format, piece by piece."""
    summary: dict[str, str]
    """Counts for the summary header."""


# Up to the first FORMAT, if no rows are computed or written out before it.
_INSERT = re.compile(
    rb"\s*(?P<sql>INSERT\s+INTO\s(?:(?!\b(?:SELECT|VALUES|WITH)\b)(?:`[^`]*`|[^`]))*?)"
    rb"\sFORMAT\s+(?P<format>\w+)[ \t]*(?:\r?\n|;)?",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"\sFORMAT\s+(\w+)(?:\s+SETTINGS\s[^']*)?\s*;?\s*$", re.IGNORECASE)
_LONGEST_INSERT = 64 * 1024


def read_statement(query: bytes, body: bytes, default_format: str) -> Statement:
    """Join the SQL of the address and of the body, and part it from the rows of an insert.

    Raises:
        Refused: the SQL is empty or no UTF-8.
    """
    in_query = _INSERT.fullmatch(query.rstrip())
    if in_query is not None:
        return Statement(in_query["sql"].decode(), in_query["format"].decode(), body)
    in_body = _INSERT.match(body[:_LONGEST_INSERT]) if not query else None
    if in_body is not None:
        return Statement(in_body["sql"].decode(), in_body["format"].decode(), body[in_body.end() :])
    try:
        sql = (query + b"\n" + body if query and body else query or body).decode()
    except UnicodeDecodeError as error:
        raise Refused(BAD_ARGUMENTS, f"the query is not UTF-8: {error}") from None
    if not sql.strip():
        raise Refused(62, "Empty query. (SYNTAX_ERROR)")
    named = _FORMAT.search(sql)
    return Statement(sql, named.group(1) if named else default_format)


def without_format(sql: str) -> str:
    """The query without its FORMAT clause."""
    return _FORMAT.sub("", sql).rstrip().rstrip(";")


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": zlib.decompressobj,
}


def decompress(body: bytes, encoding: str) -> bytes:
    """Undo a request's Content-Encoding; several frames in a row are one body.

    Raises:
        Refused: the encoding is unknown, the data are damaged, or they grow beyond MAX_BODY_BYTES.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in _DECOMPRESSORS:
        raise Refused(BAD_ARGUMENTS, f"unknown Content-Encoding {encoding}; known: {', '.join(_DECOMPRESSORS)}")
    parts, size, rest = [], 0, body
    while rest:
        frame = _DECOMPRESSORS[encoding]()
        try:
            part = frame.decompress(rest, MAX_BODY_BYTES - size + 1)
        except (RuntimeError, zlib.error, zstd.ZstdError) as error:
            raise Refused(BAD_ARGUMENTS, f"the body is not {encoding}: {error}") from None
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise Refused(TOO_LARGE, f"the body is larger than {MAX_BODY_BYTES} bytes when decompressed")
        if not frame.eof:
            raise Refused(BAD_ARGUMENTS, f"the {encoding} body is cut short")
        parts.append(part)
        rest = frame.unused_data
    return b"".join(parts)


def choose_encoding(accepted: str) -> str:
    """The first encoding of an Accept-Encoding header that we have; "" for none."""
    offered = (item.split(";")[0].strip().lower() for item in accepted.split(","))
    return next((name for name in offered if name in ("lz4", "zstd", "gzip")), "")


def compress(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Compress a response; lz4 and zstd as one frame per chunk, so that each can be read as it arrives."""
    if encoding == "gzip":
        stream = zlib.compressobj(level=1, wbits=31)
        for chunk in chunks:
            yield stream.compress(chunk)
        yield stream.flush()
        return
    one = {"lz4": lz4.frame.compress, "zstd": zstd.compress, "": bytes}[encoding]
    for chunk in chunks:
        yield one(chunk)


def empty_native(columns: Iterable[tuple[str, str]]) -> bytes:
    """A Native block without rows that still says what the columns (name, type) are."""
    names = [part.encode() for column in columns for part in column]
    return _varint(len(names) // 2) + _varint(0) + b"".join(_varint(len(name)) + name for name in names)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
