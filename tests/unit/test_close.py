"""Books close three years after a booking's newest revision came: what is forgotten, what comes later."""

from __future__ import annotations

from typing import Any

import pytest

from models.policy import Policy
from processors.closing import CLOSED_AFTER, REFUSED_AFTER
from processors.control import Control
from processors.ledger import STEPS
from processors.ledger.books import Books
from schemas.events.base import DAY, Event
from schemas.events.bookings import BookingChanged
from schemas.events.governance import CancellationRisk, ExchangeRateSet, PolicyChanged
from schemas.events.ledger import CreditsPosted
from schemas.events.paths import BookingRevision, PathChanged
from schemas.ids import derived_id
from streams.stage import Clock, Emitted, Input, KeyState, Outcome, Stage, fire_due, run
from streams.state import StateCodec
from tests.support.facts import at, fact
from tests.support.leads import touch
from tests.support.runs import Run, new_run

CAME = at("3-10")
STAGE = Stage("ledger", ("ledger.inbox",), STEPS)
KEY = "acme/b1"


def booking(revision: int = 1, when: str = "3-10", amount: int = 100, **fields: Any) -> BookingChanged:
    given = {"booking_id": "b1", "status": "booked", "currency": "AED", "email": "ada@example.com", **fields}
    return fact(BookingChanged, revision=revision, occurred_at=when, amount_minor=amount, **given)


def risk(version: int = 1) -> CancellationRisk:
    return fact(CancellationRisk, occurred_at="3-11", booking_id="b1", version=version, p_ppm=500_000)


def path_changed(revision: int | None, seq: int = 1) -> PathChanged:
    facts = [
        BookingRevision.build(
            revision=revision, occurred_at=CAME, status="booked", amount_minor=100, retained_minor=0, currency="AED"
        )
    ]  # fmt: skip
    return PathChanged.build(
        event_id=f"{revision} {seq}", workspace_id="acme", region="UAE", source="t", occurred_at=CAME, booking_id="b1",
        lead_id=derived_id("ada"), epoch=0, seq=seq, facts=facts if revision else [], touches=[],
    )  # fmt: skip


class Key:
    """One booking's key of the ledger stage, alone."""

    def __init__(self) -> None:
        self.state = KeyState()
        self.said: list[Any] = []

    def take(self, event: Event, now: int) -> None:
        given = Input(KEY, event, event.event_id, event.occurred_at)
        self._keep(run(STAGE, self.state, given, Clock(now, Control({1: Policy(version=1)}))))

    def tick(self, now: int) -> None:
        outcome = Outcome(self.state)
        fire_due(STAGE, outcome, KEY, now, Clock(now))
        self._keep(outcome)

    @property
    def books(self) -> Books:
        found: Books = self.state.slices["post"]
        return found

    def _keep(self, outcome: Outcome) -> None:
        self.state, self.said = outcome.state, outcome.outputs


def closed_run() -> Run:
    run_ = new_run()
    run_.driver.tick(CAME)
    run_.publish(booking())
    run_.driver.tick(CAME + CLOSED_AFTER)
    return run_


def test_three_years_are_over_whichever_is_a_leap_year() -> None:
    assert REFUSED_AFTER == (365 + 365 + 366) * DAY
    assert CLOSED_AFTER > REFUSED_AFTER, "else a ledger that is behind closes what resolve lets through"


def test_books_close_on_the_day_and_keep_a_mark_alone() -> None:
    key = Key()
    key.take(path_changed(1), CAME)
    before = len(StateCodec(STAGE).encode(key.state))
    key.tick(CAME + CLOSED_AFTER - 1)
    assert not key.books.closed
    key.tick(CAME + CLOSED_AFTER)
    assert key.books == Books(closed=True)
    assert (key.state.timers, key.said) == ({}, []), "the lines stand"
    assert len(StateCodec(STAGE).encode(key.state)) < 170 < before


def test_a_new_revision_keeps_them_open_and_costs_no_timer() -> None:
    key = Key()
    key.take(path_changed(1), CAME)
    timers = key.state.timers
    key.take(path_changed(2, 2), CAME + 400 * DAY)
    assert key.state.timers == timers
    key.tick(CAME + CLOSED_AFTER)
    assert not key.books.closed
    key.tick(CAME + 400 * DAY + CLOSED_AFTER)
    assert key.books.closed


@pytest.mark.parametrize("event", [path_changed(None, 2), path_changed(1, 2), risk()], ids=["path", "repeat", "risk"])
def test_what_is_no_new_revision_does_not(event: Event) -> None:
    key = Key()
    key.take(path_changed(1), CAME)
    key.take(event, CAME + 400 * DAY)
    key.tick(CAME + CLOSED_AFTER)
    assert key.books.closed


def test_history_imported_today_closes_three_years_from_today() -> None:
    key, today = Key(), CAME + 3_000 * DAY
    key.take(path_changed(1), today)
    key.tick(today + CLOSED_AFTER - 1)
    assert not key.books.closed


def test_risks_of_a_booking_that_never_came_are_forgotten_and_it_may_still_come() -> None:
    key = Key()
    key.take(risk(), CAME)
    key.tick(CAME + CLOSED_AFTER)
    assert key.books == Books()
    key.take(path_changed(1), CAME + CLOSED_AFTER)
    assert any(isinstance(one, Emitted) and isinstance(one.event, CreditsPosted) for one in key.said)
    key.tick(CAME + 2 * CLOSED_AFTER)
    assert key.books.closed


def test_a_revision_for_closed_books_is_refused_where_it_is_a_fact() -> None:
    late = closed_run()
    late.publish(booking(2, "3-11", 70))
    (letter,) = late.dead_letters()
    assert (letter.stage, letter.reason) == ("resolve", "ledger_closed")
    assert "a booking of its own" in letter.detail
    assert len(late.driver.values("accepted.bookings")) == 1
    assert len(late.said("attribution.credits", CreditsPosted)) == 1
    late.driver.tick(late.driver.now + CLOSED_AFTER)
    late.publish(booking(3, "3-12", 60))
    assert len(late.dead_letters()) == 2, "a refusal opens nothing"


def test_resolve_counts_three_years_from_the_newest_revision_and_no_older_one() -> None:
    run_ = new_run()
    for revision, day in ((5, 0), (6, 500), (4, 900)):
        run_.driver.tick(CAME + day * DAY)
        run_.publish(booking(revision, amount=revision))
    run_.driver.tick(CAME + 500 * DAY + REFUSED_AFTER - 1)
    run_.publish(booking(3))
    assert not run_.dead_letters()
    run_.driver.tick(CAME + 500 * DAY + REFUSED_AFTER)
    run_.publish(booking(7))
    assert [letter.reason for letter in run_.dead_letters()] == ["ledger_closed"]


def test_a_path_for_closed_books_is_dropped_and_counted_and_a_risk_refused() -> None:
    late = closed_run()
    late.publish(touch("t1", "3-5"))
    assert late.count("ledger", "ledger.inbox", "drop:ledger_closed") == 1
    assert not late.dead_letters()
    late.publish(risk())
    assert [(letter.stage, letter.reason) for letter in late.dead_letters()] == [("ledger", "ledger_closed")]


def test_no_control_record_posts_to_closed_books() -> None:
    late = closed_run()
    late.publish(
        fact(ExchangeRateSet, occurred_at="3-10", base="AED", quote="USD", day=CAME // DAY, revision=1, rate="2")
    )
    document = '{"attribution_models":["linear"],"reporting_currency":"USD"}'
    late.publish(fact(PolicyChanged, occurred_at="3-10", version=1, applies_from=0, document=document))
    late.driver.tick(late.driver.now)
    assert len(late.said("attribution.credits", CreditsPosted)) == 1
    assert late.count("ledger", "ledger.inbox", "drop:*") == 0
