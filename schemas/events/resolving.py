"""Messages between keys of the resolve stage, and from them to leads (inboxes only; identity specification, 2 to 4).

``subject`` is the key of the resolve stage that a message goes to. Identifiers are keyed hashes; ``cause`` is the
event_id of the fact that set things going.
"""

from typing import Annotated

from schemas.events.base import Code, Event, Id, Instant, Message, Pii, Region, Uuid
from schemas.events.identity import BoundKind, IdentifierHash, Why

Opaque = Annotated[bytes, Pii("free_text")]
"""State on its way from one key of a stage to another, as that stage stores it."""


class Mark(Message):
    """When an identifier was last erased, by which fact, in which home region."""

    at: Instant
    fact_id: Uuid
    home: Region


class Link(Event):
    """To an identifier: a fact names you together with ``other``. Its sender's group speaks through ``root``.

    ``erased``: when ``other`` was.
    """

    subject: Id
    other: IdentifierHash
    at: Instant
    fact_id: Uuid
    home: Region
    root: Id
    explicit: bool
    transfer_basis: bool
    erased: Mark | None = None


class Meet(Event):
    """To a group's root: a link joins you and ``root``, whose group has ``size`` members."""

    subject: Id
    root: Id
    size: int
    cause: Uuid


class FactsMoved(Event):
    """To a group's root: facts to join yours. ``facts``: what the sender knows, as ``models.identity.facts`` packs it;
    ``version``: the last one of its decisions."""

    subject: Id
    facts: Opaque
    version: int
    cause: Uuid


class Assign(Event):
    """To an identifier, from its root: the lead you belong to, and whether an open conflict leaves that in doubt.

    ``identifiers``: all that moved with you.
    """

    subject: Id
    lead_id: Uuid
    version: int
    root: Id
    why: Why
    identifiers: list[Uuid]
    decision: Id
    doubted: bool
    cause: Uuid


class Named(Event):
    """To an identifier: others belong to the lead of your name, so keep that lead told of where you belong."""

    subject: Id


class Apart(Event):
    """To an identifier that a split takes: none of ``keep`` is the same person as you."""

    subject: Id
    at: Instant
    fact_id: Uuid
    keep: list[IdentifierHash]


class Erased(Event):
    """To an identifier: you, or ``identifier`` that was named together with you, were erased."""

    subject: Id
    identifier: IdentifierHash
    mark: Mark


class Login(Event):
    """To a weak identifier: a fact names you together with the strong identifier ``strong``, whose lead this is.

    Only the earliest is told of somebody who alone logs in with you. ``erased_at``: up to then what is ``strong``'s is
    nobody's.
    """

    subject: Id
    strong: Id
    at: Instant
    fact_id: Uuid
    lead_id: Uuid
    ver: int
    erased_at: Instant | None = None


class Contested(Event):
    """To a strong identifier: others log in with ``weak`` as well, so each login says whose it is: tell it of all."""

    subject: Id
    weak: Id


class Owner(Event):
    """To a weak identifier or a booking: the lead that ``strong``, on which you hang, belongs to, and since when.

    ``erased_at``: up to then what is ``strong``'s is nobody's.
    """

    subject: Id
    strong: Id
    lead_id: Uuid
    ver: int
    why: Why
    identifiers: list[Uuid]
    decision: Id
    erased_at: Instant | None = None


class Companion(Event):
    """To a weak identifier: a fact that names nobody names you together with ``weak``."""

    subject: Id
    weak: Id


class Claim(Event):
    """To a weak identifier: whoever first logged in with your companion ``weak`` may be who used you."""

    subject: Id
    weak: Id
    strong: Id
    at: Instant
    fact_id: Uuid


class Attach(Event):
    """To an identifier: keep ``dependent`` (a weak identifier or a booking, dated ``at``) told of your lead."""

    subject: Id
    dependent: Id
    at: Instant


class BindingRow(Message):
    """From ``since`` on, this lead."""

    since: Instant
    lead_id: Uuid


class BindingMove(Message):
    """Some history went from one lead to another."""

    from_lead: Uuid
    into_lead: Uuid


class BindingChanged(Event):
    """To every lead in the old or the new binding of an identifier: where its history belongs now.

    ``doubted``: an open conflict says that it may be another person's.
    """

    lead_id: Uuid
    identifier: Uuid
    kind: BoundKind
    ver: int
    rows: list[BindingRow]
    moves: list[BindingMove]
    doubted: bool
    why: Why
    identifiers: list[Uuid]
    decision: Id


class SlicePart(Message):
    """A part of what one step of the lead stage remembers, as a slice of its own."""

    step: Code
    version: int
    data: Opaque


class HistoryMoved(Event):
    """From one lead to another: history of an identifier, which belongs there by version ``ver`` of its binding.

    ``n`` counts what one lead ever sent another. With ``final`` the sender has nothing more that version ``final``
    moved to the receiver.
    """

    lead_id: Uuid
    from_lead: Uuid
    n: int
    identifier: Uuid
    kind: BoundKind
    ver: int
    rows: list[BindingRow]
    doubted: bool
    parts: list[SlicePart]
    final: int | None = None
