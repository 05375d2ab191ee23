"""Ends of transactions that are never told: the engine gives its producer up and begins anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.engine import transaction as module
from streams.engine.faults import Fenced, Stopped
from streams.engine.retry import Patience
from streams.engine.transaction import Transactions
from streams.engine.watchdog import Watchdog
from streams.settings import read_settings

UNTOLD = KafkaException(KafkaError(KafkaError._TIMED_OUT, "no word", retriable=True))


class Producer:
    """As librdkafka's after its broker stood still: some calls never come to an end, each try says so."""

    silent: tuple[str, ...] = ()
    made = 0

    def __init__(self, _config: dict[str, Any]) -> None:
        type(self).made += 1
        self.tries = 0
        self.waited: tuple[Any, ...] = ()

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            self.waited = arguments[-1:]
            if name in self.silent:
                self.tries += 1
                raise UNTOLD

        return call


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    monkeypatch.setattr(module, "Producer", Producer)
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 0.2)
    monkeypatch.setattr(module, "_ABORT_SECONDS", 0.2)
    return threading.Event()


def transactions(stopping: threading.Event) -> Transactions:
    watchdog = Watchdog()
    watchdog.stop()
    return Transactions(
        read_settings(kafka_bootstrap="127.0.0.1:1"),
        "test",
        "test",
        10_000,
        Patience(stopping, watchdog),
    )


def test_a_beginning_that_never_comes_is_given_up(stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Producer, "silent", ("init_transactions",))
    with pytest.raises(Fenced, match="could not begin transactions within"):
        transactions(stopping)


@pytest.mark.parametrize("call", ["send_offsets_to_transaction", "commit_transaction"])
def test_an_end_that_is_never_told_is_given_up(
    call: str, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Producer, "silent", (call,))
    ours = transactions(stopping)
    ours.begin()
    with pytest.raises(Fenced, match=r"could not .* within"):
        ours.commit([TopicPartition("inbox", 0, 1)], None)
    assert ours._producer.tries > 1  # type: ignore[attr-defined]


def test_an_abort_that_never_ends_is_left_to_the_next_producer(
    stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Producer, "silent", ("abort_transaction",))
    ours = transactions(stopping)
    ours.begin()
    stuck = ours._producer
    ours.abort()
    assert stuck.tries > 1  # type: ignore[attr-defined]
    ours.begin()
    assert ours._producer is not stuck


def test_no_producer_outlives_an_abort(stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Producer, "made", 0)
    ours = transactions(stopping)
    ours.begin()
    ours.commit([], None)
    ours.begin()
    assert Producer.made == 1
    ours.abort()
    ours.begin()
    assert Producer.made == 2
    ours.commit([], None)
    ours.begin()
    assert Producer.made == 2


def test_a_stop_is_not_kept_waiting(stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 1_000.0)
    monkeypatch.setattr("streams.engine.retry._STOP_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(Producer, "silent", ("commit_transaction",))
    ours = transactions(stopping)
    ours.begin()
    stopping.set()
    with pytest.raises(Stopped):
        ours.commit([], None)
    assert ours._producer.waited == (1.0,)  # type: ignore[attr-defined]
