"""Creating what the platform keeps in Kafka; may run again at any time and then does what is left to do."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from schemas.codec import encode
from schemas.events.operations import Tick
from schemas.topics import TOPICS
from streams.engine.changelog import CHANGELOG_CONFIG, changelog_of
from streams.kafka import admin_client, is_passing, known_offset, learn_leaders, producer_config
from streams.settings import PREFIX, Settings
from streams.stage import Stage

_CALL_SECONDS = 30.0
_WAIT_SECONDS = 30.0
_BROKERS_DEFAULT = -1


class MigrateError(Exception):
    """The topics cannot become what they must be; the message says which and what to do."""


@dataclass(frozen=True)
class Wanted:
    """A topic as it must be."""

    name: str
    partitions: int
    config: dict[str, str]


def wanted_topics(stages: Iterable[Stage], partitions: int | None) -> list[Wanted]:
    """Every topic of the platform: the declared ones and a changelog for each stage that remembers anything.

    ``partitions`` is how many the topics by key have (none: the default).
    """
    declared = [Wanted(topic.name, topic.count(partitions), topic.config) for topic in TOPICS.values()]
    changelogs = [
        Wanted(changelog_of(stage.name), TOPICS[stage.inputs[0]].count(partitions), CHANGELOG_CONFIG)
        for stage in stages
        if stage.stateful
    ]
    return [*declared, *changelogs]


def migrate_topics(settings: Settings, stages: Sequence[Stage]) -> list[str]:
    """Create missing topics, set settings that differ, and give each new inbox partition its first tick.

    The tick comes before anything else in the partition, so that no record is ever judged without a clock.

    Returns:
        What was done, one line each; nothing when everything was right.

    Raises:
        MigrateError: an existing topic has another number of partitions.
        KafkaException: the brokers refuse something or do not answer.
    """
    admin = admin_client(settings, "migrate")
    wanted = wanted_topics(stages, settings.partitions)
    there = admin.list_topics(timeout=_CALL_SECONDS).topics
    for topic in wanted:
        found = len(there[topic.name].partitions) if topic.name in there else topic.partitions
        if found != topic.partitions:
            raise MigrateError(
                f"topic {topic.name} has {found} partitions, it must have {topic.partitions}: keys would move between "
                f"partitions and lose their state; set {PREFIX}PARTITIONS to what there is, or replay into a new "
                "generation"
            )
    missing = [topic for topic in wanted if topic.name not in there]
    done = [f"created {topic.name}: {topic.partitions} partitions" for topic in missing]
    _create(admin, missing)
    done += _configure(admin, [topic for topic in wanted if topic.name in there])
    inboxes = {stage.inputs[0] for stage in stages if stage.stateful}
    done += _start_clocks(settings, admin, [topic for topic in wanted if topic.name in inboxes])
    return done


def _create(admin: AdminClient, missing: Sequence[Wanted]) -> None:
    if not missing:
        return
    fresh = [
        NewTopic(topic.name, topic.partitions, replication_factor=_BROKERS_DEFAULT, config=topic.config)
        for topic in missing
    ]
    for future in admin.create_topics(fresh, operation_timeout=_WAIT_SECONDS).values():
        try:
            future.result(_WAIT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another migrate was faster
                raise


def _configure(admin: AdminClient, there: Sequence[Wanted]) -> list[str]:
    """Bring the settings of existing topics to the declared ones."""
    if not there:
        return []
    by_name = {topic.name: topic for topic in there}
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in by_name])
    changes: list[ConfigResource] = []
    done: list[str] = []
    for resource, future in asked.items():
        found = future.result(_WAIT_SECONDS)
        config = by_name[resource.name].config
        differing = {name: value for name, value in config.items() if found[name].value != value}
        if not differing:
            continue
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in differing.items()
        ]
        changes.append(ConfigResource(ResourceType.TOPIC, resource.name, incremental_configs=entries))
        done += [f"set {name}={value} on {resource.name}" for name, value in differing.items()]
    if changes:
        for future in admin.incremental_alter_configs(changes).values():
            future.result(_WAIT_SECONDS)
    return done


def _start_clocks(settings: Settings, admin: AdminClient, inboxes: Iterable[Wanted]) -> list[str]:
    """A tick to every inbox partition that nothing was ever written to."""
    places = [TopicPartition(inbox.name, number) for inbox in inboxes for number in range(inbox.partitions)]
    empty = [place for place, end in _ends(admin, places).items() if end == 0]
    if not empty:
        return []
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer({**producer_config(settings, "migrate"), "on_delivery": delivered})
    tick = encode(Tick.build(at=time.time_ns() // 1_000))
    for place in empty:
        producer.produce(place.topic, tick, b"", place.partition)
    if producer.flush(_WAIT_SECONDS) or failed:
        reason = failed[0].str() if failed else "no answer"
        raise MigrateError(f"could not write the first ticks: {reason}; run `fineacers migrate` again")
    return [f"first tick to {place.topic}:{place.partition}" for place in empty]


def _ends(admin: AdminClient, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """The ends of partitions; asked again for a while, since a new partition has no leader at first."""
    deadline, latest = time.monotonic() + _WAIT_SECONDS, OffsetSpec.latest()  # type: ignore[no-untyped-call]
    while True:
        learn_leaders(admin, {place.topic for place in places})
        asked = admin.list_offsets(dict.fromkeys(places, latest))
        try:
            return {place: known_offset(answer, _WAIT_SECONDS) for place, answer in asked.items()}
        except KafkaException as error:
            if not is_passing(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.1)
