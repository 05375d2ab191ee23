"""One-click unsubscribe (RFC 8058): a POST to the link of a message becomes an objection of the address it went to.

A GET never does: programs that check the links of a message open them all. It answers a page with a button that posts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from models.consent.ledger import MARKETING
from models.consent.unsubscribe import UNSUBSCRIBE, Sent
from schemas.codec import encode
from schemas.events.base import SECOND
from schemas.events.contact import ConsentChanged
from schemas.ids import derived_id
from schemas.topics import FACT_TOPIC
from streams.sources.gateway import links
from streams.sources.gateway.outbox import NotTakenError, Outbox
from streams.sources.gateway.pages import PRIVATE, page, posted
from streams.sources.refusals import Publication

TOPIC = FACT_TOPIC[ConsentChanged]
_MINUTE = 60 * SECOND
_FIELD, _VALUE = "List-Unsubscribe", "One-Click"
_UNKNOWN = "This unsubscribe link is not one of ours, or was cut short: open it as it stands in the message.\n"
_MALFORMED = f"The body must be the form {_FIELD}={_VALUE} (RFC 8058).\n"
_LATER = "This could not be saved just now, and nothing was changed: please try again in a minute.\n"
_DONE = "You are unsubscribed: no more marketing messages will be sent to this address.\n"
_PAGE = f"""<p>Send no more marketing messages to the address that received this one?</p>
<form method="post"><button name="{_FIELD}" value="{_VALUE}">Unsubscribe</button></form>
"""


def objection(sent: Sent, now: int) -> ConsentChanged:
    """What a click of an instant (microseconds) says, dated to the end of its minute.

    So clicks of one minute are one fact, byte for byte, and a consent given before a click is never newer than it; a
    later click, perhaps after a new consent, is another fact.
    """
    at = -(-now // _MINUTE) * _MINUTE
    event_id = derived_id("unsubscribe", sent.workspace_id, sent.message_id, sent.contact_point, at)
    said = {
        "event_id": event_id,
        "workspace_id": sent.workspace_id,
        "region": sent.region,
        "occurred_at": at,
        "source": "gateway",
        "consent_id": event_id,
        "channel": "email",
        "purpose": MARKETING,
        "granted": False,
        "evidence": f"{_FIELD}={_VALUE} posted to the link of message {sent.message_id}",
        "contact_point_key": f"email:{sent.contact_point}",
    }
    return ConsentChanged.model_validate(said)


class Unsubscribe:
    """The door; ``clock`` tells the time in microseconds since 1970."""

    def __init__(
        self, outbox: Outbox, identity_key: bytes, clock: Callable[[], int] = lambda: time.time_ns() // 1_000
    ) -> None:
        self._outbox, self._identity_key, self._clock = outbox, identity_key, clock

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        path = links.UNSUBSCRIBE + "{token}"
        return [web.get(path, self.ask), web.post(path, self.hear)]

    async def ask(self, request: web.Request) -> web.Response:
        """The page with the button; nothing changes."""
        self._sent(request)
        return page("Unsubscribe", _PAGE)

    async def hear(self, request: web.Request) -> web.Response:
        """The objection, once Kafka has it."""
        sent = self._sent(request)
        form = await posted(request)
        if form.get(_FIELD) != _VALUE:
            raise web.HTTPBadRequest(text=_MALFORMED, headers=PRIVATE)
        fact = objection(sent, self._clock())
        try:
            await self._outbox.put(Publication(TOPIC.name, TOPIC.key_of(fact), encode(fact)))
        except NotTakenError:
            raise web.HTTPServiceUnavailable(text=_LATER, headers={**PRIVATE, "Retry-After": "60"}) from None
        return web.Response(text=_DONE, headers=PRIVATE)

    def _sent(self, request: web.Request) -> Sent:
        sent = UNSUBSCRIBE.opened(self._identity_key, request.match_info["token"])
        if sent is None:
            raise web.HTTPNotFound(text=_UNKNOWN, headers=PRIVATE)
        return sent
