"""Postings as records: however many lines a change has, each record fits its topic; together they are the change."""

from __future__ import annotations

from typing import Any

from models.attribution import MODELS
from models.attribution.bundle import MAX_BUNDLES
from processors.base import Context
from processors.control import EMPTY, Rate
from processors.lead.path import MAX_TOUCHES
from processors.ledger.accounts import REVENUE, Balances, Block, Ledger, Place
from processors.ledger.books import Books
from processors.ledger.lines import posting
from processors.ledger.target import Terms
from processors.ledger.value import BASES
from schemas.codec import encode
from schemas.events.base import MAX_INSTANT, MAX_MINOR, assemble
from schemas.events.ledger import CreditsPosted
from schemas.topics import TOPICS
from tests.support.facts import fresh_id

DAY_NUMBER = 100_000
UNDER = Terms(
    EMPTY.policy_at(0), DAY_NUMBER, (), {}, {}, {"USD": Rate(2**31 - 1, "1", "USD/AED/2243-10-17#2147483647")}
)
CONTEXT = Context(f"acme/{'b' * 128}", MAX_INSTANT, MAX_INSTANT, fresh_id(), EMPTY, {}, None)
COMMON = {
    "event_id": fresh_id(),
    "workspace_id": "w" * 63,
    "region": "UAE",
    "source": "ledger.post",
    "cause_id": "c" * 64,
}


def of_full_length(number: int, length: int) -> str:
    """Text of so many characters that take most bytes, begun with a number."""
    return f"{number:05}".ljust(length, "𒀀")


def places(touch_day: int) -> list[Place]:
    """As many accounts as a booking's path can have, each as long as its parts may be."""
    every = [
        Place(
            of_full_length(number, 128) + "#2147483647", of_full_length(0, 64), *[of_full_length(1, 128)] * 3, touch_day
        )
        for number in range(MAX_BUNDLES + MAX_TOUCHES)
    ]
    return [*every, Place(REVENUE, REVENUE, "", "", "", touch_day)]


def posted(balances: Balances, models: list[str]) -> list[CreditsPosted]:
    blocks = [Block(model, basis, MAX_INSTANT, DAY_NUMBER, "USD", "AED") for model in models for basis in BASES]
    changed = Ledger()
    changed.add(blocks, balances)
    said = posting(Books(lead_id=fresh_id(), seq=2**31 - 1), changed, "conversion", UNDER, CONTEXT)
    return [assemble(CreditsPosted, {**one.__dict__, **COMMON}) for one in said]


def test_the_largest_posting_fits_its_topic() -> None:
    """All accounts reversed and posted anew, as another zone does to a lead of a thousand touches: in every model."""
    balances = {place: (-MAX_MINOR, MAX_MINOR) for day in (DAY_NUMBER, DAY_NUMBER - 1) for place in places(day)}
    lines = 0
    for model in MODELS:
        said = posted(balances, [model])
        sizes = [len(encode(one)) for one in said]
        assert max(sizes) <= TOPICS["attribution.credits"].max_bytes
        assert min(sizes[:-1]) > 0.9 * TOPICS["attribution.credits"].max_bytes
        lines += sum(len(one.lines) for one in said)
    assert lines == 2 * (MAX_BUNDLES + MAX_TOUCHES + 1) * len(MODELS) * len(BASES)


def test_parts_of_a_posting_are_one_posting() -> None:
    said = posted(dict.fromkeys(places(DAY_NUMBER), (1, 1)), ["last"])
    assert len(said) > 1
    assert {shared(one) for one in said} == {shared(said[0])}
    lines = [line for one in said for line in one.lines]
    assert len({line.line_id for line in lines}) == len(lines)
    keys = [(line.basis, line.effective_at, line.account) for line in lines]
    assert keys == sorted(keys)


def test_a_change_that_fits_is_one_record() -> None:
    balances = {Place(f"t{number}#1", "search", "c", "", "", 1): (1, 1) for number in range(200)}
    (one,) = posted(balances, ["first", "last"])
    assert [line.account for line in one.lines[:2]] == ["t0#1", "t1#1"]
    assert len(one.lines) == 200 * 2 * len(BASES)


def shared(one: CreditsPosted) -> tuple[Any, ...]:
    return tuple(value for name, value in one.__dict__.items() if name != "lines")
