"""Positions in ClickHouse: a batch is announced before its rows are sent and marked done once they are counted.

ClickHouse has no transaction over several inserts. So table ``sink_positions`` says which ranges are being written;
whoever comes next writes exactly those again, under the same tokens, and ClickHouse keeps each block once.

The announcement also fences. Batches are numbered, and the number is the insert's token, of which ClickHouse takes
the first only. Of two processes that announce the same number one reads back the other's name and stops. The numbers
go on when the store is emptied to be filled anew: what stands before that announcement says nothing of what there is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from sinks.base import Fenced, Log, Resume, SinkError, require_same_log
from sinks.clickhouse.client import Client
from sinks.delivery import Positions, Range

POSITIONS = "sink_positions"
_CLAIM = Range("", -1, 0, 0)
_REBUILD = Range("", -2, 0, 0)
_ATTEMPTS = 100
_UNDER_WAY_SECONDS = 120
"""A batch that was announced longer ago is not being written any more."""
_PAUSE_SECONDS = 0.2
SINCE_REBUILD = "topic != '' AND batch > (SELECT max(batch) FROM sink_positions WHERE topic = '' AND partition = -2)"
"""Of the table of positions: what says something of the rows that there are."""


class Journal:
    """One process's hold on the positions."""

    def __init__(self, client: Client, store: str) -> None:
        self._client, self._store = client, store
        self._owner = str(uuid4())
        self._number = 0
        self._log: Mapping[tuple[str, int], tuple[str, str]] = {}

    def take_over(self, log: Log) -> Resume:
        """Fence every other process off, and say where the store stands.

        Raises:
            SinkError: it was filled from another log.
        """
        if self._rebuild_is_half_done():
            raise SinkError(
                f"{self._store} was being emptied to be filled anew and that was cut short: "
                f"`fineacers sink {self._store} --rebuild` begins again"
            )
        known = self._client.rows(
            # names of our own: nothing in these queries comes from a record
            f"SELECT topic, partition, cluster_id, topic_id FROM sink_positions FINAL WHERE {SINCE_REBUILD}"  # noqa: S608
        )
        require_same_log(self._store, {(t, p): (cluster, id_) for t, p, cluster, id_ in known}, log)
        self._log = log.owners()
        self._claim(_CLAIM, done=True)
        positions: Positions = dict.fromkeys(log.owners(), 0)
        ends = self._client.rows(
            f"SELECT topic, partition, max(end) FROM sink_positions WHERE done AND {SINCE_REBUILD} GROUP BY 1, 2"  # noqa: S608
        )
        positions.update({(topic, partition): end for topic, partition, end in ends})
        return Resume(positions, self._pending())

    def begin_rebuild(self) -> None:
        """Fence every other process off, wait for the batch that one may be writing, and forget all positions.

        Until ``end_rebuild`` nobody can take the store over.
        """
        self._claim(_REBUILD, done=False)
        while self._client.rows(
            """
            SELECT batch FROM sink_positions WHERE topic != '' GROUP BY batch
            HAVING NOT max(done) AND max(written_at) > now64(6) - toIntervalSecond({seconds:UInt32})
            """,
            {"seconds": _UNDER_WAY_SECONDS},
        ):
            time.sleep(_PAUSE_SECONDS)

    def end_rebuild(self) -> None:
        """The store is empty: whoever takes it over fills it from the start."""
        self._insert([_REBUILD], self._number, done=True, token=f"done:{self._number}")

    def announce(self, ranges: Sequence[Range]) -> None:
        """Say that these ranges are about to be written.

        Raises:
            Fenced: another process has taken over.
        """
        if not self._announced(ranges, done=False):
            raise Fenced(self._store)

    def finish(self, ranges: Sequence[Range]) -> None:
        """Say that the announced ranges are written."""
        self._insert(ranges, self._number, done=True, token=f"done:{self._number}")

    def _claim(self, what: Range, *, done: bool) -> None:
        """Take the next number, whoever had the last."""
        for _ in range(_ATTEMPTS):
            self._number, _ = self._last()
            if self._announced([what], done=done):
                return
        raise Fenced(self._store, "others keep taking it over")

    def _rebuild_is_half_done(self) -> bool:
        begun = self._client.rows(
            """
            SELECT batch FROM sink_positions
            WHERE topic = '' AND partition = -2
              AND batch = (SELECT max(batch) FROM sink_positions WHERE topic = '' AND partition = -2)
            GROUP BY batch HAVING NOT max(done)
            """
        )
        return bool(begun)

    def _announced(self, ranges: Sequence[Range], *, done: bool) -> bool:
        number = self._number
        for _ in range(3):
            # A server killed between noting a token and keeping its block takes a number and shows nothing of it.
            number += 1
            self._insert(ranges, number, done=done, token=f"batch:{number}")
            last, owner = self._last()
            if last >= number:
                break
        if last != number or owner != self._owner:
            return False
        self._number = number
        return True

    def _last(self) -> tuple[int, str]:
        """Number and owner of the newest batch."""
        rows = self._client.rows("SELECT batch, toString(owner) FROM sink_positions ORDER BY batch DESC, done LIMIT 1")
        return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")

    def _pending(self) -> tuple[Range, ...]:
        """Ranges announced last, unless they are done."""
        rows = self._client.rows(
            f"""
            SELECT topic, partition, first, end FROM sink_positions
            WHERE NOT done AND {SINCE_REBUILD}
              AND batch = (SELECT max(batch) FROM sink_positions WHERE NOT done AND topic != '')
              AND batch > (SELECT max(batch) FROM sink_positions WHERE done AND topic != '')
            ORDER BY topic, partition
            """  # noqa: S608
        )
        return tuple(Range(*row) for row in rows)

    def _insert(self, ranges: Sequence[Range], number: int, *, done: bool, token: str) -> None:
        rows: list[dict[str, Any]] = []
        for topic, partition, first, end in ranges:
            cluster_id, topic_id = self._log.get((topic, partition), ("", ""))
            rows.append(
                {
                    "batch": number,
                    "owner": self._owner,
                    "topic": topic,
                    "partition": partition,
                    "first": first,
                    "end": end,
                    "done": done,
                    "cluster_id": cluster_id,
                    "topic_id": topic_id,
                }
            )
        data = "\n".join(map(json.dumps, rows)).encode()
        self._client.insert(POSITIONS, list(rows[0]), data, "JSONEachRow", token)
