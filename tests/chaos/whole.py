"""Trouble for the whole line: all stages, both sinks and their servers, fed by a simulated agency.

People ask to be forgotten meanwhile, and once everybody is decided anew by stricter limits: history leaves leads while
touches, conversions and cancellations arrive for them.
One check says that all of it is exact: the report (facts, both stores and the views' totals, to the record and the
minor unit), the log law (outputs and states, to the byte) and the line law.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter as Tallied
from collections.abc import Sequence
from typing import Any, TypeGuard, get_args
from uuid import UUID

from schemas.codec import encode
from schemas.events.base import Event, Region
from schemas.events.governance import ErasureRequested, IdentitySweepOrdered, PolicyChanged
from schemas.events.leads import LeadCaptured
from schemas.topics import FACT_TOPIC
from streams.dead_letters import readable
from streams.settings import identity_key
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from streams.sources.simulate import Scenario, simulate
from streams.sources.simulate.scenario import Published
from streams.topology import topology
from tests.chaos.lab import NotExact
from tests.laws import assert_line_law, assert_log_law, read_line
from tests.line import PROCESSES, Line, running_line

SERVERS = ("kafka", "postgres", "clickhouse")
_DAYS, _FACTS, _PIECES = 60, 3_000, 10
_STRICT = '{"identity_limits": [["email", 1], ["phone", 1]]}'


def whole(seed: int, struck: Tallied[str]) -> None:
    """Facts in pieces; before each, anything is killed or frozen for a moment, servers too."""
    chance = random.Random(seed)
    with running_line() as line:
        facts = list(simulate(Scenario(end=time.time_ns() // 1_000, days=_DAYS, events=_FACTS, seed=seed)))
        records = [Publication(one.topic, one.key, one.value) for one in facts]
        publisher = Publisher(line.settings, "chaos")
        for piece in range(_PIECES):
            publisher.publish([*records[piece::_PIECES], *asked(facts[piece::_PIECES], piece, chance, struck)])
            time.sleep(chance.random())  # anywhere in a transaction or block
            _strike(line, chance, struck)
        publisher.flush()
        check(line)


def asked(facts: Sequence[Published], piece: int, chance: random.Random, struck: Tallied[str]) -> list[Publication]:
    """What people ask for beside the facts: that some of them are forgotten, and in the middle a sweep."""
    captured = [one for fact in facts if _is_addressed(one := readable(fact.value))]
    events: list[Event] = []

    def ask(type_: type[Event], of: LeadCaptured, **fields: Any) -> None:
        own = {"event_id": str(UUID(int=chance.getrandbits(128))), "workspace_id": of.workspace_id, "region": of.region}
        events.append(type_(**own, occurred_at=time.time_ns() // 1_000, source="operator", **fields))

    for lead in chance.sample(captured, min(2, len(captured))):
        ask(ErasureRequested, lead, identifiers=[{"kind": "email", "value": lead.email}], reason="asked")
        struck["(person forgotten)"] += 1
    if piece == _PIECES // 2 and captured:
        ask(PolicyChanged, captured[0], version=1, applies_from=0, document=_STRICT)
        ask(IdentitySweepOrdered, captured[0], version=1)
        struck["(everybody decided anew)"] += 1
    return [Publication((topic := FACT_TOPIC[type(one)]).name, topic.key_of(one), encode(one)) for one in events]


def _is_addressed(event: Event | None) -> TypeGuard[LeadCaptured]:
    """Whether a lead was captured with an address; some of the simulated facts are broken."""
    return isinstance(event, LeadCaptured) and event.email is not None and event.region in get_args(Region)


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
