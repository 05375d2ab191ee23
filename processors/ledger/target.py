"""What the books of a booking ought to say, from its facts alone (ledger specification, section 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from models.attribution import weigh
from models.attribution.learned import Learned
from models.attribution.path import Touch, path
from models.local_time import local_day
from models.money import apportion, convert
from models.policy import Policy
from processors.control import Control, Rate
from processors.ledger.accounts import NOBODY, REVENUE, Balances, Block, Ledger, Place, difference
from processors.ledger.books import Books
from processors.ledger.value import BASES, State
from schemas.events.base import MAX_MINOR


class Terms(NamedTuple):
    """What governs a booking's lines: the policy that covers its conversion, that local day, its path, what else.

    ``weights`` of the path's touches by model (an empty path has one, of ``(none)``), ``learned`` what some of them
    come from, ``rates`` by currency.
    """

    policy: Policy
    day: int
    path: Sequence[Touch]
    weights: dict[str, tuple[int, ...]]
    learned: dict[str, Learned]
    rates: dict[str, Rate | None]

    def weights_version(self, model: str) -> int:
        """The version of the weights behind a model's credits; 0 also for a model that is no longer credited."""
        return self.learned[model].version if model in self.learned else 0


def terms(books: Books, control: Control) -> Terms:
    """The terms of a booking; they depend on its conversion time, never on the day of a cancellation."""
    converted = books.converted_at()
    policy = control.policy_at(converted)
    day = local_day(converted, policy.time_zone)
    touches = path(books.touches, converted, policy)
    models = {model for model, _ in policy.credited}
    learned = {model: one for model in models if (one := control.weights_at(model, converted)) is not None}
    weights = {model: tuple(weigh(model, touches, policy, learned.get(model))) if touches else (1,) for model in models}
    currencies = {revision.currency for revision in books.revisions.values()}
    rates = {currency: _rate(currency, day, policy, control) for currency in currencies}
    return Terms(policy, day, touches, weights, learned, rates)


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
    places.append(Place(REVENUE, REVENUE, "", "", "", under.day))
    order = sorted(range(len(places)), key=places.__getitem__)
    credited, reporting_currency = under.policy.credited, under.policy.reporting_currency
    worths = {basis: _worths(states, basis, under) for basis in {basis for _, basis in credited}}
    # models often weigh a path the same, and bases often value a booking the same
    alike: dict[tuple[tuple[int, ...], tuple[Worth, ...]], list[tuple[str, str]]] = defaultdict(list)
    for model, basis in credited:
        if worth := worths[basis]:
            alike[under.weights[model], worth].append((model, basis))
    ledger = Ledger()
    for (weights, worth), ones in alike.items():
        for step, currency, balances in _differences(worth, weights, places, order):
            blocks = [Block(model, basis, step, under.day, currency, reporting_currency) for model, basis in ones]
            ledger.add(blocks, balances)
    return ledger


def _worths(states: Sequence[tuple[int, State]], basis: str, under: Terms) -> tuple[Worth, ...]:
    """What a booking is worth at each step at which that changes. Nothing converts a count, nor nothing at all."""
    found: list[Worth] = []
    before = ("", 0)
    for since, state in states:
        amount = BASES[basis](state)
        after = state.revision.currency if amount and basis != "count" else "", amount
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
    worths: Sequence[Worth], weights: Sequence[int], places: Sequence[Place], order: Sequence[int]
) -> Iterator[tuple[int, str, Balances]]:
    """(step, currency, what changes there, if anything) under some weights."""
    currency, stands = "", Balances()
    for worth in worths:
        if stands and worth.currency != currency:
            yield worth.since, currency, difference({}, stands)
            stands = {}
        vector = _vector(worth, weights, places, order)
        yield worth.since, worth.currency, difference(vector, stands)
        currency, stands = worth.currency, vector


def _vector(worth: Worth, weights: Sequence[int], places: Sequence[Place], order: Sequence[int]) -> Balances:
    """Balances by place, ``(revenue)`` the last of them, while a booking is worth so much."""
    amounts = [*apportion(worth.amount, weights), -worth.amount]
    others = amounts if worth.reporting == worth.amount else [*apportion(worth.reporting, weights), -worth.reporting]
    return {places[n]: (amounts[n], others[n]) for n in order if amounts[n] or others[n]}


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
