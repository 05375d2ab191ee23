"""Topics ``identity.sightings``, ``.bindings``, ``.changes``, ``.conflicts``: what facts show of identifiers, who is
who by that, what moved, what is unclear.

An identifier stands in them as its keyed hash; a booking has one too, so that it moves like an identifier.
"""

from typing import Literal

from schemas.events.base import Code, Event, Id, Instant, Message, Region, Uuid
from schemas.events.governance import IdentifierKind

BoundKind = Literal["crm_id", "email", "phone", "wa_id", "device_id", "cookie_id", "click_id", "booking", "name"]
"""What may be bound to a lead: an identifier of any kind, a booking, or the name that an erased identifier bears."""

Why = Literal["first", "merged", "split", "login", "revised", "erased"]
"""Why a binding is as it is: first seen, leads became one, or two, a weak identifier was claimed, a booking renamed, or
an identifier erased."""


class IdentifierHash(Message):
    """An identifier as the platform carries it: its kind and its keyed hash."""

    kind: IdentifierKind
    hash: Uuid


class IdentifierSighted(Event):
    """A strong identifier was named by a fact at ``occurred_at``, earlier than by any fact known so far.

    Of an identifier's records that of the least (``occurred_at``, ``fact_id``) holds; it says which of a lead's
    identifiers is the oldest, and the ``home`` region.
    """

    identifier: Uuid
    kind: IdentifierKind
    fact_id: Uuid
    home: Region


class LinkObserved(Event):
    """A fact named two strong identifiers together at ``occurred_at``, earlier than any fact known so far.

    ``identifier`` is the lesser of the two. What was linked on purpose earlier, or is shared by too many to link
    anybody, is not told. Of a pair's records that of the least (``occurred_at``, ``fact_id``) holds.
    ``fact_topic`` and ``fact_source`` say where the fact is and which system published it.
    """

    identifier: Uuid
    kind: IdentifierKind
    other: Uuid
    other_kind: IdentifierKind
    fact_id: Uuid
    fact_topic: Code
    fact_source: Code


class IdentifierBound(Event):
    """From ``since`` on, history of this identifier belongs to this lead.

    A version is told by as many records as it has intervals; of the records with ``since`` ≤ t that of the highest
    (version, since) holds. History that was erased belongs to the lead of all zeros, which is nobody.
    """

    identifier: Uuid
    kind: BoundKind
    lead_id: Uuid
    since: Instant
    version: int
    why: Why


class LeadMerged(Event):
    """A lead's history went to another, and its name stands for nobody any more.

    ``decision`` tells this change from others of the same two leads: said once for all identifiers that it moved.
    """

    lead_id: Uuid
    into_lead_id: Uuid
    identifiers: list[Uuid]
    decision: Id


class LeadSplit(Event):
    """Some of a lead's history went to another lead, and its own name lives on."""

    lead_id: Uuid
    into_lead_id: Uuid
    identifiers: list[Uuid]
    decision: Id


ConflictKind = Literal["apart", "region", "limit", "shared", "unknown", "weak_limit", "booking_limit", "cluster_full"]


class IdentityConflict(Event):
    """Identifiers that facts would join and a rule does not; for a person to look at while it is open.

    ``kind``: said to be apart, of different home regions, more than a lead may have, shared by too many to mean one
    person, named by a split and never seen, more weak identifiers or bookings than one may hold, or too large a group.
    Of the records with one ``conflict_id`` that of the highest ``version`` holds.
    """

    conflict_id: Uuid
    kind: ConflictKind
    identifiers: list[Uuid]
    open: bool
    version: int
