"""What a touch costs the step ``path`` alone, and what a hot lead's bundles save.

python -m tests.bench.bench_path
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from models.attribution import MODELS
from processors.base import Context
from processors.lead.path import Path, follow
from schemas.events.base import SECOND
from schemas.events.routing import Accepted
from schemas.events.touchpoints import TouchpointRecorded
from streams.cli.printing import printer
from tests.bench.report import Row, machine, show
from tests.support import hot

TOUCHES = 2_000
CHUNK = 20
NET = 10_000_000


def rows() -> Iterator[Row]:
    """Cost by touches held, then sizes and moves of credit of a hot lead."""
    for held in (1, 4, 20, 199):
        yield Row(f"touch in order, {held} held", _cost(hot.folded(hot.hot_touches(held))), "µs CPU")
    touches = hot.hot_touches()
    path = hot.folded(touches)
    bundled = hot.elements(path)
    yield Row(f"touch in order, 200 held, {len(path.bundles.tallies)} bundles", _cost(path), "µs CPU")
    every = len(msgspec.msgpack.encode(Path({touch.id: touch for touch in touches})))
    yield Row("state of 10,000 touches", len(msgspec.msgpack.encode(path)) / 1e3, "kB", "one by one", every / 1e3)
    yield Row("lines of a model that credits all", len(bundled), "lines", "one by one", len(touches))
    for model in MODELS:
        moved = float(hot.moved(model, touches, bundled))
        yield Row(f"{model}: most credit that a cell gains or loses", moved * 1e6, "millionths of the net")


def _cost(before: Path) -> float:
    """Microseconds of a touch in order, each taken into the same path; the best chunk of many."""
    context = Context(
        "bench/lead", hot.END, hot.END, "cause", None, origin=Accepted.build(identifier=None, lead_id=None, ver=0)  # type: ignore[arg-type]
    )  # fmt: skip
    facts = [
        TouchpointRecorded.build(
            occurred_at=hot.END - SECOND + n, touch_id=f"new-{n:08}", kind="content_engagement", channel="search",
            campaign_id="brand", content_id=None, variant_id=None,
        )
        for n in range(TOUCHES)
    ]  # fmt: skip
    best = float("inf")
    for begin in range(0, TOUCHES, CHUNK):
        started = time.process_time()
        for fact in facts[begin : begin + CHUNK]:
            follow(before, fact, context)
        best = min(best, (time.process_time() - started) / CHUNK)
    return best * 1e6


if __name__ == "__main__":
    printer().print(machine())
    show("Path", rows())
