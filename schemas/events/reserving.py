"""Messages between a lead and the contact points that it is reached by (inboxes only; identity specification, 4).

A contact point is an address: its key in the resolve stage, ``subject``, holds its consent and its slots. ``ask``
counts how often a lead has asked for one message.
"""

from schemas.events.base import Code, Event, Id, Instant, Uuid
from schemas.events.contact import Channel
from schemas.events.gate import Category


class ConsentNoted(Event):
    """To a contact point: somebody, somewhere else, said that it may or may not be used, or is ``unusable``."""

    subject: Id
    consent_id: Id
    channel: Channel
    purpose: Code
    granted: bool
    suppressed: bool
    unusable: bool = False


class ConsentTold(Event):
    """From a contact point to its lead: what it has heard in facts that another key brought."""

    lead_id: Uuid
    contact_point: Uuid
    consent_id: Id
    channel: Channel
    purpose: Code
    granted: bool
    suppressed: bool
    unusable: bool = False


class Reserve(Event):
    """To a contact point: may this lead be sent a message by you, as of ``at``? ``week``: its local ISO week."""

    subject: Id
    lead_id: Uuid
    message_id: Id
    ask: int
    at: Instant
    channel: Channel
    purpose: Code
    category: Category
    week: Code


class Granted(Event):
    """From a contact point: the message counts as sent by you, as the ``used``-th in the window."""

    lead_id: Uuid
    message_id: Id
    ask: int
    contact_point: Uuid
    used: int


class Refused(Event):
    """From a contact point: it may not be sent; ``until``: the answer may be another one then."""

    lead_id: Uuid
    message_id: Id
    ask: int
    contact_point: Uuid
    reason: Code
    until: Instant | None = None


class Release(Event):
    """To a contact point: the message was definitely not sent, so it does not count."""

    subject: Id
    message_id: Id
    ask: int
