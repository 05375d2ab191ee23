"""Ends the process when a call into the Kafka library does not come back.

librdkafka 2.16 can wait for ever, whatever the time-out, for a group coordinator that it has cached and that has gone
meanwhile (its issues 5456 and 5511). Nobody can take such a call back; a new process goes on from the last commit.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

_LIMIT_SECONDS = 25
_EXIT_CODE = 70


class Watchdog:
    """Watches calls of one thread. It counts seconds of its own, so that a process that was frozen is not ended."""

    def __init__(self) -> None:
        self._call: list[str] | None = None
        self._done = threading.Event()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextmanager
    def watch(self, what: str) -> Iterator[None]:
        """Watch the call that is made within."""
        self._call = [what]
        try:
            yield
        finally:
            self._call = None

    def stop(self) -> None:
        """There is nothing more to watch."""
        self._done.set()

    def _watch(self) -> None:
        seen, seconds = None, 0
        while not self._done.wait(1.0):
            call = self._call
            seconds = seconds + 1 if call is not None and call is seen else 0
            seen = call
            if call is not None and seconds >= _LIMIT_SECONDS:
                log.critical(
                    "the Kafka library did not come back from: %s; ending the process, start it again", call[0]
                )
                os._exit(_EXIT_CODE)
