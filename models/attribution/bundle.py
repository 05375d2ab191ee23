"""Bundles: what stays of a hot lead's older touches (ledger specification, section 8).

Touches of one UTC day that a model has no reason to tell apart become one bundle: their number, the sum of their times,
the first and the last of them. Nothing in here depends on the order in which touches come, but for a repeat: only that
of a bundle's first or last touch is known for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

from models.attribution.path import Many, Touch
from models.touches import INQUIRIES, MEETINGS, VIEW_CLASS
from schemas.events.base import DAY, as_date

MAX_BUNDLES = 1_500
MANY = "(many)"
"""Campaign of the bundles of days whose campaigns are told apart no more."""


_KIND = {"plain": "content_engagement", "inquiry": "inquiry", "meeting": "meeting_requested", "view": "view"}
"""The kind that stands for all of a sort of touches that models tell from others."""


class Key(NamedTuple):
    """What the touches of a bundle have in common; ``day`` counts since 1970 UTC, ``sort`` is a key of ``_KIND``.

    The ``identifier`` is there because history moves from lead to lead by identifier.
    """

    day: int
    sort: str
    channel: str
    campaign_id: str | None
    content_id: str | None
    variant_id: str | None
    identifier: str | None = None


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """The touches of a bundle: number, sum of microseconds since their day began, first and last (time, id)."""

    count: int
    total: int
    first: tuple[int, str]
    last: tuple[int, str]


class Bundles(msgspec.Struct, frozen=True, array_like=True):
    """Up to ``MAX_BUNDLES`` bundles; ``coarse_until`` is the last UTC day whose campaigns are all ``MANY``."""

    tallies: dict[Key, Tally] = {}
    coarse_until: int = -1


class Folding(NamedTuple):
    """Bundles after a touch was folded in, what changed (instants, both included), and how many were forgotten."""

    bundles: Bundles
    since: int
    until: int
    forgotten: int = 0


def fold(bundles: Bundles, touch: Touch) -> Folding | None:
    """Fold a touch into its bundle; none if the bundle has it already, as far as it can tell.

    Beyond ``MAX_BUNDLES`` the campaigns of a day become ``MANY``, oldest day first; when all have, the oldest bundle is
    forgotten.
    """
    place = (touch.at, touch.id)
    key, tally = _key(touch, bundles.coarse_until), Tally(1, touch.at % DAY, place, place)
    held = bundles.tallies.get(key)
    if held is not None:
        if place in (held.first, held.last):
            return None
        tally = _together(held, tally)
    tallies = {**bundles.tallies, key: tally}
    if len(tallies) <= MAX_BUNDLES:
        return Folding(Bundles(tallies, bundles.coarse_until), key.day * DAY, key.day * DAY + DAY - 1)
    oldest = min(key.day for key in tallies)
    after, forgotten = _bounded(tallies, bundles.coarse_until)
    return Folding(after, oldest * DAY, max(key.day, after.coarse_until) * DAY + DAY - 1, forgotten)


def joined(one: Bundles, other: Bundles) -> Bundles:
    """The bundles of two leads as those of one."""
    coarse_until = max(one.coarse_until, other.coarse_until)
    tallies = _coarsened(one.tallies, coarse_until)
    for key, tally in _coarsened(other.tallies, coarse_until).items():
        tallies[key] = _together(tallies[key], tally) if key in tallies else tally
    return _bounded(tallies, coarse_until)[0]


def _bounded(tallies: dict[Key, Tally], coarse_until: int) -> tuple[Bundles, int]:
    """As many bundles as may be held, and how many were forgotten for that."""
    forgotten = 0
    while len(tallies) > MAX_BUNDLES and (fine := [key.day for key in tallies if key.day > coarse_until]):
        coarse_until = min(fine)
        tallies = _coarsened(tallies, coarse_until)
    while len(tallies) > MAX_BUNDLES:
        del tallies[min(tallies, key=_age)]
        forgotten += 1
    return Bundles(tallies, coarse_until), forgotten


def as_touch(key: Key, tally: Tally) -> Touch:
    """The bundle as an element of a path."""
    (at, first_id), (last_at, last_id) = tally.first, tally.last
    many = Many(tally.count, key.day * DAY + tally.total // tally.count, first_id, last_at, last_id)
    return Touch(_name(key), 1, at, _KIND[key.sort], *key[2:], many=many)


def _key(touch: Touch, coarse_until: int) -> Key:
    day, sort = touch.at // DAY, _sort(touch.kind)
    if day <= coarse_until:
        return Key(day, sort, touch.channel, MANY, None, None, touch.identifier)
    return Key(day, sort, touch.channel, touch.campaign_id, touch.content_id, touch.variant_id, touch.identifier)


def _sort(kind: str) -> str:
    if kind in INQUIRIES:
        return "inquiry"
    if kind in MEETINGS:
        return "meeting"
    return "view" if kind in VIEW_CLASS else "plain"


def _age(key: Key) -> tuple[str, ...]:
    return tuple(f"{part:09d}" if isinstance(part, int) else part or "" for part in key)


def _coarsened(tallies: Mapping[Key, Tally], until: int) -> dict[Key, Tally]:
    """The campaigns of all days up to one told apart no more."""
    coarse: dict[Key, Tally] = {}
    for key, tally in tallies.items():
        if key.day <= until:
            key = Key(key.day, key.sort, key.channel, MANY, None, None, key.identifier)  # noqa: PLW2901
        coarse[key] = _together(coarse[key], tally) if key in coarse else tally
    return coarse


def _together(one: Tally, other: Tally) -> Tally:
    return Tally(
        one.count + other.count, one.total + other.total, min(one.first, other.first), max(one.last, other.last)
    )


@lru_cache(4_096)
def _name(key: Key) -> str:
    digest = hashlib.blake2b(msgspec.json.encode(key[1:]), digest_size=8).hexdigest()
    return f"bundle:{as_date(key.day)}:{digest}"
