"""What one input costs the step ``post`` alone, under all models and two bases.

python -m tests.bench.bench_post
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from models.attribution import MODELS
from models.policy import Policy
from processors.base import Context, Emit
from processors.control import Control
from processors.ledger.books import Books
from processors.ledger.post import post
from schemas.events.base import DAY, HOUR, instant
from schemas.events.ledger import CreditsPosted
from schemas.events.paths import BookingRevision, PathChanged, PathTouch
from schemas.ids import derived_id, numbered_ids
from streams.cli.printing import printer
from tests.bench.report import Row, machine, show

AT = instant("2026-03-10T18:00:00Z")
REPEATS, CHUNKS = 20, 15
_RULES = Policy(version=1, attribution_models=tuple(MODELS), attribution_bases=("net", "realised"))


def rows() -> Iterator[Row]:
    """A conversion, a late touch, a cancellation and an input that changes nothing, by touches in the path."""
    for touches in (1, 4, 20, 100):
        booked = _changed(1, touches, status="booked")
        books, posted = _post(None, booked)
        lines = _lines(posted)
        ids = _cost(lambda lines=lines: numbered_ids(derived_id(AT), lines))  # type: ignore[misc]
        yield Row(f"conversion, {touches} touches, {lines} lines", _cost(lambda one=booked: _post(None, one)), "µs CPU",
                  "ids of its lines alone", ids)  # fmt: skip
        for what, input_ in (
            ("late touch", _changed(2, touches + 1)),
            ("cancelled", _changed(2, None, status="cancelled")),
            ("no change", _changed(2, touches)),
        ):
            cost = _cost(lambda one=input_, held=books: _post(held, one))  # type: ignore[misc]
            yield Row(f"{what}, {touches} touches, {_lines(_post(books, input_)[1])} lines", cost, "µs CPU")
        yield Row(f"state, {touches} touches", len(msgspec.msgpack.encode(books)) / 1e3, "kB")


def _post(held: Books | None, message: PathChanged) -> tuple[Any, Any]:
    return post(held, message, Context("bench/b", AT + DAY, AT, "cause", Control({1: _RULES})))


def _lines(outputs: Any) -> int:
    said = [one.event for one in outputs if isinstance(one, Emit)]
    return sum(len(event.lines) for event in said if isinstance(event, CreditsPosted))


def _changed(seq: int, touches: int | None, status: str | None = None) -> PathChanged:
    facts = [
        BookingRevision.build(
            revision=seq, occurred_at=AT + seq, status=status, amount_minor=1_000_001, retained_minor=0, currency="AED"
        )
    ]  # fmt: skip
    path = [
        PathTouch.build(
            touch_id=f"t{n}", revision=1, occurred_at=AT - HOUR * (n + 1), kind="content_engagement",
            channel=f"channel{n % 5}", campaign_id=f"campaign{n % 7}",
        )
        for n in range(touches or 0)
    ]  # fmt: skip
    return PathChanged.build(
        event_id="", workspace_id="bench", region="UAE", source="bench", occurred_at=AT, booking_id="b", lead_id="lead",
        epoch=0, seq=seq, facts=facts if status else [], touches=None if touches is None else path,
    )  # fmt: skip


def _cost(call: Callable[[], object]) -> float:
    """Microseconds of a call; the best chunk of some."""
    best = float("inf")
    for _ in range(CHUNKS):
        started = time.process_time()
        for _ in range(REPEATS):
            call()
        best = min(best, time.process_time() - started)
    return best / REPEATS * 1e6


if __name__ == "__main__":
    printer().print(machine())
    show("Ledger", rows())
