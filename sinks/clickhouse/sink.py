"""The sink into ClickHouse: blocks of spliced Avro, each sent under a token, counted before the batch is done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from operator import attrgetter

from schemas.codec import HEADER_BYTES, CodecError, decode, entry_of
from schemas.registry import Entry
from sinks.base import Fenced, Log, Refuse, Resume, SinkError, Write
from sinks.clickhouse.client import Client, Refused, Server
from sinks.clickhouse.journal import Journal
from sinks.clickhouse.splice import container, flat_schema, row
from sinks.clickhouse.tables import LINES, TABLES, Table
from sinks.delivery import Batch, Misplaced, Positions, Range, Record, advanced, standing, token
from sinks.refusals import why


@dataclass(frozen=True, eq=False)
class Block:
    """Records of one schema id that go to one table in one insert."""

    table: Table
    entry: Entry
    token: str
    records: tuple[Record, ...]
    data: bytes = field(init=False, repr=False)
    """The block as an Avro file."""

    def __post_init__(self) -> None:
        rows = [row(record.partition, record.offset, self.entry.type, record.value) for record in self.records]
        object.__setattr__(self, "data", container(_schema(self.table, self.entry), rows))

    def halves(self) -> tuple[Block, Block]:
        """Two blocks of half the records. Their tokens, too, follow from the records alone: partitions come in another
        order when a batch is written again.
        """
        records, middle = tuple(sorted(self.records, key=_place)), len(self.records) // 2
        return self._part(records[:middle]), self._part(records[middle:])

    def again(self) -> Block:
        """The same block under another token."""
        return Block(self.table, self.entry, f"{self.token}/again", self.records)

    def witness(self) -> tuple[int, int] | None:
        """Partition and offset of a record that makes rows; none if none does (a posting without lines)."""
        makers = (r for r in self.records if self.table.holds != LINES or _has_lines(r))
        found = next(makers, None)
        return None if found is None else (found.partition, found.offset)

    def _part(self, records: tuple[Record, ...]) -> Block:
        first, last = records[0], records[-1]
        part = f"{self.token}/{first.partition}:{first.offset}-{last.partition}:{last.offset}"
        return Block(self.table, self.entry, part, records)


class ClickHouseSink:
    """One process's hold on the tables of ``sinks.clickhouse.tables``."""

    store = "clickhouse"
    topics = tuple(TABLES)
    rest_seconds = 2.0  # an insert costs about the same however few its rows, and each leaves a part to merge

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client: Client | None = None
        self._journal: Journal | None = None
        self._positions: Positions = {}

    def open(self, log: Log) -> Resume:
        self.close()
        self._client = Client(self._server)
        self._journal = Journal(self._client, self.store)
        resume = self._journal.take_over(log)
        self._positions = resume.positions
        return resume

    def prepare(self, batch: Batch, refuse: Refuse) -> Write:
        return partial(self._write, batch.ranges, _blocks(batch, refuse), refuse)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _write(self, ranges: Sequence[Range], blocks: Sequence[Block], refuse: Refuse) -> None:
        assert self._client is not None and self._journal is not None, "open"
        try:
            if standing(ranges, self._positions) == "stored":
                return
        except Misplaced as misplaced:
            raise Fenced(self.store, str(misplaced)) from None
        self._journal.announce(ranges)
        stored = [sent for block in blocks for sent in self._sent(block, refuse)]
        self._recheck(stored, refuse)
        self._journal.finish(ranges)
        self._positions = advanced(self._positions, ranges)

    def _sent(self, block: Block, refuse: Refuse) -> list[Block]:
        """Insert a block, or those parts of it that ClickHouse takes; returns the blocks that were inserted."""
        assert self._client is not None, "open"
        try:
            self._client.insert(block.table.name, _names(block.table, block.entry), block.data, "Avro", block.token)
        except Refused as refused:
            if len(block.records) == 1:
                refuse(block.records[0], *why(block.records[0], f"ClickHouse error {refused.code}"))
                return []
            return [sent for half in block.halves() for sent in self._sent(half, refuse)]
        return [block]

    def _recheck(self, blocks: Sequence[Block], refuse: Refuse) -> None:
        """See that every block is there, and send what is not again, under other tokens.

        A server that was killed between noting a token and keeping its block takes that token for known ever after,
        and the embedded engine does not report every error. Neither may lose a row.
        """
        for block in self._missing(blocks):
            if len(block.records) > 1:
                self._recheck([sent for half in block.halves() for sent in self._sent(half, refuse)], refuse)
            elif self._missing(self._sent(block.again(), refuse)):
                _refuse_or_stop(block.records[0], refuse)

    def _missing(self, blocks: Sequence[Block]) -> list[Block]:
        """The blocks that are not there; one row is enough to know, a block is kept as a whole or not at all."""
        assert self._client is not None, "open"
        witnesses = {block: witness for block in blocks if (witness := block.witness()) is not None}
        if not witnesses:
            return []
        looked_for: dict[str, set[tuple[int, int]]] = defaultdict(set)
        for block, witness in witnesses.items():
            looked_for[block.table.holds].add(witness)
        query = " UNION ALL ".join(
            # Integers and names of our own: nothing in here comes from a record's content.
            f"SELECT DISTINCT '{table}', _partition, _offset FROM {table} WHERE "  # noqa: S608
            + " OR ".join(f"(_partition = {partition} AND _offset = {offset})" for partition, offset in sorted(at))
            for table, at in looked_for.items()
        )
        found = {(table, (partition, offset)) for table, partition, offset in self._client.rows(query)}
        return [block for block in blocks if block in witnesses and (block.table.holds, witnesses[block]) not in found]


_place = attrgetter("partition", "offset")


def _blocks(batch: Batch, refuse: Refuse) -> list[Block]:
    """The batch by schema id; what is no message, or not of its topic, is refused."""
    alike: dict[tuple[str, bytes], list[Record]] = defaultdict(list)
    for record in batch.records:
        alike[record.topic, record.value[:HEADER_BYTES]].append(record)
    grouped: dict[tuple[str, Entry], list[Record]] = {}
    for (topic, header), records in alike.items():
        try:
            grouped[topic, _entry(topic, header)] = records
        except CodecError as error:
            for record in records:
                refuse(record, error.reason, error.detail)
    ranges: dict[str, list[Range]] = defaultdict(list)
    for one in batch.ranges:
        ranges[one.topic].append(one)
    return [
        Block(TABLES[topic], entry, token(f"{topic}:{entry.id}", ranges[topic]), tuple(records))
        for (topic, entry), records in grouped.items()
    ]


def _entry(topic: str, header: bytes) -> Entry:
    """The schema entry of a topic's records that begin so. Raises ``CodecError``."""
    entry, own = entry_of(header), TABLES[topic].topic
    prefix = "Accepted" if own.kind == "accepted" else None
    if entry.message not in own.types or entry.prefix != prefix:
        raise CodecError("wrong_type", f"{entry.prefix or ''}{entry.type} does not belong into this topic")
    return entry


def _refuse_or_stop(record: Record, refuse: Refuse) -> None:
    """A record that ClickHouse drops without a word: bad bytes are refused, anything else is not ours to judge."""
    try:
        decode(record.value)
    except CodecError as error:
        refuse(record, error.reason, error.detail)
        return
    raise SinkError(
        f"ClickHouse took {record.topic}:{record.partition}:{record.offset} and did not keep it: look into its log; "
        "`fineacers migrate` brings its tables up to date"
    )


def _has_lines(record: Record) -> bool:
    try:
        return bool(getattr(decode(record.value).message, "lines", ()))
    except CodecError:
        return True


@cache
def _schema(table: Table, entry: Entry) -> dict[str, object]:
    return flat_schema(entry, table.paths(entry.message))


@cache
def _names(table: Table, entry: Entry) -> list[str]:
    return table.names(entry.message)
