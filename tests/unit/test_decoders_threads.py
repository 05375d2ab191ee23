"""Threads that begin at once may all decode for the first time: a process of its own, since a crash takes it along."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST_USE = """
import sys, threading
from streams.partition import Partition
from streams.routing import Router
from streams.stage import Stage
from streams.store import Changes, MemoryStore

stage, together, works = Stage("lead", ("journeys",), ()), threading.Barrier(4), []
router = Router([stage])
sys.setswitchinterval(1e-6)

def work():
    store = MemoryStore()
    store.write(Changes(meta=bytes([0x90])))
    together.wait()
    works.append(Partition(stage, router, store))

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(works) == 4
"""


@pytest.mark.parametrize("attempt", range(4))
def test_threads_that_begin_at_once_do_not_crash(attempt: int) -> None:
    ended = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, (attempt, ended.returncode, ended.stderr[-2_000:])
