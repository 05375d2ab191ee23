"""Topics ``effects.requests``, ``effects.results``, ``lead.replies``: what the outside is asked, and what came of it.

A payload holds nothing personal: whoever is told of a lead looks it up by its id.
"""

from typing import ClassVar, Literal

from schemas.events.base import Code, Document, Event, Id, Instant, Uuid
from schemas.events.gate import Tier


class Effect(Event):
    """Something in the outside world that the platform wants done for a lead, and who hears what came of it.

    ``request_id`` is the idempotency key. ``target`` is whom or what it is for, by the name that the settings of the
    worker give it: addresses and their secrets are in no record. ``about`` and ``about_id`` say what brought it about:
    an approval and its approval_id, a reply and its reply_id. The result goes to one key of ``reply_stage``:
    ``reply_key`` is that key without the workspace.
    """

    request_id: Uuid
    kind: Literal["webhook"]
    target: Code
    about: Literal["approval", "reply"]
    about_id: Uuid
    lead_id: Uuid
    reply_stage: Literal["lead"]
    reply_key: Id


class EffectRequested(Effect):
    """The platform wants it done, unless it is ``not_after``. Of a webhook the payload is the text to post."""

    reaches_out: ClassVar[bool] = True

    not_after: Instant
    payload: Document


class EffectDone(Effect):
    """What became of a request: the outside took it, did not take it, or nobody knows; of each there is one.

    ``tries`` counts the calls made. Of a webhook the payload is the HTTP status that was answered, if one was.
    """

    outcome: Literal["done", "refused", "unknown"]
    reason: Code
    tries: int
    payload: Document = ""


class LeadReplied(Event):
    """A lead answered while a sequence of messages was under way, which has ended with it; ``step``: its last message.

    Sales should take over.
    """

    reaches_out: ClassVar[bool] = True

    lead_id: Uuid
    reply_id: Uuid
    tier: Tier
    since: Instant
    step: Code | None = None
