"""The prefixes behind which this stage passes facts on: to the next key that has a say, and accepted to everybody."""

from __future__ import annotations

from models.identity.erasure import NOBODY
from processors.base import Forward
from schemas.events.base import assemble
from schemas.events.identity import IdentifierHash
from schemas.events.routing import Accepted, Answer, Routed


def accepted(
    origin: Routed, *, lead_id: str | None, identifier: str | None = None, seq: int = 0, ver: int = 0
) -> Forward:
    """An accepted fact on its way on, with the coordinates that it came with; what is nobody's reaches no lead."""
    prefix = {
        "arrived_at": origin.arrived_at,
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "lead_id": None if lead_id == NOBODY else lead_id,
        "identifier": identifier,
        "identifiers": origin.identifiers,
        "seq": seq,
        "ver": ver,
        "sender": None,
    }
    return Forward(assemble(Accepted, prefix))  # every fact comes by here, and ``build`` takes half as long again


def passed_on(
    origin: Routed,
    subject: str,
    *,
    identifiers: list[IdentifierHash] | None = None,
    linked: bool = False,
    answer: Answer | None = None,
) -> Forward:
    """A fact on its way to another key of this stage; ``identifiers`` where not all that it came with are usable."""
    prefix = Routed.build(
        arrived_at=origin.arrived_at,
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        subject=subject,
        identifiers=origin.identifiers if identifiers is None else identifiers,
        linked=linked,
        answer=answer,
    )
    return Forward(prefix)
