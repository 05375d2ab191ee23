"""Any log, any cuts, any crashes: every record is stored once. And splicing bytes changes no value."""

from __future__ import annotations

import io
from collections import Counter
from random import Random

from fastavro import reader
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode, entry_of
from schemas.compiled import neighbouring_long_bytes
from schemas.topics import ACCEPTED_PREFIX
from sinks.clickhouse.splice import CHECK, container, flat_schema, row
from sinks.clickhouse.tables import TABLES
from sinks.delivery import Accumulator, Positions, Record, advanced, standing
from tests.support.stored import story

PARTITIONS = (0, 1)
LENGTH = 40


@given(
    seed=st.integers(0, 2**32), gaps=st.sets(st.integers(0, LENGTH - 1)), crashes=st.lists(st.booleans(), max_size=8)
)
def test_every_visible_record_is_stored_exactly_once(seed: int, gaps: set[int], crashes: list[bool]) -> None:
    """A crash loses what was collected; it comes before the batch is stored, or after (its answer being lost)."""
    chance = Random(seed)
    visible = [offset for offset in range(LENGTH) if offset not in gaps]
    positions: Positions = {}
    stored: list[Record] = []
    for stored_before_crash in [*crashes, None]:
        collected = Accumulator(positions, max_rows=chance.randint(1, 9))
        for partition, offset in _deliveries(positions, visible, chance):
            if offset in gaps:
                collected.reach("t", partition, offset + 1)
            else:
                collected.add([Record("t", partition, offset, 0, b"")])
            if not collected.is_full:
                continue
            batch = collected.take()
            assert batch is not None
            if stored_before_crash is False and chance.random() < 0.3:
                break
            assert standing(batch.ranges, positions) == "new"
            stored += batch.records
            positions = advanced(positions, batch.ranges)
            assert standing(batch.ranges, positions) == "stored"
            if stored_before_crash and chance.random() < 0.3:
                break
        else:
            last = collected.take()
            if last is not None and stored_before_crash is not False:
                stored += last.records
                positions = advanced(positions, last.ranges)
    assert Counter((r.partition, r.offset) for r in stored) == Counter((p, o) for p in PARTITIONS for o in visible)
    assert positions == {("t", partition): LENGTH for partition in PARTITIONS}


def _deliveries(positions: Positions, visible: list[int], chance: Random) -> list[tuple[int, int]]:
    """Offsets from the positions on, in order within a partition, partitions mixed; a gap is seen at the end only."""
    queues = [
        [(p, o) for o in range(positions.get(("t", p), 0), LENGTH) if o in visible or o == LENGTH - 1]
        for p in PARTITIONS
    ]
    mixed = []
    while any(queues):
        queue = chance.choice([q for q in queues if q])
        mixed.append(queue.pop(0))
    return mixed


@given(st.integers(-(2**63), 2**63 - 1))
def test_long_is_avros_long(number: int) -> None:
    schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "long"}]}
    assert next(iter(reader(io.BytesIO(container(schema, [neighbouring_long_bytes(number)]))))) == {"n": number}


@given(st.integers(0, 10**6), st.integers(0, 3), st.integers(0, 2**62))
def test_spliced_records_hold_the_values_of_their_messages(number: int, partition: int, offset: int) -> None:
    for topic, value in story(number):
        entry, table, decoded = entry_of(value), TABLES[topic], decode(value)
        schema = flat_schema(entry, table.paths(entry.message))
        data = container(schema, [row(partition, offset, entry.type, value)] * 2)
        spliced = list(reader(io.BytesIO(data)))
        assert len(spliced) == 2
        for record in spliced:
            assert (record["_partition"], record["_offset"], record["_chk"]) == (partition, offset, offset + CHECK)
            assert record["type"] == entry.type
            for path, column in table.paths(entry.message).items():
                source = decoded.message if path.startswith("fact.") or decoded.prefix is None else decoded.prefix
                assert _comparable(record[column]) == _comparable(getattr(source, path.removeprefix("fact.")))
        assert table.name == topic.removeprefix(ACCEPTED_PREFIX).replace(".", "_") or topic in (
            "identity.bindings",
            "attribution.credits",
        )


def _comparable(value: object) -> str:
    """Values without their logical types: fastavro makes dates and UUIDs, the platform keeps integers and text."""
    if isinstance(value, list):
        return f"{len(value)} items"
    if hasattr(value, "timestamp"):
        return str(round(value.timestamp() * 1_000_000))
    if hasattr(value, "toordinal"):
        return str(value.toordinal() - 719_163)
    return str(value)
