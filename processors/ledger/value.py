"""What a booking is worth, by basis, from each instant on (ledger specification, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

from models.conversion import since
from models.policy import Policy
from processors.ledger.books import Books, Revision

RETAINING = frozenset({"cancelled", "no_show", "refunded"})
AHEAD = frozenset({"booked", "contracted"})
"""Stays and contracts that have not taken place yet."""

WHOLE = 1_000_000
"""Parts per million of a probability, millionths of a conversion."""


class State(NamedTuple):
    """What holds of a booking from some instant on: a revision, and the risk of its cancellation in ppm."""

    revision: Revision
    p_ppm: int


def net(state: State) -> int:
    """What the booking is worth: the amount, or what is kept once it fell through."""
    revision = state.revision
    return revision.retained_minor if revision.status in RETAINING else revision.amount_minor


def realised(state: State) -> int:
    """What the booking has brought in: nothing as long as it lies ahead."""
    return 0 if state.revision.status in AHEAD else net(state)


def expected(state: State) -> int:
    """What the booking will probably bring in, rounded half to even; once it has been, what it did."""
    if state.revision.status not in AHEAD:
        return net(state)
    return round(Fraction(net(state) * (WHOLE - state.p_ppm), WHOLE))


def count(state: State) -> int:
    """Millionths of a conversion: a whole one while the booking is worth anything."""
    return WHOLE if net(state) > 0 else 0


BASES: dict[str, Callable[[State], int]] = {"net": net, "realised": realised, "expected": expected, "count": count}
"""What of a booking is credited, by basis."""


def steps(books: Books, policy: Policy, day: int) -> Iterator[tuple[int, State]]:
    """The instants from which something else holds, in order, with what holds from then on; the last is the present.

    Highest revision and highest risk version known by then, whatever their order; where no risk is known, the policy's
    for the status and the days between conversion (on ``day``) and start.
    """
    revision, risk = -1, -1
    revisions = sorted((at, number) for number, at in since(books.revisions, books.dropped).items())
    risks = sorted((at, number) for number, at in since(books.risks, books.dropped_risks).items())
    for at in sorted({at for at, _ in (*revisions, *risks)}):
        while revisions and revisions[0][0] <= at:
            revision = max(revision, revisions.pop(0)[1])
        while risks and risks[0][0] <= at:
            risk = max(risk, risks.pop(0)[1])
        if revision < 0:
            continue
        holds = books.revisions[revision]
        yield at, State(holds, books.risks[risk].p_ppm if risk >= 0 else _usual_risk(holds, policy, day))


def _usual_risk(revision: Revision, policy: Policy, day: int) -> int:
    lead_days = max((revision.starts_on or day) - day, 0)
    fitting = (p for status, days, p in policy.cancellation_risk if revision.status == status and lead_days >= days)
    return next(fitting, 0)
