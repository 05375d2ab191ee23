"""Batch attribution of a million single journeys, from text to credit, beside the mathematics alone; weekly learning.

python -m tests.bench.bench_attribution
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.attribution.batch import BATCH_MODELS
from models.attribution.markov import markov
from models.attribution.shapley import shapley
from processors.workspace.week import Week, total
from streams.cli.printing import printer
from streams.sources.paths import read_paths
from tests.bench.report import Row, machine, show

JOURNEYS = 1_000_000
CHANNELS = tuple(f"channel {number:02}" for number in range(13))
CONVERTING = 0.22
TOUCHES = 4.28

LEARNED_CHANNELS = 50
LEARNED_JOURNEYS = 4_000
WEEKS = 26
REPEATS = 5


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


def learning_rows() -> Iterator[Row]:
    """What a journey costs the workspace stage, and a Monday of half a year's, beside numpy's inverse."""
    chance = random.Random(1)
    names = [f"channel {number:02}" for number in range(LEARNED_CHANNELS)]
    paths = [chance.choices(names, k=chance.randint(1, 8)) for _ in range(LEARNED_JOURNEYS)]
    week = Week()
    began = time.process_time()
    for place, path in enumerate(paths):
        week = week.counted(path, converted=place % 5 == 0, change=1)
    yield Row("one journey counted", (time.process_time() - began) / LEARNED_JOURNEYS * 1e6, "µs CPU")
    totals = total([week] * WEEKS)
    yield Row(f"{WEEKS} weeks added up", _best(lambda: total([week] * WEEKS)), "ms CPU")
    limit = _best(lambda: np.linalg.inv(np.eye(LEARNED_CHANNELS) * 2))
    solved = _best(lambda: markov(totals.chain))
    yield Row(f"Markov solved at {LEARNED_CHANNELS} channels", solved, "ms CPU", "numpy's inverse alone", limit)
    yield Row(f"Shapley of {len(totals.sets):,} sets", _best(lambda: shapley(totals.sets)), "ms CPU")


def _best(what: Callable[[], object]) -> float:
    """Milliseconds of the quickest of some calls."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time()
        what()
        best = min(best, time.process_time() - began)
    return best * 1e3


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
    printer().print(machine())
    show("Batch attribution", rows())
    show("Learned weights", learning_rows())
