"""What identity resolution costs: a fact of a known identifier, a new lead with three, and clusters that are too large.

Beside the step stands the limit of the same run: building the prefix that it must put before the fact in any case.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

from processors.base import Context
from processors.control import EMPTY
from processors.resolve.known import Strong
from processors.resolve.strong import resolve_strong
from schemas.codec import encode
from schemas.events.base import Event, instant
from schemas.events.identity import IdentifierHash
from schemas.events.leads import LeadCaptured
from schemas.events.routing import Accepted, Routed
from schemas.events.touchpoints import TouchpointRecorded
from streams.driver import Driver
from streams.topology import topology
from tests.bench.report import Row

START = instant("2026-03-10T18:00:00Z")
PEOPLE = 300
LOGINS = 500
CHAIN = 64


def rows() -> Iterator[Row]:
    """Rows of the benchmark."""
    ada, key = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
    identifier = IdentifierHash.build(kind="email", hash=key)
    origin = Routed.build(
        arrived_at=START, topic="touchpoints", partition=0, offset=0, subject=f"email:{key}", identifiers=[identifier]
    )
    fact = TouchpointRecorded.build(
        event_id=ada, workspace_id="bench", region="UAE", source="bench", occurred_at=START, channel="search",
        email="ada@example.com", touch_id="t", kind="inquiry", revision=1,
    )  # fmt: skip
    ctx = Context(f"bench/email:{key}", START, START, ada, EMPTY, {}, origin)
    known, _ = resolve_strong(None, fact, ctx)
    assert isinstance(known, Strong)
    bare = _best(lambda: Accepted.build(
        arrived_at=START, topic="touchpoints", partition=0, offset=0, lead_id=key, identifier=key,
        identifiers=origin.identifiers, seq=1, ver=0,
    ))  # fmt: skip
    step = _best(lambda: resolve_strong(known, fact, ctx))
    yield Row("resolve step, per fact of a known identifier", step * 1e6, "µs CPU", "its prefix alone", bare * 1e6)
    named = [{"crm_id": f"c{n}", "email": f"p{n}@example.com", "phone": f"+97150{n:07}"} for n in range(PEOPLE)]
    yield _row("new lead with three identifiers, to rest", named)
    yield _row(
        "a person more at an address that 300 share",
        [{"crm_id": f"c{n}", "email": "desk@example.com"} for n in range(PEOPLE)],
    )
    yield _row(
        "a login more at a cookie of 500", [{"email": f"p{n}@example.com", "cookie_id": "c"} for n in range(LOGINS)]
    )
    chain = [{"crm_id": f"c{n // 2}", "email": f"p{(n + 1) // 2}@example.com"} for n in range(CHAIN)]
    yield _row("a link more in a group of up to 64", chain)


def _row(what: str, named: list[dict[str, str]]) -> Row:
    """CPU of all stages in the driver per fact, and the bytes of the largest state that it leaves."""
    driver = Driver(topology(bytes(32)))
    facts: list[Event] = [
        LeadCaptured.build(
            event_id=str(uuid.UUID(int=n)), workspace_id="bench", region="UAE", source="bench", occurred_at=START + n,
            channel="web", **who,
        )
        for n, who in enumerate(named)
    ]  # fmt: skip
    started = time.process_time()
    for fact in facts:
        driver.publish("leads", "", encode(fact), fact.occurred_at)
    spent = (time.process_time() - started) / len(facts)
    resolving = [store for (topic, _), store in driver.stores.items() if topic == "resolve.inbox"]
    largest = max(len(state) for store in resolving for state in store.states.values())
    return Row(f"{what} (largest state {largest:,} B)", spent * 1e6, "µs CPU")


def _best(run: Callable[[], object]) -> float:
    """Seconds of one call, the best of many short rounds: whatever else the machine does disturbs some of them."""
    best = float("inf")
    for _ in range(400):
        started = time.process_time()
        for _ in range(200):
            run()
        best = min(best, (time.process_time() - started) / 200)
    return best
