"""What the books of a booking ought to say, from its facts alone (ledger specification, section 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from models.attribution import weigh, weights_version
from models.attribution.learned import Learned
from models.attribution.path import Touch, path
from models.local_time import local_day
from models.money import apportion, convert
from models.policy import Policy
from processors.control import Control, Rate
from processors.ledger.accounts import NOBODY, REVENUE, Balance, Balances, Block, Ledger, Place, difference
from processors.ledger.books import Books
from processors.ledger.value import BASES, State
from schemas.events.base import MAX_MINOR


class Weighed(NamedTuple):
    """Weights of the touches of a path, and the version of the weights in force that they come from (0: none)."""

    weights: tuple[int, ...]
    version: int


class Terms(NamedTuple):
    """What governs a booking's lines: the policy that covers its conversion, that local day, its path, what else.

    ``weighed`` by model (an empty path has one weight, of ``(none)``), ``rates`` by currency.
    """

    policy: Policy
    day: int
    path: Sequence[Touch]
    weighed: dict[str, Weighed]
    rates: dict[str, Rate | None]

    def weights_version(self, model: str) -> int:
        """The version of the weights behind a model's credits; 0 also for a model that is no longer credited."""
        return self.weighed[model].version if model in self.weighed else 0


def terms(books: Books, control: Control) -> Terms:
    """The terms of a booking; they depend on its conversion time, never on the day of a cancellation."""
    converted = books.converted_at()
    policy = control.policy_at(converted)
    day = local_day(converted, policy.time_zone)
    touches = path(books.touches, converted, policy)
    models = {model for model, _ in policy.credited}
    weighed = {model: _weighed(model, touches, policy, control.weights_at(model, converted)) for model in models}
    currencies = {revision.currency for revision in books.revisions.values()}
    rates = {currency: _rate(currency, day, policy, control) for currency in currencies}
    return Terms(policy, day, touches, weighed, rates)


def _weighed(model: str, touches: Sequence[Touch], policy: Policy, learned: Learned | None) -> Weighed:
    return Weighed(tuple(weigh(model, touches, policy, learned)) if touches else (1,), weights_version(learned))


class Worth(NamedTuple):
    """What a booking is worth from an instant on, in its currency (none: a count) and in the reporting currency."""

    since: int
    currency: str
    amount: int
    reporting: int


def target(states: Sequence[tuple[int, State]], under: Terms) -> Ledger:
    """Every account's balance: per model, basis and step of the booking the difference to the step before.

    Zero balances are left out. The sum over a step's accounts, ``(revenue)`` included, is zero in both currencies.
    """
    places = [_place(touch, under.policy) for touch in under.path] or [Place(NOBODY, NOBODY, "", "", "", under.day)]
    bases = {basis for _, basis in under.policy.credited}
    worths = {basis: _worths(states, basis, under) for basis in bases}
    # models often weigh a path the same, and bases often value a booking the same
    alike: dict[tuple[tuple[int, ...], tuple[Worth, ...]], list[tuple[str, str]]] = defaultdict(list)
    for model, basis in under.policy.credited:
        alike[under.weighed[model].weights, worths[basis]].append((model, basis))
    ledger: Ledger = {}
    for (weights, worth), credited in alike.items():
        for step, currency, balances in _differences(worth, weights, places, under.day):
            for model, basis in credited:
                ledger[Block(model, basis, step, under.day, currency, under.policy.reporting_currency)] = balances
    return ledger


def _worths(states: Sequence[tuple[int, State]], basis: str, under: Terms) -> tuple[Worth, ...]:
    """What a booking is worth at each step at which that changes. Nothing converts a count."""
    found: list[Worth] = []
    before = ("", 0)
    for since, state in states:
        after = "" if basis == "count" else state.revision.currency, BASES[basis](state)
        if after != before:
            found.append(Worth(since, *after, _reporting(*after, under)))
            before = after
    return tuple(found)


def _reporting(currency: str, amount: int, under: Terms) -> int:
    rate = under.rates[currency] if currency else None
    reporting = convert(amount, rate.rate, currency, under.policy.reporting_currency) if rate else 0
    # no line could hold more, and no real rate brings a real amount there: as if there were no rate
    return reporting if reporting <= MAX_MINOR else 0


def _differences(
    worths: Sequence[Worth], weights: Sequence[int], places: Sequence[Place], day: int
) -> list[tuple[int, str, Balances]]:
    """(step, currency, what changes there) under some weights."""
    found: list[tuple[int, str, Balances]] = []
    currency, stands = "", Balances()
    for worth in worths:
        vector = _vector(worth, weights, places, day)
        if worth.currency == currency:
            found.append((worth.since, currency, difference(vector, stands)))
        else:
            found += [(worth.since, currency, difference({}, stands)), (worth.since, worth.currency, vector)]
        currency, stands = worth.currency, vector
    return [change for change in found if change[2]]


def _vector(worth: Worth, weights: Sequence[int], places: Sequence[Place], day: int) -> Balances:
    """Balances by place while a booking is worth so much."""
    amounts = apportion(worth.amount, weights)
    others = amounts if worth.reporting == worth.amount else apportion(worth.reporting, weights)
    vector = {
        place: Balance(amount, other)
        for place, amount, other in zip(places, amounts, others, strict=True)
        if amount or other
    }
    if vector:
        vector[Place(REVENUE, REVENUE, "", "", "", day)] = Balance(-worth.amount, -worth.reporting)
    return vector


def _place(touch: Touch, policy: Policy) -> Place:
    return Place(
        touch.account,
        touch.channel,
        touch.campaign_id or "",
        touch.content_id or "",
        touch.variant_id or "",
        local_day(touch.dated_at, policy.time_zone),
    )


def _rate(currency: str, day: int, policy: Policy, control: Control) -> Rate | None:
    if currency == policy.reporting_currency:
        return Rate(0, "1", "1")
    return control.rate_on(currency, policy.reporting_currency, day)
