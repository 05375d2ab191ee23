"""What a soak run is judged by."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.series import Room, draw, stayed_flat, thirds
from tests.bench.soak import LAG, MEMORY, RESTARTS, Samples, judge

TIMES = [float(n) for n in range(12)]


def test_warming_up_is_not_growing() -> None:
    found = thirds(TIMES, [10, 50, 80, 100] + [100] * 8)
    assert found.slope == pytest.approx(0)
    assert (found.middle, found.end) == (100, 100)
    assert stayed_flat(found, Room(0, 0))


def test_a_leak_shows_in_the_slope_and_in_the_last_third() -> None:
    found = thirds(TIMES, [100 + 3 * n for n in range(12)])
    assert found.slope == pytest.approx(3)
    assert found.end - found.middle == pytest.approx(12)
    assert not stayed_flat(found, Room(0.05, 5))
    assert stayed_flat(found, Room(0.1, 5))


def test_one_spike_is_no_leak() -> None:
    found = thirds(TIMES, [1.0] * 10 + [500.0, 1.0])
    assert stayed_flat(found, Room(0, 0))


def test_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="let it run longer"):
        thirds([1, 2, 3], [1, 2, 3])


def test_a_picture_is_written(tmp_path: Path) -> None:
    draw(tmp_path / "out.png", TIMES, {"MB": {"a": TIMES, "b": TIMES}, "files": {"a": TIMES}}, "minutes")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kind", "at_minute", "said"),
    [
        (MEMORY, lambda minute: 100.0, ""),
        (MEMORY, lambda minute: 100.0 * minute, "GROWS"),
        (LAG, lambda minute: 150.0 * (minute > 8), ""),  # two seconds' worth
        (LAG, lambda minute: 400.0 * (minute > 8), "GROWS"),
        (RESTARTS, lambda minute: float(minute > 2), "ENDED BY ITSELF"),
    ],
)
def test_a_run_fails_by_what_grows_and_by_who_ends(kind: str, at_minute: Callable[[float], float], said: str) -> None:
    samples = Samples()
    for minute in TIMES:
        samples.add(minute, {(MEMORY, "kafka"): 400.0, (kind, "worker-1"): at_minute(minute)})
    told = StringIO()
    assert judge(samples, 100, Console(file=told, width=120)) == (not said)
    assert said in told.getvalue()


def test_a_run_fails_by_who_was_away() -> None:
    samples = Samples()
    for minute in TIMES:
        samples.add(minute, {(MEMORY, "kafka"): 400.0} if minute != 3 else {})
    assert not judge(samples, 100, Console(file=StringIO()))
