"""Which records make a batch, where it stands, and when refusals are too many."""

from __future__ import annotations

import pytest

from sinks.delivery import Accumulator, Batch, Misplaced, Range, Record, advanced, standing, token
from sinks.refusals import Meter

HERE = ("leads", 0)


def record(offset: int, size: int = 10, partition: int = 0) -> Record:
    return Record("leads", partition, offset, 0, b"x" * size)


def test_a_batch_that_begins_at_the_position_is_new() -> None:
    assert standing([Range("leads", 0, 5, 9)], {HERE: 5}) == "new"


def test_a_partition_never_read_begins_at_zero() -> None:
    assert standing([Range("leads", 0, 0, 9)], {}) == "new"


def test_a_batch_that_ends_at_the_position_is_stored() -> None:
    assert standing([Range("leads", 0, 5, 9)], {HERE: 9}) == "stored"


@pytest.mark.parametrize("position", [4, 6, 8, 10])
def test_any_other_position_is_somebody_elses(position: int) -> None:
    with pytest.raises(Misplaced, match=r"leads:0 stands at"):
        standing([Range("leads", 0, 5, 9)], {HERE: position})


def test_half_a_batch_is_never_stored() -> None:
    with pytest.raises(Misplaced, match="one part"):
        standing([Range("leads", 0, 5, 9), Range("leads", 1, 5, 9)], {("leads", 0): 9, ("leads", 1): 5})


def test_a_token_names_partitions_with_first_and_last_offset() -> None:
    assert token("leads", [Range("leads", 0, 5, 9), Range("leads", 3, 0, 1)]) == "leads:0:5-8,3:0-0"


def test_positions_move_to_the_ends() -> None:
    assert advanced({HERE: 5, ("x", 1): 2}, [Range("leads", 0, 5, 9)]) == {HERE: 9, ("x", 1): 2}


@pytest.mark.parametrize(("limits", "full"), [({"max_rows": 2}, True), ({"max_bytes": 20}, True), ({}, False)])
def test_a_batch_is_full_by_rows_or_bytes(limits: dict[str, int], full: bool) -> None:
    collected = Accumulator({}, **limits)
    collected.add([record(0)])
    assert not collected.is_full
    collected.add([record(1)])
    assert collected.is_full is full


def test_what_is_reached_is_never_taken_back() -> None:
    collected = Accumulator({HERE: 3})
    collected.reach("leads", 0, 9)
    collected.reach("leads", 0, 7)
    batch = collected.take()
    assert batch is not None
    assert batch.ranges == (Range("leads", 0, 3, 9),)


def test_a_batch_covers_what_was_delivered_since_the_last() -> None:
    collected = Accumulator({HERE: 3})
    collected.add([record(4), record(7)])
    first = collected.take()
    assert first is not None
    assert first.ranges == (Range("leads", 0, 3, 8),)
    assert [r.offset for r in first.records] == [4, 7]
    assert collected.take() is None
    collected.reach("leads", 0, 9)
    second = collected.take()
    assert second is not None
    assert (second.ranges, second.records) == ((Range("leads", 0, 8, 9),), ())


def test_what_was_reached_before_makes_no_batch() -> None:
    collected = Accumulator({HERE: 3})
    collected.reach("leads", 0, 3)
    assert collected.take() is None


def whole(first: int, count: int) -> Batch:
    return Batch((Range("leads", 0, first, first + count),), tuple(record(first + n) for n in range(count)))


def test_refusals_are_too_many_above_a_hundred_a_minute_and_one_in_a_hundred() -> None:
    meter, batch = Meter(), whole(0, 9_000)
    for n in range(100):
        meter.count(1, batch, record(n))
    assert not meter.too_many()
    meter.count(2, batch, record(100))
    assert meter.too_many(), "101 of 9,000"
    meter.count(3, whole(9_000, 2_000))
    assert not meter.too_many(), "101 of 11,000"
    meter.count(70, whole(11_000, 1), record(11_000))
    assert not meter.too_many(), "the first minute is over"


def test_a_batch_that_is_tried_again_counts_once() -> None:
    meter, batch = Meter(), whole(0, 150)
    for _ in range(2):
        meter.count(0, batch)
        for n in range(60):
            meter.count(0, batch, record(n))
    assert not meter.too_many(), "60 records, twice"
    for n in range(60, 101):
        meter.count(0, batch, record(n))
    assert meter.too_many()


@pytest.mark.parametrize("seconds_between", [0, 1, 61])
def test_a_batch_counts_as_long_as_it_is_being_stored(seconds_between: float) -> None:
    meter, batch, now = Meter(), whole(0, 50_000), 0.0
    meter.count(now, batch)
    for n in range(125):
        now += seconds_between
        meter.count(now, batch, record(n))
        assert not meter.too_many(), "125 of 50,000"
