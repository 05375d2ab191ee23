"""Topics ``approvals``, ``identities``, ``policies``, ``rates``, ``risks``: people's and models' say in decisions."""

from decimal import Decimal as Number
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from schemas.events.base import (
    Code,
    Currency,
    CustomerId,
    Day,
    Decimal,
    Document,
    Event,
    Id,
    Identified,
    Instant,
    Message,
    Revision,
    Uuid,
)

IdentifierKind = Literal["crm_id", "email", "phone", "wa_id", "device_id", "cookie_id", "click_id"]


class IdentifierValue(Message):
    """One identifier as upstream writes it."""

    kind: IdentifierKind
    value: CustomerId


class ApprovalDecided(Identified):
    """A reviewer's answer to an approval request, whose ``lead_id`` and ``approval_id`` it repeats."""

    natural_key: ClassVar[tuple[str, ...]] = ("approval_id",)

    approval_id: Uuid
    decision: Literal["approved", "rejected"]
    decided_by: Id


class IdentitiesLinked(Event):
    """These identifiers belong to one person; across home regions only with a transfer basis."""

    identifiers: list[IdentifierValue]
    transfer_basis: Code | None = None


class IdentitiesSplit(Event):
    """The taken identifiers belong to another person than the kept ones."""

    take: list[IdentifierValue]
    keep: list[IdentifierValue]


class ErasureRequested(Event):
    """What is known of these identifiers up to this instant is to be forgotten, and never to be joined again."""

    identifiers: list[IdentifierValue]
    reason: Code


class PolicyChanged(Event):
    """A version of a workspace's rules; it applies to what happens at or after ``applies_from``."""

    natural_key: ClassVar[tuple[str, ...]] = ("version",)

    version: Revision
    applies_from: Instant
    document: Document


class IdentitySweepOrdered(Event):
    """Everybody is to be decided anew: who belongs to which lead, by the policy in force.

    A new policy holds for the next decision of each group of identifiers; it touches old ones on this order only.
    ``version``: of the policy that whoever orders it has looked at.
    """

    natural_key: ClassVar[tuple[str, ...]] = ("version",)

    version: Revision


def _above_zero(rate: str) -> str:
    if not Number(rate):
        raise PydanticCustomError("not_above_zero", "a rate is above zero")
    return rate


class ExchangeRateSet(Event):
    """Units of ``quote`` for one unit of ``base`` on a day, as decimal text above zero."""

    natural_key: ClassVar[tuple[str, ...]] = (
        "base",
        "quote",
        "day",
    )

    base: Currency
    quote: Currency
    day: Day
    revision: Revision
    rate: Annotated[Decimal, AfterValidator(_above_zero)]


class CancellationRisk(Event):
    """Probability, in parts per million, that a booking will be cancelled."""

    natural_key: ClassVar[tuple[str, ...]] = ("booking_id",)

    booking_id: Id
    version: Revision
    p_ppm: Annotated[int, Field(ge=0, le=1_000_000)]
