"""Schedules of trouble. Each feeds a counter, makes trouble meanwhile, and must leave everything exact."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from streams.local.state import StateFolder
from streams.settings import Settings
from tests.chaos.counter import Counter, Feed
from tests.chaos.exact import check, committed
from tests.chaos.worker import STARTED

_PATIENCE_SECONDS = 180.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fails after a while."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.05)


class Worker:
    """A worker process of a counter, on a state folder of its own."""

    def __init__(self, lab: Lab, name: str, way: str) -> None:
        self._lab = lab
        self._way = way
        self.state_dir = lab.folder / name
        self.log = lab.folder / f"{name}.log"
        self.start()

    def start(self) -> None:
        """Start it, again."""
        arguments = [self._lab.counter.name, str(self.state_dir), str(self._lab.settings.kafka_bootstrap), self._way]
        self.log.touch()
        before = self.log.read_text().count(STARTED)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker", *arguments], stdout=output, stderr=output
            )
        until(lambda: self.log.read_text().count(STARTED) > before, "the worker has started")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it without warning."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it properly."""
        self.process.terminate()
        code = self.process.wait(10)
        assert code == 0, f"exit code {code}:\n{self.tail()}"

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(_PATIENCE_SECONDS)

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-20:])


class Lab:
    """A counter with topics of its own, its feed, and the workers that a schedule starts."""

    def __init__(self, settings: Settings, folder: Path, seed: int) -> None:
        self.settings = settings
        self.folder = folder
        self.random = random.Random(seed)
        self.counter = Counter(f"counter-{secrets.token_hex(4)}")
        self.counter.create(settings)
        self.feed = Feed(self.counter, settings, seed)
        self.workers: list[Worker] = []

    def worker(self, way: str = "") -> Worker:
        """One more worker; ``way`` "faust": as ``fineacers worker`` runs it."""
        self.workers.append(Worker(self, f"worker-{len(self.workers)}", way))
        return self.workers[-1]

    @property
    def done(self) -> int:
        """Inbox offsets committed so far."""
        return sum(self.committed().values())

    def committed(self) -> dict[int, int]:
        """The group's committed positions."""
        return committed(self.settings, self.counter)

    def caught_up(self, *, restart: bool = False) -> None:
        """Wait until all that was fed is committed; ``restart``: start workers that end, as a supervisor would."""

        def all_of_it() -> bool:
            for worker in self.workers if restart else ():
                if worker.ended:
                    worker.start()
            positions = self.committed()
            return all(positions.get(partition, 0) >= end for partition, end in self.feed.ends.items())

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
        check(self.settings, self.counter, self.feed, [worker.state_dir for worker in self.workers])

    def close(self) -> None:
        """End what a failed schedule left running."""
        for worker in self.workers:
            if not worker.ended:
                worker.send(signal.SIGCONT)
                worker.kill()


def plain(lab: Lab) -> None:
    """Nothing happens."""
    lab.feed.send(3_000)
    lab.worker()
    lab.finish()


def kills(lab: Lab, count: int = 4) -> None:
    """kill -9 at random moments, and start again."""
    worker = lab.worker()
    for _ in range(count):
        lab.feed.send(1_500)
        lab.progress(lab.random.randrange(1, 1_000))
        time.sleep(lab.random.random() * 0.15)  # anywhere between two commits
        worker.kill()
        worker.start()
    lab.feed.send(500)
    lab.finish()


def wiped(lab: Lab) -> None:
    """The disk is lost, between two lives and after a kill."""
    worker = lab.worker()
    for _ in range(2):
        lab.feed.send(1_500)
        lab.progress(lab.random.randrange(500, 1_200))
        worker.kill()
        shutil.rmtree(worker.state_dir)
        worker.start()
    lab.feed.send(500)  # the last life, too, must have taken every partition over
    lab.finish()


def join_and_leave(lab: Lab) -> None:
    """A second worker joins, works, is killed or leaves, while facts keep coming."""
    lab.worker()
    lab.feed.send(1_500)
    lab.progress(300)
    second = lab.worker()
    until(lambda: any(second.state_dir.glob("engine/*/*/p*")), "the second worker owns partitions")
    lab.feed.send(1_500)
    lab.progress(500)
    second.stop()
    lab.feed.send(1_000)
    lab.finish()


def frozen(lab: Lab) -> None:
    """A worker stands still past its session and transaction time-outs while another takes over, and then goes on."""
    first = lab.worker()
    lab.feed.send(1_500)
    lab.progress(300)
    first.send(signal.SIGSTOP)
    lab.worker()
    lab.feed.send(1_500)
    lab.caught_up()
    first.send(signal.SIGCONT)
    lab.feed.send(1_000)
    lab.caught_up()
    if first.ended and first.wait() != 0:
        first.start()
    lab.feed.send(500)
    lab.finish()


def crowd(lab: Lab) -> None:
    """Three workers come, are killed, frozen for a moment, wiped and stopped in any order."""
    for _ in range(3):
        lab.worker()
    for _ in range(6):
        lab.feed.send(700)
        lab.progress(lab.random.randrange(1, 300))
        worker = lab.random.choice(lab.workers)
        match lab.random.choice(("kill", "wipe", "stop", "freeze")):
            case "freeze":
                worker.send(signal.SIGSTOP)
                time.sleep(lab.random.random() * 2)
                worker.send(signal.SIGCONT)
            case "stop":
                if not worker.ended:
                    worker.stop()
                worker.start()
            case way:
                worker.kill()
                if way == "wipe":
                    shutil.rmtree(worker.state_dir)
                worker.start()
    lab.caught_up()
    for worker in lab.workers:
        if worker.ended:
            worker.start()  # as a supervisor would after a fault
    lab.feed.send(500)
    lab.finish()


def broker(lab: Lab, signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)) -> None:
    """The broker is stopped, and killed, and comes back."""
    lab.worker()
    for number in signals:
        lab.feed.send(1_000)
        lab.progress(lab.random.randrange(1, 500))
        os.kill(StateFolder(lab.settings.state_dir).status()["kafka"]["pid"], number)
        lab.feed.send(1_000)
        lab.caught_up(restart=True)
    lab.finish()


SCHEDULES: dict[str, Callable[[Lab], None]] = {
    schedule.__name__: schedule for schedule in (plain, kills, wiped, join_and_leave, frozen)
}


MORE: dict[str, Callable[[Lab], None]] = {schedule.__name__: schedule for schedule in (crowd, broker)}
"""Too long, or too rough on a shared broker, for every test run."""


def run(name: str, settings: Settings, folder: Path, seed: int) -> None:
    """Run one schedule in a folder; raises AssertionError where something is not exact."""
    lab = Lab(settings, folder, seed)
    try:
        {**SCHEDULES, **MORE}[name](lab)
    except BaseException:
        for worker in lab.workers:
            sys.stderr.write(f"--- {worker.log}\n{worker.tail()}\n")
        raise
    finally:
        lab.close()
