"""What the ledger learned is told by reason, place and booking; models that say the same are told once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from streams.report.changes import show
from streams.report.tables import alike, exact_money, moved_money

BOOK = {"workspace_id": "acme", "currency": "AED", "reporting_currency": "USD"}
MOVED = {"gained_minor": 1_000, "lost_minor": -1_000, "amount_minor": 0, "reporting_minor": 0}
FOUND: dict[str, list[dict[str, Any]]] = {
    "reasons": [
        {**BOOK, "reason": "path", "model": model, "postings": 2, "bookings": 1, **MOVED} for model in ("first", "last")
    ]
    + [{**BOOK, "reason": "rate", "model": "last", "postings": 3, "bookings": 3, **MOVED, "gained_minor": 0,
        "lost_minor": 0, "reporting_minor": 75}],
    "channels": [
        {**BOOK, "reason": "path", "channel": channel, "campaign_id": None, "model": "first", "amount_minor": amount}
        for channel, amount in (("email", 1_000), ("search", -1_000))
    ]
    + [{**BOOK, "reason": "rate", "channel": "search", "campaign_id": "spring", "model": "last", "amount_minor": 0}],
    "movers": [
        {**BOOK, "booking_id": "b7", "reason": "path", "model": "first", "moved_minor": 2_000, "amount_minor": 0,
         "moved_reporting_minor": 500, "reporting_minor": 0, "known_at": datetime(2026, 3, 1, tzinfo=UTC)}
    ],
}  # fmt: skip


def told(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    console = Console(width=140)
    with console.capture() as printed:
        show(found, console)
    return [" ".join(line.split()) for line in printed.get().splitlines()]


def test_changes_are_told_by_reason_place_and_booking() -> None:
    words = told(FOUND)
    for line in (
        "touches came, went or changed hands all models 2 1 +10.00 −10.00",
        "an exchange rate came or changed last 3 3 +0.75",
        "search −10.00",
        "email +10.00",
        "b7 path first 01 Mar 2026 00:00:00 20.00 5.00",
    ):
        assert line in words
    assert not any("spring" in line for line in words), "moved nothing in the bookings' currency"


def test_no_change_is_told() -> None:
    assert told({"reasons": [], "channels": [], "movers": []}) == ["Nothing changed."]


def test_models_that_say_the_same_are_told_once() -> None:
    assert alike({"first": 1, "last": 1, "linear": 2}) == [("first, last", 1), ("linear", 2)]
    assert alike({"first": 1, "last": 1}) == [("all models", 1)]
    assert alike({"first": 1}) == [("first", 1)]


def test_money_has_the_decimals_of_its_currency() -> None:
    assert [exact_money(123_456, currency) for currency in ("AED", "JPY", "KWD", "LBP")] == [
        "1,234.56", "123,456", "123.456", "1,234.56"
    ]  # fmt: skip
    assert [moved_money(minor, "AED") for minor in (-667, 0, 667)] == ["−6.67", "", "+6.67"]
