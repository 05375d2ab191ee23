"""Who is who, in words and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console

from streams.report.identity import BEGINNING, Held, Preview, Row
from streams.report.tables import exact_money, moment, table

_WHY = {
    "first": "seen first with this lead",
    "merged": "leads became one",
    "split": "a lead became two",
    "login": "claimed by who logged in",
    "revised": "a booking was renamed",
    "erased": "begun anew by an erasure",
}
CONFLICTS = {
    "apart": "said to be different people, and observed together",
    "region": "of different home regions; joining them needs a transfer basis",
    "limit": "more of a kind than one lead may have",
    "shared": "shared by too many to mean one person",
    "unknown": "named by a split, and never seen",
    "weak_limit": "more weak identifiers than one may hold",
    "booking_limit": "more bookings than one may hold",
    "cluster_full": "too large a group",
}
"""What each kind of conflict means."""


@dataclass(frozen=True)
class Known:
    """All that the store knows of who a lead is."""

    lead_id: str
    region: str | None
    lives_on_in: list[str]
    erased_at: datetime | None
    identifiers: list[Held]
    origins: Mapping[str, Row | None]
    """By identifier the change that brought it here, none for those that were here first."""
    links: Sequence[Row]
    """Pairs of identifiers that a fact named together, at least one of each pair being of this lead."""
    statements: Sequence[Row]
    """What people and systems said on purpose of its identifiers."""
    changes: Sequence[Row]
    conflicts: Sequence[Row]
    bookings: Sequence[Row]
    acts: Sequence[dict[str, Any]]


def show_known(known: Known, console: Console) -> None:
    """Print who a lead is. Times are in UTC."""
    console.print(f"Lead {known.lead_id}" + (f" of {known.region}" if known.region else ""), style="bold")
    show_lives_on(known.lives_on_in, console, known.erased_at)
    made = table("Identifiers", "kind", "hash", "since", "until", "why it is here", "from", text=6)
    for one in sorted(known.identifiers, key=lambda one: (one.kind, one.identifier, one.since)):
        origin = known.origins.get(one.identifier)
        source = "" if origin is None else f"lead {origin['lead_id'][:8]}, {origin['occurred_at']:%d %b %Y}"
        made.add_row(
            one.kind, one.identifier[:8], _since(one.since), "" if one.until is None else moment(one.until),
            _WHY.get(one.why, one.why), source,
        )  # fmt: skip
    if known.identifiers:
        console.print("", made)
    show_links(known, console)
    made = table("Merges and splits", "when", "what", "identifiers", "decision", text=4)
    for row in known.changes:
        made.add_row(
            moment(row["occurred_at"]), _change(known.lead_id, row), _shorts(row["identifiers"]), row["decision"]
        )
    if known.changes:
        console.print("", made)
    show_conflicts(known.conflicts, console)
    made = table("Bookings", "booking", "status", "amount", text=2)
    for row in known.bookings:
        made.add_row(
            row["booking_id"], row["status"], exact_money(row["amount_minor"], row["currency"]) + f" {row['currency']}"
        )
    if known.bookings:
        console.print("", made)
    made = table("By hand", "when", "who", "what", "why", "event", text=5)
    for row in known.acts:
        made.add_row(moment(row["at"]), row["who"], _act(row), row["reason"] or "", row["event_id"] or "")
    if known.acts:
        console.print("", made)


def show_links(known: Known, console: Console) -> None:
    """Print what facts named together, and apart from that what was said on purpose."""
    made = table("Named together by a fact", "first", "identifier", "and", "fact", "in", "published by", text=6)
    for row in known.links:
        made.add_row(
            moment(row["occurred_at"]), f"{row['kind']} {row['identifier'][:8]}",
            f"{row['other_kind']} {row['other'][:8]}", row["fact_id"], row["fact_topic"], row["fact_source"],
        )  # fmt: skip
    if known.links:
        console.print("", made)
    made = table("Said on purpose", "when", "what", "identifiers", "and", "transfer basis", "by", "event", text=7)
    for row in known.statements:
        made.add_row(
            moment(row["occurred_at"]), row["says"], _shorts(row["identifiers"]), _shorts(row["others"]),
            row["transfer_basis"] or "", row["source"], row["event_id"],
        )  # fmt: skip
    if known.statements:
        console.print("", made)


def show_lives_on(leads: Sequence[str], console: Console, erased_at: datetime | None = None) -> None:
    """Print where a lead lives on, if it was merged away; of one that was erased that, and what came after it."""
    if erased_at is not None:
        later = f"; what came later is of {' and '.join(leads)}" if leads else ""
        told = f"Erased: what happened before {moment(erased_at)} is forgotten{later}"
        console.print(told, style="yellow", highlight=False, soft_wrap=True)
    elif leads:
        console.print(
            f"Merged away: lives on in {' and '.join(leads)}", style="yellow", highlight=False, soft_wrap=True
        )


def show_conflicts(conflicts: Sequence[Row], console: Console) -> None:
    """Print open conflicts, if there are any."""
    made = table("Open conflicts", "since", "kind", "meaning", "identifiers", "leads", text=5)
    for row in conflicts:
        made.add_row(
            moment(row["since"]), row["kind"], CONFLICTS.get(row["kind"], ""), _shorts(row["identifiers"]),
            _shorts(row["leads"]),
        )  # fmt: skip
    if conflicts:
        console.print("", made)


def show_link(about: Preview, console: Console) -> None:
    """Print what a link would move."""
    _stakes(about, console)
    if len(about.stakes) > 1:
        identifiers, booked = (sum(getattr(one, name) for one in about.stakes) for name in ("identifiers", "bookings"))
        told = (
            f"{len(about.stakes)} leads become one, which keeps the name of that with the oldest identifier: "
            f"{identifiers} identifiers and {booked} bookings, with every touch that they brought."
        )
    elif about.stakes and not about.unseen:
        told = "They are of one lead already. The link makes it certain: it goes before all that is observed."
    else:
        told = "Nobody moves now; the link holds for what comes."
    console.print(told, _unseen(about), highlight=False, soft_wrap=True)


def show_split(about: Preview, take: Sequence[str], keep: Sequence[str], console: Console) -> None:
    """Print what a split would move; ``take`` and ``keep``: in words as in the preview."""
    _stakes(about, console)
    parted = [one for one in about.stakes if {*take} & {*one.named} and {*keep} & {*one.named}]
    for one in parted:
        goes = [text for text in one.named if text in take]
        others = one.identifiers - len(one.named)
        told = f"From lead {one.lead_id} {' and '.join(goes)} would go, with the touches and bookings that came by it."
        if others:
            told += f" Its other identifiers ({others}) go with whom they were seen first."
        console.print(told, highlight=False, soft_wrap=True)
    if not parted:
        told = "No lead holds both sides now: nobody moves, and nothing observed will join them."
        console.print(told, highlight=False, soft_wrap=True)
    console.print(_unseen(about), highlight=False, soft_wrap=True, end="")


def show_erasure(about: Preview, console: Console) -> None:
    """Print what an erasure would take."""
    _stakes(about, console)
    for one in about.stakes:
        left = one.identifiers - len(one.named)
        told = f"Lead {one.lead_id} forgets what {' and '.join(one.named)} brought"
        told += f", and keeps its other identifiers ({left})." if left else ", and with that all that it knows."
        console.print(told, highlight=False, soft_wrap=True)
    told = "This cannot be undone. Revenue remains, and its credit goes to what is left."
    console.print(told, _unseen(about), highlight=False, soft_wrap=True)


def _stakes(about: Preview, console: Console) -> None:
    made = table(
        "Leads that this is about", "lead", "region", "named here", "identifiers", "bookings", "net worth", text=3
    )
    for one in about.stakes:
        worth = ", ".join(f"{exact_money(minor, currency)} {currency}" for currency, minor in one.worth.items())
        made.add_row(one.lead_id, one.region, ", ".join(one.named), str(one.identifiers), str(one.bookings), worth)
    if about.stakes:
        console.print(made, "")


def _unseen(about: Preview) -> str:
    return f"Never seen so far, check what you wrote: {', '.join(about.unseen)}.\n" if about.unseen else ""


def _since(since: datetime) -> str:
    return "ever" if since <= BEGINNING else moment(since)


def _change(lead_id: str, row: Row) -> str:
    merged = row["change"] == "merged"
    if row["lead_id"] == lead_id:
        return f"{'became' if merged else 'gave a part to'} {row['into_lead_id']}"
    return f"{'took in' if merged else 'got a part of'} {row['lead_id']}"


def _act(row: Row) -> str:
    ids = row["ids"]
    if "erased" in ids:
        return f"erased {_shorts(ids['erased'])}"
    if "identifiers" in ids:
        return f"linked {_shorts(ids['identifiers'])}"
    return f"split {_shorts(ids.get('take', ()))} from {_shorts(ids.get('keep', ()))}"


def _shorts(hashes: Sequence[str]) -> str:
    return ", ".join(str(one)[:8] for one in hashes)
