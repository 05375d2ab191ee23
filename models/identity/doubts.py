"""Which open conflicts leave it in doubt whose an identifier is."""

from __future__ import annotations

from collections.abc import Iterable

from models.identity.facts import Conflict

DOUBTFUL = frozenset(("apart", "region", "limit", "shared"))
"""Kinds of conflicts that keep a message from their identifiers until they are settled.

``apart``, ``region`` and ``limit``: a fact says that the two are one person's, and a rule or a person that they are
not; either may be wrong, and what the other lead holds, an objection among it, may be this person's. ``shared``: the
identifier is too many people's to be one's. The other kinds doubt nobody: ``weak_limit``, ``booking_limit`` and
``cluster_full`` are bounds of ours, and ``unknown`` is an identifier that nothing has named.
"""


def in_doubt(conflicts: Iterable[Conflict]) -> set[str]:
    """The identifiers that may be another person's, as long as these conflicts are open."""
    return {one for conflict in conflicts if conflict.kind in DOUBTFUL for one in conflict.identifiers}
