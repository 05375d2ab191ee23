"""The engine on a real Kafka: exact under every schedule of trouble, and fail-stop."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.request import ProxyHandler, build_opener

import pytest
from confluent_kafka import OFFSET_INVALID, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.engine import engine as engine_module
from streams.engine.changelog import changelog_of
from streams.engine.engine import Engine
from streams.engine.faults import EngineFault, Fenced
from streams.engine.metrics import Metrics
from streams.engine.restore import Bookmarks
from streams.engine.transaction import Aborted, Transactions
from streams.engine.worker import FIRST_PORT
from streams.kafka import producer_config
from streams.settings import Settings
from tests.chaos.counter import Counter
from tests.chaos.exact import check_log_law, check_outputs, outputs_of, read
from tests.chaos.lab import Lab, until
from tests.chaos.schedules import SCHEDULES, run

SEED = 20_260_901


@pytest.fixture(scope="module")
def running(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    """All schedules at once, each with topics and workers of its own: what they wait for overlaps."""
    with ThreadPoolExecutor(len(SCHEDULES)) as pool:
        yield {name: pool.submit(run, name, stack, tmp_path_factory.mktemp(name), SEED) for name in SCHEDULES}


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_leaves_everything_exact(name: str, running: dict[str, Future[None]]) -> None:
    running[name].result()


@pytest.fixture
def lab(stack: Settings, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(stack, tmp_path, SEED)
    yield lab
    lab.close()


def test_an_undeclared_error_stops_the_worker_and_shows_nothing_of_its_transaction(lab: Lab) -> None:
    lab.feed.send(500)
    worker = lab.worker()
    lab.caught_up()
    lab.feed.send(50)
    lab.feed.poison()
    lab.feed.send(50)

    assert worker.wait() == 1

    (poison,) = (
        record
        for records in read(lab.settings, lab.counter.inbox).values()
        for record in records
        if b"poison" in record.value
    )
    said = worker.log.read_text()
    assert f"{lab.counter.name} stopped at {lab.counter.inbox}:{poison.partition}:{poison.offset}: ValueError" in said
    assert "somebody@example.com" not in said
    assert lab.committed()[poison.partition] <= poison.offset
    check_log_law(lab.settings, lab.counter, [worker.state_dir])


def test_under_faust_it_is_exact_shows_metrics_and_stops_on_poison(lab: Lab) -> None:
    lab.feed.send(1_000)
    worker = lab.worker("faust")
    lab.caught_up()
    port = next(
        int(line.rpartition("127.0.0.1:")[2].partition("/")[0])
        for line in worker.log.read_text().splitlines()
        if "/metrics" in line
    )
    get = build_opener(ProxyHandler({})).open
    assert port >= FIRST_PORT
    assert get(f"http://127.0.0.1:{port}/ready").status == 200
    metrics = get(f"http://127.0.0.1:{port}/metrics").read().decode()
    assert f'fineacers_records_total{{partition="0",stage="{lab.counter.name}"' in metrics
    lab.finish()

    lab.feed.poison()
    worker.start()
    assert worker.wait() == 1
    assert "ValueError" in worker.log.read_text()


@pytest.mark.parametrize("way", ["", "faust"])
def test_it_stops_in_time_though_it_has_not_reached_kafka_yet(way: str, lab: Lab) -> None:
    lab.bootstrap = "127.0.0.1:1"
    worker = lab.worker(way)
    until(lambda: "waiting to read the orders" in worker.log.read_text(), "it waits for Kafka")
    worker.stop()


def test_it_stops_in_time_though_its_broker_stands_still(lab: Lab) -> None:
    worker = lab.worker("faust")
    lab.feed.send(200)
    lab.caught_up()
    with lab.frozen_broker():
        until(lambda: "waiting to" in worker.log.read_text(), "it waits for Kafka")
        worker.stop()
    worker.start()
    lab.feed.send(200)
    lab.finish()


def test_it_stops_in_time_though_its_broker_stands_still_and_nothing_is_under_way(
    lab: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As between a tick that is committed and the moment at which it is read: nothing waits for an answer then."""
    settings = lab.settings.model_copy(update={"state_dir": tmp_path / "own", "tick_seconds": math.inf})
    stage, stopping = lab.counter.stage, threading.Event()
    engine = Engine(stage, (stage,), settings, b"a" * 32, Metrics(), stopping=stopping, session_ms=6_000)
    until(lambda: _turn(engine) or engine.ready, "its partitions flow")
    with lab.frozen_broker():
        until(lambda: _turn(engine) or "waiting to join again" in caplog.text, "it has lost its place in the group")
        stopping.set()
        closing = threading.Thread(target=engine.close)
        closing.start()
        closing.join(10)
        assert not closing.is_alive()


def test_a_state_that_is_not_of_the_position_stops_the_worker(lab: Lab) -> None:
    worker = lab.worker()
    lab.feed.send(200)
    lab.caught_up()
    worker.stop()
    reached = lab.committed()[0]
    stranger = Producer(producer_config(lab.settings, "test.stranger"))
    stranger.produce(changelog_of(lab.counter.name), str(reached + 7), "#position", partition=0)
    stranger.flush()

    lab.feed.send(50)
    worker.start()

    assert worker.wait() == 1
    said = worker.log.read_text()
    assert f"inbox:0: the group's committed position is {reached}, the restored state's is {reached + 7}" in said
    assert lab.committed()[0] == reached


def test_another_identity_key_or_a_missing_topic_is_refused(lab: Lab, tmp_path: Path) -> None:
    def engine(counter: Counter, key: bytes) -> Engine:
        stage, settings = counter.stage, lab.settings.model_copy(update={"state_dir": tmp_path / "own"})
        return Engine(stage, (stage,), settings, key, Metrics(), stopping=threading.Event())

    engine(lab.counter, b"a" * 32).close()
    with pytest.raises(EngineFault, match="another identity key"):
        engine(lab.counter, b"b" * 32)
    with pytest.raises(EngineFault, match=r"no topic nowhere\.inbox.*fineacers migrate"):
        engine(Counter("nowhere"), b"a" * 32)


@pytest.fixture
def flowing(lab: Lab, tmp_path: Path) -> Iterator[Engine]:
    """An engine whose partitions flow."""
    stage, settings = lab.counter.stage, lab.settings.model_copy(update={"state_dir": tmp_path / "own"})
    engine = Engine(stage, (stage,), settings, b"a" * 32, Metrics(), stopping=threading.Event())
    until(lambda: _turn(engine) or engine.ready, "its partitions flow")
    yield engine
    engine.abandon()


def _turn(engine: Engine) -> None:
    if batch := engine.poll():
        engine.process(batch)


def test_what_was_aborted_is_done_again_as_often_as_it_takes(
    flowing: Engine, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, aborts = Transactions.commit, iter(range(5))

    def fail_at_first(transactions: Transactions, *arguments: Any) -> None:
        if next(aborts, None) is not None:
            transactions.abort()
            raise Aborted("could not commit: 4 messages timed out")
        commit(transactions, *arguments)

    monkeypatch.setattr(engine_module, "_PAUSE_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(Transactions, "commit", fail_at_first)
    lab.feed.send(200)
    until(lambda: _turn(flowing) or lab.counted, "everything counted")
    assert next(aborts, None) is None
    check_outputs(lab.feed, outputs_of(lab.settings, lab.counter))


def test_it_is_given_up_when_its_own_tick_does_not_come_back(flowing: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "LONGEST_SILENCE_SECONDS", 1.5)
    long_enough = time.monotonic() + 3
    until(lambda: _turn(flowing) or time.monotonic() > long_enough, "ticks are written and read")
    consumer = flowing._inbox._consumer
    consumer.pause(consumer.assignment())
    with pytest.raises(Fenced, match="gives nothing to read"):
        until(lambda: _turn(flowing), "it is given up")


def test_it_is_given_up_when_its_group_does_not_take_it_in(flowing: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "LONGEST_SILENCE_SECONDS", 1.5)
    flowing._inbox._consumer.unsubscribe()
    with pytest.raises(Fenced, match="its group has not taken it in"):
        until(lambda: _turn(flowing), "it is given up")


def test_one_for_whom_no_partition_is_left_stands_by(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Counter(f"{lab.counter.name}-alone")
    alone.create(lab.settings, 1)
    settings = lab.settings.model_copy(update={"state_dir": tmp_path / "both"})
    engines = [
        Engine(alone.stage, (alone.stage,), settings, b"a" * 32, Metrics(), stopping=threading.Event())
        for _ in range(2)
    ]

    def turn() -> None:
        for engine in engines:
            _turn(engine)

    until(lambda: turn() or all(engine.ready for engine in engines), "both are in the group")
    monkeypatch.setattr(engine_module, "LONGEST_SILENCE_SECONDS", 1.5)
    long_enough = time.monotonic() + 3
    until(lambda: turn() or time.monotonic() > long_enough, "more than that has passed")
    assert sorted(len(engine._owned) for engine in engines) == [0, 1]
    for engine in engines:
        engine.close()


def test_an_end_that_the_client_does_not_know_is_no_bookmark() -> None:
    class Away:
        """An admin client whose brokers are away: it answers an invalid offset, and no error."""

        def list_offsets(self, asked: dict[TopicPartition, object], **_: object) -> dict[TopicPartition, Future[Any]]:
            answers: dict[TopicPartition, Future[Any]] = {place: Future() for place in asked}
            for future in answers.values():
                future.set_result(SimpleNamespace(offset=OFFSET_INVALID))
            return answers

        def list_topics(self, topic: str, timeout: float) -> None:
            """Learn of new leaders."""

    bookmarks = Bookmarks(cast(AdminClient, Away()), "changelog")
    bookmarks.ask([0])
    bookmarks.listen()
    assert bookmarks.get(0) is None
