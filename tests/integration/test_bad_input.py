"""Every kind of bad input through the whole line: a dead letter that says why, where and of what, and nothing stops."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer

from schemas.codec import encode
from schemas.events.base import DAY
from schemas.events.bookings import BookingChanged
from streams.cli.remedies import remedy
from streams.kafka import producer_config
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from tests.line import Line, running_line

pytestmark = pytest.mark.timeout(300)

NOW = time.time_ns() // 1_000
IMPORT = Path(__file__).parents[1] / "golden" / "import_hotel_bookings" / "in.csv"


def _booking(**change: Any) -> bytes:
    fields = {
        "event_id": str(uuid.uuid4()), "workspace_id": "brittle", "region": "EUR", "occurred_at": NOW, "source": "pms",
        "booking_id": "b-1", "revision": 1, "status": "booked", "amount_minor": 12_300, "currency": "EUR",
    }  # fmt: skip
    return encode(BookingChanged.build(**{**fields, **change}))


GOOD = _booking()
KNOWN_ID = str(uuid.uuid4())
SECRET = "mrs.secret@example.com"

BROKEN = {
    "truncated": _booking()[:-7],
    "trailing_bytes": _booking() + b"\0",
    "bad_magic": b"\x01" + _booking()[1:],
    "unknown_schema": b"\0\x00\x0f\x42\x3f" + _booking()[5:],
    "unknown_region": _booking(booking_id="r-region", region="MOON", email=SECRET),
    "unknown_currency": _booking(booking_id="r-currency", currency="ZZZ"),
    "future": _booking(occurred_at=NOW + 2 * DAY),
    "bad_amount": _booking(booking_id="r-amount", amount_minor=-1),
    "invalid_utf8": _booking(source="caf\N{LATIN SMALL LETTER E WITH ACUTE}").replace(b"\xc3\xa9", b"\xe9\xe9"),
    "too_large": _booking(booking_id="r-large", market_segment="x" * 1_200_000),
    "event_id_conflict": _booking(event_id=KNOWN_ID, amount_minor=1),
}
"""Bytes by the reason for which they must be refused; between them, good ones."""


@dataclass
class Refused:
    """The line after it was given everything, its report, and the dead letters that came of it, newest first."""

    line: Line
    report: dict[str, Any]
    letters: list[dict[str, Any]]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refused]:
    with running_line() as line:
        publisher = Publisher(line.settings, "test")
        publisher.publish([Publication("bookings", "any", _booking(event_id=KNOWN_ID))])
        for number, value in enumerate(BROKEN.values(), start=2):
            publisher.publish(
                [
                    Publication("bookings", "any", value),
                    Publication("bookings", "any", _booking(booking_id=f"b-{number}")),
                ]
            )
        publisher.flush()
        _publish_in_transactions(line)
        lines = [{"type": "SpendReported", "workspace_id": "brittle"}, _spend()]
        told = line.run("publish", "spend", given="".join(json.dumps(one) + "\n" for one in lines), expect=1)
        assert "line 1: missing_field" in told.stderr
        header, good, *_ = IMPORT.read_text().splitlines()
        rows = tmp_path_factory.mktemp("rows") / "short.csv"
        rows.write_text("\n".join([header, good, "Resort Hotel,0,14", good]) + "\n")
        line.run("import", "hotel_bookings", str(rows), "--workspace", "brittle", expect=1)
        report = line.report()  # every record accounted for, both stores agree
        yield Refused(line, report, json.loads(line.run("dead-letters", "list", "--limit", "100", "--json").stdout))


def _publish_in_transactions(line: Line) -> None:
    """As a stream processor upstream would: marks between records, and aborted records that nobody sees."""
    producer = Producer({**producer_config(line.settings, "test"), "transactional.id": "upstream"})
    producer.init_transactions(30)
    for number, end in enumerate(("commit", "abort", "commit", "abort"), start=100):
        producer.begin_transaction()
        producer.produce("bookings", _booking(booking_id=f"t-{number}"), "any")
        producer.flush()
        producer.commit_transaction(30) if end == "commit" else producer.abort_transaction(30)


def _spend() -> dict[str, Any]:
    return {
        "type": "SpendReported", "event_id": str(uuid.uuid4()), "workspace_id": "brittle", "region": "UAE",
        "occurred_at": "2026-01-31T20:00:00Z", "source": "ads", "campaign_id": "c1", "channel": "search",
        "day": "2026-01-31", "revision": 1, "amount_minor": 125_000, "currency": "AED",
    }  # fmt: skip


def test_each_is_one_dead_letter_with_its_reason(refused: Refused) -> None:
    by_kafka = sorted(letter["reason"] for letter in refused.letters if letter["topic"] == "bookings")
    assert by_kafka == sorted(BROKEN)
    others = {letter["topic"]: letter["reason"] for letter in refused.letters if letter["topic"] != "bookings"}
    assert others == {"stdin": "missing_field", "file:short.csv": "missing_column"}


@pytest.mark.parametrize("reason", BROKEN)
def test_it_keeps_coordinates_and_original_bytes_and_is_explained(refused: Refused, reason: str) -> None:
    (letter,) = (one for one in refused.letters if one["topic"] == "bookings" and one["reason"] == reason)
    with psycopg.connect(**refused.line.settings.postgres("admin")) as database:
        kept = database.execute(
            'SELECT original FROM dead_letters WHERE topic = %s AND partition = %s AND "offset" = %s',
            (letter["topic"], letter["partition"], letter["offset"]),
        ).fetchall()
    assert kept == [(BROKEN[reason],)]
    where = f"bookings:{letter['partition']}:{letter['offset']}"
    shown = refused.line.run("dead-letters", "show", where).stdout
    assert shown.startswith(f"{reason}: ")
    assert where in shown
    assert remedy(reason) in shown


def test_everything_else_flows_on(refused: Refused) -> None:
    with psycopg.connect(**refused.line.settings.postgres("admin")) as database:
        bookings = database.execute("SELECT count(*) FROM bookings WHERE booking_id LIKE 'b-%'").fetchone()
        in_transactions = database.execute("SELECT booking_id FROM bookings WHERE booking_id LIKE 't-%'").fetchall()
    assert bookings == (len(BROKEN) + 1,)
    assert sorted(in_transactions) == [("t-100",), ("t-102",)]


def test_marks_and_aborted_records_of_upstream_transactions_are_no_records(refused: Refused) -> None:
    (bookings,) = (one for one in refused.report["reconciliation"]["topics"] if one["name"] == "bookings")
    imported = 4  # two good rows: a booking and its end each
    assert bookings["records"] == 1 + 2 * len(BROKEN) + 2 + imported


def test_a_file_that_cannot_be_read_at_all_is_an_error(refused: Refused, tmp_path: Path) -> None:
    whole = gzip.compress(IMPORT.read_bytes())
    files = {"empty.csv.gz": b"", "corrupt.csv.gz": whole[:40] + bytes(20) + whole[60:], "cut.csv.gz": whole[:-30]}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        done = refused.line.run("import", "hotel_bookings", str(tmp_path / name), expect=None)
        assert done.returncode == 2, (name, done.stdout, done.stderr)
        assert name in done.stderr
        assert "Traceback" not in done.stderr


FIX = """
BookingChanged:
  drop: [market_segment]
  replace:
    region: {MOON: EUR}
    currency: {ZZZ: EUR}
    amount_minor: {-1: 12300}
"""
NEW_IDS = """
BookingChanged: {set: {event_id: new, revision: 2}}
SpendReported:
  set: {event_id: new, region: UAE, occurred_at: 2026-01-31T20:00:00Z, source: ads, campaign_id: c2, channel: search,
        day: 2026-01-31, revision: 1, amount_minor: 100, currency: AED}
"""


def _replay(line: Line, fix: Path, *arguments: str, expect: int) -> dict[str, Any]:
    done = line.run("dead-letters", "replay", *arguments, "--fix", str(fix), "--json", expect=expect)
    assert SECRET not in done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _topics(line: Line) -> dict[str, dict[str, int]]:
    """Each fact topic's line of the report; fails unless everything agrees."""
    return {topic.pop("name"): topic for topic in line.report()["reconciliation"]["topics"]}


def test_corrected_facts_are_counted_once_however_often_they_are_replayed(refused: Refused, tmp_path: Path) -> None:
    line, fix = refused.line, tmp_path / "fix.yaml"
    fix.write_text(FIX)
    before = _topics(line)["bookings"]

    dry = _replay(line, fix, "--topic", "bookings", "--dry-run", expect=1)
    assert dry["would_publish"] == {"bookings": 4}
    assert "<email>" in {one["fact"]["email"] for one in dry["facts"]}
    look = ("dead-letters", "replay", "--topic", "bookings", "--fix", str(fix), "--dry-run", "--reveal")
    assert SECRET in line.run(*look, expect=1).stdout
    with psycopg.connect(**line.settings.postgres("admin")) as database:
        noted = database.execute("SELECT command, ids FROM audit_log").fetchall()
    assert noted == [("dead-letters replay --dry-run --reveal", {"topics": ["bookings"]})]
    told = _replay(line, fix, "--topic", "bookings", expect=1)
    assert told["published"] == {"bookings": 4}
    mended = {"unknown_region", "unknown_currency", "bad_amount", "too_large"}
    assert sorted(one["reason"] for one in told["refused"]) == sorted(BROKEN.keys() - mended)

    first = _topics(line)["bookings"]
    assert first == {**before, "records": before["records"] + 4, "accepted": before["accepted"] + 4}
    assert _bookings(line, "r-%") == dict.fromkeys(
        ("r-region", "r-currency", "r-amount", "r-large"), (12_300, "EUR", 1)
    )

    _replay(line, fix, "--topic", "bookings", expect=1)
    again = _topics(line)["bookings"]
    assert again == {**first, "records": first["records"] + 4, "duplicates": first["duplicates"] + 4}
    assert len(_bookings(line, "r-%")) == 4


def test_facts_whose_id_is_taken_or_missing_are_replayed_under_a_new_one(refused: Refused, tmp_path: Path) -> None:
    line, fix = refused.line, tmp_path / "fix.yaml"
    fix.write_text(NEW_IDS)
    before = _topics(line)
    (conflict,) = (letter["event_id"] for letter in refused.letters if letter["reason"] == "event_id_conflict")
    for _ in range(2):
        assert _replay(line, fix, conflict, "stdin:0:1", expect=0)["published"] == {"bookings": 1, "spend": 1}
    after = _topics(line)  # which waits until the stores have it
    assert _bookings(line, "b-1") == {"b-1": (1, "EUR", 1)}
    for topic in ("spend", "bookings"):
        more = {name: after[topic][name] - before[topic][name] for name in before[topic]}
        assert {name: count for name, count in more.items() if count} == {"records": 2, "accepted": 1, "duplicates": 1}


def _bookings(line: Line, like: str) -> dict[str, tuple[int, str, int]]:
    """Bookings by id: amount, currency and how many rows."""
    query = "SELECT booking_id, max(amount_minor), max(currency), count(*) FROM bookings WHERE booking_id LIKE %s"
    with psycopg.connect(**line.settings.postgres("admin")) as database:
        return {
            name: (amount, currency, rows)
            for name, amount, currency, rows in database.execute(query + " GROUP BY 1", (like,))
        }


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "which ones?"),
        (("nowhere:0:1",), 2, "no such dead letter: nowhere:0:1"),
        (("somewhere",), 2, "neither an id nor"),
        (("--reason", "nothing"), 2, "no dead letters like that"),
        (("--topic", "bookings", "--limit", "1"), 2, "more than 1"),
        (("--topic", "bookings", "--fix", "none.yaml"), 2, "none.yaml: No such file"),
        (("--topic", "file:short.csv"), 1, "import the file again"),
    ],
)
def test_what_cannot_be_replayed_says_why(refused: Refused, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = refused.line.run("dead-letters", "replay", *arguments, expect=code)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
