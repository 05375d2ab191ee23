"""Path files: one row per distinct journey, with how often it converted, what that was worth and how often it did not.

Columns ``path`` (channels joined by `` > ``), ``total_conversions``, ``total_conversion_value`` and ``total_null``, of
which the last two may be missing; others are ignored. Comma, semicolon, tab or bar between them, gzip or not.
"""

from __future__ import annotations

import zlib
from codecs import BOM_UTF8
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from models.attribution.batch import Paths
from streams.sources.files import UnreadableFileError, opened

MAX_CHANNELS = 1_000
_PATH, _CONVERSIONS, _VALUE, _NULLS = "path", "total_conversions", "total_conversion_value", "total_null"
_DELIMITERS = ",;\t|"
_JOINED_BY = " > "


def read_paths(path: Path) -> Paths:
    """The table in a file.

    Raises:
        UnreadableFileError: it is not such a file; says what is wrong, where, and what is expected.
    """
    table = _table(path)
    counts = {name: _numbers(table, name, path) for name in (_CONVERSIONS, _VALUE, _NULLS)}
    if not (counts[_CONVERSIONS] + counts[_NULLS]).any():
        raise UnreadableFileError(
            f"{path}: no row has a journey: {_CONVERSIONS}, and {_NULLS} if it is there, are 0 in all of them"
        )
    touches = pc.split_pattern(table[_PATH].combine_chunks(), _JOINED_BY)
    encoded = touches.flatten().dictionary_encode()
    spellings = [name.strip() for name in encoded.dictionary.to_pylist()]
    channels = tuple(dict.fromkeys(spellings))
    numbers = np.array([channels.index(name) for name in spellings], np.int32)[encoded.indices.to_numpy()]
    starts = touches.offsets.to_numpy().astype(np.int64)
    if "" in channels:
        empty = int(np.argmax(numbers == channels.index("")))
        row = int(np.searchsorted(starts, empty, side="right"))
        raise UnreadableFileError(f"{path}: row {row} has an empty channel in its path; name it, or leave the row out")
    if len(channels) > MAX_CHANNELS:
        raise UnreadableFileError(
            f"{path}: {len(channels):,} different channels, {MAX_CHANNELS:,} at most: are touches joined by "
            f"'{_JOINED_BY}'?"
        )
    return Paths(
        channels=channels,
        touches=numbers,
        starts=starts,
        conversions=counts[_CONVERSIONS],
        value=counts[_VALUE],
        nulls=counts[_NULLS],
    )


def _table(path: Path) -> pa.Table:
    with opened(path) as file:
        try:
            return _rows(file.content, path)
        except (pa.ArrowInvalid, OSError, EOFError, zlib.error) as error:
            raise UnreadableFileError(f"{path}: {str(error).splitlines()[0]}") from None


def _rows(content: BinaryIO, path: Path) -> pa.Table:
    header = content.readline(1 << 16).removeprefix(BOM_UTF8)
    delimiter = max(_DELIMITERS, key=lambda one: header.count(one.encode()))
    there = [name.strip().strip('"') for name in header.decode(errors="replace").strip().split(delimiter)]
    missing = [name for name in (_PATH, _CONVERSIONS) if name not in there]
    if missing:
        raise UnreadableFileError(f"{path}: no column {', '.join(missing)}; there are {', '.join(there[:12])}")
    if not content.peek(1):  # type: ignore[attr-defined]  # what is opened is buffered
        raise UnreadableFileError(f"{path}: a header and no rows")
    numbers = (_CONVERSIONS, _VALUE, _NULLS)
    return csv.read_csv(
        content,
        read_options=csv.ReadOptions(column_names=there),
        parse_options=csv.ParseOptions(delimiter=delimiter),
        convert_options=csv.ConvertOptions(
            include_columns=[name for name in (_PATH, *numbers) if name in there],
            column_types={_PATH: pa.string(), **dict.fromkeys(numbers, pa.float64())},
            strings_can_be_null=False,
        ),
    )


def _numbers(table: pa.Table, name: str, path: Path) -> NDArray[np.float64]:
    if name not in table.column_names:
        return np.zeros(len(table))
    numbers: NDArray[np.float64] = table[name].to_numpy().astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 0)))
    if len(bad):
        raise UnreadableFileError(f"{path}: row {bad[0] + 1}: {name} must be a number of 0 or more")
    return numbers
