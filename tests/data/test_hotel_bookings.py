"""The hotel bookings file, whole: every row becomes two facts, and their sums are those of the rows."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from schemas.codec import decode
from schemas.events.base import as_datetime
from schemas.events.bookings import BookingChanged
from schemas.reasons import reason_of
from streams.sources.files import opened, rows
from streams.sources.imports import Tally, door_of, publications
from streams.sources.mapping import load_mapping
from streams.sources.refusals import Publication
from tests.data import hotel_oracle

pytestmark = pytest.mark.data

SLUG = {"Resort Hotel": "resort-hotel", "City Hotel": "city-hotel"}


def _read(tally: Tally, workspace: str = "import") -> Iterator[Publication]:
    path, mapping = hotel_oracle.FILE, load_mapping("hotel_bookings")
    with opened(path) as file:
        yield from publications(mapping, rows(mapping, file.content, path), door_of(path, workspace, 0), tally)


@pytest.fixture(scope="module")
def facts() -> list[BookingChanged]:
    tally = Tally()
    found = [decode(record.value).message for record in _read(tally)]
    assert tally.rows == hotel_oracle.ROWS
    assert tally.facts == {"bookings": hotel_oracle.FACTS}
    assert not tally.refused
    return [fact for fact in found if isinstance(fact, BookingChanged)]


def test_every_row_becomes_a_booking_and_its_end(facts: list[BookingChanged]) -> None:
    assert len(facts) == hotel_oracle.FACTS
    assert len({fact.event_id for fact in facts}) == hotel_oracle.FACTS
    for booked, ended in zip(facts[::2], facts[1::2], strict=True):
        assert (booked.revision, booked.status, ended.revision) == (1, "booked", 2)
        assert booked.booking_id == ended.booking_id
        assert booked.occurred_at == booked.booked_at == ended.booked_at
        assert ended.occurred_at > booked.occurred_at


def test_contract_refuses_the_row_with_a_negative_rate_and_no_other(facts: list[BookingChanged]) -> None:
    refused: Counter[tuple[str, str]] = Counter()
    for fact in facts:
        try:
            BookingChanged.model_validate(fact.__dict__)
        except ValidationError as error:
            refused[reason_of(error)[0], fact.booking_id] += 1
    ((reason, _), count) = refused.popitem()
    assert (reason, count) == ("bad_amount", hotel_oracle.REFUSED_FACTS)
    assert not refused


def test_counts_and_money_are_those_of_the_rows(facts: list[BookingChanged]) -> None:
    sums: defaultdict[tuple[str | None, str | None, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for fact in facts:
        if fact.amount_minor >= 0:
            cell = sums[fact.property_id, fact.market_segment, fact.status]
            cell[0] += 1
            cell[1] += fact.amount_minor
            cell[2] += fact.retained_minor
    expected = hotel_oracle.expected()
    assert {key: tuple(cell) for key, cell in sums.items()} == {
        (SLUG[hotel], segment, status): tuple(found) for (hotel, segment, status), found in expected.items()
    }
    assert sum(found.bookings for (_, _, status), found in expected.items() if status == "booked") == 119_389


def test_money_falls_into_the_months_of_the_rows(facts: list[BookingChanged]) -> None:
    net: Counter[str] = Counter()
    for fact in facts:
        if fact.amount_minor < 0:
            continue
        month = f"{as_datetime(fact.occurred_at):%Y-%m}"
        if fact.status == "booked":
            net[month] += fact.amount_minor
        elif fact.status != "completed":
            net[month] += fact.retained_minor - fact.amount_minor
    assert net == Counter(hotel_oracle.monthly_net())


def test_importing_again_gives_the_same_bytes_and_another_workspace_other_ids() -> None:
    first, again, other = _read(Tally()), _read(Tally()), _read(Tally(), "elsewhere")
    for one, same, foreign in zip(first, again, other, strict=True):
        assert one == same
        assert one.key.removeprefix("import/") == foreign.key.removeprefix("elsewhere/")
        assert one.value != foreign.value
