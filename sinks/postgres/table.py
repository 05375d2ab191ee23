"""A table that rows are merged into: columns, key, and which of two rows with one key is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from psycopg import sql

from sinks.postgres.copy import encoder

Row = tuple[Any, ...]
Values = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table that the sink merges rows into: by ``key``, the greater ``newer`` wins, or the lesser ``older`` in the
    order of its columns (neither: the first row stays)."""

    name: str
    columns: tuple[tuple[str, str], ...]
    """Name and PostgreSQL type."""
    key: tuple[str, ...]
    newer: str | None = None
    afterwards: str | None = None
    """A statement that follows when all tables are merged."""
    beforehand: str | None = None
    """A statement that goes before the merge, when the rows have arrived."""
    older: tuple[str, ...] = ()

    @property
    def staged(self) -> str:
        """Name of the temporary table that rows arrive in."""
        return f"staged_{self.name}"

    @cached_property
    def row(self) -> Callable[[Values], Row]:
        """Values by name as a row."""
        return itemgetter(*(name for name, _ in self.columns))

    @cached_property
    def key_of(self) -> Callable[[Row], Any]:
        """The key of a row."""
        return itemgetter(*(self._index(name) for name in self.key))

    @cached_property
    def encode(self) -> Callable[[Row], bytes]:
        """A row as bytes of a binary COPY stream."""
        return encoder([type_ for _, type_ in self.columns])

    def last_wins(self, rows: Iterable[Row]) -> list[Row]:
        """One row for each key: a merge that updates may not meet a key twice. Without updates the first row stays."""
        if self.newer is None and not self.older:
            return list(rows)
        kept: dict[Any, Row] = {}
        newer = None if self.newer is None else self._index(self.newer)
        older = [self._index(name) for name in self.older]
        for row in rows:
            key = self.key_of(row)
            held = kept.get(key)
            if (
                held is None
                or (newer is not None and row[newer] > held[newer])
                or (older and [row[place] for place in older] < [held[place] for place in older])
            ):
                kept[key] = row
        return list(kept.values())

    def _index(self, name: str) -> int:
        return [column for column, _ in self.columns].index(name)

    @cached_property
    def create_staged(self) -> sql.Composed:
        """The temporary table of a connection."""
        return sql.SQL("CREATE TEMP TABLE {} (LIKE {}) ON COMMIT DELETE ROWS").format(
            sql.Identifier(self.staged), sql.Identifier(self.name)
        )

    @cached_property
    def copy(self) -> sql.Composed:
        """COPY into the temporary table."""
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(self.staged), self._names())

    @cached_property
    def merge(self) -> sql.Composed:
        """From the temporary table into the real one."""
        act: sql.Composable = sql.SQL("DO NOTHING")
        better, than = ((self.newer,), ">") if self.newer is not None else (self.older, "<")
        if better:
            sets = sql.SQL(", ").join(
                sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
                for name, _ in self.columns
                if name not in self.key
            )
            arrived, held = (
                sql.SQL(", ").join(sql.Identifier(whose, name) for name in better) for whose in ("excluded", self.name)
            )
            act = sql.SQL("DO UPDATE SET {} WHERE ({}) {} ({})").format(sets, arrived, sql.SQL(than), held)
        return sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {2} ON CONFLICT ({3}) {4}").format(
            sql.Identifier(self.name),
            self._names(),
            sql.Identifier(self.staged),
            sql.SQL(", ").join(map(sql.Identifier, self.key)),
            act,
        )

    def _names(self) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(name) for name, _ in self.columns)
