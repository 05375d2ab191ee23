"""How a hot lead's credit must be told, from all of its touches at once (ledger specification, section 8).

Every touch is there, one by one; what a bundle weighs is what its touches weigh together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from schemas.events.base import DAY
from schemas.events.touchpoints import TouchpointRecorded
from tests.property.oracles.ledger import weigh
from tests.property.oracles.rules import VIEWS

Dims = tuple[str, str, str, str]


@dataclass(frozen=True)
class Element:
    """A touch or a bundle of them: ``name`` of a touch (none: a bundle), its dimensions, its day, its touches."""

    name: str
    dims: Dims
    day: int
    touches: tuple[TouchpointRecorded, ...]

    @property
    def is_view(self) -> bool:
        """Whether its touches were only seen."""
        return self.touches[0].kind in VIEWS


def elements(touches: Sequence[TouchpointRecorded], singles: int, most: int) -> list[Element]:
    """The newest touches one by one, older ones in at most so many bundles."""
    ordered = sorted(touches, key=lambda one: (one.occurred_at, one.touch_id))
    older, newest = ordered[: max(0, len(ordered) - singles)], ordered[max(0, len(ordered) - singles) :]
    coarse: set[int] = set()
    bundles = _bundled(older, coarse)
    for day in sorted({one.occurred_at // DAY for one in older}):
        if len(bundles) > most:
            coarse.add(day)
            bundles = _bundled(older, coarse)
    forgotten = sorted(bundles, key=lambda key: key[:3])[: max(0, len(bundles) - most)]
    kept = [
        Element("", (key[2], *key[3:]), key[0], tuple(found)) for key, found in bundles.items() if key not in forgotten
    ]
    alone = [Element(f"{one.touch_id}#1", _dims(one), one.occurred_at // DAY, (one,)) for one in newest]
    return kept + alone


def shares(model: str, path: Sequence[Element], half_life: int) -> list[Fraction]:
    """What each element is worth of the whole."""
    owners = [(touch, place) for place, element in enumerate(path) for touch in _dated(model, element)]
    owners.sort(key=lambda owner: (owner[0].occurred_at, owner[0].touch_id))
    weights = weigh(model, [touch for touch, _ in owners], half_life)
    worth: dict[int, Fraction] = defaultdict(Fraction)
    for (_, place), weight in zip(owners, weights, strict=True):
        worth[place] += weight
    return [worth[place] / sum(worth.values()) for place in range(len(path))]


def _dated(model: str, element: Element) -> Sequence[TouchpointRecorded]:
    """An element's touches; to decay, those of a bundle are all of its mean time."""
    if model != "time_decay":
        return element.touches
    mean = sum(touch.occurred_at for touch in element.touches) // len(element.touches)
    return [touch.model_copy(update={"occurred_at": mean}) for touch in element.touches]


def _bundled(
    older: Sequence[TouchpointRecorded], coarse: set[int]
) -> dict[tuple[int, str, str, str, str, str], list[TouchpointRecorded]]:
    found = defaultdict(list)
    for one in older:
        day = one.occurred_at // DAY
        _, *rest = _dims(one)
        found[day, _class(one.kind), one.channel, *(("(many)", "", "") if day in coarse else rest)].append(one)
    return found


def _class(kind: str) -> str:
    if kind in VIEWS:
        return "view"
    if kind in ("meeting_requested", "site_visit"):
        return "meeting"
    return "inquiry" if kind == "inquiry" else "plain"


def _dims(touch: TouchpointRecorded) -> Dims:
    return touch.channel, touch.campaign_id or "", touch.content_id or "", touch.variant_id or ""
