"""Slots: the places on this machine that workers of a stage take, one each, with a name that outlives the process.

The name is the static membership and the transactional id: whoever takes the slot again takes over its partitions
without a rebalance and ends what its predecessor left open.
"""

from __future__ import annotations

import fcntl
import secrets
from io import TextIOWrapper
from pathlib import Path


class Slot:
    """A slot held by this process until it is released or the process ends."""

    def __init__(self, folder: Path, lock: TextIOWrapper) -> None:
        self.folder = folder
        self._lock = lock
        name = folder / "name"
        if not name.exists():
            fresh = folder / ".name"
            fresh.write_text(secrets.token_hex(6))
            fresh.replace(name)
        self.name = name.read_text()

    def release(self) -> None:
        """Let another process have it."""
        self._lock.close()


def take_slot(engine_folder: Path, stage: str) -> Slot:
    """The first slot of the stage that no living process holds; a new one if all are held."""
    number = 0
    while True:
        folder = engine_folder / stage / str(number)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            number += 1
        else:
            return Slot(folder, lock)
