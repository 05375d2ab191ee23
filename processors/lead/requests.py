"""Requests to contact a lead, from the first word to the last, and what the lead was sent.

They belong to the identifier that brought them, those of the platform to the one that the lead is named after; what was
sent belongs to the contact point that it was sent to. With these they move to another lead.
"""

from __future__ import annotations

import msgspec

from models.consent.slots import FORGOTTEN_AFTER, Slot
from processors.lead.history import Whereabouts
from schemas.events.base import DAY
from schemas.events.contact import PersonalChannel
from schemas.events.gate import Category

MAX_HELD = 20
FEWEST_DECIDED = 64
MAX_DECIDED = 512
REMEMBERED = DAY
"""So long after nobody wants a message sent any more its id is still known: it may be published again until then."""


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A contact point was asked: over which channel, as of when; its kind and hash."""

    channel: PersonalChannel
    kind: str
    point: str
    at: int


class No(msgspec.Struct, frozen=True, array_like=True):
    """A contact point refused: why, and until when."""

    reason: str
    until: int | None = None


class Request(msgspec.Struct, frozen=True):
    """A request that is not decided: by which of some channels, the best first, for what.

    ``points`` are the contact points that it names itself, by kind. ``digest`` tells other content under its id apart.
    ``asks`` counts the contact points asked, ``asked`` is the one that has not answered, ``refused`` are those that
    refused, by ``channel/point``. ``seq`` counts the decisions published; ``held_for`` and ``until`` are those of the
    last one.
    """

    message_id: str
    digest: str
    region: str
    requested_at: int
    not_after: int
    channels: tuple[PersonalChannel, ...]
    purpose: str
    category: Category
    points: dict[str, str] = {}
    template_id: str | None = None
    campaign_id: str | None = None
    step: str | None = None
    asks: int = 0
    asked: Asked | None = None
    refused: dict[str, No] = {}
    seq: int = 0
    held_for: str = ""
    until: int | None = None


class End(msgspec.Struct, frozen=True, array_like=True):
    """Of a decided request: until when its id is remembered (microseconds), and the contact point it may go to."""

    until: int
    point: str | None = None


class Bundle(msgspec.Struct, frozen=True):
    """Requests brought by one identifier: those open or held, and content and end of those decided, by message."""

    open: dict[str, Request] = {}
    decided: dict[str, str] = {}
    ends: dict[str, End] = {}

    def remembering(self, now: int) -> Bundle:
        """Of those decided with the newest, and with others until their end."""
        ids = list(self.decided)[-MAX_DECIDED:]
        newest = set(ids[-FEWEST_DECIDED:])
        kept = [one for one in ids if one in newest or (one in self.ends and now < self.ends[one].until)]
        ends = {one: self.ends[one] for one in kept if one in self.ends}
        return Bundle(self.open, {one: self.decided[one] for one in kept}, ends)


class Requests(msgspec.Struct, frozen=True):
    """Bundles by identifier, and what the lead was sent by contact point; ``wakes``: when the timer is set for.

    Bound: ``MAX_HELD`` requests held, a few asked; of an identifier ``FEWEST_DECIDED`` decided, up to ``MAX_DECIDED``
    that may come again; what caps allow was sent.
    """

    by: dict[str, Bundle] = {}
    sent: dict[str, tuple[Slot, ...]] = {}
    wakes: int | None = None

    def find(self, message_id: str) -> tuple[str, Request] | None:
        """An undecided request and the identifier that brought it."""
        for who, bundle in self.by.items():
            if message_id in bundle.open:
                return who, bundle.open[message_id]
        return None

    def decided_as(self, message_id: str) -> str | None:
        """The content of a decided request."""
        return next((b.decided[message_id] for b in self.by.values() if message_id in b.decided), None)

    @property
    def held(self) -> int:
        """How many requests are held."""
        return sum(bool(request.held_for) for _, request in self.all_open())

    def all_open(self) -> list[tuple[str, Request]]:
        """All undecided requests, by message."""
        found = ((who, request) for who, bundle in self.by.items() for request in bundle.open.values())
        return sorted(found, key=lambda pair: pair[1].message_id)

    def with_open(self, who: str, request: Request) -> Requests:
        """With a request as it stands now."""
        bundle = self.by.get(who, Bundle())
        bundle = msgspec.structs.replace(bundle, open={**bundle.open, request.message_id: request})
        return msgspec.structs.replace(self, by={**self.by, who: bundle})

    def with_decided(self, who: str, request: Request, now: int, point: str | None = None) -> Requests:
        """With a request decided: allowed for a contact point, or denied."""
        bundle = self.by.get(who, Bundle())
        undecided = {one: other for one, other in bundle.open.items() if one != request.message_id}
        decided = {**bundle.decided, request.message_id: request.digest}
        ends = {**bundle.ends, request.message_id: End(request.not_after + REMEMBERED, point)}
        bundle = Bundle(undecided, decided, ends).remembering(now)
        return msgspec.structs.replace(self, by={**self.by, who: bundle})

    def with_sent(self, point: str, slot: Slot) -> Requests:
        """With a message that counts as sent to a contact point."""
        others = self.without_sent(slot.message_id).sent
        kept = tuple(one for one in others.get(point, ()) if one.at > slot.at - FORGOTTEN_AFTER)
        return msgspec.structs.replace(self, sent={**others, point: (*kept, slot)})

    def without_sent(self, message_id: str) -> Requests:
        """Without a message that was not sent after all."""
        sent = {
            point: tuple(one for one in slots if one.message_id != message_id) for point, slots in self.sent.items()
        }
        return msgspec.structs.replace(self, sent={point: slots for point, slots in sent.items() if slots})

    def point_of(self, message_id: str) -> str | None:
        """The contact point that a message was allowed for."""
        counted = (p for p, slots in self.sent.items() if any(one.message_id == message_id for one in slots))
        others = (b.ends[message_id].point for b in self.by.values() if message_id in b.ends)
        return next(counted, None) or next(others, None)


def parted(held: Requests, where: Whereabouts) -> tuple[Requests, dict[str, Requests]]:
    """Requests without an identifier's bundle and what was sent to it, and these by the lead they belong to."""
    bundle, sent = held.by.get(where.identifier), held.sent.get(where.identifier, ())
    parts: dict[str, Requests] = {}
    for slot in sent:
        lead = where.lead_at(slot.at)
        part = parts.get(lead, Requests())
        parts[lead] = msgspec.structs.replace(
            part, sent={where.identifier: (*part.sent.get(where.identifier, ()), slot)}
        )
    for request in bundle.open.values() if bundle is not None else ():
        lead = where.lead_at(request.requested_at)
        parts[lead] = parts.get(lead, Requests()).with_open(where.identifier, request)
    if bundle is not None and bundle.decided:
        lead = where.lead_at(1 << 62)
        part = parts.get(lead, Requests())
        undecided = part.by.get(where.identifier, Bundle()).open
        of_lead = Bundle(undecided, bundle.decided, bundle.ends)
        parts[lead] = msgspec.structs.replace(part, by={**part.by, where.identifier: of_lead})
    by = {one: other for one, other in held.by.items() if one != where.identifier}
    rest = {one: other for one, other in held.sent.items() if one != where.identifier}
    return msgspec.structs.replace(held, by=by, sent=rest), parts


def joined(held: Requests, part: Requests | None) -> Requests:
    """Requests together with a part of another lead's."""
    if part is None:
        return held
    by = dict(held.by)
    for who, more in part.by.items():
        known = by.get(who, Bundle())
        undecided = {**known.open, **more.open}
        decided = {**known.decided, **more.decided}
        ends = {**known.ends, **more.ends}
        by[who] = Bundle({m: r for m, r in undecided.items() if m not in decided}, decided, ends)
    sent = dict(held.sent)
    for point, slots in part.sent.items():
        together = {slot.message_id: slot for slot in (*sent.get(point, ()), *slots)}
        sent[point] = tuple(sorted(together.values(), key=lambda slot: (slot.at, slot.message_id)))
    return msgspec.structs.replace(held, by=by, sent=sent)
