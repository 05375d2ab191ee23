"""The prefix that says: accepted, and whose it is."""

from __future__ import annotations

from schemas.events.routing import Accepted, Routed


def accepted(
    origin: Routed, *, lead_id: str | None, identifier: str | None = None, seq: int = 0, ver: int = 0, epoch: int = 0
) -> Accepted:
    """The prefix of an accepted fact, with the coordinates that it came with."""
    return Accepted.build(
        arrived_at=origin.arrived_at,
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        lead_id=lead_id,
        identifier=identifier,
        identifiers=origin.identifiers,
        seq=seq,
        ver=ver,
        epoch=epoch,
    )
