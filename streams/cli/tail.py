"""`fineacers tail`: look at a topic's records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from schemas.codec import CodecError, decode
from schemas.events.base import instant_text
from schemas.topics import TOPICS
from streams.cli.fail import fail
from streams.cli.masking import Reveal, shown
from streams.kafka import consumer_config, is_passing, told
from streams.settings import Settings, SettingsError, load_settings

_ANSWER_SECONDS = 10
_POLL_SECONDS = 0.5


def tail(
    topic: Annotated[str, typer.Argument(help="Any topic of the platform; `fineacers topics` lists them.")],
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Start with the oldest record.")] = False,
    limit: Annotated[int | None, typer.Option(help="End after so many records.", min=1)] = None,
    reveal: Reveal = False,
    as_json: Annotated[bool, typer.Option("--json", help="One record a line.")] = False,
) -> None:
    """Print records as JSON as they are committed, personal values masked. Ends with Ctrl-C or --limit.

    Examples:

        fineacers tail lead.temperatures

        fineacers tail dead.letters --from-beginning --limit 20 --json
    """
    if topic not in TOPICS:
        fail(f"no topic {topic}; `fineacers topics` lists them")
    if reveal and TOPICS[topic].personal:
        from streams.cli.audit import audit_reveal  # noqa: PLC0415 - PostgreSQL is needed for nothing else here

        audit_reveal("tail", f"topic {topic}", {"topics": [topic]})
    try:
        for record in islice(_records(load_settings("kafka"), topic, from_beginning=from_beginning), limit):
            typer.echo(json.dumps(_form(record, reveal=reveal), ensure_ascii=False, indent=None if as_json else 2))
    except (SettingsError, KafkaException) as error:
        fail(f"cannot read {topic}: {told(error)}")
    except KeyboardInterrupt:
        return


def _records(settings: Settings, topic: str, *, from_beginning: bool) -> Iterator[Record]:
    """The committed records of a topic from one of its ends on, for ever."""
    consumer = Consumer(consumer_config(settings, "tail", "fineacers.tail"))
    try:
        known = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
        if known.error is not None:
            fail(f"no topic {topic} at {settings.kafka_bootstrap}: run `fineacers migrate`")
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        consumer.assign([TopicPartition(topic, partition, start) for partition in known.partitions])
        while True:
            record = consumer.poll(_POLL_SECONDS)
            if record is None:
                continue
            error = record.error()
            if error is None:
                yield record
            elif not is_passing(KafkaException(error)):
                raise KafkaException(error)
    finally:
        consumer.close()


def _form(record: Record, *, reveal: bool) -> dict[str, Any]:
    key = record.key()
    form: dict[str, Any] = {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp": instant_text(record.timestamp()[1] * 1_000),
        "key": key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else key,
    }
    value = record.value()
    if value is None:
        return {**form, "event": None}
    try:
        decoded = decode(value if isinstance(value, bytes) else value.encode())
    except CodecError as error:
        return {**form, "error": str(error), "bytes": len(value)}
    prefix = {"prefix": shown(decoded.prefix, reveal=reveal)} if decoded.prefix is not None else {}
    return {**form, **prefix, "event": shown(decoded.message, reveal=reveal)}
