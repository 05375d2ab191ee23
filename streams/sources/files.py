"""Files of rows, CSV or JSON lines, compressed or not: read row by row in bounded memory."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

from streams.sources.mapping import Mapping, RowError

MAX_ROW_BYTES = 1_000_000
"""A longer row is refused; what is kept of it is its beginning."""
MAX_COLUMNS = 1_000

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER = 1 << 18
_NAMES_SHOWN = 12


class UnreadableFileError(Exception):
    """The file as a whole, or the rest of it, cannot be read as what the mapping expects; says why and what to do."""


class Row(NamedTuple):
    """A row: its number from 1, its bytes, and the cells of the mapping's columns or why there are none."""

    number: int
    raw: bytes
    cells: Sequence[str | None] | RowError


class OpenFile(NamedTuple):
    """A file being read: its content, its size in bytes as stored and how many of these were read."""

    content: BinaryIO
    size: int
    position: Callable[[], int]


@contextmanager
def opened(path: Path) -> Iterator[OpenFile]:
    """Open a file for reading; gzip is recognised by its first bytes. Raises ``UnreadableFileError``."""
    try:
        stored = path.open("rb")
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror}") from None
    with stored:
        size = path.stat().st_size
        if size == 0:
            raise UnreadableFileError(f"{path}: the file is empty")
        packed = stored.peek(2)[:2] == _GZIP_MAGIC
        content = BufferedReader(gzip.GzipFile(fileobj=stored), _BUFFER) if packed else stored
        yield OpenFile(content, size, stored.tell)


def rows(mapping: Mapping, content: BinaryIO, path: Path) -> Iterator[Row]:
    """The rows of a file, refused ones among them. Raises ``UnreadableFileError`` where the file cannot be read on."""
    read = _csv_rows if mapping.format == "csv" else _json_rows
    try:
        yield from read(mapping, content)
    except UnreadableFileError as error:
        raise UnreadableFileError(f"{path}: {error}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFileError(f"{path}: damaged gzip file, fetch it anew ({error})") from None
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror or error}") from None


def _csv_rows(mapping: Mapping, content: BinaryIO) -> Iterator[Row]:
    lines = _Lines(content)
    reader = csv.reader(lines, delimiter=mapping.delimiter, strict=True)
    header = _header(reader)
    pick = _picker(mapping, header)
    number = 0
    while True:
        lines.taken.clear()
        try:
            cells = next(reader, None)
            refusal = None if cells is None or len(cells) == len(header) else _wrong_width(len(cells), len(header))
        except csv.Error as error:
            cells, refusal = [], RowError("bad_csv", f"not CSV: {error}")
        if cells is None:
            return
        if (not cells and refusal is None) or not b"".join(lines.taken).strip():
            continue
        number += 1
        if refusal is not None:
            # an unclosed quote swallows the rows after it: only the first line is refused, the rest read again
            lines.give_back()
        raw = b"".join(lines.taken)
        if len(raw) > MAX_ROW_BYTES:
            refusal = _too_long()
        yield Row(number, raw, refusal or pick(cells))


class _Lines:
    """The lines of a file as text; ``taken`` holds the bytes of those read for the current row."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        # a byte order mark would hide the quotes of the first name
        self._again = deque([line_of(content).removeprefix(BOM_UTF8)])
        self.taken: list[bytes] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else line_of(self._content)
        if not line:
            raise StopIteration
        self.taken.append(line)
        # what is not UTF-8 is found when it is used: only the columns that the mapping reads matter
        return line.decode("utf-8", "surrogateescape")

    def give_back(self) -> None:
        """Keep the first line of the current row and read the others again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def line_of(content: BinaryIO, limit: int = MAX_ROW_BYTES) -> bytes:
    """The next line, empty at the end; of one longer than ``limit`` its beginning, one byte too long."""
    line = content.readline(limit + 1)
    rest = line
    while len(rest) > limit and not rest.endswith(b"\n"):
        rest = content.readline(limit + 1)
    return line


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = next((cells for cells in reader if cells), [])
    except csv.Error as error:
        raise UnreadableFileError(f"the first line is no CSV header: {error}") from None
    return [name.strip() for name in header]


def _picker(mapping: Mapping, header: list[str]) -> Callable[[list[str]], Sequence[str]]:
    """The function that picks the mapping's columns out of a row."""
    if len(header) > MAX_COLUMNS:
        raise UnreadableFileError(f"{len(header):,} columns; at most {MAX_COLUMNS:,} are read")
    missing = [name for name in mapping.columns if name not in header]
    if missing:
        found = ", ".join(ascii(name[:40]) for name in header[:_NAMES_SHOWN])
        more = f" and {len(header) - _NAMES_SHOWN} more" if len(header) > _NAMES_SHOWN else ""
        raise UnreadableFileError(
            f"missing columns: {', '.join(missing)}. The first line has {found or 'nothing'}{more} "
            f"(separated by {mapping.delimiter!r}); is it a file for the mapping {mapping.name}?"
        )
    twice = [name for name in mapping.columns if header.count(name) > 1]
    if twice:
        raise UnreadableFileError(f"columns named more than once: {', '.join(twice)}")
    places = [header.index(name) for name in mapping.columns]
    if len(places) == 1:
        return itemgetter(slice(places[0], places[0] + 1))
    return itemgetter(*places) if places else lambda cells: ()


def _wrong_width(found: int, wanted: int) -> RowError:
    reason = "missing_column" if found < wanted else "extra_column"
    return RowError(reason, f"{found} fields where the header has {wanted}: an unquoted delimiter, or a cut line?")


def _too_long() -> RowError:
    return RowError("too_large", f"longer than {MAX_ROW_BYTES:,} bytes; only the beginning is kept here")


def _json_rows(mapping: Mapping, content: BinaryIO) -> Iterator[Row]:
    number = 0
    while line := line_of(content):
        if not line.strip():
            continue
        number += 1
        yield Row(number, line, _too_long() if len(line) > MAX_ROW_BYTES else _json_cells(mapping, line))


def _json_cells(mapping: Mapping, line: bytes) -> Sequence[str | None] | RowError:
    try:
        # numbers stay as they are written: a float would round them
        row = json.loads(line, parse_int=str, parse_float=str, parse_constant=_no_number)
    except UnicodeDecodeError:
        return RowError("invalid_utf8", "the line is not UTF-8 text")
    except RowError as refusal:
        return refusal
    except (ValueError, RecursionError):
        return RowError("bad_json", "the line is no JSON object")
    if not isinstance(row, dict):
        return RowError("bad_json", "the line is no JSON object")
    cells = [_cell(row.get(name)) for name in mapping.columns]
    nested = [name for name, cell in zip(mapping.columns, cells, strict=True) if isinstance(cell, list | dict)]
    return RowError("bad_value", f"{', '.join(nested)}: a list or an object, not one value") if nested else cells


def _no_number(word: str) -> NoReturn:
    raise RowError("bad_json", f"{word} is no number in JSON: write null, or leave the field out")


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
