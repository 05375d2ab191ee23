"""Erasure: up to an instant an identifier's history is nobody's, and from then on the identifier bears a new name.

The instant of an identifier's newest erasure is its generation: so neither their order nor how often one is told
matters, and nothing has to be counted (identity specification, section 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.identity.binding import Rows
from schemas.ids import derived_id

NOBODY = "00000000-0000-0000-0000-000000000000"
"""Where a binding says that history belongs to no lead: whoever holds it lets it go."""


def name_of(identifier: str, erased_at: int | None) -> str:
    """The lead that an identifier (its keyed hash) founds; ``erased_at``: when it was last erased, microseconds."""
    return identifier if erased_at is None else derived_id("erased", identifier, erased_at)


def rows_of(lead: str, erased_at: int | None) -> Rows:
    """The binding of an identifier that belongs to a lead, but for what an erasure took."""
    return ((0, lead),) if erased_at is None else ((0, NOBODY), (erased_at + 1, lead))


def somebody(leads: Iterable[str]) -> set[str]:
    """The leads among some that are any."""
    return {*leads} - {NOBODY}


def erased_at(rows: Sequence[tuple[int, str]]) -> int | None:
    """The last instant of what an erasure took, by a strong identifier's binding."""
    return rows[1][0] - 1 if len(rows) > 1 and rows[0][1] == NOBODY else None
