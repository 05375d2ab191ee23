"""Topics ``consents``, ``outreach``, ``deliveries``, ``messages``: may we write, we want to, we did, they answered."""

from typing import ClassVar, Literal

from schemas.events.base import Code, FreeText, Id, Identified, Promoted

Channel = Literal["whatsapp", "email", "sms", "call", "social"]


class ConsentChanged(Identified):
    """A person gave or withdrew consent for one channel and purpose."""

    natural_key: ClassVar[tuple[str, ...]] = ("consent_id",)

    consent_id: Id
    channel: Channel
    purpose: Code
    granted: bool
    legal_basis: Code | None = None
    evidence: FreeText | None = None


class OutreachRequested(Promoted):
    """A system or a person asks to contact a lead; the gate decides."""

    natural_key: ClassVar[tuple[str, ...]] = ("message_id",)

    message_id: Id
    purpose: Code
    subject: FreeText | None = None
    body: FreeText | None = None


class DeliveryReported(Identified):
    """What a provider says became of a message."""

    natural_key: ClassVar[tuple[str, ...]] = (
        "message_id",
        "status",
    )

    message_id: Id
    channel: Channel
    status: Literal["accepted", "rejected", "sent", "delivered", "read", "bounced", "complained"]
    detail: FreeText | None = None


class MessageReceived(Identified):
    """A person wrote to us."""

    natural_key: ClassVar[tuple[str, ...]] = ("message_id",)

    message_id: Id
    channel: Channel
    text: FreeText
