"""One booking's whole history: what it was, what was known when, and what each posting moved.

Pure: the rows are fetched by others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from streams.report.tables import exact_money, money_basis

Row = dict[str, Any]
Rows = list[Row]

REVENUE = "(revenue)"
KEEPS = ("cancelled", "no_show", "refunded")
_PLACE = ("account", "channel", "campaign_id", "content_id", "variant_id", "touch_day")
_BOOK = ("model", "basis", "currency", "reporting_currency")
_POSTING = ("seq", "posting_id", "known_at", "reason", "lead_id")


@dataclass(frozen=True)
class History:
    """A booking, its revisions, its path, its postings with their lines, and what stands on its accounts now."""

    booking: Row
    revisions: Rows
    path: Rows
    """Places that credit ever went to, in the order of time; ``kind`` and ``occurred_at`` where the touch is known."""
    postings: Rows
    balances: Rows
    differences: list[str]
    """What does not add up, in words; empty when all does."""


def history(booking: Row, revisions: Rows, lines: Rows, touches: Rows, owing: Collection[str]) -> History:
    """Put together a booking (as of its newest revision), its revisions, its ledger lines by seq, and touches.

    ``owing``: the models that are to credit the net revenue; others credit something else, or nothing any more.
    """
    postings = [
        dict(zip(_POSTING, posting, strict=True)) | {"lines": list(of_posting)}
        for posting, of_posting in groupby(lines, key=lambda line: _of(line, _POSTING))
    ]
    balances = _balances(lines)
    return History(
        booking, revisions, _path(lines, touches), postings, balances, _differences(booking, postings, balances, owing)
    )


def touch_of(account: str) -> tuple[str, int] | None:
    """A touch's id and revision, if the account is one's."""
    touch_id, mark, revision = account.rpartition("#")
    return (touch_id, int(revision)) if mark and revision.isdigit() else None


def in_force(revisions: Sequence[Row], at: datetime) -> Row | None:
    """The revision that says what was true at an instant: the highest of those that had begun."""
    begun = [row for row in revisions if row["occurred_at"] <= at]
    return max(begun, key=lambda row: int(row["revision"]), default=None)


def described(revision: Mapping[str, Any]) -> str:
    """A booking's status and money in words."""
    status, currency = revision["status"].replace("_", " "), revision["currency"]
    amount = f"{exact_money(revision['amount_minor'], currency)} {currency}"
    if revision["status"] not in KEEPS:
        return f"{status}, {amount}"
    return f"{status}, {exact_money(revision['retained_minor'], currency)} of {amount} kept"


def drawn(found: History) -> tuple[str, str]:
    """What a picture shows: the first model by name of those that credit money, and the basis."""
    lines = [line for posting in found.postings for line in posting["lines"]]
    basis = money_basis({line["basis"] for line in lines}) or ""
    return min((line["model"] for line in lines if line["basis"] == basis), default=""), basis


def credited_over_time(found: History, model: str, basis: str) -> tuple[list[datetime], dict[str, list[int]]]:
    """When something became known, and each channel's credit from then on, in minor units."""
    known = [posting["known_at"] for posting in found.postings]
    channels: dict[str, list[int]] = {}
    for number, posting in enumerate(found.postings):
        for line in credits(posting["lines"]):
            if (line["model"], line["basis"]) == (model, basis):
                amounts = channels.setdefault(line["channel"], [0] * len(known))
                for later in range(number, len(known)):
                    amounts[later] += line["amount_minor"]
    return known, channels


def credits(lines: Iterable[Row]) -> Rows:
    """The lines that credit somebody, not the revenue's own."""
    return [line for line in lines if line["account"] != REVENUE]


def _path(lines: Rows, touches: Rows) -> Rows:
    seen = {(row["touch_id"], row["revision"]): row for row in touches}
    places: dict[tuple[Any, ...], Row] = {}
    for line in credits(lines):
        touch = seen.get(touch_of(line["account"]) or ("", 0), {})
        known = {"kind": touch.get("kind"), "occurred_at": touch.get("occurred_at")}
        places.setdefault(_of(line, _PLACE), {name: line[name] for name in _PLACE} | known)

    def time(place: Row) -> tuple[Any, ...]:
        at = place["occurred_at"]
        return place["touch_day"], at.timestamp() if at else 0.0, place["account"]

    return sorted(places.values(), key=time)


def _balances(lines: Rows) -> Rows:
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for line in lines:
        held = sums[_of(line, _BOOK + _PLACE)]
        held[0] += line["amount_minor"]
        held[1] += line["reporting_minor"]
    return [
        dict(zip(_BOOK + _PLACE, key, strict=True)) | {"amount_minor": amount, "reporting_minor": reporting}
        for key, (amount, reporting) in sums.items()
        if amount or reporting
    ]


def _differences(booking: Row, postings: Rows, balances: Rows, owing: Collection[str]) -> list[str]:
    found = []
    for posting in postings:
        sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
        for line in posting["lines"]:
            held = sums[_of(line, ("model", "basis", "effective_at", "currency"))]
            held[0] += line["amount_minor"]
            held[1] += line["reporting_minor"]
        found += [
            f"posting {posting['seq']} is off balance in {model}, {basis}, from {at.isoformat()} on, by {amount:+} "
            f"minor units of {currency} and {reporting:+} of the reporting currency"
            for (model, basis, at, currency), (amount, reporting) in sums.items()
            if amount or reporting
        ]
    credited: dict[str, dict[str, int]] = {model: {} for model in (sorted(owing) if postings else ["nobody yet"])}
    for row in credits(balances):
        if row["basis"] == "net" and row["model"] in credited:
            of_model = credited[row["model"]]
            of_model[row["currency"]] = of_model.get(row["currency"], 0) + row["amount_minor"]
    net = {booking["currency"]: booking["net_minor"]} if booking["net_minor"] else {}
    for model, of_model in credited.items():
        standing = {currency: amount for currency, amount in of_model.items() if amount}
        if standing != net:
            found.append(f"{model} credits {_sums(standing)}, the booking is worth {_sums(net)}")
    return found


def _sums(amounts: Mapping[str, int]) -> str:
    return " and ".join(f"{exact_money(amount, currency)} {currency}" for currency, amount in amounts.items()) or "0"


def _of(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)
