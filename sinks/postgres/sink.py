"""The sink into PostgreSQL: rows and positions in one transaction."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, LiteralString

import psycopg

from schemas.codec import HEADER_BYTES, CodecError, decode
from sinks.base import Fenced, Log, Refuse, Resume, SinkError, Write, require_same_log
from sinks.delivery import Batch, Misplaced, Positions, Range, Record, standing
from sinks.postgres.connection import Server, explained
from sinks.postgres.copy import stream
from sinks.postgres.rows import BULK, ROWS, TOPICS
from sinks.postgres.table import Row, Table
from sinks.postgres.tables import TABLES
from sinks.refusals import why

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass
class Arrived:
    """Rows for one table: as values, and as bytes already (only of tables whose rows no newer ones replace)."""

    rows: list[Row] = field(default_factory=list)
    encoded: list[bytes] = field(default_factory=list)


Staged = dict[str, Arrived]

_ADVANCE: LiteralString = """
    UPDATE sink_positions p SET next_offset = n.next
    FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[]) AS n (topic, partition, expected, next)
    WHERE p.topic = n.topic AND p.partition = n.partition AND p.next_offset = n.expected AND p.epoch = %s
"""
_STAND: LiteralString = """
    INSERT INTO sink_positions AS p (topic, partition, next_offset, cluster_id, topic_id, epoch)
    SELECT topic, partition, 0, cluster_id, topic_id, %(epoch)s
    FROM unnest(%(topics)s::text[], %(partitions)s::int[], %(clusters)s::text[], %(ids)s::text[])
        AS n (topic, partition, cluster_id, topic_id)
    ON CONFLICT (topic, partition) DO UPDATE SET epoch = excluded.epoch
    RETURNING topic, partition, next_offset
"""


class _NotAllMoved(Exception):
    """Positions of a batch are not where it begins."""


class PostgresSink:
    """One process's hold on the tables of ``sinks.postgres.tables``."""

    store = "postgres"
    topics = TOPICS
    rest_seconds = 0.5

    def __init__(self, server: Server) -> None:
        self._server = server
        self._epoch = 0
        self._connection: Connection | None = None

    def open(self, log: Log) -> Resume:
        owners = log.owners()
        with explained():
            connection = self._connected()
            with connection.transaction():
                known = connection.execute("SELECT topic, partition, cluster_id, topic_id FROM sink_positions")
                require_same_log(self.store, {(t, p): (cluster, id_) for t, p, cluster, id_ in known}, log)
                (self._epoch,) = connection.execute("SELECT nextval('sink_epochs')").fetchone() or (0,)
                stands = connection.execute(
                    _STAND,
                    {
                        "epoch": self._epoch,
                        "topics": [topic for topic, _ in owners],
                        "partitions": [partition for _, partition in owners],
                        "clusters": [cluster for cluster, _ in owners.values()],
                        "ids": [id_ for _, id_ in owners.values()],
                    },
                )
                return Resume({(topic, partition): offset for topic, partition, offset in stands})

    def prepare(self, batch: Batch, refuse: Refuse) -> Write:
        return partial(self._write, batch, _staged(batch.records, refuse), refuse)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self, batch: Batch, staged: Staged, refuse: Refuse) -> None:
        with explained():
            connection = self._connected()
            try:
                self._store(connection, batch.ranges, staged)
            except (psycopg.DataError, psycopg.IntegrityError, ValueError):
                good = self._accepted(connection, batch.records, refuse)
                self._store(connection, batch.ranges, _staged(good, refuse))

    def _connected(self) -> Connection:
        if self._connection is not None and (self._connection.closed or self._connection.broken):
            self._connection = None
        if self._connection is None:
            connection = self._server.connect(autocommit=True)
            with connection.transaction():
                for table in TABLES:
                    connection.execute(table.create_staged)
            self._connection = connection
        return self._connection

    def _store(self, connection: Connection, ranges: Sequence[Range], staged: Staged) -> None:
        try:
            with connection.transaction():
                # First of all, so that two processes wait for each other here and not half way.
                done = connection.execute(
                    _ADVANCE,
                    (
                        [r.topic for r in ranges],
                        [r.partition for r in ranges],
                        [r.first for r in ranges],
                        [r.end for r in ranges],
                        self._epoch,
                    ),
                )
                if done.rowcount != len(ranges):
                    raise _NotAllMoved
                _merge(connection, staged)
        except _NotAllMoved:  # those that did are rolled back, lest they be taken for stored
            reason = self._why_not(connection, ranges)
            if reason is not None:
                raise reason from None

    def _why_not(self, connection: Connection, ranges: Sequence[Range]) -> Fenced | None:
        """Why positions did not move: none if the batch is stored, its answer having been lost on the way."""
        rows = connection.execute("SELECT topic, partition, next_offset, epoch FROM sink_positions").fetchall()
        positions: Positions = {(topic, partition): offset for topic, partition, offset, _ in rows}
        epochs = {(topic, partition): epoch for topic, partition, _, epoch in rows}
        if any(epochs.get((r.topic, r.partition)) != self._epoch for r in ranges):
            return Fenced(self.store)
        try:
            stored = standing(ranges, positions) == "stored"
        except Misplaced as misplaced:
            return Fenced(self.store, str(misplaced))
        return None if stored else Fenced(self.store)

    def _accepted(self, connection: Connection, records: Sequence[Record], refuse: Refuse) -> list[Record]:
        """The records that PostgreSQL takes, found by halving; the others are refused. Nothing is stored."""
        try:
            with connection.transaction(force_rollback=True):
                _merge(connection, _staged(records, refuse))
            return list(records)
        except (psycopg.DataError, psycopg.IntegrityError, ValueError) as error:
            if len(records) == 1:
                code = error.sqlstate if isinstance(error, psycopg.Error) else "value"
                refuse(records[0], *why(records[0], f"PostgreSQL error {code}"))
                return []
        middle = len(records) // 2
        return [
            *self._accepted(connection, records[:middle], refuse),
            *self._accepted(connection, records[middle:], refuse),
        ]


def _staged(records: Sequence[Record], refuse: Refuse) -> Staged:
    """Rows by table; what is no message, or not of its topic, is refused."""
    staged: Staged = defaultdict(Arrived)
    for record in records:
        if record.value[:HEADER_BYTES] in BULK and _transcoded(record, staged):
            continue
        try:
            decoded = decode(record.value)
        except CodecError as error:
            refuse(record, error.reason, error.detail)
            continue
        rows = ROWS.get(type(decoded.message))
        if rows is None:
            refuse(record, "wrong_type", f"{type(decoded.message).__name__} has no table")
            continue
        for table, row in rows(decoded, record):
            staged[table.name].rows.append(row)
    return staged


def _transcoded(record: Record, staged: Staged) -> bool:
    """Whether a record of a bulky type is staged; if not, the codec will say what is wrong with it."""
    table, transcode = BULK[record.value[:HEADER_BYTES]]
    try:
        rows = transcode(record.value, HEADER_BYTES, record.partition, record.offset)
    except (IndexError, ValueError, struct.error):
        return False
    if rows:  # else the table would be merged for nothing
        staged[table.name].encoded += rows
    return True


def _merge(connection: Connection, staged: Staged) -> None:
    filled = [table for table in TABLES if table.name in staged]
    for table in filled:
        _copy(connection, table, staged[table.name])
        if table.beforehand is not None:
            connection.execute(table.beforehand.encode())
        connection.execute(table.merge)
    for table in filled:
        if table.afterwards is not None:
            connection.execute(table.afterwards.encode())


def _copy(connection: Connection, table: Table, arrived: Arrived) -> None:
    encoded = map(table.encode, table.last_wins(arrived.rows))
    with connection.cursor() as cursor, cursor.copy(table.copy) as copy:
        copy.write(stream((*arrived.encoded, *encoded)))


__all__ = ["PostgresSink", "SinkError"]
