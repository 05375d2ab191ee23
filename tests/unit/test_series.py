"""What a soak run is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.series import Room, draw, stayed_flat, thirds

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
