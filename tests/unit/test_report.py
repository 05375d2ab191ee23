"""A report's tables of revenue: which basis, which currency."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from streams.report.gather import Report
from streams.report.reconcile import Reconciliation
from streams.report.show import show


def row(amount: int, currency: str | None = "AED", basis: str = "net", **fields: Any) -> dict[str, Any]:
    """Revenue of a channel and campaign; a dirham and a dollar are 4 rupees each where that is reported."""
    of_row = {
        "workspace_id": "acme", "model": "linear", "basis": basis, "channel": "search", "campaign_id": "spring",
        "currency": currency, "reporting_currency": "INR", "amount_minor": amount, "reporting_minor": 4 * amount,
    }  # fmt: skip
    return of_row | fields


def told(*revenue: dict[str, Any]) -> str:
    """What a report says of revenue, every run of spaces and ends of lines as one space."""
    nothing: dict[str, Any] = {name: [] for name in ("funnel", "moves", "campaigns", "pace", "decisions", "approvals")}
    nothing |= {name: [] for name in ("temperatures", "changes", "conflicts", "latencies")}
    agreed = Reconciliation([], [], {})
    console = Console(width=200)
    with console.capture() as printed:
        show(Report({**nothing, "revenue": list(revenue)}, nothing, agreed, [], None, []), console)
    words = " ".join(printed.get().split())
    return words[words.find("Revenue") : words.find("Pace")] if "Revenue" in words else ""


def test_revenue_is_told_in_the_bookings_own_currency_where_there_is_one() -> None:
    assert told(row(10_000), row(5_000, channel="social", campaign_id=None)) == (
        "Revenue of acme by channel and model, AED channel linear search 100 social 50 total 150 "
        "Revenue of acme by campaign and model, AED campaign channel linear spring search 100 "
    )


def test_without_net_another_basis_is_told_and_named() -> None:
    assert told(row(10_000, basis="realised", campaign_id=None), row(1, None, "count")) == (
        "Revenue of acme by channel and model, realised, AED channel linear search 100 total 100 "
    )


def test_what_is_no_money_makes_no_table() -> None:
    assert told(row(1_000_000, None, "count", reporting_minor=0)) == ""
    assert told(row(0)) == "", "nor what has been taken back"


def test_what_is_reported_in_two_currencies_is_not_added_up() -> None:
    before, after = row(10_000, "USD", campaign_id=None), row(10_000, campaign_id=None)
    later = row(30_000, campaign_id=None, reporting_currency="EUR", reporting_minor=7_500)
    assert told(before, after, later) == (
        "Revenue of acme by channel and model, EUR channel linear search 75 total 75 "
        "Revenue of acme by channel and model, INR channel linear search 800 total 800 "
    )
