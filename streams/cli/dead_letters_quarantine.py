"""`fineacers dead-letters quarantine`: one fact is set aside, so that a stage that stops at it can go on."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.codec import encode
from schemas.events.operations import QuarantineOrdered
from schemas.topics import QUARANTINE
from streams.cli.fail import fail
from streams.cli.letters import coordinates
from streams.kafka import consumer_config, group_of
from streams.quarantine import Coordinates, NotAFactError, SetAside, set_aside
from streams.records import InRecord
from streams.settings import Settings, SettingsError, load_settings
from streams.sources.publisher import Publisher, PublishError
from streams.sources.refusals import Publication
from streams.stage import Stage
from streams.topology import topology

_ANY_KEY = bytes(32)  # which stage reads what is the same under every identity key
_ANSWER_SECONDS = 15.0  # longer than a dead worker's transaction holds positions back


def quarantine(
    where: Annotated[
        str, typer.Argument(metavar="TOPIC:P:OFFSET", help="Where the stage said that it stopped: its own input.")
    ],
) -> None:
    """Set one fact aside as a dead letter, so that the stage that stops at it can go on.

    For errors that no step expected: the stage ends with the place of the record, and would stop there at every start.
    The order is kept in the topic `quarantine`, and the stage follows it at its next start: the fact becomes a dead
    letter `quarantined` with its bytes, its key stays as it was. Once the code is right, `dead-letters replay` brings
    the fact back. A message between stages cannot be set aside: other keys would wait for it for ever.

    Ends with 0 when the order is given, with 2 when it cannot be.

    Examples:

        fineacers dead-letters quarantine journeys:1:10417

        fineacers dead-letters quarantine bookings:0:99
    """
    place = coordinates(where)
    if place is None:
        fail(f"{where} is not TOPIC:PARTITION:OFFSET, such as journeys:1:10417")
    stage = next((stage for stage in topology(_ANY_KEY) if place[0] in stage.inputs), None)
    if stage is None:
        fail(f"no stage reads {place[0]}: give the place that the stage named when it stopped")
    try:
        fact = order(load_settings("kafka"), stage, place)
    except NotAFactError as error:
        fail(f"{error}. It cannot be set aside: correct the code and start {stage.name} again")
    except (SettingsError, PublishError) as error:
        fail(str(error))
    except KafkaException as error:
        fail(f"Kafka did not answer ({error.args[0].str()}): try again")
    came = f"{fact.prefix.topic}:{fact.prefix.partition}:{fact.prefix.offset}" if fact.prefix is not None else where
    typer.echo(
        f"{stage.name} sets {where} aside when it starts next. Then see `fineacers dead-letters show {came}`, and once "
        f"the code is right `fineacers dead-letters replay {came}`"
    )


def order(settings: Settings, stage: Stage, place: Coordinates) -> SetAside:
    """Order a stage to set the fact at a place of its input aside.

    Raises:
        NotAFactError: the record there is a message between stages.
        PublishError: Kafka did not take the order.
        KafkaException: Kafka does not answer.
        typer.Exit: there is no record, or the stage has passed it.
    """
    topic, partition, offset = place
    publisher = Publisher(settings, "quarantine")
    publisher.need((QUARANTINE.name, topic))
    fact = set_aside(stage, _ahead(settings, stage, TopicPartition(topic, partition, offset)))
    given = QuarantineOrdered.build(topic=topic, partition=partition, offset=offset, at=time.time_ns() // 1_000)
    publisher.publish([Publication(QUARANTINE.name, f"{topic}:{partition}:{offset}", encode(given))])
    publisher.flush()
    return fact


def _ahead(settings: Settings, stage: Stage, place: TopicPartition) -> InRecord:
    """The record at a place that the stage has not passed yet; ends the command where there is none."""
    at = f"{place.topic}:{place.partition}:{place.offset}"
    consumer = Consumer({**consumer_config(settings, "quarantine", group_of(stage.name)), "enable.partition.eof": True})
    try:
        if place.partition not in consumer.list_topics(place.topic, _ANSWER_SECONDS).topics[place.topic].partitions:
            fail(f"{place.topic} has no partition {place.partition}")
        (committed,) = consumer.committed([TopicPartition(place.topic, place.partition)], _ANSWER_SECONDS)
        if committed.error is not None:
            raise KafkaException(committed.error)
        if committed.offset > place.offset:
            fail(f"{stage.name} has passed {at} already (it is at {committed.offset}): there is nothing to set aside")
        low, high = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), _ANSWER_SECONDS)
        consumer.assign([place])
        record = consumer.poll(_ANSWER_SECONDS) if low <= place.offset < high else None
    finally:
        consumer.close()
    # The next record comes where there is none at the place, such as the end of a transaction.
    if record is None or record.error() is not None or record.offset() != place.offset:
        fail(f"no record at {at} can be read: give the place that the stage named when it stopped")
    key, arrived = (record.key() or b"").decode(errors="replace"), record.timestamp()[1] * 1_000
    return InRecord(place.topic, place.partition, place.offset, arrived, key, record.value() or b"")
