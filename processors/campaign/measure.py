"""A campaign's day in figures: touches, conversions, revenue and spend, published together.

What comes is added up at once and published at the next tick: a timer one microsecond after the last tick is due then,
and before no event until then. So a tick brings one record, however much came before it, live or imported.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict, replace

from processors.base import Context, DeadLetter, Emit, Output, Timer, TimerFired, Visit
from processors.campaign.figures import Day, Spend, figures
from schemas.events.campaigns import CampaignMeasured, HourMeasured, SpendReported, TouchCounted
from schemas.events.ledger import CellChanged

Told = TouchCounted | CellChanged | SpendReported


def measure(held: Day | None, event: Told | TimerFired | Visit, ctx: Context) -> tuple[Day | None, Sequence[Output]]:
    """Take in what is told of the day; when the timer fires, or policy or rates change, publish what differs."""
    day = held or Day()
    match event:
        case TouchCounted():
            fresh = _touched(day, event)
        case CellChanged(hears="optimizer"):
            return held, ()
        case CellChanged():
            fresh = _credited(day, event)
        case SpendReported():
            spend = Spend(event.revision, event.amount_minor, event.currency, event.channel)
            if day.spend is not None and day.spend.revision >= spend.revision:
                return held, [_CONFLICT] if day.spend.revision == spend.revision and day.spend != spend else ()
            fresh = replace(day, spend=spend)
        case _:
            return _published(replace(day, awaited=day.awaited and isinstance(event, Visit)), ctx)
    if fresh.awaited:
        return fresh, ()
    return replace(fresh, awaited=True), [Timer("publish", ctx.now + 1)]


_CONFLICT = DeadLetter(
    "revision_conflict", "this revision of the day's spend is known with other content: publish a higher revision"
)


def _touched(day: Day, told: TouchCounted) -> Day:
    touches, impressions, clicks = day.hours.get(told.hour, (0, 0, 0))
    change = told.change
    hour = (
        touches + change,
        impressions + change * (told.kind == "impression"),
        clicks + change * (told.kind == "click"),
    )
    hours = {**day.hours, told.hour: hour}
    if not any(hour):
        del hours[told.hour]
    return replace(day, hours=hours)


def _credited(day: Day, told: CellChanged) -> Day:
    if told.basis == "count":
        return replace(day, conversions_ppm=day.conversions_ppm + told.delta_minor)
    revenue = day.revenue.get(told.reporting_currency, 0) + told.delta_reporting_minor
    return replace(day, revenue={**day.revenue, told.reporting_currency: revenue})


def _published(day: Day, ctx: Context) -> tuple[Day, Sequence[Output]]:
    campaign_id, _, number = ctx.key.partition("/")[2].rpartition(":")
    now = figures(day, int(number), ctx.control)
    if now == day.published:
        return day, ()
    hours = [
        HourMeasured.build(hour=hour, touches=touches, impressions=impressions, clicks=clicks)
        for hour, touches, impressions, clicks in now.hours
    ]
    measured = CampaignMeasured.build(
        **{**asdict(now), "hours": hours}, occurred_at=ctx.at, campaign_id=campaign_id, day=int(number), seq=day.seq + 1
    )
    return replace(day, published=now, seq=measured.seq), [Emit(measured)]
