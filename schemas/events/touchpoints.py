"""Topic ``touchpoints``: a person met something of ours, or had that meeting withdrawn."""

from typing import ClassVar, Literal

from schemas.events.base import Id, Promoted, Revision

TouchKind = Literal[
    "impression", "view", "content_engagement", "email_sent", "email_opened", "whatsapp_sent", "whatsapp_delivered",
    "whatsapp_read", "sms_sent", "sms_delivered", "reply", "inquiry", "meeting_requested", "meeting_held",
    "site_visit", "call", "click",
]  # fmt: skip


class TouchpointRecorded(Promoted):
    """One touch in full; a higher revision of the same ``touch_id`` replaces a lower one whatever came first.

    What a ``machine`` did and no person, such as an e-mail that a proxy for privacy opened, counts nowhere.
    """

    natural_key: ClassVar[tuple[str, ...]] = ("touch_id",)

    touch_id: Id
    revision: Revision = 1
    kind: TouchKind
    machine: bool | None = None


class TouchpointDeleted(TouchpointRecorded):
    """The next revision of a touch: it never happened. Carries the content it deletes, and may come first."""
