"""What facts say of being contacted, and by which contact points."""

from __future__ import annotations

from collections.abc import Sequence

from models.consent.ledger import MARKETING, Said, Statement
from models.consent.words import is_stop
from schemas.events.base import Identified
from schemas.events.contact import ConsentChanged, DeliveryReported, MessageReceived
from schemas.events.identity import IdentifierHash

CONTACT_POINTS = ("email", "phone", "wa_id")
"""Kinds of identifiers that a person can be reached by."""

REACHED_BY = {"email": ("email",), "whatsapp": ("wa_id", "phone"), "sms": ("phone",), "call": ("phone",), "social": ()}
"""Kinds of contact points by channel, the best first; a WhatsApp id that is a phone number has become one."""

NO_MORE = "any"
"""Who withdraws consent for this purpose wants to hear nothing whatever."""


def statements(fact: Identified) -> tuple[Statement, ...]:
    """What a fact says of being contacted.

    A complaint is two things: an objection to marketing, and a reason to send nothing more to that address.
    """
    match fact:
        case ConsentChanged():
            said = Said(fact.occurred_at, fact.consent_id)
            suppressed = not fact.granted and fact.purpose == NO_MORE
            return (Statement(said, fact.channel, fact.purpose, fact.granted, suppressed),)
        case MessageReceived() if is_stop(fact.text):
            return (Statement(Said(fact.occurred_at, fact.message_id), fact.channel, MARKETING, False),)
        case DeliveryReported() if fact.status == "complained" or (fact.status == "bounced" and fact.permanent):
            said = Said(fact.occurred_at, fact.message_id)
            unusable = Statement(said, fact.channel, NO_MORE, False, unusable=True)
            objection = Statement(said, fact.channel, MARKETING, False)
            return (objection, unusable) if fact.status == "complained" else (unusable,)
    return ()


def concerned(said: Statement, identifiers: Sequence[IdentifierHash]) -> list[IdentifierHash]:
    """The contact points that a statement is about, of those that its fact names.

    An opt-in, and that an address is unusable, is about the channel's own; an objection is about all of them.
    """
    if said.granted or said.unusable:
        kinds: Sequence[str] = REACHED_BY[said.channel]
    else:
        kinds = CONTACT_POINTS
    return [one for one in identifiers if one.kind in kinds]
