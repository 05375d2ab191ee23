"""A binding: which lead an identifier's history belongs to over event time.

Rows (since, lead) in order, the first since 0. No rows: the lead that bears the identifier's own name, for ever.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

Rows = tuple[tuple[int, str], ...]


def lead_at(rows: Sequence[tuple[int, str]], at: int, own: str) -> str:
    """The lead at an instant (microseconds); ``own`` where there are no rows."""
    return rows[bisect_right(rows, at, key=lambda row: row[0]) - 1][1] if rows else own


def between(rows: Sequence[tuple[int, str]], since: int, until: int | None) -> Rows:
    """The part of a binding from one instant to before another, if there is another."""
    later = [row for row in rows if since < row[0] and (until is None or row[0] < until)]
    return ((since, lead_at(rows, since, "")), *later)


def collapsed(rows: Sequence[tuple[int, str]]) -> Rows:
    """The rows without those that change nothing."""
    return tuple(row for place, row in enumerate(rows) if place == 0 or rows[place - 1][1] != row[1])


def moves(before: Sequence[tuple[int, str]], after: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    """(from lead, into lead) of all history that changes hands, sorted. Neither may be empty."""
    instants = sorted({since for since, _ in (*before, *after)})
    pairs = {(lead_at(before, at, ""), lead_at(after, at, "")) for at in instants}
    return sorted((old, new) for old, new in pairs if old != new)
