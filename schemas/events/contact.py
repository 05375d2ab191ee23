"""Topics ``consents``, ``outreach``, ``deliveries``, ``messages``: may we write, we want to, we did, they answered."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.events.base import Avro, Code, Event, FreeText, Id, Identified, Instant, Promoted, Region

PersonalChannel = Literal["whatsapp", "email", "sms", "call"]
Channel = Literal["whatsapp", "email", "sms", "call", "social"]

PointKey = Annotated[
    str, StringConstraints(pattern=r"^(email|phone|wa_id):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"), Avro("string")
]
"""A contact point by its kind and keyed hash, as decisions name it; for those who do not hold the address."""


class ConsentChanged(Identified):
    """A person gave or withdrew consent for one channel and purpose.

    Consent is given by an address and proven by ``evidence``; whoever withdraws it need not prove anything.
    ``jurisdiction`` is the law that it was given under (default: the home region's). The address may be named by its
    ``contact_point_key`` alone, by whoever does not hold it.
    """

    natural_key: ClassVar[tuple[str, ...]] = ("consent_id",)

    consent_id: Id
    channel: Channel
    purpose: Code
    granted: bool
    legal_basis: Code | None = None
    jurisdiction: Region | None = None
    evidence: FreeText | None = None
    contact_point_key: PointKey | None = None

    @model_validator(mode="after")
    def _proven(self) -> Self:
        if self.granted and not (self.evidence or "").strip():
            raise PydanticCustomError("no_evidence", "consent needs evidence: say how and where it was given")
        return self

    @model_validator(mode="after")
    def _of_one_address(self) -> Self:
        """What a fact names together is taken for one person's, which nobody says by a key."""
        names = Identified.model_fields.keys() - Event.model_fields.keys()
        if self.contact_point_key is not None and any(getattr(self, name) for name in names):
            raise PydanticCustomError("named_twice", "name the person, or a contact point by its key: not both")
        return self


class OutreachRequested(Promoted):
    """A system or a person asks to contact a lead, or to post to a social account; the gate decides.

    Whether the message is marketing or transactional follows from its template, of which the policy holds a list;
    without one it is marketing. After ``not_after`` nobody wants it sent any more.
    """

    natural_key: ClassVar[tuple[str, ...]] = ("message_id",)

    message_id: Id
    channel: Channel
    purpose: Code
    template_id: Id | None = None
    account_id: Id | None = None
    not_after: Instant | None = None
    subject: FreeText | None = None
    body: FreeText | None = None


class DeliveryReported(Identified):
    """What a provider says became of a message; a ``permanent`` bounce means that the address reaches nobody."""

    natural_key: ClassVar[tuple[str, ...]] = (
        "message_id",
        "status",
    )

    message_id: Id
    channel: Channel
    status: Literal["accepted", "rejected", "sent", "delivered", "read", "bounced", "complained"]
    permanent: bool = False
    detail: FreeText | None = None


class MessageReceived(Identified):
    """A person wrote to us."""

    natural_key: ClassVar[tuple[str, ...]] = ("message_id",)

    message_id: Id
    channel: Channel
    text: FreeText
