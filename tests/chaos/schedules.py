"""Schedules of trouble. Each feeds a counter, makes trouble meanwhile, and must leave everything exact."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections import Counter as Tallied
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

from schemas.codec import decode
from schemas.events.operations import Tick
from streams.kafka import group_of
from streams.local.state import StateFolder
from streams.settings import Settings
from tests.chaos.cluster import cluster
from tests.chaos.commits import commits
from tests.chaos.contact import contact
from tests.chaos.counter import PARTITIONS
from tests.chaos.exact import read
from tests.chaos.lab import Lab, NotExact, Worker, until
from tests.chaos.trouble import HOUR, POINTS
from tests.chaos.unanswered import unanswered
from tests.chaos.whole import whole
from tests.chaos.worker import SESSION_MS, TRANSACTION_MS

_ROOM = 48_000
"""Bytes that no file may outgrow: more than a worker's log, less than what its stores soon hold."""
_STANDSTILL_SECONDS = (25.0, 40.0)
"""How long a broker stands still, which is the trouble itself: one that runs alone gives itself up after 9 s."""
_REST_SECONDS = (5.0, 15.0)
"""The same for a line at rest: about as long as its transactions and sessions are waited for."""


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


def broker(lab: Lab, times: int = 2) -> None:
    """The only broker is killed, or asked to stop, and comes back."""
    lab.worker()
    for _ in range(times):
        lab.feed.send(1_000)
        lab.progress(lab.random.randrange(1, 500))
        sent = lab.random.choice((signal.SIGKILL, signal.SIGTERM))
        lab.strike(f"broker {sent.name}")
        os.kill(StateFolder(lab.settings.state_dir).status()["kafka"]["pid"], sent)
        lab.feed.send(1_000)
        lab.caught_up(restart=True)
    lab.finish()


def standstill(lab: Lab, times: int = 2) -> None:
    """The only broker stands still until it holds itself for dead, and goes on."""
    lab.worker()
    for _ in range(times):
        lab.feed.send(1_000)
        lab.progress(lab.random.randrange(1, 500))
        _stand_still(lab, *_STANDSTILL_SECONDS)
        lab.feed.send(1_000)
        lab.caught_up(restart=True)
    lab.finish()


def at_rest(lab: Lab, times: int = 4) -> None:
    """The only broker stands still while nothing but ticks is under way."""
    for _ in range(PARTITIONS):
        lab.worker()
    for _ in range(times):
        lab.feed.send(300)
        lab.caught_up(restart=True)
        time.sleep(lab.random.random())
        _stand_still(lab, *_REST_SECONDS)
    lab.feed.send(300)
    lab.caught_up(restart=True)
    lab.finish()


def _stand_still(lab: Lab, least: float, most: float) -> None:
    """The broker does nothing for some seconds, and goes on."""
    with lab.frozen_broker():
        time.sleep(lab.random.uniform(least, most))


def links(lab: Lab) -> None:
    """The link between worker and broker is cut, silent, deaf or slow: for a moment, and past the time-outs."""
    assert lab.cluster is not None
    (link,) = lab.cluster.proxies
    lab.bootstrap = lab.cluster.link
    lab.worker()
    lab.feed.send(300)
    lab.caught_up()
    ways = ["cut", "silent", "deaf", "deaf and reset", "slow"]
    lab.random.shuffle(ways)
    longest = (TRANSACTION_MS + SESSION_MS) / 1_000
    for way, is_long in [(way, is_long) for way in ways for is_long in (False, True)]:
        lab.feed.send(300)
        time.sleep(lab.random.random() * 0.3)
        match way:
            case "cut":
                link.cut()
            case "silent":
                link.silence()
            case "slow":
                link.slow(0.4 if is_long else 0.1, 2_000)
            case _:
                link.deafen()
        lab.strike(f"link {way}{' past the time-outs' if is_long and way != 'slow' else ''}")
        lab.feed.send(300)
        time.sleep(longest if is_long else lab.random.random() * 2)
        link.mend(reset=way == "deaf and reset")
        lab.caught_up(restart=True)
    lab.finish()


def brokers(lab: Lab, rounds: int = 5) -> None:
    """Three brokers, each record on two of them at least: the one that matters is killed, or any two, and returns."""
    own = lab.cluster
    assert own is not None
    worker = lab.worker()
    lab.feed.send(500)
    lab.caught_up()
    (slot,) = (worker.state_dir / "engine" / lab.counter.name).glob("*/name")
    group = group_of(lab.counter.name)
    ways = ["leader of an inbox", "coordinator of the group", "coordinator of transactions", "two"]
    ways += lab.random.choices(ways, k=rounds - len(ways))
    lab.random.shuffle(ways)
    for way in ways:
        lab.feed.send(500)
        lab.progress(lab.random.randrange(1, 300))
        match way:
            case "leader of an inbox":
                struck = [own.leader(lab.counter.inbox, lab.random.randrange(PARTITIONS))]
            case "coordinator of the group":
                struck = [own.coordinator("__consumer_offsets", group)]
            case "coordinator of transactions":
                struck = [own.coordinator("__transaction_state", f"{group}.{slot.read_text()}")]
            case _:
                struck = list(lab.random.sample(own.nodes, 2))
        nodes = [node for node in struck if node is not None]
        assert nodes
        for node in nodes:
            own.kill(node)
        lab.strike(f"broker killed: {way}")
        lab.feed.send(500, wait=way != "two")
        time.sleep(lab.random.random() * 4)
        if way != "two":
            lab.caught_up(restart=True)  # without it
        for node in nodes:
            own.start(node)
        lab.feed.flush()
        lab.caught_up(restart=True)
        own.await_whole()
    lab.finish()


def clocks(lab: Lab, lives: int = 4) -> None:
    """The wall clock jumps by hours, forwards and backwards, within a life and from one to the next."""
    worker = lab.worker()
    lab.feed.send(300)
    lab.caught_up()
    for _ in range(lives):
        worker.kill()
        hours = tuple(lab.random.uniform(2, 9) * sign for sign in lab.random.sample((1, -1, 1, -1), 3))
        worker.start(clock=hours)
        for back, on in pairwise((0.0, *hours)):
            lab.strike(f"clock {'forwards' if on > back else 'backwards'}")
            lab.feed.send(200)
            time.sleep(1)
        lab.caught_up()
    lab.finish()
    ahead = 0
    for records in read(lab.settings, lab.counter.inbox).values():
        ticks = [tick.at for tick in (decode(record.value).message for record in records) if isinstance(tick, Tick)]
        if ticks != sorted(ticks):
            raise NotExact("ticks run backwards")
        ahead = max(ahead, ticks[-1] - time.time_ns() // 1_000)
    assert ahead > HOUR * 1_000_000, "no tick has seen the clock jump"


def disk_full(lab: Lab, rounds: int = 2) -> None:
    """The store cannot grow: the worker ends and says why; with room again it goes on."""
    worker = lab.worker()
    for _ in range(rounds):
        lab.feed.send(300)
        lab.caught_up()
        worker.stop()
        worker.start(room=_ROOM, flush_seconds=0.3)
        deadline = time.monotonic() + 60
        while not worker.ended:
            assert time.monotonic() < deadline, "the worker goes on without room"
            lab.feed.send(1_000)
            time.sleep(0.4)
        assert worker.wait() == 1, worker.tail()
        assert "ERROR root" in worker.tail() and "cannot be written" in worker.tail(), worker.tail()
        lab.strike("disk full")
        lab.feed.send(300)
        worker.start()
    lab.finish()


SCHEDULES: dict[str, Callable[[Lab], None]] = {
    schedule.__name__: schedule for schedule in (plain, kills, points, wiped, join_and_leave, frozen)
}


MORE: dict[str, Callable[[Lab], None]] = {
    schedule.__name__: schedule
    for schedule in (
        *(every_point, crowd, broker, commits, standstill, at_rest, clocks, disk_full),
        *(links, unanswered, brokers),
    )
}
"""Too long, or too rough on a shared broker, for every test run."""
LINES: dict[str, Callable[[int, Tallied[str]], None]] = {"whole": whole, "contact": contact}
"""Schedules of the platform's own stages, which have servers of their own."""
_BROKERS = {"links": 1, "unanswered": 1, "brokers": 3}
"""Schedules that have brokers of their own, and how many."""


def run(name: str, settings: Settings, folder: Path, seed: int, struck: Tallied[str] | None = None) -> None:
    """Run one schedule in a folder; ``struck`` counts what it strikes.

    Raises:
        NotExact: something was lost, doubled or disordered.
        AssertionError: the schedule came to no end.
    """
    if name in LINES:
        LINES[name](seed, struck if struck is not None else Tallied[str]())
        return
    with ExitStack() as opened:
        own = opened.enter_context(cluster(settings, folder, _BROKERS[name])) if name in _BROKERS else None
        lab = Lab(own.settings if own is not None else settings, folder, seed, struck=struck, cluster=own)
        opened.callback(lab.close)
        try:
            {**SCHEDULES, **MORE}[name](lab)
        except BaseException:
            for worker in lab.workers:
                sys.stderr.write(f"--- {worker.log}\n{worker.tail()}\n")
            raise
