"""Histories: what a few people did, booked and changed, and which rates and rules their workspace set.

A history is a set of facts without contradictions: each revision of a natural key has one content. So whatever the
order in which its facts arrive, and however often, the platform must come to the same conclusions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from processors.closing import REFUSED_AFTER
from schemas.events.base import DAY, HOUR, Event, instant
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.governance import CancellationRisk, ExchangeRateSet, PolicyChanged
from schemas.events.leads import LeadCaptured, LeadUpdated
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from schemas.events.weights import Weight, WeightsVersion
from tests.property.oracles.clusters import STRONG, usable
from tests.property.oracles.identity import normal

START = instant("2026-01-01T00:00:00Z")
WORKSPACE = "acme"

Ways = tuple[dict[str, str], ...]
"""Ways in which events name people: identifiers, and whatever else of an event's common fields goes with them."""

PEOPLE: Ways = (
    {"email": "ada@example.com"},
    {"email": " Ada@Example.COM", "cookie_id": "c-1"},
    {"phone": "+971 50 123 4567", "device_id": "d-2"},
    {"wa_id": "971501234567"},
    {"cookie_id": "c-3"},
)
"""Ways to name three people; the first two name one, so do the next two."""

KINDS = (
    "content_engagement", "content_engagement", "content_engagement", "inquiry", "meeting_requested", "site_visit",
    "reply", "call", "view", "impression", "email_opened", "email_sent", "whatsapp_sent",
)  # fmt: skip
STATUSES = ("booked", "contracted", "completed", "cancelled", "no_show", "refunded")
CURRENCIES = ("AED", "USD", "JPY", "KWD")
RATES = ("3.6725", "3.673", "0.024", "1", "0.5", "12.005")

GRID = (0, 1, HOUR, 12 * HOUR, 20 * HOUR, 20 * HOUR + 1)
"""Moments of a day: few, so that many coincide; 20:00 UTC is midnight in Dubai."""

randoms: st.SearchStrategy[Random] = st.integers(0, 2**32).map(Random)
"""Sources of choices that are too many for an example to hold one by one."""

moments: st.SearchStrategy[int] = st.builds(
    lambda day, time: START + day * DAY + time,
    st.one_of(st.sampled_from((0, 1, 29, 30, 31, 59, 60, 61)), st.integers(0, 100)),
    st.sampled_from(GRID),
)
amounts = st.one_of(st.sampled_from((0, 1, 2, 3, 7, 10_000, 10_001)), st.integers(0, 10**9))


@dataclass(frozen=True)
class Arrivals:
    """Facts in an order of arrival, repeats included; after some of them time passes (microseconds, else 0)."""

    facts: tuple[Event, ...]
    pauses: tuple[int, ...]


class _Ids:
    """Event ids by number, the same in every run of an example."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> str:
        self._last += 1
        return str(UUID(int=self._last * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4))


def _common(new_id: Callable[[], str], **who: str) -> dict[str, Any]:
    return {"event_id": new_id(), "workspace_id": WORKSPACE, "region": "UAE", "source": "test", **who}


@st.composite
def _touch(draw: st.DrawFn, new_id: Callable[[], str], number: int, ways: Ways = PEOPLE) -> list[Event]:
    who, made = draw(st.sampled_from(ways)), []
    strong = [pair for kind in STRONG if kind in who and (pair := normal(kind, who[kind]))]
    may_move = any(usable(*pair) for pair in strong)  # else, across a login, to another lead
    if draw(st.booleans()) and "click" in draw(st.sampled_from(("click", "touch"))):
        moment = draw(moments)
        for revision in range(1, draw(st.integers(1, 2)) + 1):
            medium = draw(st.sampled_from(("cpc", "social", None)))
            moment = draw(moments) if may_move else moment
            made.append(
                ClickRecorded(
                    **_common(new_id, **{**who, "click_id": f"t{number}"}), occurred_at=moment,
                    revision=revision, url="https://example.com", utm_medium=medium,
                    utm_source=draw(st.sampled_from(("news", None))),
                )
            )  # fmt: skip
        return list(made)
    kind, moment = draw(st.sampled_from(KINDS)), draw(moments)
    touches: list[Event] = []
    for revision in range(1, draw(st.sampled_from((1, 1, 1, 2, 3))) + 1):
        if revision > 1 and draw(st.booleans()):
            kind, moment = draw(st.sampled_from(KINDS)), draw(moments) if may_move else moment
        gone = revision > 1 and draw(st.booleans())
        touches.append(
            (TouchpointDeleted if gone else TouchpointRecorded)(
                **_common(new_id, **who), occurred_at=moment, touch_id=f"t{number}", revision=revision, kind=kind,
                channel=draw(st.sampled_from(("search", "social", "email"))),
                campaign_id=draw(st.sampled_from((None, "c1"))),
            )
        )  # fmt: skip
    return touches


@st.composite
def _details(draw: st.DrawFn, new_id: Callable[[], str], ways: Ways = PEOPLE) -> list[Event]:
    return [
        draw(st.sampled_from((LeadCaptured, LeadCaptured, LeadUpdated)))(
            **_common(new_id, **draw(st.sampled_from(ways))),
            occurred_at=draw(moments),
            channel="portal",
            full_name=draw(st.sampled_from((None, "Ada", "Ada L."))),
            budget_minor=draw(st.sampled_from((None, 0, 5_000_000, 50_000_000, 300_000_000))),
            timeframe_days=draw(st.sampled_from((None, 10, 30, 31, 90, 181))),
            financing=draw(st.sampled_from((None, "none", "cash", "needed"))),
        )
    ]


@st.composite
def _booking(draw: st.DrawFn, new_id: Callable[[], str], number: int, ways: Ways = PEOPLE) -> list[Event]:
    # mostly one person; sometimes a revision names another, or nobody
    owner = draw(st.sampled_from(ways[:4]))
    currency = draw(st.sampled_from(CURRENCIES))
    made: list[Event] = []
    for revision in draw(st.lists(st.integers(1, 6), min_size=1, max_size=4, unique=True)):
        amount = draw(amounts)
        who = draw(st.sampled_from((owner, owner, owner, *ways, {})))
        made.append(
            BookingChanged(
                **_common(new_id, **who), occurred_at=draw(moments), booking_id=f"b{number}", revision=revision,
                status=draw(st.sampled_from(STATUSES)), amount_minor=amount,
                retained_minor=draw(st.sampled_from(sorted({0, amount // 3, amount}))),
                currency=draw(st.sampled_from((currency, currency, currency, "EUR"))),
                booked_at=draw(st.one_of(st.none(), st.none(), moments)),
                starts_on=draw(st.sampled_from((None, START // DAY, START // DAY + 40, START // DAY + 120))),
            )
        )  # fmt: skip
    return made


@st.composite
def _risks(draw: st.DrawFn, new_id: Callable[[], str], number: int) -> list[Event]:
    return [
        CancellationRisk(
            **_common(new_id), occurred_at=draw(moments), booking_id=f"b{number}", version=version,
            p_ppm=draw(st.sampled_from((0, 1, 333_333, 500_000, 1_000_000))),
        )
        for version in draw(st.lists(st.integers(1, 4), max_size=2, unique=True))
    ]  # fmt: skip


@st.composite
def _rate(draw: st.DrawFn, new_id: Callable[[], str], number: int) -> list[Event]:
    day = START // DAY + draw(st.one_of(st.integers(0, 100), st.sampled_from((29, 30, 31))))
    base = draw(st.sampled_from(("USD", "JPY", "KWD", "EUR")))
    quote = draw(st.sampled_from(("AED", "AED", "USD")))
    # the number makes the natural key unique; revisions of one key follow each other
    return [
        ExchangeRateSet(
            **_common(new_id), occurred_at=day * DAY, base=base, quote=quote, day=day, revision=number * 3 + revision,
            rate=draw(st.sampled_from(RATES)),
        )
        for revision in range(1, draw(st.integers(1, 2)) + 1)
    ]  # fmt: skip


@st.composite
def _weights(draw: st.DrawFn, new_id: Callable[[], str], version: int) -> list[Event]:
    """What the workspace stage may have learned: it is told to the ledger, and counts as a fact here."""
    model = draw(st.sampled_from(("markov_path", "shapley_set")))
    among: list[list[str]] = [[]] if model == "markov_path" else [["search", "social"], ["email", "search"]]
    learned = [
        Weight.build(among=channels, channel=channel, weight=draw(st.sampled_from((0, 1, 7, 10**9))))
        for channels in among
        for channel in channels or draw(st.sampled_from((("search",), ("direct", "email", "search", "social"))))
    ]
    return [
        WeightsVersion.build(
            **_common(new_id), occurred_at=START, model=model, version=version, applies_from=draw(st.just(0) | moments),
            adopted=draw(st.sampled_from((True, True, False))), conversions=300, journeys=300, weights=learned,
            shares=[],
        )
    ]  # fmt: skip


_DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"reporting_currency": "USD"},
    {"time_zone": "Asia/Dubai"},
    {"time_zone": "America/New_York", "click_look_back": 10 * DAY},
    {"click_look_back": 60 * DAY, "view_look_back": 3 * DAY},
    {"hot_score": 50, "warm_score": 20},
    {"warming_engagements": 2, "cooling_after": 10 * DAY},
    {"cooling_after": 60 * DAY, "warming_window": 7 * DAY},
    {"attribution_models": ["linear", "last"]},
    {"attribution_models": ["linear"], "attribution_bases": ["realised", "net"]},
    {"attribution_models": ["last_non_direct", "position_u", "position_w"]},
    {"attribution_models": ["time_decay", "first"], "half_life": 3 * DAY},
    {"attribution_bases": ["expected", "count"], "attribution_models": ["last", "linear"]},
    {"optimizer_model": "linear", "optimizer_basis": "expected"},
    {"optimizer_basis": "count"},
    {"attribution_models": ["markov_path", "shapley_set"], "optimizer_model": "markov_path"},
    {"attribution_models": ["markov_path", "shapley_set"]},
    {
        "optimizer_model": "last",
        "cancellation_risk": [["booked", 90, 600_000], ["contracted", 10, 5], ["booked", 0, 7]],
    },
    {"attribution_models": ["linear", "position_u"], "exposure": True},
    {},
)


@st.composite
def _policy(draw: st.DrawFn, new_id: Callable[[], str], version: int) -> list[Event]:
    document = draw(st.sampled_from(_DOCUMENTS))
    return [
        PolicyChanged(
            **_common(new_id), occurred_at=draw(moments), version=version, applies_from=draw(st.just(0) | moments),
            document=json.dumps(document) if document else "",
        )
    ]  # fmt: skip


@st.composite
def histories(draw: st.DrawFn, *, size: int = 6) -> tuple[Event, ...]:
    """A set of facts, in no particular order; ``size`` bounds each sort of them."""
    new_id = _Ids()
    groups: list[list[Event]] = []
    for number in range(draw(st.integers(1, size))):
        groups.append(draw(_touch(new_id, number)))
    for _ in range(draw(st.integers(0, 3))):
        groups.append(draw(_details(new_id)))
    for number in range(draw(st.integers(0, 2))):
        groups.append(draw(_booking(new_id, number)))
        groups.append(draw(_risks(new_id, number)))
    for number in range(draw(st.integers(0, 3))):
        groups.append(draw(_rate(new_id, number)))
    for number in range(draw(st.integers(0, 2))):
        groups.append(draw(_policy(new_id, number + 1)))
    for number in range(draw(st.integers(0, 2))):
        groups.append(draw(_weights(new_id, number + 1)))
    return tuple(fact for group in groups for fact in group)


@st.composite
def arrivals(draw: st.DrawFn, facts: tuple[Event, ...]) -> Arrivals:
    """An order in which facts arrive: any, with repeats (the very bytes again, or the content under a new id)."""
    order = list(draw(st.permutations(facts)))
    for again in draw(st.lists(st.sampled_from(facts), max_size=3)):
        order.insert(draw(st.integers(0, len(order))), again)
    pauses = draw(st.lists(st.sampled_from((0, 0, 0, 1, DAY, 31 * DAY)), min_size=len(order), max_size=len(order)))
    if sum(pauses) >= REFUSED_AFTER:  # what comes when books have closed depends on when it comes, of course
        pauses = [min(pause, DAY) for pause in pauses]
    return Arrivals(tuple(order), tuple(pauses))


@st.composite
def histories_with_arrivals(draw: st.DrawFn, *, orders: int = 1, size: int = 6) -> tuple[tuple[Event, ...], Any]:
    """A history and some orders of its arrival."""
    facts = draw(histories(size=size))
    return facts, tuple(draw(arrivals(facts)) for _ in range(orders))
