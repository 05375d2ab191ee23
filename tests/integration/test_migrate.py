"""Topics on a real Kafka."""

from __future__ import annotations

import secrets

import pytest

from schemas.codec import decode
from schemas.events.operations import Tick
from schemas.topics import TOPICS
from streams.engine.changelog import CHANGELOG_CONFIG, changelog_of
from streams.kafka import admin_client
from streams.migrate import MigrateError, migrate_topics
from streams.settings import Settings
from streams.stage import Stage
from streams.topology import topology
from tests.chaos.counter import make
from tests.chaos.exact import read

STAGES = topology(bytes(32))


def test_everything_is_there_after_it_and_the_second_time_there_is_nothing_to_do(stack: Settings) -> None:
    migrate_topics(stack, STAGES)
    there = admin_client(stack, "test").list_topics(timeout=10).topics
    counts = {name: len(topic.partitions) for name, topic in there.items()}
    assert {name: topic.partitions for name, topic in TOPICS.items()}.items() <= counts.items()
    for stage in STAGES:
        if stage.stateful:
            assert counts[changelog_of(stage.name)] == TOPICS[stage.inputs[0]].partitions
            for records in read(stack, stage.inputs[0]).values():
                assert isinstance(decode(records[0].value).message, Tick)
    assert migrate_topics(stack, STAGES) == []


def test_a_topic_with_another_number_of_partitions_is_refused(stack: Settings) -> None:
    (lead,) = (stage for stage in STAGES if stage.name == "lead")
    other = Stage(f"lead-{secrets.token_hex(4)}", lead.inputs, lead.steps, carries=lead.carries)
    admin = admin_client(stack, "test")
    make(admin, [(changelog_of(other.name), 3, CHANGELOG_CONFIG)])
    with pytest.raises(MigrateError, match=r"has 3 partitions, it must have 2: .*FINEACERS_PARTITIONS"):
        migrate_topics(stack, [other])


def test_settings_that_differ_are_set(stack: Settings) -> None:
    (lead,) = (stage for stage in STAGES if stage.name == "lead")
    other = Stage(f"lead-{secrets.token_hex(4)}", lead.inputs, lead.steps, carries=lead.carries)
    migrate_topics(stack, STAGES)
    make(admin_client(stack, "test"), [(changelog_of(other.name), 2, {**CHANGELOG_CONFIG, "segment.ms": "1000"})])
    assert migrate_topics(stack, [other]) == [f"set segment.ms=86400000 on {changelog_of(other.name)}"]
    assert migrate_topics(stack, [other]) == []
