"""What the ledger learned between two instants, in tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from streams.report.tables import alike, exact_money, moment, moved_money, table

Rows = list[dict[str, Any]]

WHY = {
    "conversion": "a booking was made",
    "revision": "a booking changed",
    "path": "touches came, went or changed hands",
    "risk": "a cancellation became likelier or less so",
    "policy": "a rule changed",
    "rate": "an exchange rate came or changed",
    "weights": "a model learned new weights",
}


def show(found: Mapping[str, Rows], console: Console) -> None:
    """Print why credit changed, where it went and which bookings moved most, by workspace and currencies."""
    books = sorted({_book(row) for row in found["reasons"]})
    for book in books:
        own = {name: [row for row in rows if _book(row) == book] for name, rows in found.items()}
        console.print("{}, {}".format(*book), "", style="bold underline")
        _reasons(own["reasons"], console)
        _channels(own["channels"], console)
        _movers(own["movers"], console)
    if not books:
        console.print("Nothing changed.")
    else:
        console.print("One booking's whole history: fineacers booking show ID")


def _reasons(rows: Rows, console: Console) -> None:
    currency, reporting = rows[0]["currency"], rows[0]["reporting_currency"]
    foreign = [f"net, {reporting}"] if reporting != currency else []
    made = table("Why", "because", "models", "postings", "bookings", "gained", "lost", "net", *foreign, text=2)
    for reason, of_reason in _by(rows, "reason").items():
        figures = ("postings", "bookings", "gained_minor", "lost_minor", "amount_minor", "reporting_minor")
        said = {row["model"]: tuple(row[figure] for figure in figures) for row in of_reason}
        for models, (postings, bookings, *moved, in_reporting) in alike(said):
            amounts = [moved_money(amount, currency) for amount in moved]
            amounts += [moved_money(in_reporting, reporting)] if foreign else []
            made.add_row(WHY.get(reason, reason), models, f"{postings:,}", f"{bookings:,}", *amounts)
    console.print(made, "")


def _channels(rows: Rows, console: Console) -> None:
    currency = rows[0]["currency"]
    models = sorted({row["model"] for row in rows})
    for reason, of_reason in _by(rows, "reason").items():
        net: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for row in of_reason:
            net[row["channel"], row["campaign_id"] or ""][row["model"]] = row["amount_minor"]
        moved = {place: by_model for place, by_model in net.items() if any(by_model.values())}
        if moved:
            made = table(f"Where to, when {WHY.get(reason, reason)}", "channel", "campaign", *models, text=2)
            for (channel, campaign), by_model in sorted(moved.items()):
                made.add_row(channel, campaign, *(moved_money(by_model.get(model, 0), currency) for model in models))
            console.print(made, "")


def _movers(rows: Rows, console: Console) -> None:
    currency, reporting = rows[0]["currency"], rows[0]["reporting_currency"]
    foreign = [f"moved, {reporting}"] if reporting != currency else []
    made = table("What moved most", "booking", "because", "model", "last known", "moved", "net", *foreign, text=4)
    for row in rows:
        amounts = [exact_money(row["moved_minor"], currency), moved_money(row["amount_minor"], currency)]
        amounts += [exact_money(row["moved_reporting_minor"], reporting)] if foreign else []
        made.add_row(row["booking_id"], row["reason"], row["model"], moment(row["known_at"]), *amounts)
    console.print(made, "")


def _book(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["workspace_id"], row["currency"], row["reporting_currency"]


def _by(rows: Rows, column: str) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found
