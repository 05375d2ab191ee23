"""Schedules of trouble. Each feeds a counter, makes trouble meanwhile, and must leave everything exact."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections import Counter as Tallied
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from streams.local.state import StateFolder
from streams.settings import Settings
from tests.chaos.lab import Lab, Worker, until
from tests.chaos.trouble import POINTS


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
        _wipe(lab, worker)
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
    lab.strike("worker frozen")
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
                lab.strike("worker frozen")
                time.sleep(lab.random.random() * 2)
                worker.send(signal.SIGCONT)
            case "stop":
                if not worker.ended:
                    worker.stop()
                worker.start()
            case way:
                worker.kill()
                if way == "wipe":
                    _wipe(lab, worker)
                worker.start()
    lab.caught_up()
    for worker in lab.workers:
        if worker.ended:
            worker.start()  # as a supervisor would after a fault
    lab.feed.send(500)
    lab.finish()


def points(lab: Lab) -> None:
    """A worker ends at a named point of its work, one life after the other."""
    _lives(lab, [lab.random.choice(POINTS[:-1]), lab.random.choice(POINTS)])
    lab.finish()


def every_point(lab: Lab) -> None:
    """Every named point, twice in any order, then some with a second worker about."""
    order = [*POINTS, *POINTS]
    lab.random.shuffle(order)
    _lives(lab, ["store written", *order])
    second = lab.worker()
    until(lambda: any(second.state_dir.glob("engine/*/*/p*")), "the second worker owns partitions")
    lab.workers[0].kill()
    _lives(lab, lab.random.choices(POINTS, k=3))
    lab.finish()


def _lives(lab: Lab, order: Sequence[str]) -> None:
    """Lives of the first worker, each to its end at a point; one more goes on from there."""
    worker = lab.workers[0] if lab.workers else None
    for point in order:
        lab.feed.send(300)
        if worker is None:
            worker = lab.worker(**_point(lab, point))
        else:
            worker.start(**_point(lab, point))
        lab.feed.send(300)
        if not worker.struck():
            worker.kill()
        if lab.random.random() < 0.2:
            _wipe(lab, worker)
    assert worker is not None
    worker.start()
    lab.feed.send(300)


def _point(lab: Lab, point: str) -> dict[str, Any]:
    """Trouble at a point, its details drawn."""
    return {
        "point": point,
        "count": lab.random.randrange(1, 5),
        "flush": lab.random.random() < 0.5,
        "delay": lab.random.random() * 0.02,
    }


def _wipe(lab: Lab, worker: Worker) -> None:
    lab.strike("disk lost")
    shutil.rmtree(worker.state_dir)


def broker(lab: Lab, signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)) -> None:
    """The broker is stopped, and killed, and comes back."""
    lab.worker()
    for number in signals:
        lab.feed.send(1_000)
        lab.progress(lab.random.randrange(1, 500))
        lab.strike(f"broker {number.name}")
        os.kill(StateFolder(lab.settings.state_dir).status()["kafka"]["pid"], number)
        lab.feed.send(1_000)
        lab.caught_up(restart=True)
    lab.finish()


SCHEDULES: dict[str, Callable[[Lab], None]] = {
    schedule.__name__: schedule for schedule in (plain, kills, points, wiped, join_and_leave, frozen)
}


MORE: dict[str, Callable[[Lab], None]] = {schedule.__name__: schedule for schedule in (every_point, crowd, broker)}
"""Too long, or too rough on a shared broker, for every test run."""


def run(name: str, settings: Settings, folder: Path, seed: int, struck: Tallied[str] | None = None) -> None:
    """Run one schedule in a folder; ``struck`` counts what it strikes.

    Raises:
        NotExact: something was lost, doubled or disordered.
        AssertionError: the schedule came to no end.
    """
    lab = Lab(settings, folder, seed, struck=struck)
    try:
        {**SCHEDULES, **MORE}[name](lab)
    except BaseException:
        for worker in lab.workers:
            sys.stderr.write(f"--- {worker.log}\n{worker.tail()}\n")
        raise
    finally:
        lab.close()
