"""True effects: the counterfactual is sane, and last touch gets the planted campaigns wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest

from schemas.codec import CodecError, decode
from schemas.events.base import DAY, SECOND, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.touchpoints import TouchpointRecorded
from streams.sources.simulate import Published, Scenario, Simulation, simulate
from streams.sources.simulate.campaigns import CAMPAIGNS, PLANTED
from streams.sources.simulate.population import draw_person

SCENARIO = Scenario(end=1_760_000_000 * SECOND, events=30_000)
STRONG_FIRST = ("crm_id", "email", "phone", "wa_id", "device_id", "cookie_id")
NOT_ACTED_ON = {"impression", "view", "email_opened", "whatsapp_read", "email_sent", "whatsapp_sent",
                "whatsapp_delivered", "sms_sent", "sms_delivered"}  # fmt: skip


class Run(NamedTuple):
    simulation: Simulation
    events: list[Any]


def best_identifier(event: Identified) -> str | None:
    return next((value for kind in STRONG_FIRST if (value := getattr(event, kind))), None)


def readable(records: Iterable[Published]) -> Iterator[Any]:
    for record in records:
        try:
            event = decode(record.value).message
        except CodecError:
            continue
        if getattr(event, "currency", "AED") != "ZZZ" and getattr(event, "amount_minor", 0) >= 0:
            yield event


def last_touch_bookings(events: Iterable[Any]) -> Counter[str]:
    """Bookings by the campaign (or channel) of the last act within 30 days before, per best identifier."""
    acts: dict[str | None, list[tuple[int, str]]] = defaultdict(list)
    booked: dict[str, tuple[str | None, int]] = {}
    for event in events:
        match event:
            case ClickRecorded():
                acts[best_identifier(event)].append((event.occurred_at, event.utm_campaign or "none"))
            case TouchpointRecorded() if event.kind not in NOT_ACTED_ON:
                acts[best_identifier(event)].append((event.occurred_at, event.campaign_id or "none"))
            case BookingChanged(booked_at=int(at)):
                booked[event.booking_id] = best_identifier(event), at
            case _:
                pass
    credit: Counter[str] = Counter()
    for who, at in booked.values():
        within = [act for act in acts[who] if at - 30 * DAY <= act[0] <= at] if who else []
        credit[max(within)[1] if within else "none"] += 1
    return credit


@pytest.fixture(scope="module")
def run() -> Run:
    simulation = simulate(SCENARIO)
    return Run(simulation, list(readable(simulation)))


def test_last_touch_gets_the_planted_campaigns_wrong(run: Run) -> None:
    truth, credit = run.simulation.truth, last_touch_bookings(run.events)
    total = sum(truth.bookings.values())
    assert sum(credit.values()) == total
    caused = {name: row["effect"]["bookings"] for name, row in truth.campaigns.items()}
    assert credit["brand-search"] / total > 0.25 and caused["brand-search"] == 0
    assert credit["video-stories"] / total < 0.05 and caused["video-stories"] / total > 0.2
    del credit["none"]
    assert credit.most_common(1)[0][0] == "brand-search"
    assert max(caused, key=lambda name: caused[name]) == "video-stories"
    assert set(truth.planted) == set(PLANTED) == {"brand-search", "video-stories"}


def test_without_every_campaign_only_own_intent_books(run: Run) -> None:
    everything = frozenset(each.name for each in CAMPAIGNS)
    people = run.simulation.people[:400]
    for journey in (journey for person in people for journey in person.journeys):
        with_all, without = journey.booked_at(), journey.booked_at(everything)
        assert without is None or (with_all is not None and with_all <= without)
        assert (without is not None) == (journey.threshold <= journey.intent)
        assert journey.booked_at({"brand-search"}) == with_all


def test_removing_more_campaigns_never_brings_a_booking_forward(run: Run) -> None:
    forever = 1 << 62
    for journey in (journey for person in run.simulation.people[:200] for journey in person.journeys):
        gone: set[str] = set()
        before = journey.booked_at() or forever
        for campaign in CAMPAIGNS:
            gone.add(campaign.name)
            after = journey.booked_at(gone) or forever
            assert after >= before
            before = after


def test_drawn_effects_scatter_around_expected_ones(run: Run) -> None:
    for rows in (run.simulation.truth.campaigns, run.simulation.truth.channels):
        for row in rows.values():
            effect = row["effect"]
            spread = max(1.0, effect["expected_bookings"]) ** 0.5
            assert abs(effect["bookings"] - effect["expected_bookings"]) < 4.5 * spread


def test_a_channel_causes_no_less_than_any_of_its_campaigns(run: Run) -> None:
    truth = run.simulation.truth
    for row in truth.campaigns.values():
        assert truth.channels[row["channel"]]["effect"]["bookings"] >= row["effect"]["bookings"]
    assert truth.channels["direct"]["effect"]["bookings"] == 0


def test_money_adds_up(run: Run) -> None:
    truth = run.simulation.truth
    newest: dict[str, BookingChanged] = {}
    for event in run.events:
        if isinstance(event, BookingChanged) and event.source in ("pms", "crm"):
            held = newest.get(event.booking_id)
            if held is None or held.revision < event.revision:
                newest[event.booking_id] = event
    net: Counter[str] = Counter()
    for booking in newest.values():
        standing = booking.status in ("booked", "contracted", "completed")
        net[booking.currency] += booking.amount_minor if standing else booking.retained_minor
    assert dict(net) == truth.net_minor
    assert Counter(each.status for each in newest.values()) == Counter(truth.bookings)
    spend = sum(row["spend_reporting_minor"] for row in truth.campaigns.values())
    assert spend == sum(row["spend_reporting_minor"] for row in truth.channels.values()) > 0


def test_people_do_not_depend_on_each_other() -> None:
    assert draw_person(SCENARIO, 17) == draw_person(SCENARIO, 17)
    assert draw_person(SCENARIO, 17) != draw_person(Scenario(end=SCENARIO.end, seed=2), 17)
