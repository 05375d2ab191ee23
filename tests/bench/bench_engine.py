"""The engine on a real Kafka: what exactly once costs, how fast state comes back, how late outputs are.

python -m tests.bench.bench_engine
"""

from __future__ import annotations

import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from schemas.codec import decode
from schemas.events.touchpoints import TouchpointRecorded
from streams.cli.printing import printer
from streams.engine.collector import collect_less_often
from streams.engine.engine import Engine
from streams.engine.metrics import Metrics
from streams.kafka import consumer_config, producer_config
from streams.partition import Partition
from streams.routing import Router
from streams.settings import Settings
from streams.store import MemoryStore
from tests.bench.counting import counting
from tests.bench.late import ends
from tests.bench.report import Row, machine, show
from tests.chaos.counter import Counter, Feed
from tests.chaos.exact import read
from tests.stack import local_stack

RECORDS = 60_000
KEYS = 20_000
PARTITIONS = 4
RATE = 500
SECONDS = 10
WARM_UP_SECONDS = 4


def rows(settings: Settings) -> Iterator[Row]:
    """Cost of a stage that counts per key, alone and with duplicates found and timers kept; one process."""
    collect_less_often()  # as workers do
    other = Counter("bench-bare")
    other.create(settings, PARTITIONS)
    yield from _costs(settings, Counter("bench-plain", plain=True), "counts")
    counter = Counter("bench")
    yield from _costs(settings, counter, "counts, finds repeats, keeps timers")
    feed = Feed(counter, settings, seed=1, keys=KEYS)  # with other ids than those that are known
    limit = "bare librdkafka, transactional"
    with TemporaryDirectory() as folder:
        own = settings.model_copy(update={"state_dir": Path(folder)})
        for interval in (100, 20):
            quick = own.model_copy(update={"commit_interval_ms": interval})
            least = _latency(_Bare(settings, other, interval / 1e3), Feed(other, settings, keys=KEYS))
            for name, late in _latency(_Turning(quick, counter), feed).items():
                said = f"fact → output visible, {RATE}/s, commits of {interval} ms, {name}"
                yield Row(said, late * 1e3, "ms", limit, least[name] * 1e3)
        shutil.rmtree(own.state_dir)
        yield Row("lost disk to ready, joining included", _restore(own, counter), "s")


def _costs(settings: Settings, counter: Counter, what: str) -> Iterator[Row]:
    """CPU per event of a counter: bare clients', its own computation's, the engine's, the engine's under faust."""
    counter.create(settings, PARTITIONS)
    Feed(counter, settings, keys=KEYS).send(RECORDS, repeats=0.0)
    pure, bare = _pure(settings, counter), _bare(settings, counter)
    limit = "bare librdkafka, transactional"
    yield Row("bare librdkafka: read, output, changelog in transactions, CPU per event", bare, "µs")
    with TemporaryDirectory() as folder:
        cpu, wall = _engine(settings.model_copy(update={"state_dir": Path(folder)}), counter)
    yield Row(f"a step that {what}: CPU per event, without faust", cpu, "µs", "the stage's own computation", pure)
    yield Row(f"a step that {what}: CPU per event, without faust", cpu, "µs", limit, bare)
    with TemporaryDirectory() as folder:
        faust = _under_faust(settings.model_copy(update={"state_dir": Path(folder)}), counter)
    yield Row(f"a step that {what}: CPU per event, under faust", faust, "µs", limit, bare)
    yield Row(f"a step that {what}: events per second, without faust", 1e6 / wall, "/s")


def _measured(work: Callable[[], object], count: int) -> tuple[float, float]:
    """CPU and wall microseconds per unit of some work in this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return (time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6


def _pure(settings: Settings, counter: Counter) -> float:
    """The records through partitions over memory."""
    records = read(settings, counter.inbox)

    def work() -> None:
        for arrived in records.values():
            partition = Partition(counter.stage, Router((counter.stage,)), MemoryStore())
            for begin in range(0, len(arrived), 500):
                for record in arrived[begin : begin + 500]:
                    partition.apply(record)
                partition.committed(partition.changes())

    return _measured(work, RECORDS)[0]


class _Bare:
    """Reads each record and writes an output and a changelog record of its size, in transactions: no engine does less.

    From the ends of the inbox on, or from its beginning.
    """

    def __init__(self, settings: Settings, counter: Counter, commit_seconds: float, *, beginning: bool = False) -> None:
        self._seconds = commit_seconds
        self._consumer = Consumer(consumer_config(settings, "bench", "bench.bare"))
        places = [TopicPartition(counter.inbox, number) for number in range(PARTITIONS)]
        for place in places:
            place.offset = OFFSET_BEGINNING if beginning else self._consumer.get_watermark_offsets(place)[1]
        self._consumer.assign(places)
        config = {**producer_config(settings, "bench"), "transactional.id": "bench.bare", "retry.backoff.ms": 5}
        self._producer = Producer(config)
        self._producer.init_transactions(30)
        self._committed, self._open = 0.0, False
        self.read = 0

    def turn(self) -> None:
        """Commit if it is time, then forward what has arrived."""
        if self._open and time.monotonic() >= self._committed + self._seconds:
            self._commit()
        first = self._consumer.poll(max(0.0, self._committed + self._seconds - time.monotonic()) if self._open else 0.1)
        if first is None:
            return
        if not self._open:
            self._producer.begin_transaction()
            self._open = True
        for message in (first, *self._consumer.consume(2_000, 0)):
            for topic in ("lead.scores", "dead.letters"):
                self._producer.produce(topic, message.value(), message.key())
            self.read += 1

    def close(self) -> None:
        """Commit and leave."""
        if self._open:
            self._commit()
        self._consumer.close()

    def _commit(self) -> None:
        self._committed, self._open = time.monotonic(), False
        positions, membership = (
            self._consumer.position(self._consumer.assignment()),
            self._consumer.consumer_group_metadata(),
        )
        self._producer.send_offsets_to_transaction(positions, membership, 30)
        self._producer.commit_transaction(30)


def _bare(settings: Settings, counter: Counter) -> float:
    bare = _Bare(settings, counter, 0.1, beginning=True)

    def work() -> None:
        while bare.read < RECORDS:
            bare.turn()
        bare.close()

    return _measured(work, RECORDS)[0]


def _make(settings: Settings, counter: Counter, metrics: Metrics) -> Engine:
    return Engine(counter.stage, (counter.stage,), settings, bytes(32), metrics, stopping=threading.Event())


def _turn(engine: Engine) -> None:
    batch = engine.poll()
    if batch:
        engine.process(batch)


def _applied(metrics: Metrics) -> float:
    samples = (sample for metric in metrics.registry.collect() for sample in metric.samples)
    return sum(sample.value for sample in samples if sample.name == "fineacers_records_total")


def _engine(settings: Settings, counter: Counter) -> tuple[float, float]:
    metrics = Metrics()
    engine = _make(settings, counter, metrics)
    while not engine.ready:
        _turn(engine)
    before = _applied(metrics)

    def work() -> None:
        while _applied(metrics) < RECORDS:
            _turn(engine)

    try:
        return _measured(work, int(RECORDS - before))
    finally:
        engine.close()


def _under_faust(settings: Settings, counter: Counter) -> float:
    """CPU microseconds per event of the whole process, from its first records on: asking it now and then included."""
    counter = replace(counter, name=f"{counter.name}-faust")
    counter.create(settings, PARTITIONS)
    Feed(counter, settings, keys=KEYS).send(RECORDS, repeats=0.0)
    with counting(settings, counter) as worker:
        first = next(applied for applied in worker.until(RECORDS) if applied)
        cpu = worker.cpu_seconds()
        *_, last = worker.until(RECORDS)
        return (worker.cpu_seconds() - cpu) / max(1, last - first) * 1e6


def _restore(settings: Settings, counter: Counter) -> float:
    metrics = Metrics()
    began = time.perf_counter()
    engine = _make(settings, counter, metrics)
    try:
        while not engine.ready:
            _turn(engine)
        return time.perf_counter() - began
    finally:
        engine.close()


class _Turning:
    """An engine that has taken over its partitions."""

    def __init__(self, settings: Settings, counter: Counter) -> None:
        self._engine = _make(settings, counter, Metrics())
        while not self._engine.ready:
            self.turn()
        self.close = self._engine.close

    def turn(self) -> None:
        """One turn."""
        _turn(self._engine)


def _latency(turning: _Bare | _Turning, feed: Feed) -> dict[str, float]:
    """Seconds from writing a fact to reading its output under read_committed, by percentile."""
    written: dict[str, float] = {}
    late: list[float] = []
    done = threading.Event()
    consumer = Consumer(consumer_config(feed.settings, "bench", "bench.late"))
    consumer.assign(ends(feed.settings, "lead.scores"))

    def listen() -> None:
        while len(late) < RATE * (WARM_UP_SECONDS + SECONDS):
            message = consumer.poll(1.0)
            if message is not None and message.error() is None:
                event = decode(message.value()).message
                touch = event.touch_id if isinstance(event, TouchpointRecorded) else event.reasons[0]
                if touch in written:  # else it is an output of what ran before
                    late.append(time.perf_counter() - written[touch])
        done.set()

    def write() -> None:
        producer = Producer(producer_config(feed.settings, "bench"))
        began = time.perf_counter()
        for number in range(RATE * (WARM_UP_SECONDS + SECONDS)):
            time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            key, value = feed.fact(feed.leads[number % KEYS])
            written[decode(value).message.touch_id] = time.perf_counter()
            producer.produce(feed.counter.inbox, value, key)
            producer.poll(0)
        producer.flush()

    threads = [threading.Thread(target=work, daemon=True) for work in (listen, write)]
    for thread in threads:
        thread.start()
    while not done.is_set():
        turning.turn()
    turning.close()
    consumer.close()
    percentiles = statistics.quantiles(late[RATE * WARM_UP_SECONDS :], n=100)
    return {"p50": percentiles[49], "p99": percentiles[98]}


if __name__ == "__main__":
    with local_stack("kafka") as found:
        printer().print(machine())
        show("Engine", rows(found))
