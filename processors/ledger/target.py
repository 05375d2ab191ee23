"""What the books of a booking ought to say, from its facts alone (ledger specification, section 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from typing import NamedTuple
from zoneinfo import ZoneInfo

from models.attribution import MODELS
from models.attribution.path import Touch, path
from models.conversion import since
from models.money import apportion, convert
from models.policy import Policy
from processors.control import Control, Rate
from processors.ledger.books import Account, Balance, Books, Revision
from schemas.events.base import MAX_MINOR, SECOND, epoch_day

NOBODY = "(none)"
REVENUE = "(revenue)"

BASES: dict[str, Callable[[Revision], int]] = {
    "net": lambda revision: revision.net,
    "realised": lambda revision: revision.realised,
}
"""What of a booking is credited, by basis."""

Place = tuple[str, str, str, str, str, int]
"""Account, channel, campaign, content, variant and local day of a touch (absent ids are empty text)."""

Target = dict[Account, Balance]


class Terms(NamedTuple):
    """What governs a booking's lines: the policy that covers its conversion, that day, and its rates by currency."""

    policy: Policy
    day: int
    rates: dict[str, Rate | None]


def terms(books: Books, control: Control) -> Terms:
    """The terms of a booking; they depend on its conversion time, never on the day of a cancellation."""
    converted = books.converted_at()
    policy = control.policy_at(converted)
    day = local_day(converted, policy.time_zone)
    currencies = {revision.currency for revision in books.revisions.values()}
    return Terms(policy, day, {currency: _rate(currency, day, policy, control) for currency in currencies})


def target(books: Books, under: Terms) -> Target:
    """Every account's balance: per model, basis and step of the booking the difference to the step before.

    Zero balances are left out. The sum over a step's accounts, ``(revenue)`` included, is zero in both currencies.
    """
    policy = under.policy
    touches = path(books.touches, books.converted_at(), policy)
    places = [_place(touch, policy) for touch in touches] or [(NOBODY, NOBODY, "", "", "", under.day)]
    steps = list(_steps(books))
    balances: Target = {}
    alike: dict[tuple[int, ...], list[str]] = defaultdict(list)  # models often weigh a path the same
    for model in policy.attribution_models:
        alike[tuple(MODELS[model](touches, policy)) if touches else (1,)].append(model)
    for (weights, models), basis in product(alike.items(), policy.attribution_bases):
        value_of = BASES[basis]
        for step, before, after in steps:
            if before and (value_of(before), before.currency) == (value_of(after), after.currency):
                continue
            difference = _vector(after, basis, places, weights, under)
            for key, share in _vector(before, basis, places, weights, under).items() if before else ():
                held = difference.get(key, Balance(0, 0))
                difference[key] = Balance(held.amount - share.amount, held.reporting - share.reporting)
            for (place, currency), balance in difference.items():
                if balance != (0, 0):
                    for model in models:
                        account = Account(model, basis, step, *place, under.day, currency, policy.reporting_currency)
                        balances[account] = balance
    return balances


def _steps(books: Books) -> Iterator[tuple[int, Revision | None, Revision]]:
    """(instant, revision in force before, revision in force from then on) for each distinct instant."""
    before: Revision | None = None
    best = -1
    by_time = sorted((at, number) for number, at in since(books.revisions, books.dropped).items())
    for place, (at, number) in enumerate(by_time):
        best = max(best, number)
        if place + 1 < len(by_time) and by_time[place + 1][0] == at:
            continue
        after = books.revisions[best]
        yield at, before, after
        before = after


def _vector(
    revision: Revision, basis: str, places: list[Place], weights: Sequence[int], under: Terms
) -> dict[tuple[Place, str], Balance]:
    """Balances by place and currency while a revision is in force."""
    value, currency = BASES[basis](revision), revision.currency
    rate = under.rates[currency]
    reporting = convert(value, rate.rate, currency, under.policy.reporting_currency) if rate else 0
    if reporting > MAX_MINOR:
        reporting = 0  # no line could hold it, and no real rate brings a real amount there: as if there were no rate
    shares = map(Balance, apportion(value, weights), apportion(reporting, weights))
    vector = {(place, currency): share for place, share in zip(places, shares, strict=True)}
    vector[(REVENUE, REVENUE, "", "", "", under.day), currency] = Balance(-value, -reporting)
    return vector


def _place(touch: Touch, policy: Policy) -> Place:
    return (
        f"{touch.id}#{touch.revision}",
        touch.channel,
        touch.campaign_id or "",
        touch.content_id or "",
        touch.variant_id or "",
        local_day(touch.at, policy.time_zone),
    )


def _rate(currency: str, day: int, policy: Policy, control: Control) -> Rate | None:
    if currency == policy.reporting_currency:
        return Rate(0, "1", "1")
    return control.rate_on(currency, policy.reporting_currency, day)


def local_day(at: int, zone: str) -> int:
    """Days since 1970 of the local date of an instant in an IANA zone."""
    return epoch_day(datetime.fromtimestamp(at // SECOND, UTC).astimezone(_zone(zone)).date())


@lru_cache(512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
