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
