"""How a lead's temperature went, from the set of its facts: every instant asked anew what holds, nothing carried over
but the temperature itself and since when it is quiet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from schemas.events.base import DAY, Event, Identified
from schemas.events.clicks import ClickRecorded
from schemas.events.leads import LeadCaptured, LeadUpdated
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from tests.property.oracles.clusters import resolved
from tests.property.oracles.rules import OWN_SENDS, VIEWS, rules_at

BANDS = ("cold", "warm", "hot")
BUDGETS = ((200_000_000, 25), (50_000_000, 18), (10_000_000, 10), (1, 5))
FINANCING = {"cash": 15, "preapproved": 12, "needed": 5}


class Moment(NamedTuple):
    """One thing that happened: details of a lead, or an engagement of a sort."""

    at: int
    id: str
    sort: str
    fact: Identified


class Move(NamedTuple):
    """From ``at`` on the temperature is ``after``."""

    at: int
    before: str | None
    after: str
    reason: str


def history(identity_key: bytes, facts: Iterable[Event], lead: str, now: int) -> list[Move]:
    """All moves of a lead's temperature up to now."""
    known = list(facts)
    who = resolved(identity_key, known)
    moments = _moments([fact for fact in known if isinstance(fact, Identified) and who.lead_of(fact) == lead])
    captures = [place for place, moment in enumerate(moments) if moment.sort == "captured"]
    if not captures:
        return []
    start = captures[0]
    moves: list[Move] = []
    heat = BANDS.index(_band(_score(known, moments, start), rules_at(known, moments[start].at)))
    moves.append(Move(moments[start].at, None, BANDS[heat], "captured"))
    for place in range(start, len(moments)):
        if place > start:
            moves += _cooled(known, moments[:place], moves, moments[place].at)
        moves += _warmed(known, moments, place, moves, first=place == start)
    return moves + _cooled(known, moments, moves, now)


def _warmed(known: list[Event], moments: list[Moment], place: int, moves: list[Move], *, first: bool) -> list[Move]:
    at, sort = moments[place].at, moments[place].sort
    rules = rules_at(known, at)
    reached: list[tuple[int, str]] = []
    if not first and place > 0:
        band, earlier = _band(_score(known, moments, place), rules), _band(_score(known, moments, place - 1), rules)
        if BANDS.index(band) > BANDS.index(earlier) and _score(known, moments, place) > _score(
            known, moments, place - 1
        ):
            reached.append((BANDS.index(band), "score"))
    engaged = sort not in ("captured", "updated")
    window = [m for m in moments[: place + 1] if m.at > at - rules["warming_window"]]
    if (engaged or first) and sum(m.sort == "content" for m in window) >= rules["warming_engagements"]:
        reached.append((1, "content_engagement"))
    if (sort == "direct" or first) and any(m.sort == "direct" for m in window):
        reached.append((2, "direct_inquiry"))
    heat = BANDS.index(moves[-1].after)
    made: list[Move] = []
    for target, reason in reached:
        while heat < target:
            made.append(Move(at, BANDS[heat], BANDS[heat + 1], reason))
            heat += 1
    return made


def _cooled(known: list[Event], before: list[Moment], moves: list[Move], until: int) -> list[Move]:
    """One step down at the end of each quiet period that is over by then."""
    made: list[Move] = []
    while True:
        last = (moves + made)[-1]
        if last.after == "cold":
            return made
        engaged = [m.at for m in before if m.sort not in ("captured", "updated")]
        since = max([last.at, *engaged])
        due = since + rules_at(known, since)["cooling_after"]
        if due > until:
            return made
        made.append(Move(due, last.after, BANDS[BANDS.index(last.after) - 1], "quiet"))


def _score(known: list[Event], moments: list[Moment], place: int) -> int:
    at = moments[place].at
    window = [m for m in moments[: place + 1] if m.at > at - rules_at(known, at)["warming_window"]]
    said: dict[str, Any] = {"budget_minor": None, "timeframe_days": None, "financing": None}
    for moment in moments[: place + 1]:
        if isinstance(moment.fact, LeadCaptured):
            newer = {name: getattr(moment.fact, name) for name in said}
            said.update((name, value) for name, value in newer.items() if value is not None)
    score = max([points for least, points in BUDGETS if (said["budget_minor"] or 0) >= least], default=0)
    days = said["timeframe_days"]
    if days is not None:
        score += 25 if days <= 30 else 15 if days <= 90 else 8 if days <= 180 else 3
    score += min(25, 5 * sum(m.sort not in ("captured", "updated") for m in window))
    ready = any(m.sort in ("direct", "visit") for m in window)
    return score + min(25, FINANCING.get(said["financing"], 0) + (10 if ready else 0))


def _band(score: int, rules: dict[str, Any]) -> str:
    return "hot" if score >= rules["hot_score"] else "warm" if score >= rules["warm_score"] else "cold"


def _moments(facts: list[Identified]) -> list[Moment]:
    newest: dict[str, Moment | None] = {}
    revision: dict[str, int] = {}
    for fact in facts:
        if isinstance(fact, LeadCaptured):
            sort = "updated" if isinstance(fact, LeadUpdated) else "captured"
            newest[fact.event_id] = Moment(fact.occurred_at, fact.event_id, sort, fact)
            continue
        if not isinstance(fact, TouchpointRecorded | ClickRecorded):
            continue
        id_, kind = (fact.click_id, "click") if isinstance(fact, ClickRecorded) else (fact.touch_id, fact.kind)
        if fact.revision <= revision.get(id_, 0):
            continue
        revision[id_] = fact.revision
        gone = isinstance(fact, TouchpointDeleted) or kind in OWN_SENDS or kind in VIEWS
        newest[id_] = None if gone else Moment(fact.occurred_at, id_, _sort(kind), fact)
    return sorted((m for m in newest.values() if m is not None), key=lambda m: (m.at, m.id))


def _sort(kind: str) -> str:
    if kind in ("content_engagement", "click"):
        return "content"
    if kind in ("inquiry", "meeting_requested"):
        return "direct"
    return "visit" if kind in ("meeting_held", "site_visit") else "other"


LONGEST = 180 * DAY
"""How far back a lead's log reaches; histories for this oracle stay within it."""
