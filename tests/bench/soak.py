"""The whole local line under steady simulated load: does anything grow that should not?

python -m tests.bench.soak [--minutes 30] [--rate FACTS_PER_SECOND] [--png out/soak.png]

Without a rate it is 70 % of what the line was measured to take just before. Ends with 0 only if memory, open files,
connections and lag stayed flat from the middle third of the run to its last, and no process ended by itself.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from streams.cli.printing import printer
from streams.local.state import StateFolder
from streams.report.backlog import Backlog
from streams.report.gather import come_to_rest, sink_readers
from streams.report.rest import stage_readers
from streams.settings import Settings, identity_key
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from streams.sources.simulate import Published, Scenario, simulate
from streams.topology import topology
from tests.bench.processes import connections, cpu_seconds, memory_bytes, open_files
from tests.bench.report import machine
from tests.bench.series import LEAST_SAMPLES, Room, draw, stayed_flat, thirds
from tests.line import Line, running_line

MEMORY, FILES, CONNECTIONS, LAG = "resident MB", "open files", "connections", "lag, records"
CPU = "CPU, % of a core"
RESTARTS = "restarts"
ROOM = {MEMORY: Room(0.1, 16), FILES: Room(0.05, 16), CONNECTIONS: Room(0.0, 4)}
"""How much each may grow from the middle third to the last; lag: by half, and what is published in ``_LAG_SECONDS``."""
_LAG_SECONDS = 2.0
_SHARE_OF_MAXIMUM = 0.7
_FULL = 0.9
_TRIED = 20_000
_AGENCY = 20_000
"""Facts of one simulated agency; then comes the next one, with a workspace of its own.

In one workspace their people, who are numbered, would be the same, and each would cost more with every agency.
"""
_MEGA = 1e6
_CHUNKS_PER_SECOND = 20


@dataclass
class Samples:
    """What was seen, sample by sample: minutes since the begin; values by kind and by process, stage or sink."""

    minutes: list[float] = field(default_factory=list)
    seen: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, minute: float, values: dict[tuple[str, str], float]) -> None:
        """One sample."""
        self.minutes.append(minute)
        for (kind, name), value in values.items():
            self.seen[kind][name].append(value)


class Load:
    """Simulated agencies, one after the other, published at a steady rate on a thread until it is to stop."""

    def __init__(self, settings: Settings, rate: float) -> None:
        self._publisher, self._rate = Publisher(settings, "soak"), rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self.published = 0
        self.error: Exception | None = None

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _publish(self) -> None:
        records, began, size = agencies(seed=2), time.monotonic(), max(1, round(self._rate / _CHUNKS_PER_SECOND))
        try:
            while not self._stop.wait(max(0.0, began + self.published / self._rate - time.monotonic())):
                self._publisher.publish(_publications(islice(records, size)))
                self.published += size
            self._publisher.flush()
        except Exception as error:
            self.error = error


def agencies(seed: int) -> Iterator[Published]:
    """The facts of one agency after the other, without end."""
    for one in count(seed):
        yield from simulate(Scenario(end=time.time_ns() // 1_000, seed=one, events=_AGENCY, workspace=f"soak-{one}"))


def _publications(records: Iterator[Published]) -> Iterator[Publication]:
    return (Publication(one.topic, one.key, one.value) for one in records)


def _maximum(settings: Settings) -> float:
    """Facts a second that pass through the whole line, while they are simulated on the same machine."""
    publisher, began = Publisher(settings, "soak"), time.monotonic()
    publisher.publish(_publications(islice(agencies(seed=1), _TRIED)))
    publisher.flush()
    for _ in come_to_rest(settings, topology(identity_key(settings))):
        pass
    return _TRIED / (time.monotonic() - began)


def _observed(line: Line, seconds: float, every: float, progress: Callable[[float], None]) -> Samples:
    """Samples over so many seconds, each so many seconds after the last."""
    samples, stages, began = Samples(), topology(identity_key(line.settings)), time.monotonic()
    folder, taken = StateFolder(line.folder), dict[str, tuple[float, float]]()

    def cpu_share(name: str, seconds: float) -> float:
        """Of a core, in percent, since the sample before; 0 the first time."""
        now = time.monotonic()
        then, before = taken.get(name, (0.0, seconds))
        taken[name] = now, seconds
        return 100 * max(0.0, seconds - before) / (now - then)

    with Backlog(line.settings) as backlog:
        readers = [*stage_readers(stages, backlog), *sink_readers(line.settings)]
        while (passed := time.monotonic() - began) < seconds:
            values: dict[tuple[str, str], float] = {}
            for reader in readers:
                read, ends = reader.read(), backlog.ends(reader.topics)
                values[LAG, reader.name] = sum(max(0, end - read.get(slot, 0)) for slot, end in ends.items())
            for name, status in folder.status().items():
                values[RESTARTS, name] = status["restarts"]
                if status["pid"]:
                    values[MEMORY, name] = memory_bytes(status["pid"]) / _MEGA
                    values[FILES, name] = open_files(status["pid"])
                    values[CONNECTIONS, name] = connections(status["pid"])
                    values[CPU, name] = cpu_share(name, cpu_seconds(status["pid"]))
            values[CPU, "soak itself"] = cpu_share("soak itself", time.process_time())
            samples.add(passed / 60, values)
            progress(passed)
            time.sleep(max(0.0, began + every * len(samples.minutes) - time.monotonic()))
    return samples


def judge(samples: Samples, rate: float, console: Console) -> bool:
    """Print what was seen, by thirds of the run; whether all of it stayed flat. ``rate``: facts per second."""
    table = Table("what", "of", "first third", "middle", "last", "slope per hour", "", box=None)
    for column in table.columns[2:6]:
        column.justify = "right"
    flat = True
    rooms = {**ROOM, LAG: Room(0.5, rate * _LAG_SECONDS), CPU: Room(0.0, math.inf)}
    for kind, room in rooms.items():
        for name, values in samples.seen[kind].items():
            if len(values) < len(samples.minutes):
                table.add_row(kind, name, "", "", "", "", "was not there all the time")
                flat = False
                continue
            found = thirds(samples.minutes, values)
            fine = stayed_flat(found, room)
            flat &= fine
            figures = (f"{one:,.0f}" for one in (found.start, found.middle, found.end))
            table.add_row(kind, name, *figures, f"{found.slope * 60:+,.1f}", "" if fine else "GROWS")
    for name, values in samples.seen[RESTARTS].items():
        if values[-1]:
            table.add_row(RESTARTS, name, "", "", f"{values[-1]:,.0f}", "", "ENDED BY ITSELF")
            flat = False
    console.print(table)
    busy = sum(statistics.median(values) for values in samples.seen[CPU].values())
    if busy > _FULL * 100 * (os.cpu_count() or 1):
        console.print(f"these processes took {busy:.0f} % of a core: the machine was full, publish less (--rate)")
    return flat


def main() -> int:
    """Run, print, draw, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, help="facts per second; default: 70 %% of a maximum measured before")
    parser.add_argument("--every", type=float, default=5, help="seconds between two samples")
    parser.add_argument("--png", type=Path, default=Path("out/soak.png"))
    given = parser.parse_args()
    if given.minutes * 60 / given.every < LEAST_SAMPLES:
        parser.error(
            f"so few samples say nothing: at least {LEAST_SAMPLES} are needed, sample more often or run longer"
        )
    console = printer()
    console.print(machine())
    with running_line() as line:
        rate = given.rate
        if rate is None:
            most = _maximum(line.settings)
            rate = most * _SHARE_OF_MAXIMUM
            console.print(f"the line takes {most:,.0f} facts/s; {rate:,.0f} will be published")

        def progress(passed: float) -> None:
            console.print(f"{passed / 60:6.1f} of {given.minutes:g} minutes, {load.published:,} facts", end="\r")

        with Load(line.settings, rate) as load:
            samples = _observed(line, given.minutes * 60, given.every, progress)
        console.print(f"{load.published:,} facts in {given.minutes:g} minutes, {rate:,.0f} a second")
        draw(given.png, samples.minutes, {kind: samples.seen[kind] for kind in (*ROOM, LAG, CPU)}, "minutes")
        flat = judge(samples, rate, console)
        if not flat:  # what they said goes with the line's folder
            for name in line.status():
                console.print(line.log(name), markup=False)
    console.print(f"all stayed flat; drawn in {given.png}" if flat else f"something grows; drawn in {given.png}")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
