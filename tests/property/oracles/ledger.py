"""What the books must say, from the set of all known facts, in exact rationals (ledger specification, section 4).

``balances`` answers for one instant D: the value of every booking at D, shared out. It knows no steps, no differences
and no order of arrival.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product
from math import floor
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from schemas.events.base import Event
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.governance import CancellationRisk, ExchangeRateSet
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from schemas.events.weights import WeightsVersion
from tests.property.oracles.clusters import Resolved, resolved
from tests.property.oracles.rules import OWN_SENDS, VIEWS, rules_at

DECIMALS = {"JPY": 0, "KWD": 3}
CLICK_CHANNELS = {"cpc": "search", "social": "social", "email": "email"}


class Line(NamedTuple):
    """Everything that makes two amounts addable."""

    booking_id: str
    model: str
    basis: str
    account: str
    channel: str
    campaign_id: str
    content_id: str
    variant_id: str
    touch_day: int
    conversion_day: int
    currency: str | None
    reporting_currency: str


def balances(identity_key: bytes, facts: Iterable[Event], until: int) -> dict[Line, tuple[int, int]]:
    """Booking and reporting amounts of every account as of an instant, zeros left out."""
    known = list(facts)
    who = resolved(identity_key, known)
    bookings = {fact.booking_id for fact in known if isinstance(fact, BookingChanged)}
    found: dict[Line, tuple[int, int]] = {}
    for booking_id in bookings:
        found.update(_booking(who, known, booking_id, until))
    return {line: amounts for line, amounts in found.items() if amounts != (0, 0)}


def instants(facts: Iterable[Event]) -> list[int]:
    """Instants around which the answer may change: before all, each revision, and after all."""
    at = sorted({fact.occurred_at for fact in facts if isinstance(fact, BookingChanged | CancellationRisk)})
    return [0, *(t - 1 for t in at), *at, 2**62]


class Conversion(NamedTuple):
    """What a booking's credits depend on besides its value: when it converted, under which rules, after what."""

    revisions: list[BookingChanged]
    rules: dict[str, Any]
    day: int
    path: list[Touch]
    at: int


def _conversion(who: Resolved, known: list[Event], booking_id: str) -> Conversion:
    revisions = [fact for fact in known if isinstance(fact, BookingChanged) and fact.booking_id == booking_id]
    booked = [fact for fact in revisions if fact.booked_at is not None]
    if booked:
        converted = max(booked, key=lambda fact: fact.revision).booked_at or 0
    else:
        converted = min(fact.occurred_at for fact in revisions)
    rules = rules_at(known, converted)
    path = _path(who, known, who.lead_of_booking(revisions[0].workspace_id, booking_id), converted, rules)
    return Conversion(revisions, rules, local_day(converted, rules["time_zone"]), path, converted)


def _value(basis: str, now: BookingChanged, p_ppm: int) -> int:
    net = now.retained_minor if now.status in ("cancelled", "no_show", "refunded") else now.amount_minor
    ahead = now.status in ("booked", "contracted")
    match basis:
        case "net":
            return net
        case "realised":
            return 0 if ahead else net
        case "expected":
            return half_even(Fraction(net) * (10**6 - p_ppm) / 10**6) if ahead else net
        case _:
            return 10**6 if net > 0 else 0


def _risk(known: list[Event], now: BookingChanged, until: int, conversion: Conversion) -> int:
    told = [fact for fact in known if isinstance(fact, CancellationRisk) and fact.booking_id == now.booking_id]
    told = [fact for fact in told if fact.occurred_at <= until]
    if told:
        return max(told, key=lambda fact: fact.version).p_ppm
    lead_days = max((now.starts_on or conversion.day) - conversion.day, 0)
    usual = [
        (days, p)
        for status, days, p in conversion.rules["cancellation_risk"]
        if status == now.status and days <= lead_days
    ]
    return max(usual)[1] if usual else 0


def _booking(who: Resolved, known: list[Event], booking_id: str, until: int) -> dict[Line, tuple[int, int]]:
    conversion = _conversion(who, known, booking_id)
    in_force = [fact for fact in conversion.revisions if fact.occurred_at <= until]
    if not in_force:
        return {}
    now = max(in_force, key=lambda fact: fact.revision)
    rules, day, path = conversion.rules, conversion.day, conversion.path
    rate = _rate(known, now.currency, rules["reporting_currency"], day)
    p_ppm = _risk(known, now, until, conversion)
    found: dict[Line, tuple[int, int]] = {}
    optimizer = rules["optimizer_model"]
    credited = {*product(rules["attribution_models"], rules["attribution_bases"])}
    needed = {rules["optimizer_basis"], _revenue_basis(rules), "count"}
    for model, basis in credited | {*product([optimizer], needed)}:
        value = _value(basis, now, p_ppm)
        reporting = 0 if rate is None or basis == "count" else half_even(value * rate)
        currency = None if basis == "count" else now.currency

        def line(account: str, *dims: Any, at: tuple[Any, ...] = (model, basis), money: str | None = currency) -> Line:
            return Line(booking_id, *at, account, *dims, day, money, rules["reporting_currency"])

        found[line("(revenue)", "(revenue)", "", "", "", day)] = (-value, -reporting)
        if not path:
            found[line("(none)", "(none)", "", "", "", day)] = (value, reporting)
            continue
        weights = _learned(known, model, path, conversion.at) or weigh(model, path, rules["half_life"])
        shares = zip(share_out(value, weights), share_out(reporting, weights), strict=True)
        for touch, amounts in zip(path, shares, strict=True):
            found[line(*_dims(touch), local_day(touch.occurred_at, rules["time_zone"]))] = amounts
    return found


def _revenue_basis(rules: dict[str, Any]) -> str:
    """Campaigns have revenue, also where the optimizer counts conversions."""
    return str(rules["optimizer_basis"]).replace("count", "net")


Cells = dict[tuple[Any, ...], tuple[int, int]]


def cells(identity_key: bytes, facts: Iterable[Event]) -> dict[str, Cells]:
    """What the optimizer and the figures must hold: sums of credits of its model by cell, as of the end of time."""
    known = list(facts)
    who = resolved(identity_key, known)
    sums: dict[str, Cells] = {"optimizer": {}, "figures": {}}
    for line, (amount, reporting) in balances(identity_key, known, 2**62).items():
        rules = _conversion(who, known, line.booking_id).rules
        if line.account == "(revenue)" or line.model != rules["optimizer_model"]:
            continue
        what = line.campaign_id or "(none)", line.channel, line.touch_day, line.conversion_day
        cell = (*what, line.model, line.basis, line.currency, line.reporting_currency)
        basis = rules["optimizer_basis"]
        for ear, bases in (("optimizer", {basis}), ("figures", {_revenue_basis(rules), "count"})):
            if line.basis in bases:
                held = sums[ear].get(cell, (0, 0))
                sums[ear][cell] = held[0] + amount, held[1] + reporting
    return {ear: {cell: both for cell, both in heard.items() if both != (0, 0)} for ear, heard in sums.items()}


def journeys(identity_key: bytes, facts: Iterable[Event]) -> dict[tuple[Any, ...], int]:
    """How many bookings made each journey: (Monday of the conversion's week, channels in order, whether it stands)."""
    known = list(facts)
    who = resolved(identity_key, known)
    found: Counter[tuple[Any, ...]] = Counter()
    for booking_id in {fact.booking_id for fact in known if isinstance(fact, BookingChanged)}:
        revisions, _, day, path, _ = _conversion(who, known, booking_id)
        net = _value("net", max(revisions, key=lambda fact: fact.revision), 0)
        if path and _kind(path[0]) not in VIEWS:
            monday = day - date.fromordinal(date(1970, 1, 1).toordinal() + day).weekday()
            found[monday, tuple(_dims(touch)[1] for touch in path), net > 0] += 1
    return dict(found)


Touch = TouchpointRecorded | ClickRecorded


def _path(who: Resolved, known: list[Event], lead: str, converted: int, rules: dict[str, Any]) -> list[Touch]:
    newest: dict[str, Touch] = {}
    for fact in known:
        if isinstance(fact, Touch) and who.lead_of(fact) == lead:
            held = newest.get(_touch_id(fact))
            if held is None or fact.revision > held.revision:
                newest[_touch_id(fact)] = fact
    there = [one for one in newest.values() if not isinstance(one, TouchpointDeleted) and _kind(one) not in OWN_SENDS]
    acts = [one for one in there if _kind(one) not in VIEWS]
    acts = [one for one in acts if converted - rules["click_look_back"] <= one.occurred_at <= converted]
    views = [one for one in there if _kind(one) in VIEWS]
    views = [one for one in views if converted - rules["view_look_back"] <= one.occurred_at <= converted]
    path = sorted(acts or views, key=lambda one: (one.occurred_at, _touch_id(one)))
    if not rules["exposure"]:
        return path
    channels = [_dims(one)[1] for one in path]
    return [one for place, one in enumerate(path) if channels[place : place + 1] != channels[place + 1 : place + 2]]


def _touch_id(touch: Touch) -> str:
    return touch.click_id if isinstance(touch, ClickRecorded) else touch.touch_id


def _kind(touch: Touch) -> str:
    return "click" if isinstance(touch, ClickRecorded) else touch.kind


def _dims(touch: Touch) -> tuple[str, str, str, str, str]:
    account = f"{_touch_id(touch)}#{touch.revision}"
    if isinstance(touch, ClickRecorded):
        channel = CLICK_CHANNELS.get(touch.utm_medium or "", touch.utm_medium or touch.utm_source or "direct")
        return account, channel, touch.utm_campaign or "", touch.utm_content or "", ""
    return account, touch.channel, touch.campaign_id or "", touch.content_id or "", touch.variant_id or ""


def weigh(model: str, path: Sequence[Touch], half_life: int) -> list[Fraction]:
    """Shares of the touches of a path, in order, up to a common factor."""
    if model == "time_decay":
        return [_decayed(path[-1].occurred_at - touch.occurred_at, half_life) for touch in path]
    if model == "position_w":
        kinds = [_kind(touch) for touch in path]
        inquiries = [place for place, kind in enumerate(kinds) if kind == "inquiry"]
        visits = [place for place, kind in enumerate(kinds) if kind in ("meeting_requested", "site_visit")]
        return _among([0, *inquiries[:1], *visits[:1]], Fraction(9, 10), len(path))
    if model == "position_u":
        return _among([0, len(path) - 1], Fraction(4, 5), len(path))
    if model == "last_non_direct":
        others = [place for place, touch in enumerate(path) if _dims(touch)[1] != "direct"]
        return _among([max(others, default=len(path) - 1)], Fraction(1), len(path))
    if model in ("first", "last"):
        return _among([0 if model == "first" else len(path) - 1], Fraction(1), len(path))
    assert model in ("linear", "markov_path", "shapley_set"), "the last two as long as no weights are in force"
    return [Fraction(1)] * len(path)


def _learned(known: list[Event], model: str, path: Sequence[Touch], converted: int) -> list[Fraction] | None:
    """Shares by the newest adopted weights that apply to a conversion; none where they say nothing of the path."""
    versions = [fact for fact in known if isinstance(fact, WeightsVersion) and fact.model == model and fact.adopted]
    versions = [fact for fact in versions if fact.applies_from <= converted]
    if not versions:
        return None
    newest = max(versions, key=lambda fact: fact.version)
    channels = [_dims(touch)[1] for touch in path]
    own = {one.channel: one.weight for one in newest.weights if one.among == sorted(set(channels))}
    any_set = {one.channel: one.weight for one in newest.weights if not one.among}
    of_channel = own or any_set
    if not set(channels) <= set(of_channel):
        of_channel = dict.fromkeys(channels, 1)
    shares = [Fraction(of_channel[channel], channels.count(channel)) for channel in channels]
    return shares if any(shares) else None


def _among(places: list[int], part: Fraction, count: int) -> list[Fraction]:
    """A part of everything shared equally by some places, which may be named twice, and the rest by all others."""
    others = [place for place in range(count) if place not in places]
    part = part if others else Fraction(1)
    return [
        places.count(place) * part / len(places) if place in places else (1 - part) / len(others)
        for place in range(count)
    ]


def _decayed(age: int, half_life: int) -> Fraction:
    """Two to the minus age in half-lives, both as coarse as the specification has them."""
    with localcontext(prec=80):
        return Fraction(int(Decimal(2) ** (48 - Decimal(age * 2**32 // half_life) / 2**32)))


def share_out(amount: int, weights: Sequence[int | Fraction]) -> list[int]:
    """Floors of the exact shares; the units left to the largest remainders, earlier ones first."""
    sign, size = (-1, -amount) if amount < 0 else (1, amount)
    exact = [Fraction(size * weight) / sum(weights) for weight in weights]
    shares = [floor(share) for share in exact]
    parts = [place for place, weight in enumerate(weights) if weight > 0]
    while sum(shares) < size:
        place = max(parts, key=lambda one: (exact[one] - floor(exact[one]), -one))
        parts.remove(place)
        shares[place] += 1
    return [sign * share for share in shares]


def half_even(exact: Fraction) -> int:
    """The nearest whole number, of two equally near ones the even one."""
    below = floor(exact)
    over = exact - below
    if over == Fraction(1, 2):
        return below + below % 2
    return below + (over > Fraction(1, 2))


def _rate(known: list[Event], base: str, quote: str, day: int) -> Fraction | None:
    if base == quote:
        return Fraction(1)
    rates = [fact for fact in known if isinstance(fact, ExchangeRateSet) and (fact.base, fact.quote) == (base, quote)]
    near = [fact for fact in rates if day - 7 <= fact.day <= day]
    if not near:
        return None
    best = max(near, key=lambda fact: (fact.day, fact.revision))
    return Fraction(best.rate) * Fraction(10) ** (DECIMALS.get(quote, 2) - DECIMALS.get(base, 2))


def local_day(at: int, zone: str) -> int:
    """Days since 1970 of the date that the wall clock of a zone shows."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return (moment.astimezone(ZoneInfo(zone)).date() - date(1970, 1, 1)).days
