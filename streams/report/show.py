"""A report in words and tables, and as one JSON value."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from rich.console import Console

from streams.report.gather import Report
from streams.report.identity_score import IdentityScore
from streams.report.reconcile import Reconciliation
from streams.report.show_contacts import show_figures, show_receipt
from streams.report.tables import money as _money
from streams.report.tables import money_basis
from streams.report.tables import plain as _plain
from streams.report.tables import table as _table

Truth = Mapping[str, Any]
_STEPS = ("captured", "cold", "warm", "hot", "booked", "kept")
_NO_CAMPAIGN = "(none)"
_CAMPAIGNS = 12
"""Campaigns shown of each workspace."""
_REASONS = {
    "captured": "was captured with that score",
    "score": "score crossed the threshold",
    "content_engagement": "engaged with content three times in 30 days",
    "direct_inquiry": "asked directly or wanted a meeting",
    "quiet": "30 days without engagement",
}


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain values: money in minor units, instants as ISO 8601."""
    return {
        **{name: [_plain(row) for row in rows] for name, rows in report.overview.items()},
        **{name: report.clickhouse[name] for name in ("decisions", "approvals")},
        "receipt": None if report.receipt is None else _plain(report.receipt),
        "waiting": [_plain(row) for row in report.waiting],
        "latencies": [_plain(row) for row in report.clickhouse["latencies"]],
        "reconciliation": {
            **asdict(report.reconciliation),
            "differences": report.reconciliation.differences,
        },
    }


def show(report: Report, console: Console, truth: Truth | None = None, identities: IdentityScore | None = None) -> None:
    """Print all parts of a report; beside the channels' revenue the truth, and who is who, where they are known."""
    _funnel(report, console)
    if identities is not None:
        show_identities(identities, console)
    _moves(report, console)
    show_figures(report.clickhouse["decisions"], report.clickhouse["approvals"], report.waiting, console)
    if report.receipt is not None:
        show_receipt(report.receipt, console)
    for workspace in sorted({row["workspace_id"] for row in report.overview["revenue"]}):
        own_truth = truth if truth and truth["scenario"]["workspace"] == workspace else None
        for books in _books(report, workspace):
            _revenue(books, console, own_truth)
            _campaign_revenue(books, console)
    _campaigns(report, console)
    _pace(report, console)
    _reconciliation(report.reconciliation, console)


def _funnel(report: Report, console: Console) -> None:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in report.overview["funnel"]:
        found[row["workspace_id"]][row["step"]] = row["leads"]
    table = _table("Funnel: leads that ever got there", "workspace", *_STEPS)
    for workspace, steps in sorted(found.items()):
        table.add_row(workspace, *(f"{steps.get(step, 0):,}" for step in _STEPS))
    console.print(table, "")


def show_identities(score: IdentityScore, console: Console) -> None:
    """Print how well leads are the people behind them."""
    table = _table(
        "Who is who: leads against the people simulated, by pairs of e-mail, phone and CRM number",
        "people", "leads", "precision", "recall", "leads mixing people", "by a weak identifier alone", text=0,
    )  # fmt: skip
    weak = len(score.mixing_by_weak)
    table.add_row(
        f"{score.people:,}",
        f"{score.leads:,}",
        f"{score.precision:.2%}",
        f"{score.recall:.2%}",
        f"{score.mixing:,}",
        f"{weak:,}",
        style="red" if weak else None,
    )
    console.print(table)
    for one in score.mixing_by_weak:
        console.print(f"MIXED {one.lead}: {', '.join(one.people)}", style="red", highlight=False, soft_wrap=True)
    if score.conflicts:
        console.print(f"To review: {', '.join(f'{count:,} {kind}' for kind, count in score.conflicts.items())}")
    console.print("")


def _moves(report: Report, console: Console) -> None:
    table = _table("Temperatures: why they moved", "workspace", "from", "to", "because the lead", "times", text=4)
    for row in report.overview["moves"]:
        reason = _REASONS.get(row["reason"], row["reason"])
        table.add_row(row["workspace_id"], row["previous"] or "", row["temperature"], reason, f"{row['changes']:,}")
    console.print(table)
    now = ", ".join(f"{row['leads']:,} {row['temperature']}" for row in report.clickhouse["temperatures"])
    console.print(f"Now: {now or 'no lead yet'}")
    changed = Counter[str]()
    for row in report.clickhouse["changes"]:
        changed[row["change"]] += row["changes"]
    unclear = sum(row["conflicts"] for row in report.clickhouse["conflicts"])
    console.print(
        f"Identities: {changed['merged']:,} leads merged, {changed['split']:,} split, {unclear:,} open conflicts\n"
    )


class _Books(NamedTuple):
    """What a workspace is credited with in one basis and currency; ``amount`` is the rows' column in that currency."""

    workspace: str
    basis: str
    currency: str
    amount: str
    rows: list[dict[str, Any]]

    def title(self, by: str) -> str:
        """The title of a table of it; what revenue is told in without more words is net."""
        basis = "" if self.basis == "net" else f"{self.basis}, "
        return f"Revenue of {self.workspace} by {by} and model, {basis}{self.currency}"


def _books(report: Report, workspace: str) -> Iterator[_Books]:
    """In the bookings' own currency where there is but one, which needs no rates, else in each that is reported in."""
    of_workspace = [row for row in report.overview["revenue"] if row["workspace_id"] == workspace]
    standing = [row for row in of_workspace if row["amount_minor"] or row["reporting_minor"]]
    basis = money_basis({row["basis"] for row in standing})
    if basis is None:
        return
    rows = [row for row in standing if row["basis"] == basis]
    is_one = len({row["currency"] for row in rows}) == 1
    currency, amount = ("currency", "amount_minor") if is_one else ("reporting_currency", "reporting_minor")
    for own in sorted({row[currency] for row in rows}):
        yield _Books(workspace, basis, own, amount, [row for row in rows if row[currency] == own])


def _revenue(books: _Books, console: Console, truth: Truth | None) -> None:
    models, currency = list(dict.fromkeys(row["model"] for row in books.rows)), books.currency
    credited: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in books.rows:
        credited[row["channel"]][row["model"]] += row[books.amount]
        campaign = f"  {row['campaign_id']}" if row["campaign_id"] else ""
        if campaign and truth and row["campaign_id"] in truth["planted"]:
            credited[campaign][row["model"]] += row[books.amount]
    table = _table(books.title("channel"), "channel", *models, *(["truly caused"] if truth else []))
    channels = sorted(
        (name for name in credited if not name.startswith("  ")), key=lambda name: -sum(credited[name].values())
    )
    for name in [*channels, *sorted(name for name in credited if name.startswith("  "))]:
        caused = [_caused(truth, name, currency)] if truth else []
        table.add_row(name, *(_money(credited[name][model], currency) for model in models), *caused)
    total = [sum(credited[name][model] for name in channels) for model in models]
    table.add_row("total", *(_money(one, currency) for one in total), *([""] if truth else []), style="bold")
    console.print(table)
    for campaign, why in (truth or {"planted": {}})["planted"].items():
        console.print(f"{campaign}: {why}", soft_wrap=True)
    console.print("")


def _campaign_revenue(books: _Books, console: Console) -> None:
    rows = [row for row in books.rows if row["campaign_id"]]
    if not rows:
        return
    models = list(dict.fromkeys(row["model"] for row in rows))
    credited: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        credited[row["campaign_id"], row["channel"]][row["model"]] += row[books.amount]
    table = _table(books.title("campaign"), "campaign", "channel", *models, text=2)
    for place, by_model in sorted(credited.items(), key=lambda one: (-sum(one[1].values()), one[0])):
        table.add_row(*place, *(_money(by_model[model], books.currency) for model in models))
    console.print(table, "")


def _caused(truth: Truth, name: str, currency: str) -> str:
    part = truth["campaigns"].get(name.strip()) if name.startswith("  ") else truth["channels"].get(name)
    return _money(part["effect"]["net_reporting_minor"], currency) if part else ""


def _campaigns(report: Report, console: Console) -> None:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in report.overview["campaigns"]:
        if row["campaign_id"] != _NO_CAMPAIGN:
            found[row["workspace_id"], row["reporting_currency"]].append(row)
    for (workspace, currency), rows in found.items():
        table = _table(
            f"Campaigns of {workspace} that earned most, {currency}",
            "campaign", "touches", "clicks", "CTR", "conv.", "spend", "revenue", "ROI",
        )  # fmt: skip
        for one in rows[:_CAMPAIGNS]:
            table.add_row(
                one["campaign_id"],
                *(f"{one[name]:,}" for name in ("touches", "clicks")),
                _percent(one["ctr_ppm"], ",.1f"),
                f"{one['conversions_ppm'] / 1_000_000:,.1f}",
                _money(one["spend_minor"], currency) if one["spend_minor"] is not None else "no rate",
                _money(one["revenue_minor"], currency),
                _percent(one["roi_ppm"], ",.0f"),
            )
        console.print(table)
        if len(rows) > _CAMPAIGNS:
            console.print(f"and {len(rows) - _CAMPAIGNS:,} more: the view campaigns in ClickHouse")
        console.print("")


def _percent(ppm: int | None, form: str) -> str:
    return "" if ppm is None else f"{ppm / 10_000:{form}}%"


def _pace(report: Report, console: Console) -> None:
    table = _table("Pace of the stages", "stage", "offsets read", "transactions", "per second")
    for row in report.overview["pace"]:
        seconds = max((row["last_at"] - row["first_at"]).total_seconds(), 1e-3)
        rate = f"{row['offsets'] / seconds:,.0f}"
        table.add_row(row["stage"], f"{row['offsets']:,}", f"{row['transactions']:,}", rate)
    console.print(table, "")


def _reconciliation(found: Reconciliation, console: Console) -> None:
    table = _table(
        "Every record accounted for", "fact topic", "records", "accepted", "duplicates", "dead letters", "left over"
    )
    for one in found.topics:
        if one.records:
            figures = (one.records, one.accepted, one.duplicates, one.dead_letters, one.difference)
            table.add_row(one.name, *(f"{figure:,}" for figure in figures))
    console.print(table, "")
    checks = _table("Do all agree?", "compared", "figures", "off")
    for check in found.checks:
        style = "red" if check.differences else None
        checks.add_row(check.name, f"{check.compared:,}", f"{len(check.differences):,}", style=style)
    console.print(checks)
    for what, count in found.later.items():
        console.print(f"after acceptance, {what}: {count:,}")
    for difference in found.differences:
        console.print(f"DIFFERENCE {difference}", style="red", highlight=False, soft_wrap=True)
    if not found.differences:
        console.print("All agree, to the record and to the minor unit.", style="green")
