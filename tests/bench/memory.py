"""Memory of a worker as its keys grow: one fact for each new key, through a counter under faust.

python -m tests.bench.memory [--keys 1000000] [--png out/memory.png]
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import Producer
from rich.table import Table

from streams.cli.printing import printer
from streams.kafka import producer_config
from streams.settings import Settings
from tests.bench.counting import counting
from tests.bench.report import machine
from tests.bench.series import draw, thirds
from tests.chaos.counter import Counter, Feed
from tests.stack import local_stack

PARTITIONS = 4
_LOOK_SECONDS = 0.5
_SHOWN = 10
_MEGA = 1e6


def curve(settings: Settings, keys: int) -> tuple[list[int], list[int], int]:
    """Records applied (nearly one per key; ticks count, too), resident bytes then, and bytes of state on disk."""
    counter = Counter("memory")
    counter.create(settings, PARTITIONS)
    with TemporaryDirectory() as folder:
        own = settings.model_copy(update={"state_dir": Path(folder)})
        with counting(own, counter) as worker:
            *_, begun = worker.until(1)  # it ticks: it is there, and holds nothing yet
            applied, memory = [begun], [worker.memory_bytes()]
            publishing = threading.Thread(target=_publish, args=(settings, counter, keys), daemon=True)
            publishing.start()
            for records in worker.until(keys, _LOOK_SECONDS):
                applied.append(records)
                memory.append(worker.memory_bytes())
            publishing.join()
        return applied, memory, sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def _publish(settings: Settings, counter: Counter, keys: int) -> None:
    """One fact for each of so many keys; the feed would remember them all."""
    feed, chance = Feed(counter, settings, keys=1), random.Random(1)
    producer = Producer(producer_config(settings, "bench"))
    for _ in range(keys):
        key, value = feed.fact(str(uuid.UUID(int=chance.getrandbits(128))))
        while True:
            try:
                producer.produce(counter.inbox, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()


def main() -> int:
    """Measure, print, draw; 1 when the samples are too few to say anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--png", type=Path, help="where to draw the curve")
    given = parser.parse_args()
    console = printer()
    console.print(machine())
    with local_stack("kafka") as settings:
        applied, memory, disk = curve(settings, given.keys)
    table = Table("keys, about", "resident MB", title="Memory of a worker by keys", box=None)
    for column in table.columns:
        column.justify = "right"
    for place in sorted({round(n * (len(applied) - 1) / _SHOWN) for n in range(_SHOWN + 1)}):
        table.add_row(f"{applied[place]:,}", f"{memory[place] / _MEGA:,.0f}")
    console.print(table)
    if given.png is not None:
        draw(given.png, applied, {"resident MB": {"worker": [one / _MEGA for one in memory]}}, "keys")
    try:
        slope = thirds(applied, memory).slope
    except ValueError as error:
        console.print(str(error))
        return 1
    console.print(
        f"{slope:,.0f} bytes of memory per key over the last two thirds; state on disk: {disk / _MEGA:,.0f} MB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
