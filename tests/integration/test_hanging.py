"""Open transactions on a real broker are seen, and whose they are."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Producer

from streams.hanging import OpenTransaction, hanging, open_transactions
from streams.kafka import admin_client, producer_config
from streams.local import checks
from streams.settings import Settings
from tests.chaos.counter import make
from tests.chaos.lab import until

TOPIC = "held.back"


def found(stack: Settings, longest_seconds: float = 0.0) -> list[OpenTransaction]:
    return [one for one in hanging(stack, time.time_ns() // 1_000_000, longest_seconds) if one.topic == TOPIC]


def test_an_open_transaction_is_seen_until_it_ends(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make(admin_client(stack, "test"), [(TOPIC, 2, {})])
    producer = Producer({**producer_config(stack, "test"), "transactional.id": "test.held-back"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(TOPIC, b"committed", partition=1)
    producer.commit_transaction(30)
    until(lambda: not found(stack), "what is committed is not open")

    producer.begin_transaction()
    producer.produce(TOPIC, b"open", partition=1)
    producer.flush()

    (one,) = found(stack)
    assert (one.partition, one.first_offset, one.is_known) == (1, 2, True)
    assert one.coordinated is not None
    assert (one.coordinated.transactional_id, one.coordinated.state) == ("test.held-back", "Ongoing")
    assert one.since == one.coordinated.started > 0
    assert found(stack, 3_600) == []
    monkeypatch.setattr(checks, "hanging", lambda settings, now: hanging(settings, now, 0))
    said = [check for check in checks.all_checks(stack) if check.name == "Kafka transactions"]
    assert any(check.result == "wrong" and f"{TOPIC}:1 holds back" in check.found for check in said)

    producer.abort_transaction(30)
    until(lambda: all(one.topic != TOPIC for one in open_transactions(stack)), "what is aborted is not open")
