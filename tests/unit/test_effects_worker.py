"""The worker of effects turn by turn, with a broker that only remembers: what is marked, what is called how often."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.codec import decode, encode
from schemas.events.effects import EffectDone, EffectRequested
from streams.effects import worker as module
from streams.effects.answer import MAX_TRIES, Answer
from streams.effects.metrics import Metrics
from streams.effects.worker import REQUESTS, RESULTS, Effects
from streams.engine.faults import EngineFault
from streams.engine.transaction import Aborted
from streams.settings import Settings
from tests.support.receiver import wanted

AGAIN = Answer("again", "unavailable", "503")
DONE = Answer("done", "answered", "200")


class Record:
    """A record as a consumer hands it over."""

    def __init__(self, offset: int, value: bytes) -> None:
        self._offset, self._value = offset, value

    def topic(self) -> str:
        return REQUESTS.name

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return self._value

    def error(self) -> None:
        return None


class Broker:
    """One partition of requests; ``told`` is all that happened, in order."""

    def __init__(self, *values: bytes, mark: str = "") -> None:
        self.values = values
        self.place = TopicPartition(REQUESTS.name, 0, 0, metadata=mark)
        self.position, self.paused, self.told = 0, False, list[Any]()
        self.refuses: list[KafkaError] = []
        self.aborts = 0

    # a consumer

    def subscribe(self, topics: Sequence[str], on_assign: Any, **_: Any) -> None:
        on_assign(self, [TopicPartition(REQUESTS.name, 0)])

    def committed(self, partitions: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        return [self.place]

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.position = max(0, partitions[0].offset)

    def poll(self, wait: float) -> Record | None:
        if self.paused or self.position >= len(self.values):
            return None
        self.position += 1
        return Record(self.position - 1, self.values[self.position - 1])

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused = True

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused = False

    def seek(self, partition: TopicPartition) -> None:
        self.position = partition.offset

    def commit(self, offsets: Sequence[TopicPartition], asynchronous: bool) -> None:
        if self.refuses:
            raise KafkaException(self.refuses.pop())
        self.place = offsets[0]
        self.told.append((offsets[0].offset, offsets[0].metadata))

    def consumer_group_metadata(self) -> None:
        return None


class Outputs:
    """A transactional producer of that broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._value = b""

    def begin(self) -> None:
        self._value = b""

    def put(self, topic: str, value: bytes, key: str) -> None:
        assert topic == RESULTS.name and key.startswith("acme/")
        self._value = value

    def commit(self, positions: Sequence[TopicPartition], _: Any) -> None:
        if self._broker.aborts:
            self._broker.aborts -= 1
            raise Aborted("the coordinator went away")
        (self._broker.place,) = positions
        done = decode(self._value).message
        assert isinstance(done, EffectDone)
        self._broker.told.append((positions[0].offset, done.outcome, done.reason, done.tries))


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts a worker on a broker, whose calls give these answers, one after the other."""

    def started(broker: Broker, *answers: Answer) -> Effects:
        left = list(answers)

        def call(request: EffectRequested) -> Answer:
            broker.told.append("called")
            return left.pop(0)

        monkeypatch.setattr(module, "Consumer", lambda _: broker)
        monkeypatch.setattr(module, "take_slot", lambda *_: SimpleNamespace(name="slot"))
        monkeypatch.setattr(module, "Watchdog", lambda: SimpleNamespace(watch=nullcontext))
        monkeypatch.setattr(module, "Transactions", lambda *_: Outputs(broker))
        monkeypatch.setattr(module, "pause", lambda tries, answer: answer.after)
        return Effects(Settings(kafka_bootstrap="nowhere:9092"), {"webhook": call}, Metrics())

    return started


def turns(worker: Effects, count: int) -> None:
    for _ in range(count):
        worker._turn()


def asked(lives: float = 60.0) -> bytes:
    now = time.time_ns() // 1_000
    return encode(wanted(occurred_at=now, not_after=now + int(lives * 1e6)))


def test_it_marks_calls_and_writes_the_result_with_the_next_position(start: Any) -> None:
    broker = Broker(asked(), asked())
    turns(start(broker, DONE, DONE), 4)
    assert broker.told == [
        (0, "begun 0"), "called", (1, "done", "answered", 1),
        (1, "begun 0"), "called", (2, "done", "answered", 1),
    ]  # fmt: skip


def test_a_request_that_was_begun_is_answered_unknown_and_not_called(start: Any) -> None:
    broker = Broker(asked(), asked(), mark="begun 2")
    turns(start(broker, DONE), 4)
    assert broker.told == [(1, "unknown", "interrupted", 2), (1, "begun 0"), "called", (2, "done", "answered", 1)]


def test_a_request_that_was_tried_in_vain_is_called_again(start: Any) -> None:
    broker = Broker(asked(), mark="tried 2")
    turns(start(broker, DONE), 2)
    assert broker.told == [(0, "begun 2"), "called", (1, "done", "answered", 3)]


def test_after_its_end_nobody_is_called(start: Any) -> None:
    broker = Broker(asked(lives=-0.001))
    turns(start(broker), 2)
    assert broker.told == [(1, "refused", "expired", 0)]


def test_between_two_tries_it_is_marked_as_not_taken(start: Any) -> None:
    broker = Broker(asked())
    turns(start(broker, AGAIN, DONE), 3)
    assert broker.told == [
        (0, "begun 0"), "called", (0, "tried 1"), (0, "begun 1"), "called", (1, "done", "answered", 2)
    ]  # fmt: skip


def test_it_gives_up_after_so_many_tries(start: Any) -> None:
    broker = Broker(asked())
    turns(start(broker, *[AGAIN] * MAX_TRIES), MAX_TRIES + 1)
    assert broker.told.count("called") == MAX_TRIES
    assert broker.told[-1] == (1, "refused", "unavailable", MAX_TRIES)


def test_it_does_not_wait_for_a_try_that_would_come_too_late(start: Any) -> None:
    broker = Broker(asked(lives=60))
    turns(start(broker, AGAIN._replace(after=61.0)), 2)
    assert broker.told == [(0, "begun 0"), "called", (1, "refused", "unavailable", 1)]


def test_while_one_waits_for_its_next_try_it_is_not_called(start: Any) -> None:
    broker = Broker(asked(), asked())
    worker = start(broker, AGAIN._replace(after=30.0))
    worker._wait = lambda: 0.0
    turns(worker, 20)
    assert broker.told == [(0, "begun 0"), "called", (0, "tried 1")]


@pytest.mark.parametrize("code", ["REBALANCE_IN_PROGRESS", "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID"])
def test_without_its_mark_nothing_is_called(start: Any, code: str) -> None:
    broker = Broker(asked())
    broker.refuses = [KafkaError(getattr(KafkaError, code))]
    turns(start(broker, DONE), 3)
    assert broker.told == []


def test_a_mark_that_may_never_be_written_ends_the_worker(start: Any) -> None:
    broker = Broker(asked())
    broker.refuses = [KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)]
    with pytest.raises(EngineFault, match=r"cannot mark effects\.requests:0"):
        turns(start(broker, DONE), 2)
    assert broker.told == []


def test_a_result_is_written_again_until_it_is_there_and_called_for_once(start: Any) -> None:
    broker = Broker(asked())
    broker.aborts = 3
    turns(start(broker, DONE), 2)
    assert broker.told == [(0, "begun 0"), "called", (1, "done", "answered", 1)]
    broker = Broker(asked())
    broker.aborts = 99
    with pytest.raises(EngineFault, match="what became of request"):
        turns(start(broker, DONE), 2)


def test_a_record_that_is_no_request_stops_it_and_is_named(start: Any) -> None:
    with pytest.raises(EngineFault, match=r"effects\.requests:0:0 is no request of an effect"):
        turns(start(Broker(b"garbage")), 1)


def test_a_worker_that_its_group_does_not_take_in_ends(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker()
    effects = start(broker)
    effects._turn()
    effects._gone(SimpleNamespace(unassign=lambda: None), [])
    effects._turn()
    monkeypatch.setattr(module, "LONGEST_SILENCE_SECONDS", 0.0)
    with pytest.raises(EngineFault, match="has not taken it in"):
        effects._turn()
