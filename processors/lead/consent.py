"""What a lead said of being contacted, by the identifiers and contact points that it said it with.

The strictest over all of them holds. When history moves to another lead, objections are taken along and stay as well,
whoever made them: after a split both sides keep every one of them (identity specification, section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from models.consent.ledger import NOTHING_SAID, Consents, Statement, heard, joined, objections
from models.consent.statements import concerned, statements
from models.identity.erasure import NOBODY
from processors.base import Context, Output
from processors.lead.history import HistoryGiven, HistoryTaken, Whereabouts, brought_by, lead_id
from processors.noting import told
from schemas.events.base import Identified
from schemas.events.contact import MessageReceived
from schemas.events.reserving import ConsentTold

ANYWHERE = ""
"""Where an objection is kept whose fact names no contact point."""


class Voice(msgspec.Struct, frozen=True, array_like=True):
    """What one identifier's facts say of each contact point (a hash, or ``ANYWHERE``).

    ``wrote_at``: when they last wrote by WhatsApp.
    """

    points: dict[str, Consents] = {}
    wrote_at: int | None = None


class Stated(msgspec.Struct, frozen=True):
    """A voice for each identifier that brought a statement, and the objections of those that went elsewhere.

    Bound: identifiers that the lead has, or had, and the contact points that their facts name.
    """

    by: dict[str, Voice] = {}
    kept: Consents = NOTHING_SAID

    def of(self, point: str) -> Consents:
        """What holds for a contact point: what was said of it, and all objections of the person's."""
        found = self.kept
        for voice in self.by.values():
            for one, consents in voice.points.items():
                found = joined(found, consents if one == point else objections(consents))
        return found

    @property
    def wrote_at(self) -> int | None:
        """When the person last wrote to us by WhatsApp (microseconds): only that opens its hours for free text."""
        return max((voice.wrote_at for voice in self.by.values() if voice.wrote_at is not None), default=None)


def consent(
    held: Stated | None, event: Identified | ConsentTold | HistoryGiven | HistoryTaken, ctx: Context
) -> tuple[Stated | None, Sequence[Output]]:
    """Note what a fact, a contact point, or history that has come or gone, says."""
    match event:
        case HistoryGiven():
            if held is None:
                return held, ()
            rest, by_lead = parted(held, event.whereabouts(ctx))
            return taken(rest, by_lead.get(lead_id(ctx))), ()
        case HistoryTaken():
            part = event.parts.get("consent")
            return (taken(held or Stated(), part) if part is not None else held), ()
        case ConsentTold():
            voice = Voice({event.contact_point: heard(NOTHING_SAID, told(event))})
            return taken(held or Stated(), Stated({event.contact_point: voice})), ()
        case _:
            return _with_fact(held, event, ctx), ()


def _with_fact(held: Stated | None, fact: Identified, ctx: Context) -> Stated | None:
    wrote = fact.occurred_at if isinstance(fact, MessageReceived) and fact.channel == "whatsapp" else None
    points: dict[str, Consents] = {}
    for said in statements(fact):
        for point in _points(said, ctx):
            points[point] = heard(points.get(point, NOTHING_SAID), said)
    if not points and wrote is None:
        return held
    return taken(held or Stated(), Stated({brought_by(ctx): Voice(points, wrote)}))


def _points(said: Statement, ctx: Context) -> list[str]:
    """What a statement is about; which address is unusable the gate knows, where a fact does not name it."""
    named = [one.hash for one in concerned(said, ctx.origin.identifiers)]
    return named or ([] if said.unusable else [ANYWHERE])


def parted(held: Stated, where: Whereabouts) -> tuple[Stated, dict[str, Stated]]:
    """What was said without an identifier's voice, whose objections stay, and that voice by lead.

    All objections go along with a person's identifier. With a device they do not, which several may use: one person's
    would reach them all.
    """
    voice = held.by.get(where.identifier)
    along = _forbidden(held.kept, held.by.values()) if where.of_person else NOTHING_SAID
    parts = dict[str, Stated]()
    for lead in where.leads:
        kept = along if lead != NOBODY else NOTHING_SAID
        by = {where.identifier: _of_lead(voice, lead, where)} if voice is not None else {}
        if by or kept != NOTHING_SAID:
            parts[lead] = Stated(by, kept)
    if voice is None:
        return held, parts
    rest = {one: other for one, other in held.by.items() if one != where.identifier}
    return Stated(rest, _forbidden(held.kept, [voice])), parts


def _forbidden(kept: Consents, voices: Iterable[Voice]) -> Consents:
    """Objections that are kept, and those of some voices."""
    for voice in voices:
        for consents in voice.points.values():
            kept = joined(kept, objections(consents))
    return kept


def _of_lead(voice: Voice, lead: str, where: Whereabouts) -> Voice:
    """What a voice said while it was a lead's; objections whenever they were made."""
    points = {
        point: msgspec.structs.replace(
            consents, granted={name: said for name, said in consents.granted.items() if where.lead_at(said.at) == lead}
        )
        for point, consents in voice.points.items()
    }
    wrote = voice.wrote_at if voice.wrote_at is not None and where.lead_at(voice.wrote_at) == lead else None
    return Voice(points, wrote)


def taken(held: Stated, part: Stated | None) -> Stated:
    """What was said together with a part of another; the very ``held`` where that is nothing new."""
    if part is None:
        return held
    by = dict(held.by)
    for identifier, more in part.by.items():
        known = by.get(identifier, Voice())
        points = {**known.points}
        for point, consents in more.points.items():
            points[point] = joined(points.get(point, NOTHING_SAID), consents)
        wrote = max((at for at in (known.wrote_at, more.wrote_at) if at is not None), default=None)
        by[identifier] = Voice(points, wrote)
    both = Stated(by, joined(held.kept, part.kept))
    return held if both == held else both
