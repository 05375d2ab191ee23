"""Batch attribution of a million single journeys, from text to credit, beside the mathematics alone.

python -m tests.bench.bench_attribution
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from models.attribution.batch import BATCH_MODELS
from streams.sources.paths import read_paths
from tests.bench.report import Row, machine, show

JOURNEYS = 1_000_000
CHANNELS = tuple(f"channel {number:02}" for number in range(13))
CONVERTING = 0.22
TOUCHES = 4.28


def rows() -> Iterator[Row]:
    """Seconds for reading and for all models, and the memory that it took."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "paths.csv"
        _write(path)
        began = time.perf_counter()
        paths = read_paths(path)
        read = time.perf_counter()
        for model in BATCH_MODELS.values():
            model(paths, 1)
        done = time.perf_counter()
    yield Row(f"{JOURNEYS:,} journeys from text, all models", done - began, "s", "models alone", done - read)
    yield Row("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")


def _write(path: Path) -> None:
    """Journeys of ``TOUCHES`` touches on average."""
    chance = random.Random(1)
    with path.open("w") as file:
        file.write("path,total_conversions,total_conversion_value,total_null\n")
        for _ in range(JOURNEYS):
            length = 1
            while chance.random() > 1 / TOUCHES:
                length += 1
            touches = " > ".join(chance.choices(CHANNELS, k=length))
            file.write(f"{touches},1,2.5,0\n" if chance.random() < CONVERTING else f"{touches},0,0,1\n")


if __name__ == "__main__":
    Console().print(machine())
    show("Batch attribution", rows())
