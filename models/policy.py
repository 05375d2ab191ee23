"""The rules of a workspace as data; what stands here is version 0, in force until a workspace says otherwise.

A workspace changes any of them with a ``PolicyChanged`` fact, whose document is a JSON object of these fields.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Annotated, Literal

import msgspec

from models.local_time import zone_names
from schemas.events.base import CURRENCIES, DAY, HOUR, MAX_MINOR
from schemas.events.contact import PersonalChannel
from schemas.events.gate import Category, Tier

MAX_LOOK_BACK = 90 * DAY
"""The lead stage sends the ledger candidates from so far back, so no policy may look further."""

MAX_COUNTED = 16
"""Engagements of one kind that a standing remembers; no rule may count more."""

MAX_CAP_WINDOW = 35 * DAY
"""Contact points and leads remember what was sent for so long, so no cap may look further."""

Span = Annotated[int, msgspec.Meta(gt=0, le=3_650 * DAY)]
LookBack = Annotated[int, msgspec.Meta(ge=0, le=MAX_LOOK_BACK)]
Score = Annotated[int, msgspec.Meta(ge=0, le=101)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_MINOR)]
Basis = Literal["net", "realised", "expected", "count"]
Status = Literal["booked", "contracted"]
Webhook = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Ppm = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Strong = Literal["crm_id", "email", "phone", "wa_id"]
Points = Annotated[int, msgspec.Meta(ge=0, le=25)]
Jurisdiction = Literal["UAE", "IND", "USA", "US-FL", "EUR"]


class Cap(msgspec.Struct, frozen=True, array_like=True):
    """At most ``most`` marketing messages over a channel to one contact point, and to one lead, in any ``window``.

    ``region`` is the home region that it holds in, ``*`` all of them.
    """

    region: Literal["*", "UAE", "IND", "USA", "EUR"]
    channel: PersonalChannel
    most: Annotated[int, msgspec.Meta(ge=0, le=100)]
    window: Annotated[int, msgspec.Meta(gt=0, le=MAX_CAP_WINDOW)]


class Hours(msgspec.Struct, frozen=True, array_like=True):
    """The legal window of a channel in a jurisdiction: minutes of the recipient's day, ``closes`` is not part of it."""

    jurisdiction: Jurisdiction
    channel: PersonalChannel
    opens: Annotated[int, msgspec.Meta(ge=0, lt=1_440)]
    closes: Annotated[int, msgspec.Meta(gt=0, le=1_440)]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of a workspace's rules. Times are in microseconds, money in minor units.

    Converting a document raises ``msgspec.ValidationError`` where a rule could not be applied.
    """

    version: int = 0
    applies_from: int = 0
    time_zone: str = "UTC"
    reporting_currency: str = "AED"

    hot_score: Score = 70
    warm_score: Score = 40
    warming_engagements: Annotated[int, msgspec.Meta(ge=1, le=MAX_COUNTED)] = 3
    warming_window: Span = 30 * DAY
    cooling_after: Span = 30 * DAY
    budget_points: tuple[tuple[Amount, Points], ...] = ((200_000_000, 25), (50_000_000, 18), (10_000_000, 10), (1, 5))
    """(at least so many minor units of whatever currency the budget is in, points), the largest first."""

    attribution_models: tuple[str, ...] = ("first", "last", "linear")
    attribution_bases: tuple[Basis, ...] = ("net",)
    optimizer_model: str = "time_decay"
    """The model whose credits the optimizer and the campaigns' figures are told, in ``optimizer_basis``.

    The figures' revenue is ``net`` where that is ``count``.
    """
    optimizer_basis: Basis = "net"
    weights_adoption: Literal["stable", "open", "all"] = "stable"
    """New weights of data-driven models apply to conversions from their adoption on, from 30 days before, or to all."""
    exposure: bool = False
    """Whether a path keeps only the last of a run of touches of one channel."""
    cancellation_risk: tuple[tuple[Status, int, Ppm], ...] = ()
    """(status, at least so many days between conversion and start, probability), the longest lead time first."""
    half_life: Span = 7 * DAY
    """In time-decay attribution a touch weighs half as much as one that is so much younger."""
    click_look_back: LookBack = 30 * DAY
    view_look_back: LookBack = DAY

    identity_limits: tuple[tuple[Strong, Annotated[int, msgspec.Meta(ge=1, le=64)]], ...] = (
        ("crm_id", 1),
        ("email", 5),
        ("phone", 5),
        ("wa_id", 5),
    )
    """How many identifiers of a kind observed links may bring together in one lead; a kind left out: one."""
    hub_size: Annotated[int, msgspec.Meta(ge=1, le=8)] = 8
    """An identifier named together with more others of one kind than this means nobody in particular."""
    blocked_identifiers: tuple[str, ...] = (
        "test@test.com", "info@", "noreply@", "no-reply@", "0000000000",
        "n/a", "na", "nan", "nil", "none", "null", "undefined", "unknown",
    )  # fmt: skip
    """E-mail addresses (ending with @: at any domain), CRM and WhatsApp ids and phone numbers that name nobody.

    As written; in lower case they also hold for other cases.
    """

    contact_not_after: Span = DAY
    """A proposal to contact somebody lapses after this long."""
    held_not_after: Span = 72 * HOUR
    """A request that names no end of its own is held no longer than this."""
    templates: tuple[tuple[str, Category], ...] = (
        ("booking_confirmation", "transactional"),
        ("hot_lead", "marketing"),
        ("warm_lead", "marketing"),
        ("nurture", "marketing"),
        ("follow_up", "marketing"),
    )
    """Approved templates and what they are; what comes without a template is marketing."""
    caps: tuple[Cap, ...] = (
        Cap("*", "whatsapp", 1, 7 * DAY),
        Cap("*", "email", 2, 7 * DAY),
        Cap("UAE", "call", 1, DAY),
        Cap("UAE", "call", 2, 7 * DAY),
    )
    cap_window: Literal["rolling", "iso_week_local", "both"] = "rolling"
    """Caps of seven days count over any seven days, over the recipient's calendar weeks, or over both."""
    social_cap: Annotated[int, msgspec.Meta(ge=0, le=100)] = 3
    """Posts to one social account in one day of the workspace's zone."""
    opt_out_suffices: tuple[tuple[Jurisdiction, PersonalChannel], ...] = (("USA", "email"),)
    """Where marketing needs no consent as long as nobody objects; everywhere else it does."""
    contact_windows: tuple[Hours, ...] = (
        Hours("USA", "call", 8 * 60, 21 * 60),
        Hours("USA", "sms", 8 * 60, 21 * 60),
        Hours("US-FL", "call", 8 * 60, 20 * 60),
        Hours("US-FL", "sms", 8 * 60, 20 * 60),
        Hours("UAE", "call", 9 * 60, 18 * 60),
        Hours("UAE", "sms", 9 * 60, 18 * 60),
        Hours("IND", "call", 10 * 60, 21 * 60),
        Hours("IND", "sms", 10 * 60, 21 * 60),
        Hours("EUR", "whatsapp", 8 * 60, 20 * 60),
        Hours("EUR", "email", 8 * 60, 20 * 60),
        Hours("EUR", "call", 8 * 60, 20 * 60),
        Hours("EUR", "sms", 8 * 60, 20 * 60),
    )
    """When people may be contacted by their own clocks; what is not listed is allowed at any hour."""
    sequences: tuple[tuple[Tier, tuple[Annotated[int, msgspec.Meta(ge=0, le=365)], ...]], ...] = (
        ("standard", (1, 3, 7, 14, 30)),
        ("premium", (1, 3, 7, 14, 30)),
    )
    """Days after its start on which a nurture sequence proposes a message, by tier."""
    approval_from_inr: Amount = 2_000_000_000
    """A hot lead worth at least so many paise is premium only when a person says so."""
    approval_wait: Span = DAY
    """Without an answer for so long it is standard."""
    webhooks: tuple[tuple[Literal["reviewers", "sales"], Webhook], ...] = ()
    """Who is told, by which webhook: its name in the settings of the worker of effects; nobody else hears anything."""

    @property
    def credited(self) -> tuple[tuple[str, str], ...]:
        """(model, basis) of all credits: those asked for, and what the optimizer and the campaigns' figures need."""
        needed = self.optimizer_basis, "count", self.figures_basis
        return _credited(self.attribution_models, self.attribution_bases, self.optimizer_model, needed)

    @property
    def figures_basis(self) -> Basis:
        """The basis of the campaigns' revenue: the optimizer's, or ``net`` where that one counts conversions."""
        return "net" if self.optimizer_basis == "count" else self.optimizer_basis

    def __post_init__(self) -> None:
        if self.time_zone not in zone_names():
            raise ValueError("time_zone is no IANA zone")
        if self.reporting_currency not in CURRENCIES:
            raise ValueError("reporting_currency is no ISO 4217 code")
        if list(self.budget_points) != sorted(self.budget_points, reverse=True):
            raise ValueError("budget_points must go from the largest amount to the smallest")
        lead_days = [days for _, days, _ in self.cancellation_risk]
        if lead_days != sorted(lead_days, reverse=True):
            raise ValueError("cancellation_risk must go from the longest lead time to the shortest")
        if any(hours.opens >= hours.closes for hours in self.contact_windows):
            raise ValueError("contact_windows must open before they close, on one day")
        if len({(hours.jurisdiction, hours.channel) for hours in self.contact_windows}) < len(self.contact_windows):
            raise ValueError("contact_windows may name a jurisdiction and channel once: two windows would overlap")
        if len(dict(self.webhooks)) < len(self.webhooks):
            raise ValueError("webhooks may name whom to tell once each")
        if any(list(days) != sorted(set(days)) for _, days in self.sequences):
            raise ValueError("sequences must name their days in order, each once")


@lru_cache(1_024)
def _credited(
    models: tuple[str, ...], bases: tuple[Basis, ...], optimizer_model: str, needed: tuple[Basis, ...]
) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((*product(models, bases), *product((optimizer_model,), needed))))


DEFAULT_POLICY = Policy()
