"""Why an engine stops. Messages name places, never contents: no payload and no personal data."""

from __future__ import annotations

import traceback
from pathlib import Path

from streams.records import InRecord


class EngineFault(Exception):
    """The engine cannot go on without risking exactness; the message says where and what to do."""


class RecordFault(EngineFault):
    """A stage raised an error that none of its steps declared; nothing of the open transaction is visible."""


class Fenced(EngineFault):
    """This engine's place was given up, or its clients are of no more use: it was silent for too long, or the brokers
    were. A new engine may take the place."""


class Stopped(Exception):
    """The engine was asked to stop while it waited for Kafka."""


def forgotten(stage: str, group: str) -> str:
    """What to do when Kafka no longer knows what a stage without state has read, of which there is no other record."""
    return (
        f"stage {stage}: it has run, and Kafka has forgotten what its group {group} has read, as it does when "
        "offsets.retention.minutes have passed since the last member left: from the beginning, everything would be "
        "accepted twice. ClickHouse knows the positions: max(p.end) by p.topic and p.partition, of stage_counts ARRAY "
        f"JOIN positions AS p, for stage {stage}. Set them with `kafka-consumer-groups.sh --group {group} "
        "--reset-offsets --from-file …`, and start again"
    )


def record_fault(stage: str, record: InRecord, error: Exception) -> RecordFault:
    """The fault of one record: its coordinates, the error's type and the lines of code that it passed through.

    The error's own text is left out: it may quote values.
    """
    frames = reversed(traceback.extract_tb(error.__traceback__)[-4:])
    lines = " < ".join(f"{frame.name} ({Path(frame.filename).name}:{frame.lineno})" for frame in frames)
    at = f"{record.topic}:{record.partition}:{record.offset}"
    return RecordFault(
        f"stage {stage} stopped at {at}: {type(error).__name__} in {lines}. "
        "Nothing of the open transaction is visible; correct the code and start again, or set the fact aside: "
        f"`fineacers dead-letters quarantine {at}`"
    )
