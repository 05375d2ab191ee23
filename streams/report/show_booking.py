"""A booking's history in words and tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.report.booking import History, Row, Rows, credits, described, in_force
from streams.report.changes import WHY
from streams.report.tables import alike, exact_money, moment, moved_money, table

Said = tuple[tuple[str, str], ...]
"""Currency, and what moved in it, in words."""


def show(history: History, console: Console) -> None:
    """Print a history: revisions, path, postings, balances, and whether all adds up. Times are in UTC."""
    _heading(history.booking, console)
    _revisions(history.revisions, console)
    _path(history.path, console)
    _postings(history, console)
    _balances(history, console)
    for difference in history.differences:
        console.print(f"DIFFERENCE {difference}", style="red", highlight=False, soft_wrap=True)
    if not history.differences:
        bases = {line["basis"] for posting in history.postings for line in posting["lines"]}
        sums = f"; credits sum to the net revenue in every model: {_net(history.booking)}" if "net" in bases else ""
        console.print(f"Every posting balances{sums}.", style="green", highlight=False, soft_wrap=True)


def _heading(booking: Row, console: Console) -> None:
    console.print(f"Booking {booking['booking_id']} of {booking['workspace_id']}: {described(booking)}", style="bold")
    stay = [booking["starts_on"], booking["ends_on"]]
    told = {
        "lead": booking["lead_id"],
        "property": booking["property_id"],
        "segment": booking["market_segment"],
        "dates": " to ".join(f"{day:%d %b %Y}" for day in stay if day) or None,
    }
    console.print(", ".join(f"{name} {value}" for name, value in told.items() if value), "", highlight=False)


def _revisions(revisions: Rows, console: Console) -> None:
    made = table("Revisions", "revision", "true since", "known since", "what was true", "said by", text=5)
    for row in revisions:
        times = (moment(row["occurred_at"]), moment(row["arrived_at"]))
        made.add_row(str(row["revision"]), *times, described(row), row["source"])
    console.print(made, "")


def _path(path: Rows, console: Console) -> None:
    made = table("Path: touches that ever earned credit", "day", "what", "channel", "campaign", "account", text=5)
    for place in path:
        made.add_row(
            f"{place['touch_day']:%d %b %Y}",
            (place["kind"] or "").replace("_", " "),
            place["channel"],
            place["campaign_id"] or "",
            place["account"],
        )
    console.print(made, "")


def _postings(history: History, console: Console) -> None:
    console.print("Postings: what the ledger learned, and what that moved", style="bold")
    told = [(posting, list(_steps(history, posting["lines"]))) for posting in history.postings]
    width = max((len(models) for _, steps in told for _, moves in steps for _, models, _, _ in moves), default=0)
    for posting, steps in told:
        console.print(
            f"{posting['seq']:>3}  known since {moment(posting['known_at'])}, because {WHY[posting['reason']]}",
            highlight=False,
        )
        for what, moves in steps:
            console.print(f"     {what}", highlight=False, soft_wrap=True)
            made = Table.grid(padding=(0, 2))
            made.add_column(min_width=6)
            made.add_column(min_width=8)
            made.add_column(min_width=width)
            made.add_column(min_width=3)
            made.add_column()
            for basis, models, currency, moved in moves:
                made.add_row("", basis, models, currency, moved)
            console.print(made)
    console.print("")


def _steps(history: History, lines: Rows) -> Iterator[tuple[str, list[tuple[str, str, str, str]]]]:
    """What was true from when on, and, per basis, models that moved alike, and currency, what moved."""
    by_step: dict[Any, Rows] = defaultdict(list)
    for line in credits(lines):
        by_step[line["effective_at"]].append(line)
    for at, of_step in sorted(by_step.items()):
        revision = in_force(history.revisions, at)
        moves = []
        for basis in sorted({line["basis"] for line in of_step}):
            models = dict.fromkeys(line["model"] for line in lines)
            said = {
                model: _said(line for line in of_step if (line["basis"], line["model"]) == (basis, model))
                for model in models
            }
            moves += [
                (basis, names, currency, moved) for names, currencies in alike(said) for currency, moved in currencies
            ]
        yield moment(at) + (f": {described(revision)}" if revision else ""), moves


def _said(lines: Iterable[Row]) -> Said:
    """What lines of one model moved from and to which channels, in the booking's and in the reporting currency."""
    moved: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        where = " ".join(filter(None, (line["channel"], line["campaign_id"])))
        if line["currency"] is not None:
            moved[line["currency"], where] += line["amount_minor"]
        if line["reporting_currency"] != line["currency"]:
            moved[line["reporting_currency"], where] += line["reporting_minor"]
    words: dict[str, list[str]] = defaultdict(list)
    for (currency, where), amount in moved.items():
        if amount:
            words[currency].append(f"{where} {moved_money(amount, currency)}")
    return tuple((currency, ", ".join(texts)) for currency, texts in words.items())


def _balances(history: History, console: Console) -> None:
    standing = [row for row in credits(history.balances) if row["amount_minor"] and row["currency"]]
    models = sorted({row["model"] for row in standing})
    for basis, currency in sorted({(row["basis"], row["currency"]) for row in standing}):
        amounts: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in standing:
            if (row["basis"], row["currency"]) == (basis, currency):
                amounts[_place(row)][row["model"]] += row["amount_minor"]
        made = table(f"Credit now, {basis}, {currency}", "day", "channel", "campaign", *models, text=3)
        order = {_place(place): number for number, place in enumerate(history.path)}
        for place in sorted(amounts, key=lambda one: order[one]):
            standing_here = (amounts[place][model] for model in models)
            made.add_row(*place, *(exact_money(amount, currency) if amount else "" for amount in standing_here))
        total = [sum(of_place[model] for of_place in amounts.values()) for model in models]
        made.add_row("total", "", "", *(exact_money(one, currency) for one in total), style="bold")
        console.print(made, "")


def _place(row: Row) -> tuple[str, str, str]:
    return f"{row['touch_day']:%d %b %Y}", row["channel"], row["campaign_id"] or ""


def _net(booking: Row) -> str:
    return f"{exact_money(booking['net_minor'], booking['currency'])} {booking['currency']}"
