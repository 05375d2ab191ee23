"""Who is who: each person's identifiers as upstream systems wrote them, and which of these are not theirs alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from schemas.events.base import instant_text
from streams.sources.simulate.facts import Fact
from streams.sources.simulate.identities import Mistake
from streams.sources.simulate.population import Person
from streams.sources.simulate.scenario import Scenario


class WhoIsWho:
    """Collects, while facts are made, which identifiers they carry about whom."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self._used: dict[int, tuple[Person, dict[tuple[str, str], int]]] = {}
        self._mistakes = list(mistakes)

    def met(self, person: Person, facts: Sequence[Fact]) -> None:
        """All facts about a person that are published by the end."""
        used: dict[tuple[str, str], int] = {}
        for fact in facts:
            for identifier in fact.identifiers.items():
                used[identifier] = min(fact.occurred_at, used.get(identifier, fact.occurred_at))
        if used:
            self._used[person.n] = (person, used)

    def to_json(self, scenario: Scenario) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``.

        ``people``: a person's identifiers as upstream wrote them, each from when until when (none: still), and whose
        it is: ``own``, an ``agency``'s mailbox, an ``office``'s device, or by ``mistake`` somebody else's.
        """
        return {
            "scenario": {**asdict(scenario), "end": instant_text(scenario.end), "start": instant_text(scenario.start)},
            "people": [
                {"person": f"person-{n}", "region": person.market.region, "identifiers": self._rows(person, used)}
                for n, (person, used) in sorted(self._used.items())
            ],
        }

    def _rows(self, person: Person, used: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
        rows = [_row(kind, value, since, _until(person, kind), _whose(person, value))
                for (kind, value), since in used.items()]  # fmt: skip
        for one in self._mistakes:
            if one.person == person.n:
                rows.append(_row(one.kind, one.value, one.since, one.until, "mistake"))
        return rows


def _row(kind: str, value: str, since: int, until: int | None, whose: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "value": value,
        "from": instant_text(since),
        "until": None if until is None else instant_text(until),
        "whose": whose,
    }


def _until(person: Person, kind: str) -> int | None:
    return person.phone_until if kind in ("phone", "wa_id") else None


def _whose(person: Person, value: str) -> str:
    if value == person.agency:
        return "agency"
    return "office" if value == person.office else "own"
