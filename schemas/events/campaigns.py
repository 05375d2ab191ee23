"""Topics ``spend``, ``content``, ``properties``, ``alerts``: facts that name no person."""

from typing import ClassVar, Literal

from schemas.events.base import Code, Currency, Day, Event, FreeText, Id, Minor, Revision


class SpendReported(Event):
    """What a campaign cost on one local day; the highest revision is the whole truth of that day."""

    natural_key: ClassVar[tuple[str, ...]] = (
        "campaign_id",
        "day",
    )

    campaign_id: Id
    channel: Code
    day: Day
    revision: Revision
    amount_minor: Minor
    currency: Currency


class ContentProposed(Event):
    """A piece of content or one variant of it, ready for review."""

    natural_key: ClassVar[tuple[str, ...]] = ("content_id",)

    content_id: Id
    revision: Revision
    variant_id: Id | None = None
    campaign_id: Id | None = None
    channel: Code
    title: FreeText
    body: FreeText


class PropertyListed(Event):
    """A property on offer: a flat, a house, a hotel."""

    natural_key: ClassVar[tuple[str, ...]] = ("property_id",)

    property_id: Id
    revision: Revision
    kind: Literal["apartment", "villa", "townhouse", "plot", "office", "hotel", "room"]
    city: Code
    country: Code
    bedrooms: int | None = None
    price_minor: Minor | None = None
    currency: Currency | None = None


class AlertRaised(Event):
    """A system beside the platform noticed trouble."""

    natural_key: ClassVar[tuple[str, ...]] = ("alert_id",)

    alert_id: Id
    severity: Literal["info", "warning", "critical"]
    summary: FreeText
