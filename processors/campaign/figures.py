"""What a campaign's day comes to: the figures that are published, from what is known of the day."""

from __future__ import annotations

from fractions import Fraction

import msgspec

from models.money import convert
from processors.control import Control
from schemas.events.base import DAY, HOUR, MAX_MINOR

Hour = tuple[int, int, int]
"""Touches of a local hour: all, impressions and clicks among them."""


class Spend(msgspec.Struct, frozen=True, array_like=True):
    """One revision of what a campaign cost on a day, in minor units."""

    revision: int
    amount_minor: int
    currency: str
    channel: str


class Figures(msgspec.Struct, frozen=True, array_like=True):
    """All figures of a day; the fields are those of ``CampaignMeasured``, hours as (hour, three counts)."""

    channel: str | None
    hours: tuple[tuple[int, int, int, int], ...]
    touches: int
    impressions: int
    clicks: int
    conversions_ppm: int
    revenue_minor: int
    spend_minor: int | None
    reporting_currency: str
    ctr_ppm: int | None
    roi_ppm: int | None


class Day(msgspec.Struct, frozen=True):
    """What is known of a campaign's day, what was last published of it, and whether a timer for more is set.

    Bounds: 24 hours; revenue for each currency that policies have ever had figures reported in.
    """

    hours: dict[int, Hour] = {}
    conversions_ppm: int = 0
    revenue: dict[str, int] = {}
    spend: Spend | None = None
    published: Figures | None = None
    seq: int = 0
    awaited: bool = False


def figures(day: Day, number: int, control: Control) -> Figures:
    """The figures of a day (``number``: days since 1970) under the policy and rates of that day.

    Its policy is the one that covers noon UTC, which is that same day on nearly every wall clock. Revenue credited in
    another reporting currency, under a policy that ended or began within the day, is left out.
    """
    currency = control.policy_at(number * DAY + 12 * HOUR).reporting_currency
    counts = [sum(column) for column in zip(*day.hours.values(), strict=True)] or [0, 0, 0]
    touches, impressions, clicks = counts
    revenue, spend = day.revenue.get(currency, 0), _spent(day.spend, currency, number, control)
    return Figures(
        channel=day.spend.channel if day.spend is not None else None,
        hours=tuple((hour, *day.hours[hour]) for hour in sorted(day.hours)),
        touches=touches,
        impressions=impressions,
        clicks=clicks,
        conversions_ppm=day.conversions_ppm,
        revenue_minor=revenue,
        spend_minor=spend,
        reporting_currency=currency,
        ctr_ppm=_ppm(clicks, impressions),
        roi_ppm=_ppm(revenue - spend, spend) if spend is not None else None,
    )


def _spent(spend: Spend | None, currency: str, number: int, control: Control) -> int | None:
    """Minor units of the reporting currency; 0 as long as nothing is reported, none as long as there is no rate."""
    if spend is None:
        return 0
    if spend.currency == currency:
        return spend.amount_minor
    rate = control.rate_on(spend.currency, currency, number)
    converted = convert(spend.amount_minor, rate.rate, spend.currency, currency) if rate is not None else None
    return converted if converted is not None and converted <= MAX_MINOR else None


def _ppm(part: int, whole: int) -> int | None:
    """Parts per million, half to even; none of nothing, and none where the ratio is past all use."""
    if whole <= 0:
        return None
    ppm = round(Fraction(part * 1_000_000, whole))
    return ppm if abs(ppm) <= MAX_MINOR else None
