"""From a request for contact to its decision at up to 1,000 events a second, all processes on this machine.

Known people who have consented are asked about in turn, others see advertisements meanwhile. The policy's cap lets all
messages through, so each decision takes the whole way of five commits: intake, resolve, lead, the address in resolve,
lead. It counts from the instant at which the broker took the request until a consumer of committed records has it.

python -m tests.bench.bench_decision
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles
from unittest.mock import patch

from schemas.codec import decode, encode
from schemas.events.base import DAY, Event
from schemas.events.contact import ConsentChanged, OutreachRequested
from schemas.events.governance import PolicyChanged
from schemas.events.leads import LeadCaptured
from schemas.events.touchpoints import TouchpointRecorded
from schemas.topics import FACT_TOPIC
from streams.cli.printing import printer
from streams.report.gather import come_to_rest
from streams.settings import PREFIX, Settings, identity_key
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from streams.topology import topology
from tests.bench.late import Watch, decision, ends, watched
from tests.bench.report import Row, machine, show
from tests.kafka import read_all
from tests.line import running_line
from tests.support.facts import fact

WORKSPACE = "asked"
PEOPLE = 500
LOADS = ((250, 10), (500, 10), (1_000, 10), (1_000, 100))
"""Events a second, and how many of a hundred are requests; the others are touchpoints."""
WARM_UP_SECONDS = 3
SECONDS = 10
COMMIT_MS = 50
GOALS_MS = {"p50": 0.0, "p95": 400.0, "p99": 1_000.0}


def rows() -> Iterator[Row]:
    """For each load: how many a second were decided, and how late, beside the goals; a backlog is late, too."""
    with patch.dict(os.environ, {f"{PREFIX}COMMIT_INTERVAL_MS": str(COMMIT_MS)}), running_line() as line:
        publisher = Publisher(line.settings, "bench")
        _publish(publisher, _acquaintance())
        for rate, share in LOADS:
            _rest(line.settings)
            yield from _measured(line.settings, publisher, rate, share)


def _measured(settings: Settings, publisher: Publisher, rate: int, share: int) -> Iterator[Row]:
    asked = rate * (WARM_UP_SECONDS + SECONDS) * share // 100
    watch = Watch(ends(settings, "contact.decisions"), decision, asked)
    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(watched, settings, watch, WORKSPACE)
        _publish(publisher, _events(rate, share))
        decided = seen.result()
    taken = sorted((at, message) for message, at in _taken(settings).items() if message in decided)
    taken = taken[len(taken) * WARM_UP_SECONDS // (WARM_UP_SECONDS + SECONDS) :]
    told = f"{rate:,}/s, {share} % requests: "
    ended = sorted(decided[message] for _, message in taken)
    came, went = (len(taken) / (times[-1] - times[0]) for times in ([at for at, _ in taken], ended))
    yield Row(f"{told}decided", went, "a second", "taken", came)
    percentiles = quantiles([(decided[message] - at) * 1e3 for at, message in taken], n=100)
    for name, place in (("p50", 49), ("p95", 94), ("p99", 98)):
        yield Row(f"{told}{name}", percentiles[place], "ms", "goal", GOALS_MS[name])


def _acquaintance() -> Iterator[Event]:
    """What makes the people known, with their consents, under a cap that lets every message through."""
    common = {"occurred_at": time.time_ns() // 1_000, "workspace_id": WORKSPACE}
    caps = json.dumps({"caps": [["*", "email", 100, DAY]]})
    yield fact(PolicyChanged, version=1, applies_from=0, document=caps, **common)
    said = {"channel": "email", "purpose": "marketing", "granted": True, "evidence": "form"}
    for number in range(PEOPLE):
        who = {"email": _address(number), **common}
        yield fact(LeadCaptured, channel="web", **who)
        yield fact(ConsentChanged, consent_id=str(number), **said, **who)


def _events(rate: int, share: int) -> Iterator[Event]:
    """At a steady rate, requests evenly among touchpoints."""
    began = time.perf_counter()
    for number in range(rate * (WARM_UP_SECONDS + SECONDS)):
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        common = {"occurred_at": time.time_ns() // 1_000, "workspace_id": WORKSPACE, "email": _address(number % PEOPLE)}
        name = f"{rate}-{share}-{number}"
        if number * share % 100 < share:
            yield fact(OutreachRequested, channel="email", message_id=name, purpose="news", **common)
        else:
            yield fact(TouchpointRecorded, touch_id=name, kind="impression", channel="display", **common)


def _publish(publisher: Publisher, facts: Iterable[Event]) -> None:
    publisher.publish(_record(one) for one in facts)
    publisher.flush()


def _rest(settings: Settings) -> None:
    for _ in come_to_rest(settings, topology(identity_key(settings))):
        pass


def _record(one: Event) -> Publication:
    return Publication(FACT_TOPIC[type(one)].name, one.event_id, encode(one))


def _address(number: int) -> str:
    return f"{number}@{WORKSPACE}.example"


def _taken(settings: Settings) -> dict[str, float]:
    """When the broker took each request, in seconds since 1970, by message."""
    records = [one for found in read_all(settings, [FACT_TOPIC[OutreachRequested].name]).values() for one in found]
    facts = [(decode(record.value).message, record.timestamp) for record in records]
    return {one.message_id: at / 1e6 for one, at in facts if isinstance(one, OutreachRequested)}


if __name__ == "__main__":
    printer().print(machine())
    show("From a request for contact to its decision", rows())
