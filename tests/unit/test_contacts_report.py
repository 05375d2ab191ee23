"""Decisions on contact are told in words: figures, one receipt in full, a lead's consents and open approvals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from streams.report.show_contacts import show_figures, show_of_lead, show_receipt

AT = datetime(2026, 3, 2, 5, tzinfo=UTC)
RECEIPT: dict[str, Any] = {
    "message_id": "m1", "lead_id": "some-lead", "account_id": None, "purpose": "launch", "category": "marketing",
    "template_id": None, "campaign_id": "spring", "step": None, "consent_id": "c1", "contact_point": None,
    "policy_version": 3, "propensity_ppm": 500_000, "unsubscribe": None, "time_zones": ["Asia/Dubai"], "decided_at": AT,
    "sentence": "Held on WhatsApp: quiet hours until 2026-03-02 09:00 Asia/Dubai (zone from phone)",
    "checks": [
        {"check": "consent", "outcome": "pass", "reason": "granted", "until": None},
        {"check": "quiet_hours", "outcome": "hold", "reason": "quiet_hours", "until": "2026-03-02T05:00:00.000000Z"},
    ],
}  # fmt: skip


def told(show: Callable[[Console], None]) -> list[str]:
    """Lines as printed, 200 columns wide, runs of spaces closed up."""
    console = Console(width=200)
    with console.capture() as printed:
        show(console)
    return [" ".join(line.split()) for line in printed.get().splitlines()]


def test_a_receipt_names_every_check_in_order() -> None:
    lines = told(lambda console: show_receipt(RECEIPT, console))
    assert lines[0] == f"Receipt of 02 Mar 2026 05:00:00: {RECEIPT['sentence']}"
    assert lines[1] == (
        "message m1; lead some-lead; purpose launch; category marketing; campaign spring; consent c1; "
        "policy version 3; zones Asia/Dubai; chosen with probability 0.5"
    )
    assert [line for line in lines if line.startswith(("consent ", "quiet_hours"))] == [
        "consent pass granted", "quiet_hours hold quiet_hours 02 Mar 2026 05:00:00"
    ]  # fmt: skip


def test_figures_are_by_outcome_reason_and_channel_and_name_who_waits() -> None:
    decisions = [
        {"workspace_id": "acme", "decision": "deny", "reason": "no_consent", "channel": "email", "messages": 1_200}
    ]
    approvals = [
        {"workspace_id": "acme", "outcome": "no_answer", "approvals": 2},
        {"workspace_id": "acme", "outcome": "open", "approvals": 1},
        {"workspace_id": "other", "outcome": "open", "approvals": 1},
    ]
    waiting = [{"lead_id": "some-lead", "answer_by": AT, "score": 82, "value_inr_minor": 2_500_000_000}]
    lines = told(lambda console: show_figures(decisions, approvals, waiting, console))
    assert "acme deny no consent email 1,200" in lines
    assert "Approvals: 2 open, 2 no answer" in lines
    assert "some-lead 02 Mar 2026 05:00:00 82 25,000,000" in lines


def test_without_decisions_the_figures_say_so() -> None:
    assert "Approvals: 0 open" in told(lambda console: show_figures([], [], [], console))


def test_a_lead_shows_its_newest_receipt_only_and_no_table_that_is_empty() -> None:
    older = {**RECEIPT, "message_id": "m0", "decided_at": datetime(2026, 3, 1, tzinfo=UTC), "sentence": "Denied"}
    lines = told(lambda console: show_of_lead([older, RECEIPT], [], [], console))
    assert "01 Mar 2026 00:00:00 launch Denied" in lines
    assert [line for line in lines if line.startswith("Receipt of")] == [
        f"Receipt of 02 Mar 2026 05:00:00: {RECEIPT['sentence']}"
    ]
    assert not told(lambda console: show_of_lead([], [], [], console))


def test_a_lead_shows_the_link_of_its_newest_allowed_email_in_one_line() -> None:
    link = "https://mail.example.com/unsubscribe/" + "t" * 300
    older = {**RECEIPT, "message_id": "m0", "decided_at": datetime(2026, 3, 1, tzinfo=UTC), "unsubscribe": link}
    oldest = {**older, "message_id": "m", "decided_at": datetime(2026, 2, 1, tzinfo=UTC), "unsubscribe": "another"}
    lines = told(lambda console: show_of_lead([oldest, older, RECEIPT], [], [], console))
    assert [line for line in lines if "Unsubscribe" in line] == [f"List-Unsubscribe of message m0: <{link}>"]


def test_consents_and_open_approvals_are_told() -> None:
    consents = [
        {"occurred_at": AT, "channel": "email", "purpose": "marketing", "granted": False, "legal_basis": None,
         "jurisdiction": "EUR", "has_evidence": False}
    ]  # fmt: skip
    approvals = [
        {"waiting_since": AT, "answer_by": AT, "temperature": "hot", "score": 82, "value_minor": 100, "currency": "AED",
         "value_inr_minor": 2_300}
    ]  # fmt: skip
    lines = told(lambda console: show_of_lead([], consents, approvals, console))
    assert "02 Mar 2026 05:00:00 email marketing withdrawn EUR none" in lines
    assert "02 Mar 2026 05:00:00 02 Mar 2026 05:00:00 hot 82 1.00 AED 23.00" in lines
