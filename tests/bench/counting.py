"""A worker of a counter stage as users run theirs, under faust, in a process that can be measured from outside.

python -m tests.bench.counting COUNTER plain|whole STATE_DIR BOOTSTRAP PORT
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from streams.local.state import free_port
from streams.settings import Settings, read_settings
from tests.bench.processes import cpu_seconds, memory_bytes
from tests.chaos.counter import Counter

_APPLIED = re.compile(rb"^fineacers_records_total\{.*\} ([0-9.e+]+)$", re.MULTILINE)
_ask = build_opener(ProxyHandler({})).open
_STOP_SECONDS = 60


class Counting:
    """A worker that counts, seen from outside."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process, self._metrics = process, f"http://127.0.0.1:{port}/metrics"

    def applied(self) -> int:
        """Records applied so far, ticks included; 0 before it answers."""
        assert self._process.poll() is None, f"the worker ended with {self._process.returncode}"
        try:
            with _ask(self._metrics) as answer:
                return int(sum(float(value) for value in _APPLIED.findall(answer.read())))
        except (URLError, ConnectionError):
            return 0

    def cpu_seconds(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds(self._process.pid)

    def memory_bytes(self) -> int:
        """Resident memory."""
        return memory_bytes(self._process.pid)

    def until(self, records: int, pause: float = 0.25) -> Iterator[int]:
        """Records applied, looked at again and again until there are so many."""
        while True:
            applied = self.applied()
            yield applied
            if applied >= records:
                return
            time.sleep(pause)


@contextmanager
def counting(settings: Settings, counter: Counter) -> Iterator[Counting]:
    """Start a worker in the settings' state folder, and stop it."""
    port = free_port()
    arguments = (
        counter.name,
        "plain" if counter.plain else "whole",
        str(settings.state_dir),
        settings.need("kafka_bootstrap"),
        str(port),
    )
    process = subprocess.Popen([sys.executable, "-m", __name__, *arguments])
    try:
        yield Counting(process, port)
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def main(name: str, kind: str, state_dir: str, bootstrap: str, port: str) -> None:
    """Run until SIGTERM."""
    from streams.engine.worker import run

    settings = read_settings(state_dir=Path(state_dir), kafka_bootstrap=bootstrap, metrics_port=int(port))
    stage = Counter(name, plain=kind == "plain").stage
    run((stage,), (stage,), settings, bytes(32))


if __name__ == "__main__":
    main(*sys.argv[1:])
