"""The X Education leads file, whole: every row becomes one lead, and every objection in it is kept."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from schemas.codec import decode
from schemas.events.base import Event, instant_text
from schemas.events.contact import ConsentChanged
from schemas.events.leads import LeadCaptured
from streams.sources.files import opened, rows
from streams.sources.imports import Tally, door_of, publications
from streams.sources.mapping import load_mapping
from streams.sources.refusals import Publication

pytestmark = pytest.mark.data

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "x_education_leads.csv.gz"
ROWS = 9_240


def _read(tally: Tally) -> list[Publication]:
    mapping = load_mapping("x_education_leads")
    with opened(FILE) as file:
        return list(publications(mapping, rows(mapping, file.content, FILE), door_of(FILE, "import", 0), tally))


@pytest.fixture(scope="module")
def facts() -> list[Event]:
    tally = Tally()
    found = [decode(record.value).message for record in _read(tally)]
    assert tally.rows == ROWS
    assert not tally.refused
    return [fact for fact in found if isinstance(fact, Event)]


@pytest.fixture(scope="module")
def table() -> list[dict[str, str]]:
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_is_one_lead_of_its_own(facts: list[Event], table: list[dict[str, str]]) -> None:
    leads = [fact for fact in facts if isinstance(fact, LeadCaptured)]
    assert [lead.crm_id for lead in leads] == [row["Prospect ID"] for row in table]
    assert len({lead.crm_id for lead in leads}) == ROWS
    assert all(lead.email is None and lead.phone is None and lead.full_name is None for lead in leads)


def test_the_contract_accepts_every_fact(facts: list[Event]) -> None:
    for fact in facts:
        assert type(fact).model_validate(fact.__dict__) == fact
    assert len({fact.event_id for fact in facts}) == len(facts)


def test_every_objection_is_kept_and_nobody_consents(facts: list[Event], table: list[dict[str, str]]) -> None:
    said = [(fact.crm_id, fact.channel, fact.granted) for fact in facts if isinstance(fact, ConsentChanged)]
    assert Counter(said) == Counter(
        (row["Prospect ID"], channel, False)
        for row in table
        for column, channel in (("Do Not Email", "email"), ("Do Not Call", "call"))
        if row[column] == "Yes"
    )
    assert len(facts) == ROWS + len(said)


def test_channels_and_countries_are_those_of_the_rows(facts: list[Event], table: list[dict[str, str]]) -> None:
    leads = [fact for fact in facts if isinstance(fact, LeadCaptured)]
    channels = Counter(lead.channel for lead in leads)
    assert channels["unknown"] == sum(row["Lead Source"] in ("", "WeLearn", "testone") for row in table)
    searched = {"Google", "google", "bing", "Organic Search", "Pay per Click Ads"}
    assert channels["search"] == sum(row["Lead Source"] in searched for row in table)
    known = Counter(row["Country"] for row in table if row["Country"] not in ("", "unknown", "Asia/Pacific Region"))
    assert sorted(Counter(lead.country for lead in leads if lead.country).values()) == sorted(known.values())


def test_no_fact_pretends_to_know_its_time(facts: list[Event]) -> None:
    assert {instant_text(fact.occurred_at) for fact in facts} == {"2000-01-01T12:00:00.000000Z"}


def test_reading_again_gives_the_same_bytes() -> None:
    assert _read(Tally()) == _read(Tally())
