"""A reviewer answers a request for approval by the link that the webhook brought: a page to look at, two buttons.

Looking changes nothing: programs that preview the links of a message open them all. Who has the link may answer, so it
is sent where reviewers are; their names are what they say they are. The first word in the log wins: whoever comes
second is told whose word it was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from html import escape

import psycopg
from aiohttp import web
from psycopg.rows import dict_row
from pydantic import ValidationError

from models.approval import APPROVALS, Wanted
from schemas.codec import encode
from schemas.events.base import as_datetime
from schemas.events.governance import ApprovalDecided
from schemas.ids import derived_id
from schemas.topics import FACT_TOPIC
from streams.report.approvals import Request, concluded, ending, request, worth
from streams.report.tables import moment
from streams.settings import Settings
from streams.sources.gateway import links
from streams.sources.gateway.outbox import NotTakenError, Outbox
from streams.sources.gateway.pages import PRIVATE, page, posted
from streams.sources.refusals import Publication

TOPIC = FACT_TOPIC[ApprovalDecided]
_CONNECT_SECONDS = 3
_AT_ONCE = 8
"""Reviewers who can be waited for at once; others wait for them, while the other doors stay open."""
_TITLE = "Approval"
_UNKNOWN = "This link is not one of ours, or was cut short: open it as it stands in the message.\n"
_MALFORMED = "The form needs a name of 1 to 128 letters and a decision, approved or rejected.\n"
_AGAIN = {**PRIVATE, "Retry-After": "5"}
_AWAY = "The requests cannot be looked up just now: please try again in a minute.\n"
_NOT_YET = "This request has not arrived here yet: please try again in some seconds.\n"
_LATER = "This could not be saved just now; look again in a minute whether it was, and if not, answer again.\n"
_ON_ITS_WAY = "<p>Your word is on its way: look here again in a minute.</p>\n"
_FORM = """<form method="post">
<p><label>Your name <input name="name" required maxlength="128" autocomplete="name"></label></p>
<p><button name="decision" value="approved">Approve: premium</button>
<button name="decision" value="rejected">Reject: standard</button></p>
</form>
"""

Look = Callable[[Wanted], Request | None]
"""How a request is looked up; raises ``psycopg.Error``."""


class Requests:
    """Requests for approval in PostgreSQL, each seen only with the rights of its own workspace and region."""

    def __init__(self, settings: Settings) -> None:
        """Raises ``SettingsError`` where no server is named."""
        self._login = settings.postgres("reader")

    def __call__(self, wanted: Wanted) -> Request | None:
        """The request of a link, if it has come there."""
        seen = {"workspace": wanted.workspace_id, "regions": wanted.region, "owner": "*"}
        with psycopg.connect(**self._login, connect_timeout=_CONNECT_SECONDS, row_factory=dict_row) as connection:
            connection.read_only = True
            for name, value in seen.items():
                connection.execute("SELECT set_config(%s, %s, true)", (f"fineacers.{name}", value))
            return request(connection, str(wanted.approval_id))


def word(wanted: Wanted, form: Mapping[str, object], now: int) -> ApprovalDecided:
    """The fact that a form of an instant (microseconds) says. Raises ``ValidationError`` where it says none."""
    name, decision = str(form.get("name", "")).strip(), form.get("decision")
    said = {
        "event_id": derived_id("approval", wanted.workspace_id, wanted.approval_id, decision, name, now),
        "workspace_id": wanted.workspace_id,
        "region": wanted.region,
        "occurred_at": now,
        "source": "gateway",
        "lead_id": str(wanted.lead_id),
        "approval_id": str(wanted.approval_id),
        "decision": decision,
        "decided_by": name,
    }
    return ApprovalDecided.model_validate(said)


class Approval:
    """The door; ``clock`` tells the time in microseconds since 1970."""

    def __init__(
        self,
        outbox: Outbox,
        identity_key: bytes,
        look: Look,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._outbox, self._identity_key, self._look, self._clock = outbox, identity_key, look, clock
        self._threads = ThreadPoolExecutor(_AT_ONCE, "approval")

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        path = links.APPROVAL + "{token}"
        return [web.get(path, self.ask), web.post(path, self.hear)]

    async def ask(self, request: web.Request) -> web.Response:
        """What a reviewer needs to know, and the buttons as long as nobody has answered; nothing changes."""
        found = await self._looked_up(self._wanted(request))
        open_ = found["concluded_at"] is None
        return page(_TITLE, _told(found) + (_FORM if open_ else f"<p>It has ended: {escape(ending(found))}.</p>\n"))

    async def hear(self, request: web.Request) -> web.Response:
        """What came of the word, once it has come to something."""
        wanted = self._wanted(request)
        found = await self._looked_up(wanted)
        if found["concluded_at"] is not None:
            return _too_late(found)
        try:
            fact = word(wanted, await posted(request), self._clock())
        except ValidationError:
            raise web.HTTPBadRequest(text=_MALFORMED, headers=PRIVATE) from None
        try:
            await self._outbox.put(Publication(TOPIC.name, TOPIC.key_of(fact), encode(fact)))
        except NotTakenError:
            raise web.HTTPServiceUnavailable(text=_LATER, headers=_AGAIN) from None
        try:
            ended = await self._in_thread(lambda: concluded(lambda: self._look(wanted)))
        except psycopg.Error:
            ended = None
        if ended is None:
            return page(_TITLE, _ON_ITS_WAY, 202)
        if (ended["decided_by"], ended["concluded_at"]) != (fact.decided_by, as_datetime(fact.occurred_at)):
            return _too_late(ended)
        return page(_TITLE, _told(ended) + f"<p>Thank you: {escape(ending(ended))}.</p>\n")

    def _wanted(self, request: web.Request) -> Wanted:
        wanted = APPROVALS.opened(self._identity_key, request.match_info["token"])
        if wanted is None:
            raise web.HTTPNotFound(text=_UNKNOWN, headers=PRIVATE)
        return wanted

    async def _in_thread(self, look: Callable[[], Request | None]) -> Request | None:
        return await asyncio.get_running_loop().run_in_executor(self._threads, look)

    async def _looked_up(self, wanted: Wanted) -> Request:
        try:
            found = await self._in_thread(lambda: self._look(wanted))
        except psycopg.Error:
            raise web.HTTPServiceUnavailable(text=_AWAY, headers=_AGAIN) from None
        if found is None:
            raise web.HTTPServiceUnavailable(text=_NOT_YET, headers=_AGAIN)
        return found


def _told(found: Request) -> str:
    said = {
        "Lead": found["lead_id"],
        "Temperature": f"{found['temperature']}, score {found['score']}",
        "Worth": worth(found),
        "Property": found["property_id"] or "none named",
        "Asked": f"{moment(found['requested_at'])} UTC",
        "Answer by": f"{moment(found['answer_by'])} UTC, else it is treated as standard",
    }
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>\n" for name, value in said.items())
    return f"<dl>\n{rows}</dl>\n"


def _too_late(ended: Request) -> web.Response:
    return page(_TITLE, f"<p>It had ended already: {escape(ending(ended))}. The first word stands.</p>\n", 409)
