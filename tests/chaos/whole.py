"""Trouble for the whole line: all stages, both sinks and their servers, fed by a simulated agency.

One check says that all of it is exact: the report (facts, both stores and the views' totals, to the record and the
minor unit), the log law (outputs and states, to the byte) and the line law.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter as Tallied

from streams.settings import identity_key
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from streams.sources.simulate import Scenario, simulate
from streams.topology import topology
from tests.chaos.lab import NotExact
from tests.laws import assert_line_law, assert_log_law, read_line
from tests.line import PROCESSES, Line, running_line

SERVERS = ("kafka", "postgres", "clickhouse")
_DAYS, _FACTS, _PIECES = 60, 3_000, 10


def whole(seed: int, struck: Tallied[str]) -> None:
    """Facts in pieces; before each, anything is killed or frozen for a moment, servers too."""
    chance = random.Random(seed)
    with running_line() as line:
        facts = simulate(Scenario(end=time.time_ns() // 1_000, days=_DAYS, events=_FACTS, seed=seed))
        records = [Publication(one.topic, one.key, one.value) for one in facts]
        publisher = Publisher(line.settings, "chaos")
        for piece in range(_PIECES):
            publisher.publish(records[piece::_PIECES])
            time.sleep(chance.random())  # anywhere in a transaction or block
            _strike(line, chance, struck)
        publisher.flush()
        check(line)


def check(line: Line) -> None:
    """Everything that exactly once means, of a line that has come to rest."""
    stages = topology(identity_key(line.settings))
    try:
        line.report()
        log = read_line(line.settings, stages)
        assert_log_law(stages, log)
        assert_line_law(stages, log)
    except AssertionError as error:
        raise NotExact(str(error)[:4_000]) from error


def _strike(line: Line, chance: random.Random, struck: Tallied[str]) -> None:
    name = chance.choice((*PROCESSES, *PROCESSES, *SERVERS))
    pid = line.pid(name)
    if name in PROCESSES and chance.random() < 0.3:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(chance.random() * 3)
        os.kill(pid, signal.SIGCONT)
        struck[f"{name} frozen"] += 1
    else:
        os.kill(pid, signal.SIGKILL)
        struck[f"{name} killed"] += 1
