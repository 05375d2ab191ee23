"""Campaigns and what each truly does.

An exposure that a person acts on adds ``lift`` to their cumulative hazard of deciding, spread over the days after it
with mean ``delay_days``; one that is merely seen adds a fifth, one that is not even seen nothing. ``reach_unknown`` and
``reach_known`` say how often a campaign meets people before and after we know who they are. ``harvest`` is how often
it stands between a decision that is already made and its booking: such a touch adds nothing, whoever is last.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from streams.sources.simulate.scenario import Weighted

Audience = Literal["stay", "home"]
Depth = Literal[0, 1, 2]
"""How far an exposure went: delivered, seen, acted on."""

DEPTH_FACTOR = (0.0, 0.2, 1.0)


class Campaign(NamedTuple):
    """One campaign, or (without an id) people coming by themselves."""

    id: str | None
    channel: str
    lift: float
    delay_days: float
    reach_unknown: float
    reach_known: float
    harvest: float
    daily_minor: int
    currency: str
    audience: tuple[Audience, ...] = ("stay", "home")

    @property
    def name(self) -> str:
        """The campaign's id, or the channel where people came by themselves."""
        return self.id or self.channel


_STAY: tuple[Audience, ...] = ("stay",)
_HOME: tuple[Audience, ...] = ("home",)

CAMPAIGNS: tuple[Campaign, ...] = (
    #        id                     channel     lift  delay  unknown known harvest  a day
    Campaign("video-stories",       "social",   0.26,  5.0,   14,     7,    0.0,  120_000, "AED"),
    Campaign("creator-reels",       "social",   0.05,  4.0,    9,     4,    0.3,   60_000, "AED"),
    Campaign("display-prospecting", "display",  0.04,  4.0,   12,     2,    0.0,   45_000, "USD"),
    Campaign("generic-search",      "search",   0.07,  2.0,    9,     4,    0.5,   90_000, "AED"),
    Campaign("metasearch",          "portal",   0.06,  1.0,    8,     3,    0.6,   30_000, "EUR", _STAY),
    Campaign("portal-listings",     "portal",   0.08,  6.0,   12,     5,    0.5,  110_000, "AED", _HOME),
    Campaign("partner-network",     "referral", 0.05,  3.0,    3,     1,    0.3,   12_000, "USD"),
    Campaign("newsletter",          "email",    0.02,  2.0,    0,    13,    0.3,    6_000, "AED"),
    Campaign("nurture-mail",        "email",    0.07,  3.0,    0,     8,    0.3,    5_000, "AED"),
    Campaign("concierge-chat",      "whatsapp", 0.12,  1.0,    0,     8,    0.5,   25_000, "AED"),
    Campaign("flash-offer",         "sms",      0.06,  0.5,    0,     5,    0.2, 900_000, "INR", _STAY),
    Campaign("viewing-line",        "phone",    0.10,  3.0,    1,     4,    0.4,   20_000, "AED", _HOME),
    Campaign("brand-search",        "search",   0.00,  1.0,    1,     1,    9.0,   70_000, "AED"),
    Campaign("retargeting",         "display",  0.01,  1.0,    3,     5,    2.0,   40_000, "USD"),
)  # fmt: skip
"""Money per day in minor units of the account that pays."""

BY_THEMSELVES: tuple[Campaign, ...] = (
    Campaign(None, "direct", 0.0, 1.0, 6, 6, 2.5, 0, "AED"),
    Campaign(None, "referral", 0.0, 1.0, 2, 1, 0.3, 0, "AED"),
)

CHANNELS: tuple[str, ...] = tuple(dict.fromkeys(each.channel for each in (*CAMPAIGNS, *BY_THEMSELVES)))

PLANTED: dict[str, str] = {
    "brand-search": (
        "overrated by last touch: shown to people who look for us by name because they have decided already; "
        "it stands last before many bookings and causes none"
    ),
    "video-stories": (
        "underrated by last touch: shown early, it causes more bookings than any other campaign, but they come days "
        "later and something else stands last"
    ),
}
"""Campaigns whose effect last touch gets visibly wrong, and why."""

_DEPTHS: dict[str, Weighted[Depth]] = {
    "social": Weighted(((0, 0.25), (1, 0.35), (2, 0.4))),
    "display": Weighted(((0, 0.7), (1, 0.2), (2, 0.1))),
    "email": Weighted(((0, 0.5), (1, 0.3), (2, 0.2))),
    "whatsapp": Weighted(((0, 0.2), (1, 0.4), (2, 0.4))),
    "sms": Weighted(((0, 0.85), (2, 0.15))),
    "portal": Weighted(((0, 0.2), (1, 0.3), (2, 0.5))),
}


def depth_of(channel: str) -> Weighted[Depth] | None:
    """How far exposures in a channel go; none where every one is an act (search, phone, direct, referral)."""
    return _DEPTHS.get(channel)


def _by(audience: Audience, column: str) -> Weighted[Campaign]:
    everyone = (*CAMPAIGNS, *BY_THEMSELVES)
    return Weighted((each, getattr(each, column)) for each in everyone if audience in each.audience)


REACH_UNKNOWN: dict[str, Weighted[Campaign]] = {who: _by(who, "reach_unknown") for who in ("stay", "home")}
REACH_KNOWN: dict[str, Weighted[Campaign]] = {who: _by(who, "reach_known") for who in ("stay", "home")}
HARVEST: dict[str, Weighted[Campaign]] = {who: _by(who, "harvest") for who in ("stay", "home")}
