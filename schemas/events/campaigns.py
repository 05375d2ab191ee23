"""Topics ``spend``, ``content``, ``properties``, ``alerts``: facts that name no person; and a campaign's figures."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.events.base import Code, Currency, Day, Event, FreeText, Id, Message, Minor, Revision, SignedMinor
from schemas.events.touchpoints import TouchKind


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
    bedrooms: Annotated[int, Field(ge=0, le=100_000)] | None = None
    price_minor: Minor | None = None
    currency: Currency | None = None


class AlertRaised(Event):
    """A system beside the platform noticed trouble."""

    natural_key: ClassVar[tuple[str, ...]] = ("alert_id",)

    alert_id: Id
    severity: Literal["info", "warning", "critical"]
    summary: FreeText


class TouchCounted(Event):
    """To the campaign stage: a touch of a campaign came (``change`` 1) or is taken back (-1).

    ``day`` and ``hour`` (0 to 23) are local in the zone of the policy in force.
    """

    campaign_id: Id
    channel: Code
    day: Day
    hour: Annotated[int, Field(ge=0, le=23)]
    kind: TouchKind
    change: Annotated[int, Field(ge=-1, le=1)]


class HourMeasured(Message):
    """Touches of a campaign in one local hour, those that are no own sends: all, impressions and clicks among them."""

    hour: Annotated[int, Field(ge=0, le=23)]
    touches: int
    impressions: int
    clicks: int


class CampaignMeasured(Event):
    """All figures of a campaign's local day; the highest ``seq`` is the whole truth of that day.

    Conversions (millionths) and revenue (reporting currency) are those credited to the campaign by the optimizer's
    model for conversions of that day; spend is as reported, converted at the day's rate (null: no rate known).
    Ratios in parts per million, null where their divisor is zero: ``ctr_ppm`` clicks per impression, ``roi_ppm``
    (revenue - spend) / spend.
    """

    campaign_id: Id
    day: Day
    seq: Revision
    channel: Code | None = None
    hours: list[HourMeasured]
    touches: int
    impressions: int
    clicks: int
    conversions_ppm: int
    revenue_minor: SignedMinor
    spend_minor: Minor | None = None
    reporting_currency: Currency
    ctr_ppm: int | None = None
    roi_ppm: int | None = None
