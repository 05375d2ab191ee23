"""What must hold before an engine joins its group."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path

from schemas.topics import ACCEPTED
from streams.engine.accounts import COUNTS_TOPIC
from streams.engine.changelog import changelog_of
from streams.engine.faults import EngineFault
from streams.engine.inbox import Inbox
from streams.stage import Stage


def claim(engine_folder: Path, identity: str, cluster: str) -> None:
    """Tie the stores of a state folder to an identity key (its fingerprint) and a Kafka cluster (its id).

    Raises:
        EngineFault: they belong to another key or cluster.
    """
    engine_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = engine_folder / "origin.json"
    own = {"identity_key": identity, "kafka_cluster": cluster}
    if not path.exists():
        fresh = engine_folder / f".origin.{secrets.token_hex(4)}"
        fresh.write_text(json.dumps(own) + "\n")
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    found = json.loads(path.read_text())
    if found.get("identity_key") != identity:
        raise EngineFault(
            f"{path}: this state was made with another identity key (fingerprint {found.get('identity_key')}, "
            f"ours {identity}): start with that key; with another one nobody would be recognised"
        )
    if found.get("kafka_cluster") != cluster:
        raise EngineFault(
            f"{path}: this state belongs to Kafka cluster {found.get('kafka_cluster')}, the brokers are cluster "
            f"{cluster}: use the right brokers, or delete {engine_folder} and it is restored from the changelogs"
        )


def check_not_forgotten(stage: Stage, group: str, inbox: Inbox) -> None:
    """Make sure that a stage without state, of which nothing else tells what it has read, does not begin anew.

    Raises:
        EngineFault: its group has no position, and facts were accepted before.
    """
    accepted = [topic.name for topic in ACCEPTED]
    if not stage.stateful and not inbox.was_read(stage.inputs) and inbox.were_written(accepted):
        raise EngineFault(
            f"stage {stage.name}: Kafka has forgotten what its group {group} has read, as it does when "
            "offsets.retention.minutes have passed since the last member left: from the beginning, everything would be "
            "accepted twice. ClickHouse knows the positions: max(p.end) by p.topic and p.partition, of stage_counts "
            f"ARRAY JOIN positions AS p, for stage {stage.name}. Set them with `kafka-consumer-groups.sh "
            f"--bootstrap-server … --group {group} --reset-offsets --from-file … --execute`, and start again"
        )


def check_topics(stage: Stage, stages: Iterable[Stage], inbox: Inbox) -> dict[str, int]:
    """Make sure that all that the stage reads and remembers in is there and fits together.

    Returns:
        How many partitions each stage's inbox has.

    Raises:
        EngineFault: a topic is missing, or a changelog has another number of partitions than its inbox.
    """
    changelog = changelog_of(stage.name)
    inboxes = [other.inputs[0] for other in stages if other.stateful]
    wanted = dict.fromkeys([*stage.inputs, *inboxes, COUNTS_TOPIC, *([changelog] if stage.stateful else [])])
    counted = {topic: inbox.partitions(topic) for topic in wanted}
    missing = [topic for topic, count in counted.items() if count == 0]
    if missing:
        raise EngineFault(f"stage {stage.name}: no topic {', '.join(missing)}: run `fineacers migrate`")
    if stage.stateful and counted[changelog] != counted[stage.inputs[0]]:
        raise EngineFault(
            f"stage {stage.name}: {changelog} has {counted[changelog]} partitions, {stage.inputs[0]} has "
            f"{counted[stage.inputs[0]]}: they must be equal; changing the number is a migration by replay"
        )
    return {topic: counted[topic] for topic in inboxes}
