"""A hot lead's path is the same whatever the order in which its touches came, and so is what is credited."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from models.attribution import MODELS
from schemas.events.base import DAY, HOUR
from schemas.events.bookings import BookingChanged
from schemas.events.governance import PolicyChanged
from schemas.events.touchpoints import TouchpointRecorded
from tests.property.oracles.bundles import Element, elements, shares
from tests.property.oracles.ledger import share_out
from tests.property.strategies import GRID, START
from tests.support.facts import fact
from tests.support.paths import Lead
from tests.support.runs import ledger, new_run

SINGLES = 3
KINDS = (*("content_engagement",) * 6, "call", "inquiry", "site_visit", "meeting_requested", "view")
"""Mostly of one sort, so that bundles have several."""
LOOK_BACK = 30 * DAY
ALL_MODELS = '{"attribution_models":["' + '","'.join(MODELS) + '"],"view_look_back":2592000000000}'


@st.composite
def hot_leads(draw: st.DrawFn) -> tuple[list[TouchpointRecorded], list[BookingChanged]]:
    """More touches than are held one by one, on a few days, and bookings among them."""
    days = st.sampled_from((0, 1, 30, 31))
    moments = st.builds(lambda day, time: START + day * DAY + time, days, st.sampled_from(GRID))
    touches = [
        fact(TouchpointRecorded, occurred_at=draw(moments), touch_id=f"t{n}", kind=draw(st.sampled_from(KINDS)),
             channel=draw(st.sampled_from(("direct", "search"))), campaign_id=draw(st.sampled_from((None, "c1"))),
             email="ada@example.com")
        for n in range(draw(st.integers(SINGLES, 16)))
    ]  # fmt: skip
    bookings = [
        fact(BookingChanged, occurred_at=draw(moments), booking_id=f"b{n}", revision=1, status="booked",
             amount_minor=draw(st.integers(0, 10**6)), currency="AED", email="ada@example.com")
        for n in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    return touches, bookings


def bounds(most: int, at_once: int) -> Any:
    """Bounds so small that a few touches are beyond them."""
    return (
        patch("processors.lead.path.MAX_TOUCHES", SINGLES),
        patch("models.attribution.bundle.MAX_BUNDLES", most),
        patch("processors.lead.path.TOLD_AT_ONCE", at_once),
    )


small = st.sampled_from((2, 4, 1_500))


@given(hot_leads(), st.data(), small)
def test_any_order_leaves_one_path_and_the_last_word_on_every_booking(
    case: Any, data: st.DataObject, most: int
) -> None:
    touches, bookings = case
    found = []
    for at_once in (1, 50):
        lead = Lead(now=START)
        order = data.draw(st.permutations([*touches, *bookings]))
        singles, bundles, paging = bounds(most, at_once)
        with singles, bundles, paging:
            for one in order:
                lead.take(one)
                lead.tick(lead.now + data.draw(st.sampled_from((0, 0, 1, HOUR))))
            lead.rest()
        words = {booking.booking_id: lead.newest(booking.booking_id) for booking in bookings}
        found.append((lead.path.touches, lead.path.bundles, words))
        told = Counter(one.touch_id for one in found[-1][2]["b0"])
        assert set(told.values()) <= {1}
    assert found[0] == found[1]


@given(hot_leads(), st.data(), small)
def test_any_order_posts_what_all_touches_together_say(case: Any, data: st.DataObject, most: int) -> None:
    touches, bookings = case
    policy = fact(PolicyChanged, occurred_at=START, version=1, applies_from=0, document=ALL_MODELS)
    wanted = {}
    for booking in bookings:
        wanted.update(_lines(booking, elements(touches, SINGLES, most)))
    for _ in range(2):
        run = new_run()
        singles, bundles, paging = bounds(most, 1)
        with singles, bundles, paging:
            for one in data.draw(st.permutations([policy, *touches, *bookings])):
                run.publish(one)
                run.driver.tick(run.driver.now + data.draw(st.sampled_from((0, 0, 1, HOUR))))
            run.finish()
        posted: Counter[Any] = Counter()
        for (booking_id, model, basis, _, account, *dims), (amount, _) in ledger(run).items():
            if basis == "net" and account != "(revenue)":
                posted[booking_id, model, "" if account.startswith("bundle:") else account, *dims[:5]] += amount
        assert +posted == wanted


def _lines(booking: BookingChanged, candidates: list[Element]) -> dict[Any, int]:
    """What is credited for a booking: by model, account (bundles nameless), dimensions and day."""
    end = booking.occurred_at
    reached = [
        one for one in candidates
        if one.touches[0].occurred_at <= end and one.touches[-1].occurred_at >= end - LOOK_BACK
    ]  # fmt: skip
    path = [one for one in reached if not one.is_view] or [one for one in reached if one.is_view]
    path.sort(key=lambda one: (one.touches[0].occurred_at, one.touches[0].touch_id))
    lines: Counter[Any] = Counter()
    for model in MODELS:
        if not path:
            lines[booking.booking_id, model, "(none)", "(none)", "", "", "", end // DAY] += booking.amount_minor
            continue
        parts = share_out(booking.amount_minor, shares(model, path, 7 * DAY))
        for one, amount in zip(path, parts, strict=True):
            lines[booking.booking_id, model, one.name, *one.dims, one.day] += amount
    return {where: amount for where, amount in lines.items() if amount}
