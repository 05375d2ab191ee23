"""Waiting out trouble of the broker: the same call again, later and later, until it works or the engine is to stop."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaException

from streams.engine.faults import Stopped
from streams.engine.watchdog import Watchdog
from streams.kafka import is_passing

log = logging.getLogger(__name__)

_CALL_SECONDS, _STOPPING_CALL_SECONDS = 3.0, 1.0
_FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 3.0
_STOP_GRACE_SECONDS = 2.0
_WORD_SECONDS = 1.0
"""Trouble that lasts longer is told."""
LONGEST_SILENCE_SECONDS = 60.0
"""How long a client may miss what it must hear, before it is given up and a new one begins: after a broker stood still,
a consumer of librdkafka 2.16 may never come back (DECISIONS 46)."""

T = TypeVar("T")


class Patience:
    """Repeats calls that fail for passing reasons, for as long as it takes.

    Once ``stopping`` is set a call is repeated for a few seconds more and then given up with ``Stopped``, so that a
    stop stays short even without a broker.
    """

    def __init__(self, stopping: threading.Event, watchdog: Watchdog) -> None:
        self._stopping = stopping
        self._watchdog = watchdog
        self._deadline: float | None = None

    @property
    def seconds(self) -> float:
        """How long a call may take before it is made again: shorter once a stop waits for it."""
        return _STOPPING_CALL_SECONDS if self._stopping.is_set() else _CALL_SECONDS

    def call(self, what: str, function: Callable[[], T], seconds: float = math.inf) -> T:
        """The function's result, waited for ``seconds`` at most.

        Raises what it raises when waiting cannot help or has lasted too long, ``Stopped`` when asked to stop.
        """
        pause, began = _FIRST_SECONDS, time.monotonic()
        while True:
            try:
                with self._watchdog.watch(what):
                    return function()
            except KafkaException as error:
                if not is_passing(error) or time.monotonic() >= began + seconds:
                    raise
                if self._give_up():
                    raise Stopped(f"gave up to {what}: {error.args[0].str()}") from error
                if time.monotonic() >= began + _WORD_SECONDS:
                    log.warning("waiting to %s: %s", what, error.args[0].str())
            self._wait(pause)
            pause = min(pause * 2, _LONGEST_SECONDS)

    def _wait(self, seconds: float) -> None:
        """The order to stop cuts it short. The jitter keeps many workers from coming back at the same moment."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 no secret
        if self._stopping.is_set():
            time.sleep(_FIRST_SECONDS * jitter)
        else:
            self._stopping.wait(seconds * jitter)

    def _give_up(self) -> bool:
        if not self._stopping.is_set():
            return False
        if self._deadline is None:
            self._deadline = time.monotonic() + _STOP_GRACE_SECONDS
        return time.monotonic() > self._deadline
