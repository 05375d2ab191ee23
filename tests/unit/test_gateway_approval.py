"""A reviewer's link over real HTTP: looked at, answered, answered too late, and with servers away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from models.approval import APPROVALS, Wanted
from models.consent.unsubscribe import UNSUBSCRIBE, Sent
from schemas.codec import decode
from schemas.events.base import as_datetime
from schemas.events.governance import ApprovalDecided
from streams.report import approvals
from streams.sources.gateway.approval import Approval
from streams.sources.gateway.outbox import NotTakenError
from tests.support.facts import at
from tests.support.gateway import Kafka, answer

KEY = bytes(range(32))
NOW = at("3-10 08:00")
WANTED = Wanted("acme", "UAE", UUID(int=5), UUID(int=6))
LINK = f"/approvals/{APPROVALS.sealed(KEY, WANTED)}"
ADA = {"name": " Ada ", "decision": "approved"}
OPEN: dict[str, Any] = {
    "lead_id": "lead-6", "temperature": "hot", "score": 92, "value_minor": 2_500_000_000, "currency": "INR",
    "property_id": "<b>villa</b>", "requested_at": as_datetime(NOW), "answer_by": as_datetime(NOW) + timedelta(days=1),
    "reason": None, "decided_by": None, "concluded_at": None,
}  # fmt: skip
BY_BOB = {**OPEN, "reason": "rejected", "decided_by": "Bob <b>", "concluded_at": as_datetime(NOW)}


class Store:
    """What PostgreSQL knows of the request, look by look; the last answer stays."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def __call__(self, wanted: Wanted) -> Any:
        assert wanted == WANTED
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


class Heard(Kafka):
    """An outbox and a platform that hears what it takes, unless somebody was ``faster``."""

    def __init__(self, faster: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.faster = faster

    def __call__(self, wanted: Wanted) -> Any:
        assert wanted == WANTED
        if not self.taken:
            return OPEN
        return self.faster or {
            **OPEN, "reason": self.fact.decision, "decided_by": self.fact.decided_by,
            "concluded_at": as_datetime(self.fact.occurred_at),
        }  # fmt: skip

    @property
    def fact(self) -> ApprovalDecided:
        (record,) = self.taken
        assert record.topic == "approvals"
        message = decode(record.value).message
        assert isinstance(message, ApprovalDecided)
        return message


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(approvals, "_PAUSE_SECONDS", 0.01)


def visit(kafka: Kafka, look: Callable[[Wanted], Any], method: str, path: str = LINK, **given: Any) -> tuple[int, str]:
    status, text, response = answer(kafka, Approval(kafka, KEY, look, lambda: NOW + 1).routes(), method, path, **given)  # type: ignore[arg-type]
    assert response.headers["Cache-Control"] == "no-store" and "form-action" in response.headers[_POLICY]
    return status, text


_POLICY = "Content-Security-Policy"


def test_a_look_shows_what_waits_and_changes_nothing() -> None:
    kafka = Kafka()
    status, text = visit(kafka, Store(OPEN), "GET")
    assert status == 200 and not kafka.taken
    for said in (
        "lead-6",
        "hot, score 92",
        "25,000,000.00 INR",
        "10 Mar 2026 08:00:00 UTC",
        "&lt;b&gt;villa&lt;/b&gt;",
    ):
        assert said in text
    assert text.count("<button") == 2


def test_what_has_ended_has_no_buttons() -> None:
    status, text = visit(Kafka(), Store(BY_BOB), "GET")
    assert status == 200 and "rejected by Bob &lt;b&gt;" in text and "<button" not in text


def test_a_word_is_published_and_what_came_of_it_told() -> None:
    kafka = Heard()
    status, text = visit(kafka, kafka, "POST", data=ADA)
    assert status == 200 and "approved by Ada" in text
    fact = kafka.fact
    assert (fact.workspace_id, fact.region, fact.approval_id, fact.lead_id) == (
        "acme", "UAE", str(WANTED.approval_id), str(WANTED.lead_id),
    )  # fmt: skip
    assert (fact.decision, fact.decided_by, fact.source, fact.occurred_at) == ("approved", "Ada", "gateway", NOW + 1)


def test_of_two_at_once_the_second_is_told_whose_word_stands() -> None:
    kafka = Heard(faster=BY_BOB)
    status, text = visit(kafka, kafka, "POST", data=ADA)
    assert status == 409 and "rejected by Bob &lt;b&gt;" in text and "first word stands" in text and kafka.taken


def test_who_comes_too_late_publishes_nothing() -> None:
    kafka = Kafka()
    status, text = visit(kafka, Store(BY_BOB), "POST", data=ADA)
    assert status == 409 and "first word stands" in text and not kafka.taken


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"name": "Ada"},
        {"decision": "approved"},
        {**ADA, "name": "  "},
        {**ADA, "name": "a" * 129},
        {**ADA, "name": "a\nb"},
        {**ADA, "decision": "perhaps"},
    ],
)
def test_a_form_that_says_nothing_is_refused(form: dict[str, str]) -> None:
    kafka = Kafka()
    assert visit(kafka, Store(OPEN), "POST", data=form)[0] == 400
    assert not kafka.taken


def test_a_link_for_something_else_is_no_link_to_here() -> None:
    other = UNSUBSCRIBE.sealed(KEY, Sent("acme", "UAE", "m1", UUID(int=5)))
    for token in (other, "x", LINK.rpartition("/")[2][:-2]):
        assert visit(Kafka(), Store(OPEN), "POST", f"/approvals/{token}", data=ADA)[0] == 404


def test_nothing_is_promised_that_did_not_happen() -> None:
    away = psycopg.OperationalError("secret")
    for store, method, status in (
        (Store(away), "GET", 503), (Store(None), "GET", 503), (Store(away), "POST", 503),
        (Store(OPEN), "POST", 202), (Store(OPEN, away), "POST", 202),
    ):  # fmt: skip
        kafka = Kafka()
        found, text = visit(kafka, store, method, data=ADA)
        assert (found, bool(kafka.taken)) == (status, status == 202) and "secret" not in text
    assert visit(Kafka(NotTakenError("no")), Store(OPEN), "POST", data=ADA)[0] == 503
