"""A lead that is a robot, or a device that many share: ten thousand touches in ninety days."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from random import Random

from models.attribution import MODELS
from models.attribution.bundle import Bundles, as_touch, fold
from models.attribution.path import Touch, path
from models.policy import MAX_LOOK_BACK, Policy
from processors.lead.path import MAX_TOUCHES, Path
from schemas.events.base import DAY, instant

TOUCHES = 10_000
END = instant("2026-06-01T00:00:00Z")
POLICY = Policy(click_look_back=MAX_LOOK_BACK)
KINDS = ("content_engagement",) * 97 + ("inquiry", "meeting_requested", "call")
CAMPAIGNS = (("search", "brand"), ("search", "villas"), ("social", "villas"), ("email", None), ("direct", None))

Cell = tuple[int, str, str | None]
"""A day, a channel and a campaign: what a report can tell apart."""


def hot_touches(count: int = TOUCHES) -> list[Touch]:
    """Touches in order, the same ones each time."""
    chance = Random(7)
    times = sorted(END - MAX_LOOK_BACK + int(chance.random() * MAX_LOOK_BACK) for _ in range(count))
    made = []
    for number, at in enumerate(times):
        channel, campaign = chance.choices(CAMPAIGNS, (9, 4, 3, 1, 3))[0]
        made.append(Touch(f"touch-{number:08}", 1, at, chance.choice(KINDS), channel, campaign))
    return made


def folded(touches: list[Touch]) -> Path:
    """What the lead holds of them."""
    bundles = Bundles()
    for touch in touches[:-MAX_TOUCHES]:
        folding = fold(bundles, touch)
        assert folding is not None
        bundles = folding.bundles
    return Path({touch.id: touch for touch in touches[-MAX_TOUCHES:]}, bundles=bundles)


def elements(held: Path) -> list[Touch]:
    """The path that the ledger sees of what is held."""
    bundles = [as_touch(key, tally) for key, tally in held.bundles.tallies.items()]
    return path([*bundles, *held.touches.values()], END, POLICY)


def moved(model: str, single: list[Touch], bundled: list[Touch]) -> Fraction:
    """The most that a cell's exact share moves when touches are told as bundles."""
    before, after = _shares(model, single), _shares(model, bundled)
    return max(abs(before[cell] - after[cell]) for cell in before.keys() | after.keys())


def _shares(model: str, touches: list[Touch]) -> dict[Cell, Fraction]:
    weights = MODELS[model](touches, POLICY)
    found: dict[Cell, int] = defaultdict(int)
    for touch, weight in zip(touches, weights, strict=True):
        found[_cell(touch)] += weight
    return defaultdict(Fraction, {cell: Fraction(weight, sum(weights)) for cell, weight in found.items()})


def _cell(touch: Touch) -> Cell:
    return touch.dated_at // DAY, touch.channel, touch.campaign_id
