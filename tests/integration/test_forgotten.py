"""A stage without state whose group Kafka has forgotten does not begin anew: all its facts would be accepted twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.codec import encode
from schemas.events.bookings import BookingChanged
from schemas.topics import TOPICS
from streams.engine.engine import Engine
from streams.engine.faults import EngineFault
from streams.engine.metrics import Metrics
from streams.kafka import admin_client, group_of, producer_config
from streams.local import checks
from streams.settings import Settings
from streams.stage import Stage
from streams.topology import topology
from tests.chaos.counter import make
from tests.chaos.lab import until
from tests.kafka import read_all
from tests.stack import local_stack
from tests.support.facts import fact

KEY = bytes(32)
_SESSION_MS = 6_000


@pytest.fixture(scope="module")
def kafka() -> Iterator[Settings]:
    """A Kafka of its own: no other test's intake may find that its group is gone."""
    with local_stack("kafka") as settings:
        yield settings


def _engine(settings: Settings) -> Engine:
    stages = topology(KEY)
    stopping = threading.Event()
    return Engine(stages[0], stages, settings, KEY, Metrics(), stopping=stopping, session_ms=_SESSION_MS)


def _topics(settings: Settings, stage: Stage) -> None:
    inboxes = (other.inputs[0] for other in topology(KEY))
    names = {*stage.inputs, *inboxes, "stage.counts", "quarantine", "accepted.bookings"}
    wanted = [(TOPICS[name].name, TOPICS[name].partitions, TOPICS[name].config) for name in sorted(names)]
    make(admin_client(settings, "test"), wanted)


def _publish(settings: Settings, count: int) -> None:
    producer = Producer(producer_config(settings, "test"))
    for number in range(count):
        booking = fact(
            BookingChanged, occurred_at="3-1", booking_id=f"b{number}", revision=1, status="booked", amount_minor=1,
            currency="EUR",
        )  # fmt: skip
        producer.produce("bookings", encode(booking), "any")
    producer.flush()


def _run_until(settings: Settings, routed: int) -> None:
    engine = _engine(settings)
    deadline = time.monotonic() + 60
    done = 0
    while done < routed:
        batch = engine.poll()
        engine.process(batch)
        done += sum(map(len, batch.values()))
        assert time.monotonic() < deadline
    engine.close()


def _is_forgotten(settings: Settings, group: str) -> bool:
    """Delete the group, as a broker does with one that has long been empty, unless a member is still in it."""
    admin = admin_client(settings, "test")
    try:
        admin.delete_consumer_groups([group])[group].result(20)
    except KafkaException as error:
        assert error.args[0].code() == KafkaError.NON_EMPTY_GROUP
        return False
    return True


def _routed(settings: Settings) -> int:
    return sum(bool(record.key) for records in read_all(settings, ["resolve.inbox"]).values() for record in records)


def test_intake_does_not_begin_anew_once_kafka_has_forgotten_its_group(kafka: Settings) -> None:
    intake = topology(KEY)[0]
    _topics(kafka, intake)
    before = _routed(kafka)
    _publish(kafka, 3)
    _run_until(kafka, 3)
    assert _routed(kafka) == before + 3
    _engine(kafka).close()  # as long as its group is known, it goes on
    producer = Producer(producer_config(kafka, "test"))
    producer.produce("accepted.bookings", b"what resolve makes of a fact")
    producer.flush()
    until(lambda: _is_forgotten(kafka, group_of(intake.name)), "its member's session ends")
    with pytest.raises(EngineFault, match=r"Kafka has forgotten what its group fineacers\.intake has read"):
        _engine(kafka)
    assert _routed(kafka) == before + 3


def test_doctor_says_for_how_long_groups_are_remembered(kafka: Settings) -> None:
    groups = next(check for check in checks.all_checks(kafka) if check.name == "Kafka groups")
    assert (groups.result, groups.found) == ("ok", "remembered for 3,650 days without members")
