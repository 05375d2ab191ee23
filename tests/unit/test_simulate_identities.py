"""Who is who in a simulated year: what people share, what changes hands, what records say wrongly, and the truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from schemas.codec import CodecError, decode
from schemas.events.base import SECOND, Identified, instant, instant_text
from schemas.events.governance import IdentitiesSplit
from schemas.events.leads import LeadCaptured, LeadUpdated
from streams.sources.simulate import Scenario, Simulation, simulate
from streams.sources.simulate.identities import OFFICE_PEOPLE, QUARANTINE
from streams.sources.simulate.population import draw_person

SCENARIO = Scenario(end=1_760_000_000 * SECOND, days=120, events=30_000)
STRONG = ("crm_id", "email", "phone", "wa_id")
KINDS = (*STRONG, "device_id", "cookie_id")
Identifier = tuple[str, str]


class Run(NamedTuple):
    simulation: Simulation
    events: list[tuple[int, Any]]
    """Readable events in their order of publishing, with when they were published."""
    rows: dict[str, list[dict[str, Any]]]
    """Identifiers by person."""


@pytest.fixture(scope="module")
def run() -> Run:
    simulation = simulate(SCENARIO)
    events = list(_readable(simulation))
    rows = {person["person"]: person["identifiers"] for person in simulation.who["people"]}
    return Run(simulation, events, rows)


def _readable(simulation: Simulation) -> Iterator[tuple[int, Any]]:
    for record in simulation:
        try:
            yield record.published_at, decode(record.value).message
        except CodecError:
            continue


def _named(event: Any) -> set[Identifier]:
    if isinstance(event, IdentitiesSplit):
        return {(one.kind, one.value) for one in (*event.take, *event.keep)}
    if not isinstance(event, Identified):
        return set()
    return {(kind, value) for kind in KINDS if (value := getattr(event, kind))}


def _people_by(run: Run, whose: str) -> dict[Identifier, set[str]]:
    found: dict[Identifier, set[str]] = defaultdict(set)
    for person, rows in run.rows.items():
        for row in rows:
            if row["whose"] == whose:
                found[row["kind"], row["value"]].add(person)
    return found


def _splits(run: Run, source: str) -> dict[str, IdentitiesSplit]:
    splits = (event for _, event in run.events if isinstance(event, IdentitiesSplit) and event.source == source)
    return {event.event_id: event for event in splits}


def test_the_truth_counts_what_happened(run: Run) -> None:
    counted = run.simulation.truth.identities
    assert counted == {
        "agencies": counted["agencies"],
        "agency_clients": sum(len(who) for (_, value), who in _people_by(run, "agency").items() if "desk@" in value),
        "info_agencies": sum("info@" in value for _, value in _people_by(run, "agency")),
        "info_agency_clients": sum(
            len(who) for (_, value), who in _people_by(run, "agency").items() if "info@" in value
        ),
        "mistaken_records": len(_splits(run, "review")),
        "office_people": sum(len(who) for who in _people_by(run, "office").values()),
        "offices": len(_people_by(run, "office")),
        "phones_told_by_telephony": len(_splits(run, "telephony")),
        "recycled_phones": sum(len(who) == 2 for (kind, _), who in _people_by(run, "own").items() if kind == "phone"),
        "resyncs_after_split": counted["resyncs_after_split"],
        "returned_unknown": counted["returned_unknown"],
    }
    assert all(counted.values())


def test_it_stays_rare(run: Run) -> None:
    strange = {
        person for person, rows in run.rows.items() if any(row["whose"] != "own" or row["until"] for row in rows)
    }
    assert len(strange) < len(run.rows) / 20


def test_every_identifier_of_every_event_is_somebodys_then(run: Run) -> None:
    spells: dict[Identifier, list[tuple[int, int]]] = defaultdict(list)
    for rows in run.rows.values():
        for row in rows:
            until = instant(row["until"]) if row["until"] else 1 << 62
            spells[row["kind"], row["value"]].append((instant(row["from"]), until))
    used: set[Identifier] = set()
    for _, event in run.events:
        named = _named(event)
        used |= named
        if isinstance(event, Identified) and event.occurred_at < SCENARIO.end:
            for identifier in named:
                assert any(since <= event.occurred_at < until for since, until in spells[identifier])
    assert used == spells.keys()


def test_what_is_somebodys_own_now_is_nobody_elses(run: Run) -> None:
    now = Counter(
        (row["kind"], row["value"])
        for rows in run.rows.values()
        for row in rows
        if row["whose"] == "own" and row["until"] is None
    )
    assert set(now.values()) == {1}


def test_colleagues_use_one_device_each_in_a_browser_of_their_own(run: Run) -> None:
    for (kind, device), people in _people_by(run, "office").items():
        assert kind == "device_id"
        assert len(people) <= OFFICE_PEOPLE[1]
        named = [_named(event) for _, event in run.events if getattr(event, "device_id", None) == device]
        assert len({value for each in named for kind, value in each if kind == "cookie_id"}) == len(people)


def test_an_agencys_mailbox_stands_beside_each_clients_phone(run: Run) -> None:
    for (kind, mailbox), people in _people_by(run, "agency").items():
        forms = [event for _, event in run.events if getattr(event, "email", None) == mailbox]
        assert kind == "email"
        assert {type(form) for form in forms} <= {LeadCaptured, LeadUpdated}
        assert all(form.phone and not form.cookie_id and not form.device_id for form in forms)
        assert len({form.phone for form in forms}) == len(people)
        assert len(people) > 8 or mailbox.startswith("info@")


def test_a_recycled_phone_rests_before_it_is_somebody_elses(run: Run) -> None:
    for (kind, phone), people in _people_by(run, "own").items():
        if kind != "phone" or len(people) == 1:
            continue
        former, heir = sorted(
            (row for who in people for row in run.rows[who] if row["value"] == phone), key=lambda row: row["from"]
        )
        assert former["until"] and heir["until"] is None
        uses = sorted(event.occurred_at for _, event in run.events if getattr(event, "phone", None) == phone)
        last = max(at for at in uses if at < instant(former["until"]))
        assert instant(heir["from"]) == min(at for at in uses if at > instant(former["until"]))
        assert instant(heir["from"]) - last > QUARANTINE


def test_a_split_names_what_was_published_before(run: Run) -> None:
    met: set[Identifier] = set()
    for _, event in run.events:
        if isinstance(event, IdentitiesSplit):
            assert event.take and event.keep
            assert _named(event) <= met
        met |= _named(event)


def test_the_crm_says_again_what_a_reviewer_took_apart(run: Run) -> None:
    again, mistakes = 0, _people_by(run, "mistake")
    assert len(mistakes) == len(_splits(run, "review"))
    for split in _splits(run, "review").values():
        both = _named(split)
        ((kind, value),) = {(one.kind, one.value) for one in split.take}
        (person,) = mistakes[kind, value]
        assert {(row["kind"], row["value"]) for row in run.rows[person] if row["whose"] == "mistake"} == {(kind, value)}
        assert [row["until"] for row in run.rows[person] if row["whose"] == "mistake"] == [
            instant_text(split.occurred_at)
        ]
        assert {(row["kind"], row["value"]) for row in run.rows[person]} >= both
        said = {
            event.event_id: event.occurred_at
            for _, event in run.events
            if isinstance(event, LeadUpdated) and event.source == "crm" and both <= _named(event)
        }
        assert {kind for kind, _ in both} == {"crm_id", "email", "phone"}
        assert sum(at < split.occurred_at for at in said.values()) == 1
        again += sum(at > split.occurred_at for at in said.values())
    assert again == run.simulation.truth.identities["resyncs_after_split"]


def test_who_comes_back_unknown_logs_in_with_the_browsers_cookie(run: Run) -> None:
    seen: dict[str, list[Any]] = defaultdict(list)
    for _, event in run.events:
        if getattr(event, "cookie_id", None):
            seen[event.cookie_id].append(event)
    back = [person for person in run.simulation.people if person.logins]
    assert len(back) == run.simulation.truth.identities["returned_unknown"]
    for person in back:
        (login,) = person.logins
        cookie = person.identifiers(login)["cookie_id"]
        assert cookie != person.anonymous["cookie_id"]
        before = [event for event in seen[cookie] if event.occurred_at < login]
        assert all(_named(event) == {("cookie_id", cookie)} for event in before)
        for event in seen[cookie]:
            if event.occurred_at == login:
                assert isinstance(event, LeadCaptured) and event.full_name == person.full_name
                assert _named(event) & {("email", event.email), ("phone", event.phone)}
    assert any(event.occurred_at < person.logins[0] for person in back
               for event in seen[person.identifiers(person.logins[0])["cookie_id"]])  # fmt: skip


def test_nobody_does_anything_else_for_it(run: Run) -> None:
    for person in run.simulation.people:
        drawn = draw_person(SCENARIO, person.n)
        assert (person.journeys, person.bookings, person.known_at) == (drawn.journeys, drawn.bookings, drawn.known_at)
