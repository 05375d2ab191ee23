"""What the workspace stage counts and learns: paths in, versions of weights out."""

from typing import Annotated

from pydantic import Field

from schemas.events.base import Code, Day, Event, Instant, Message, Revision


class PathCounted(Event):
    """To the workspace stage: a journey came (``change`` 1) or is taken back (-1).

    ``week`` is the Monday, local in the policy's zone, of the week in which the journey ended; ``channels`` its path in
    order, empty for a conversion that nothing led to; ``converted`` false for a journey that came to nothing.
    """

    week: Day
    channels: list[Code]
    converted: bool
    change: Annotated[int, Field(ge=-1, le=1)]


class Weight(Message):
    """Weight of a channel in units of 1e-9, within the set of a path's channels (empty: whatever the set)."""

    among: list[Code]
    channel: Code
    weight: Annotated[int, Field(ge=0, le=10**9)]


class Share(Message):
    """A channel's share of all conversions at channel level, in units of 1e-9; for display, never posted."""

    channel: Code
    share: Annotated[int, Field(ge=0, le=10**9)]


class WeightsVersion(Event):
    """Weights of a data-driven model, solved once and never computed again.

    A version that is not ``adopted`` would have changed too little; it is recorded and applies to nothing.
    """

    model: Code
    version: Revision
    applies_from: Instant
    adopted: bool
    conversions: int
    journeys: int
    weights: list[Weight]
    shares: list[Share]
