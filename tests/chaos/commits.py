"""A broker is killed amid many commits: no transaction may stay open in any partition.

A broker that comes back has no leader for its partitions at first. Kafka 4.3 takes such a partition for a deleted one
and leaves the marker out that ends a transaction there (KAFKA-20734, DECISIONS 15): what was committed stays unread,
and when the producer's next transaction is aborted it is lost.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import NewTopic

from streams.hanging import CannotLook, OpenTransaction, open_transactions
from streams.kafka import admin_client, producer_config
from streams.local.state import StateFolder
from tests.chaos.lab import Lab, NotExact, until
from tests.chaos.worker import TRANSACTION_MS

_PRODUCERS = 12
_PARTITIONS = 12
_SECONDS = 45.0
"""How long a transaction may stay open: its time-out, and the coordinator's rounds of looking for such."""


def commits(lab: Lab, times: int = 3) -> None:
    """The only broker is killed while a dozen producers commit one transaction after the other, and comes back."""
    topic = f"{lab.counter.name}.commits"
    admin = admin_client(lab.settings, "test.commits")
    admin.create_topics([NewTopic(topic, _PARTITIONS, 1)])[topic].result()
    for number in range(times):
        _kill_amid(lab, topic, {f"{topic}.{number}.{producer}" for producer in range(_PRODUCERS)})
        until(lambda: _open(lab) is not None, "the broker is back")
        if left := _left_open(lab):
            places = ", ".join(sorted({f"{one.topic}:{one.partition}" for one in left}))
            raise NotExact(f"{len(left)} transactions stay open in {places}: {left[0]}")


def _kill_amid(lab: Lab, topic: str, names: set[str]) -> None:
    committed: list[str] = []
    producers = [threading.Thread(target=_commit, args=(lab, topic, name, committed)) for name in names]
    for producer in producers:
        producer.start()
    until(lambda: set(committed) == names, "every producer has committed")
    time.sleep(lab.random.random())  # anywhere in a commit
    os.kill(StateFolder(lab.settings.state_dir).status()["kafka"]["pid"], signal.SIGKILL)
    lab.strike("broker SIGKILL amid commits")
    for producer in producers:
        producer.join()


def _commit(lab: Lab, topic: str, name: str, committed: list[str]) -> None:
    """Commit to every partition, again and again, until the broker is gone."""
    config = {**producer_config(lab.settings, name), "transactional.id": name}
    producer = Producer({**config, "transaction.timeout.ms": TRANSACTION_MS})
    try:
        producer.init_transactions(10)
        while True:
            producer.begin_transaction()
            for partition in range(_PARTITIONS):
                producer.produce(topic, name, partition=partition)
            producer.commit_transaction(TRANSACTION_MS / 1_000)
            committed.append(name)
    except KafkaException:
        return


def _left_open(lab: Lab) -> list[OpenTransaction]:
    """The transactions that are still open after a while, of a broker that answers."""
    deadline = time.monotonic() + _SECONDS
    while (left := _open(lab)) != [] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left is not None, "the broker no longer answers"
    return left


def _open(lab: Lab) -> list[OpenTransaction] | None:
    """The open transactions; none while the broker does not answer."""
    try:
        return open_transactions(lab.settings)
    except (CannotLook, KafkaException):
        return None
