"""What a proposed policy would have changed: two runs of one history, compared in figures.

Whom we may write to is decided anew in both runs, so their difference is the policy's alone. What people do is not:
they book in both runs as they did, whether they would have been written to or not. So revenue compared here is an
estimate, not a causal claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from models.conversion import converted_at
from schemas.events.base import instant

Found = Mapping[str, Sequence[Mapping[str, Any]]]
"""What a run put into each topic, as ``streams.replay.published`` gives it."""

CAVEAT = "an estimate, not a causal claim"
BASIS, MODEL = "net", "linear"

_TOLD = {"allow": "allowed", "hold": "held", "deny": "denied"}
_REVENUE = "(revenue)"

Named = tuple[str, str]
"""A workspace, and what is called so in it."""


class Row(msgspec.Struct, frozen=True):
    """One figure in both runs: messages, leads, bookings, or minor units of a currency."""

    names: tuple[str, ...]
    recorded: int
    proposed: int

    @property
    def difference(self) -> int:
        """How much more it is under the proposed policy."""
        return self.proposed - self.recorded


class WhatIf(msgspec.Struct, frozen=True):
    """The figures of both runs. Each message counts once, by the last word on it; one still held counts as held.

    ``decisions``: messages by (allowed, held or denied), all three always. ``reasons``: those held and denied by
    (decision, reason). ``channels``: messages by (channel, decision). ``leads``: how many have an allowed contact.
    ``bookings``: how many of theirs converted after it. ``revenue``: what those are credited, in minor units by
    (currency). ``unvalued``: how many of ``bookings`` are missing in ``revenue``, because the policy that they fell
    under has no ``linear`` credits of basis ``net``.
    """

    decisions: tuple[Row, ...]
    reasons: tuple[Row, ...]
    channels: tuple[Row, ...]
    leads: Row
    bookings: Row
    revenue: tuple[Row, ...]
    unvalued: Row


class _Run(NamedTuple):
    """The figures of one run, by what they are of."""

    decisions: Counter[tuple[str, ...]]
    reasons: Counter[tuple[str, ...]]
    channels: Counter[tuple[str, ...]]
    leads: int
    bookings: int
    revenue: Counter[tuple[str, ...]]
    unvalued: int


def what_if(recorded: Found, proposed: Found) -> WhatIf:
    """The figures of a run as recorded beside those of a run under the proposed policy."""
    one, two = _figures(recorded), _figures(proposed)
    decisions = tuple(Row((told,), one.decisions[told,], two.decisions[told,]) for told in _TOLD.values())
    return WhatIf(
        decisions,
        _rows(one.reasons, two.reasons),
        _rows(one.channels, two.channels),
        Row(("leads",), one.leads, two.leads),
        Row(("bookings",), one.bookings, two.bookings),
        _rows(one.revenue, two.revenue),
        Row(("unvalued",), one.unvalued, two.unvalued),
    )


def as_json(found: WhatIf) -> dict[str, Any]:
    """The same figures for machines: money in minor units of its currency."""
    return {
        "contacts": _listed(found.decisions, "decision"),
        "reasons": _listed(found.reasons, "decision", "reason"),
        "channels": _listed(found.channels, "channel", "decision"),
        "leads_contacted": _numbers(found.leads),
        "bookings_after_contact": _numbers(found.bookings),
        "bookings_without_credits": _numbers(found.unvalued),
        "revenue_minor": {
            "basis": BASIS,
            "model": MODEL,
            "caveat": CAVEAT,
            "by_currency": _listed(found.revenue, "currency"),
        },
    }


def _listed(rows: Sequence[Row], *columns: str) -> list[dict[str, Any]]:
    return [{**dict(zip(columns, row.names, strict=True)), **_numbers(row)} for row in rows]


def _numbers(row: Row) -> dict[str, int]:
    return {"recorded": row.recorded, "proposed": row.proposed, "difference": row.difference}


def _rows(recorded: Counter[tuple[str, ...]], proposed: Counter[tuple[str, ...]]) -> tuple[Row, ...]:
    return tuple(Row(names, recorded[names], proposed[names]) for names in sorted({*recorded, *proposed}))


def _figures(found: Found) -> _Run:
    last = _last_words(found)
    told = [(_TOLD[word["decision"]], word["reason"], word["channel"]) for word in last]
    leads = _leads_of_today(found)
    contacted = _first_allowed(last, leads)
    touched = dict(_touched(found, contacted, leads))
    revenue = Counter[tuple[str, ...]]()
    for sums in touched.values():
        revenue.update(sums)
    return _Run(
        Counter((decision,) for decision, _, _ in told),
        Counter((decision, reason) for decision, reason, _ in told if decision != _TOLD["allow"]),
        Counter((channel, decision) for decision, _, channel in told),
        len(contacted),
        len(touched),
        revenue,
        sum(not sums for sums in touched.values()),
    )


def _last_words(found: Found) -> list[Mapping[str, Any]]:
    """The last decision on each message: that of the highest ``seq``."""
    last: dict[Named, Mapping[str, Any]] = {}
    for word in found.get("contact.decisions", ()):
        key = word["workspace_id"], word["message_id"]
        if key not in last or word["seq"] > last[key]["seq"]:
            last[key] = word
    return list(last.values())


def _first_allowed(last: Sequence[Mapping[str, Any]], leads: Mapping[Named, Named]) -> dict[Named, int]:
    """When each lead was first allowed to be contacted, in microseconds; posts to no lead are left out."""
    first: dict[Named, int] = {}
    for word in last:
        if word["decision"] == "allow" and word["lead_id"] is not None:
            lead = _today((word["workspace_id"], word["lead_id"]), leads)
            at = instant(word["occurred_at"])
            first[lead] = min(at, first.get(lead, at))
    return first


def _touched(
    found: Found, contacted: Mapping[Named, int], leads: Mapping[Named, Named]
) -> Iterator[tuple[Named, Counter[tuple[str, ...]]]]:
    """Each booking that converted after its lead's first allowed contact, and what it is credited.

    That is the sum over all its postings of ``amount_minor``, in the booking's currency, of the lines of basis ``net``
    and model ``linear``, on touches and on ``(none)``, but not on ``(revenue)``, which carries the same sum negated:
    what the booking is worth at the end of the run, refunds taken off, whatever touches share it and whatever way they
    came by. An empty counter: it has no such lines. A booking converts at its ``booked_at``, as the ledger has it; at
    the very instant of the contact is not after it. Its lead is the one of its newest posting. A contact and a booking
    of two leads that became one belong together; those of a lead that was split stay where they were told of.
    """
    converted = _converted(found)
    newest: dict[Named, Mapping[str, Any]] = {}
    sums: dict[Named, Counter[tuple[str, ...]]] = {}
    for posting in found.get("attribution.credits", ()):
        booking = posting["workspace_id"], posting["booking_id"]
        if booking not in newest or posting["seq"] > newest[booking]["seq"]:
            newest[booking] = posting
        credited = sums.setdefault(booking, Counter())
        for line in posting["lines"]:
            if (line["basis"], line["model"]) == (BASIS, MODEL) and line["account"] != _REVENUE:
                credited[line["currency"],] += line["amount_minor"]
    for booking, posting in newest.items():
        lead = _today((posting["workspace_id"], posting["lead_id"]), leads)
        if lead in contacted and converted[booking] > contacted[lead]:
            yield booking, sums[booking]


class _Revision(NamedTuple):
    occurred_at: int
    booked_at: int | None


def _converted(found: Found) -> dict[Named, int]:
    """When each booking converted, in microseconds; of two facts of one revision the first holds."""
    revisions: dict[Named, dict[int, _Revision]] = {}
    for fact in found.get("accepted.bookings", ()):
        booked_at = instant(fact["booked_at"]) if fact["booked_at"] is not None else None
        held = revisions.setdefault((fact["workspace_id"], fact["booking_id"]), {})
        held.setdefault(fact["revision"], _Revision(instant(fact["occurred_at"]), booked_at))
    return {booking: converted_at(held, None) for booking, held in revisions.items()}


def _leads_of_today(found: Found) -> dict[Named, Named]:
    """Which lead each name that stands for nobody any more went to; a name that others came to stands for somebody."""
    went: dict[Named, Named] = {}
    for change in found.get("identity.changes", ()):
        lead = change["workspace_id"], change["lead_id"]
        into = change["workspace_id"], change["into_lead_id"]
        went.pop(into, None)
        if change["type"] == "LeadMerged":
            went[lead] = into
    return went


def _today(lead: Named, went: Mapping[Named, Named]) -> Named:
    while lead in went:
        lead = went[lead]
    return lead
