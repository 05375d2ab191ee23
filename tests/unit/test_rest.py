"""The line is at rest once a tick has passed that brought nothing."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from streams.report.backlog import Lag, Offsets
from streams.report.rest import NotAtRest, Reader, wait

SLOT = ("inbox", 0)


class Clockwork:
    """A topic whose reader has read all but a tick; each look at the reader lets the next tick come and be read."""

    def __init__(self, brings: dict[int, int]) -> None:
        self.brings = brings
        self.end = 0
        self.records: list[int] = []
        self.looks = 0

    def ends(self, _: Any) -> Offsets:
        return {SLOT: self.end}

    def read(self) -> Offsets:
        self.looks += 1
        self.records += range(self.end + 1, self.end + 1 + self.brings.get(self.looks, 0))
        self.end += 1 + self.brings.get(self.looks, 0)
        return {SLOT: self.end}

    def lag(self, read: Offsets, ends: Offsets) -> Lag:
        return Lag(read[SLOT], ends[SLOT], any(read[SLOT] <= offset < ends[SLOT] for offset in self.records))


def looks(brings: dict[int, int]) -> int:
    clockwork = Clockwork(brings)
    list(wait([Reader("stage", {"inbox": 1}, clockwork.read, ticks=True)], clockwork))  # type: ignore[arg-type]
    return clockwork.looks


def test_one_tick_that_brings_nothing_is_enough() -> None:
    assert looks({}) == 2


def test_what_a_tick_brings_is_waited_for() -> None:
    assert looks({2: 3}) == 4


def test_a_stage_that_reads_no_tick_is_named() -> None:
    stuck = Reader("stage", {"inbox": 1}, lambda: {SLOT: 0}, ticks=True)
    with patch("streams.report.rest.PATIENCE", -1), pytest.raises(NotAtRest, match="stage has read no tick"):
        list(wait([stuck], Clockwork({})))  # type: ignore[arg-type]
