"""`fineacers replay` tells what a proposed policy would have changed, and refuses one that could not be applied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from schemas.events.base import DAY, HOUR, Event
from schemas.events.bookings import BookingChanged
from schemas.events.contact import ConsentChanged, OutreachRequested
from schemas.events.governance import PolicyChanged
from schemas.events.leads import LeadCaptured
from streams.cli import command_line
from streams.sources.json_events import to_json
from tests.support.facts import at, fact

NOON = at("3-10 08:00")  # noon in Dubai
WEEK = 7 * DAY
STRICTER = f"caps:\n  - ['*', email, 1, {WEEK}]\n"
ANN, BEN = "ann@example.com", "ben@example.com"


def history() -> list[Event]:
    """Two e-mails to Ann within a week; she books after the first, Ben without any."""
    ann: dict[str, Any] = {"email": ANN}
    about = {"channel": "portal", "time_zone": "Asia/Dubai", "country": "AE"}
    consent = {"channel": "email", "purpose": "marketing", "granted": True, "evidence": "box ticked"}
    wish = {"channel": "email", "purpose": "follow_up", "template_id": "follow_up"}
    stay = {"revision": 1, "status": "booked", "currency": "AED"}
    return [
        fact(LeadCaptured, occurred_at=NOON, **ann, **about),
        fact(ConsentChanged, occurred_at=NOON + 1, consent_id="c1", **ann, **consent),
        fact(OutreachRequested, occurred_at=NOON + HOUR, message_id="m1", **ann, **wish),
        fact(OutreachRequested, occurred_at=NOON + 2 * HOUR, message_id="m2", **ann, **wish),
        fact(BookingChanged, occurred_at=NOON + 3 * HOUR, booking_id="B-1", amount_minor=500_000, **ann, **stay),
        fact(BookingChanged, occurred_at=NOON + 3 * HOUR, booking_id="B-2", amount_minor=70_000, email=BEN, **stay),
    ]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FINEACERS_IDENTITY_KEY", bytes(range(32)).hex())

    def run(policy: str | None, *more: str, facts: list[Event] | None = None) -> Result:
        path, input_ = tmp_path / "policy.yaml", tmp_path / "history.jsonl"
        facts = history() if facts is None else facts
        input_.write_text("".join(json.dumps(to_json(one)) + "\n" for one in facts))
        arguments = ["replay", "--input", str(input_), "--output", str(tmp_path / "out"), *more]
        if policy is not None:
            path.write_text(policy)
            arguments += ["--policy", str(path)]
        return CliRunner().invoke(command_line(["replay"]), arguments)

    return run


def figures(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout)["what_if"])


def test_a_lower_cap_denies_the_second_message(run: Any, tmp_path: Path) -> None:
    found = figures(run(STRICTER, "--json"))
    assert [(row["decision"], row["recorded"], row["proposed"]) for row in found["contacts"]] == [
        ("allowed", 2, 1), ("held", 0, 0), ("denied", 0, 1)
    ]  # fmt: skip
    assert found["reasons"] == [{"decision": "denied", "reason": "cap", "recorded": 0, "proposed": 1, "difference": 1}]
    assert found["leads_contacted"] == found["bookings_after_contact"] == {
        "recorded": 1, "proposed": 1, "difference": 0
    }  # fmt: skip
    assert found["revenue_minor"]["by_currency"] == [
        {"currency": "AED", "recorded": 500_000, "proposed": 500_000, "difference": 0}
    ]
    written = (tmp_path / "out" / "contact.decisions.jsonl").read_text()
    assert '"reason": "cap"' in written, "the topics are those under the proposed policy"


def test_with_no_contact_no_revenue_is_touched_and_tables_say_so(run: Any) -> None:
    result = run(STRICTER.replace("1, ", "0, "))
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert {"allowed 2 0 −2", "email denied 0 2 +2", "credited, AED 5,000.00 0.00 −5,000.00"} <= {*lines}
    assert "an estimate, not a causal claim" in result.stdout


def test_the_rules_in_force_change_nothing(run: Any) -> None:
    found = figures(run("social_cap: 3", "--json"))
    rows = [*found["contacts"], *found["channels"], *found["revenue_minor"]["by_currency"]]
    assert [row["difference"] for row in rows] == [0] * len(rows)


def test_the_proposed_policy_stands_above_every_recorded_one(run: Any) -> None:
    document = json.dumps({"caps": [["*", "email", 0, WEEK]]})
    forbidden = fact(PolicyChanged, occurred_at=NOON, version=2_000_000, applies_from=0, document=document)
    found = figures(run(STRICTER, "--json", facts=[forbidden, *history()]))
    assert found["contacts"][0] == {"decision": "allowed", "recorded": 0, "proposed": 1, "difference": 1}


@pytest.mark.parametrize("policy", [None, STRICTER])
def test_a_text_may_hold_what_some_take_for_the_end_of_a_line(run: Any, tmp_path: Path, policy: str | None) -> None:
    said = "one\u2028two\u2029three\u0085four"
    lead = fact(LeadCaptured, occurred_at=NOON, email=ANN, channel="portal", message=said)
    assert run(policy, facts=[lead]).exit_code == 0
    written = tmp_path / "out" / "accepted.leads.jsonl"
    assert said in written.read_text(), "the platform itself writes it as it is"
    (tmp_path / "raw.jsonl").write_text(json.dumps(to_json(lead), ensure_ascii=False) + "\r\n\r\n")
    arguments = ["replay", "--input", str(tmp_path / "raw.jsonl"), "--output", str(tmp_path / "again")]
    arguments += ["--policy", str(tmp_path / "policy.yaml")] if policy else []
    result = CliRunner().invoke(command_line(["replay"]), arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again" / "accepted.leads.jsonl").read_bytes() == written.read_bytes()


def test_without_a_policy_there_is_nothing_to_compare(run: Any) -> None:
    result = run(None)
    assert result.exit_code == 0
    assert result.stdout.split()[:2] == ["topic", "records"]
    assert "proposed" not in result.stdout
    assert [*json.loads(run(None, "--json").stdout)] == ["records"]


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("contact_windows: [[UAE, call, 540, 720], [UAE, call, 600, 900]]", "two windows would overlap"),
        (STRICTER.replace("1, ", "-1, "), "Expected `int` >= 0 - at `$.caps[0][2]`"),
        ("cap: 1", "unknown field `cap`"),
        ("attribution_models: [guess]", "no attribution models: guess"),
        ("social_cap: .nan", "invalid character"),
        ("time_zone: 2026-01-01", "date"),
        ("caps: [", "line 1"),
        ("", "got `null`"),
    ],
)
def test_a_policy_that_could_not_be_applied_is_named_and_nothing_written(
    run: Any, tmp_path: Path, policy: str, told: str
) -> None:
    result = run(policy)
    assert result.exit_code == 1
    assert "policy.yaml: no policy that could be applied: " in result.stderr
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_history_without_facts_is_told_of(run: Any, tmp_path: Path) -> None:
    result = run(STRICTER, facts=[])
    assert result.exit_code == 2
    assert "no fact in it" in result.stderr
    assert not (tmp_path / "out").exists()
