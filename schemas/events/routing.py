"""Prefixes: what the platform writes in front of a fact's unchanged bytes while it passes the fact on."""

from schemas.events.base import Code, Id, Instant, Message, Uuid
from schemas.events.identity import IdentifierHash


class Prefix(Message):
    """Where a fact came from; ``arrived_at`` is the broker's append time on its fact topic."""

    arrived_at: Instant
    topic: Code
    partition: int
    offset: int


class Answer(Message):
    """What the identifier that a booking hangs on said of its lead; what converted by ``erased_at`` is nobody's."""

    strong: Id
    lead_id: Uuid
    ver: int
    erased_at: Instant | None = None


class Routed(Prefix):
    """From intake to the resolve stage: the subject that the fact is keyed by, and its identifiers, best first.

    ``subject`` is ``<kind>:<hash>`` of the best identifier, ``b:<booking>``, ``l:<lead>`` or ``f:<natural key>``.
    ``linked`` says that a better identifier, shared by too many, has passed the fact on and linked what it names. A
    booking's fact goes to the identifier that the booking hangs on, to learn of its lead, and comes back with the
    ``answer``.
    """

    subject: Id
    identifiers: list[IdentifierHash]
    linked: bool = False
    answer: Answer | None = None


class Accepted(Prefix):
    """From the resolve stage to everybody: the lead as of arrival (null: the fact names no person).

    ``identifier`` brought the fact, as number ``seq`` of that identifier under its binding's version ``ver``; a booking
    has an identifier of its own, whose version is its ownership epoch. A lead that passes a fact on to where it belongs
    names itself as ``sender``, and ``seq`` is then the number of what it ever sent there.
    """

    lead_id: Uuid | None
    identifier: Uuid | None
    identifiers: list[IdentifierHash]
    seq: int
    ver: int
    sender: Uuid | None = None
