"""Planted breakage: engines that do one thing wrong, to see that the check sees it.

Each comes with the trouble under which it shows. The engine's own comparison of the group's position with the restored
one is switched off in all of them: it would stop most of them before anything is lost, and here the check is on trial.
"""

from __future__ import annotations

import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from streams.engine.engine import Engine
from streams.engine.inbox import Inbox
from streams.engine.owned import Condition, Owned, OwnedPartitions
from streams.engine.rocks import Move
from streams.engine.transaction import Transactions
from streams.kafka import consumer_config
from streams.settings import Settings
from streams.store import Changes
from tests.chaos.lab import Lab, NotExact
from tests.chaos.trouble import Trouble


@dataclass(frozen=True)
class Breakage:
    """What is wrong, and what brings it to light."""

    what: str
    plant: Callable[[], None]
    show: Callable[[Lab], None]


def caught(name: str, settings: Settings, folder: Path, seed: int) -> str:
    """What the check says of a broken engine; empty when it finds everything exact."""
    lab = Lab(settings, folder, seed, trouble=Trouble(broken=name))
    try:
        BROKEN[name].show(lab)
        lab.finish()
    except NotExact as error:
        return str(error)
    except BaseException:
        for worker in lab.workers:
            sys.stderr.write(f"--- {worker.log}\n{worker.tail()}\n")
        raise
    finally:
        lab.close()
    return ""


def _trust_the_store() -> None:
    def restored(self: OwnedPartitions, owned: Owned) -> None:
        owned.position = owned.committed
        owned.partition.aborted()
        owned.condition = Condition.RESTORED

    OwnedPartitions._restored = restored  # type: ignore[method-assign]


def _positions_first() -> None:
    """Positions in a transaction of their own; what they stand for follows in the next one."""
    _trust_the_store()
    commit, put = Transactions.commit, Transactions.put
    held: list[tuple[Any, ...]] = []

    def put_later(self: Transactions, *record: Any) -> None:
        held.append(record)

    def commit_twice(self: Transactions, positions: Iterable[TopicPartition], membership: Any) -> None:
        commit(self, positions, membership)
        self.begin()
        for record in held:
            put(self, *record)
        held.clear()
        commit(self, (), membership)

    Transactions.put = put_later  # type: ignore[method-assign, assignment]
    Transactions.commit = commit_twice  # type: ignore[method-assign]


def _store_first() -> None:
    """States on disk before the transaction that they come from has committed."""
    _trust_the_store()
    log_changes = Engine._log_changes

    def write_at_once(self: Engine, owned: Owned) -> tuple[Changes, Move]:
        changes, move = log_changes(self, owned)
        assert owned.store is not None
        owned.store.moves(move)
        owned.store.write(changes)
        owned.store._db.flush(True)
        return changes, move

    Engine._log_changes = write_at_once  # type: ignore[method-assign]


def _no_fencing() -> None:
    """A fresh transactional id for each life, and positions that any stranger may commit.

    The worker also gives its transactions a long time-out, since their end by the broker is a fence, too.
    """
    _trust_the_store()
    made = Transactions.__init__

    def anew(self: Transactions, settings: Settings, name: str, transactional_id: str, *others: Any) -> None:
        made(self, settings, name, f"{transactional_id}.{secrets.token_hex(4)}", *others)

    opened = Inbox.__init__
    outsiders: list[Consumer] = []

    def open_twice(self: Inbox, *, settings: Settings, group: str, **others: Any) -> None:
        opened(self, settings=settings, group=group, **others)
        outsiders.append(Consumer(consumer_config(settings, "test.stranger", group)))

    def stranger(self: Inbox) -> Any:
        return outsiders[-1].consumer_group_metadata()

    Inbox.__init__ = open_twice  # type: ignore[method-assign]
    Transactions.__init__ = anew  # type: ignore[method-assign, assignment]
    Inbox.membership = stranger  # type: ignore[method-assign]


def _end_at(point: str, **trouble: Any) -> Callable[[Lab], None]:
    """Three lives that end at a point while there is much to do, and one that goes on."""

    def show(lab: Lab) -> None:
        worker = lab.worker()
        lab.feed.send(500)
        lab.caught_up()
        worker.kill()
        for _ in range(3):
            lab.feed.send(1_000)
            worker.start(point=point, count=3, **trouble)
            assert worker.struck(), "the life did not end where it was to"
        worker.start()

    return show


def _wake_up(lab: Lab) -> None:
    """A worker freezes with an open transaction, another takes over and goes on, the first wakes up."""
    first = lab.worker()
    lab.feed.send(500)
    lab.caught_up()
    first.stop()  # a killed one's open transaction would hold up its next life, which does not end it
    lab.feed.send(1_000)
    first.start(point="before positions", count=1, signal=int(signal.SIGSTOP))
    assert first.struck(), "the worker did not freeze"
    lab.worker()
    lab.progress(300)
    first.send(signal.SIGCONT)
    time.sleep(3)
    lab.feed.send(500)


BROKEN = {
    "positions-first": Breakage(
        "positions are committed before outputs are", _positions_first, _end_at("after commit")
    ),
    "store-first": Breakage("the store is written before the commit", _store_first, _end_at("before commit")),
    "no-fencing": Breakage("nothing keeps a woken worker from committing", _no_fencing, _wake_up),
}
