"""What a schedule works with: a counter with topics of its own, its feed, and worker processes to trouble."""

from __future__ import annotations

import os
import random
import re
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter as Tallied
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from streams.local.state import StateFolder
from streams.settings import Settings
from tests.chaos.cluster import Cluster
from tests.chaos.counter import Counter, Feed
from tests.chaos.exact import check, committed
from tests.chaos.trouble import STRUCK, Trouble, environment
from tests.chaos.worker import STARTED

_PATIENCE_SECONDS = 180.0
_MISSED_SECONDS = 15.0


class NotExact(AssertionError):
    """A schedule has left something lost, doubled or disordered."""


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fails after a while."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.05)


class Worker:
    """A worker process of a counter, on a state folder of its own."""

    def __init__(self, lab: Lab, name: str, way: str, **trouble: Any) -> None:
        self._lab = lab
        self._way = way
        self.state_dir = lab.folder / name
        self.log = lab.folder / f"{name}.log"
        self.start(**trouble)

    def start(self, **trouble: Any) -> None:
        """Start it, again; ``trouble``, fields of a ``Trouble``, befalls this life only."""
        self._trouble = msgspec.structs.replace(self._lab.trouble, **trouble)
        arguments = [self._lab.counter.name, str(self.state_dir), self._lab.bootstrap, self._way]
        self.log.touch()
        before = self.log.read_text().count(STARTED)
        self._struck_before = self._strikes()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker", *arguments],
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONFAULTHANDLER": "1", **environment(self._trouble)},
            )
        until(lambda: self.log.read_text().count(STARTED) > before, "the worker has started")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it without warning."""
        self._lab.strike("worker killed")
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it properly."""
        self.process.terminate()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # it then writes down where it stands
            self.process.wait(10)
            raise AssertionError(f"{self.log.stem} does not stop:\n{self.tail(80)}") from None
        assert code == 0, f"exit code {code}:\n{self.tail()}"

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(_PATIENCE_SECONDS)

    def struck(self) -> bool:
        """Wait until this life has met its trouble; False when it has not for long, so that another way must do."""
        deadline = time.monotonic() + _MISSED_SECONDS
        while time.monotonic() < deadline and not self.ended:
            if self._strikes() > self._struck_before and self._trouble.signal == signal.SIGSTOP:
                break
            time.sleep(0.02)
        met = self._strikes() > self._struck_before
        if met:
            verb = "frozen" if self._trouble.signal == signal.SIGSTOP else "killed"
            self._lab.strike(f"worker {verb} {self._trouble.point}")
            if verb == "killed":
                code = self.process.wait(5)
                assert code == -signal.SIGKILL, f"exit code {code}:\n{self.tail()}"
        return met

    def _strikes(self) -> int:
        return self.log.read_text().count(STRUCK)

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def last_words(self) -> str:
        """Its exit code, and why it ended as far as it could say."""
        said = re.findall(r"did not come back from: [^;\n]*|ERROR root .*|^\w*Error: .*", self.tail(), re.MULTILINE)
        return f"{self.wait()} {said[-1][:160] if said else ''}".strip()

    def tail(self, lines: int = 20) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-lines:])


class Lab:
    """A counter with topics of its own, its feed, and the workers that a schedule starts."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        seed: int,
        *,
        trouble: Trouble | None = None,
        struck: Tallied[str] | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        self.settings = settings
        self.bootstrap = settings.need("kafka_bootstrap")
        self.cluster = cluster
        self.folder = folder
        self.trouble = trouble or Trouble()
        self.struck = struck if struck is not None else Tallied[str]()
        self.random = random.Random(seed)
        self.counter = Counter(f"counter-{secrets.token_hex(4)}")
        self.counter.create(settings)
        self.feed = Feed(self.counter, settings, seed)
        self.workers: list[Worker] = []

    def worker(self, way: str = "", **trouble: Any) -> Worker:
        """One more worker; ``way`` "faust": as ``fineacers worker`` runs it; ``trouble`` befalls its first life."""
        self.workers.append(Worker(self, f"worker-{len(self.workers)}", way, **trouble))
        return self.workers[-1]

    def strike(self, fault: str) -> None:
        """Take down that something was struck."""
        self.struck[fault] += 1

    @contextmanager
    def frozen_broker(self) -> Iterator[None]:
        """The only broker does nothing meanwhile."""
        pid = StateFolder(self.settings.state_dir).status()["kafka"]["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
        self.strike("broker frozen")

    @property
    def done(self) -> int:
        """Inbox offsets committed so far."""
        return sum(self.committed().values())

    @property
    def counted(self) -> bool:
        """Whether all that was fed is committed."""
        positions = self.committed()
        return all(positions.get(partition, 0) >= end for partition, end in self.feed.ends.items())

    def committed(self) -> dict[int, int]:
        """The group's committed positions."""
        return committed(self.settings, self.counter)

    def caught_up(self, *, restart: bool = False) -> None:
        """Wait until all that was fed is committed; ``restart``: start workers that end, as a supervisor would."""

        def all_of_it() -> bool:
            for worker in self.workers if restart else ():
                if worker.ended:
                    self.strike(f"(worker ended: {worker.last_words()})")
                    worker.start()
            assert not all(worker.ended for worker in self.workers), f"no worker is left:\n{self.workers[0].tail()}"
            return self.counted

        until(all_of_it, "everything counted")

    def progress(self, records: int) -> None:
        """Wait until so many more inbox offsets are committed."""
        target = self.done + records
        until(lambda: self.done >= target, f"{records} more records committed")

    def finish(self) -> None:
        """Wait until all is counted, stop the workers, check."""
        self.caught_up()
        for worker in self.workers:
            if not worker.ended:
                worker.stop()
            for why in re.findall("begins anew: (.*)", worker.log.read_text()):
                alike = re.sub(r"\S+\.inbox:\d+|\d+", "…", why)
                self.strike(f"(engine began anew: {alike:.100})")
        try:
            check(self.settings, self.counter, self.feed, [worker.state_dir for worker in self.workers])
        except AssertionError as error:
            raise NotExact(str(error)) from error

    def close(self) -> None:
        """End what a failed schedule left running."""
        for worker in self.workers:
            if not worker.ended:
                worker.send(signal.SIGCONT)
                worker.process.kill()
                worker.process.wait()
