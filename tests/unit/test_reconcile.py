"""What does not agree is found, and named."""

from __future__ import annotations

from typing import Any

from streams.report.reconcile import reconcile

TOLD = (
    "leads", "bookings", "ledger", "temperatures", "routes", "decisions", "approvals", "consents", "bindings",
    "changes", "conflicts", "campaigns", "dead_letters", "credited", "worth", "policies",
    "stage_counts", "rows",
)  # fmt: skip


def differences(ledger: list[dict[str, Any]], **postgres: list[dict[str, Any]]) -> list[str]:
    """What differs where both stores hold the same ledger, and nothing else but what is given."""
    nothing: dict[str, list[dict[str, Any]]] = {name: [] for name in TOLD}
    shared = {**nothing, "ledger": ledger}
    return reconcile({}, {**shared, **postgres}, shared).differences


def line(account: str, amount: int, reporting: int, workspace: str = "acme", currency: str = "AED") -> dict[str, Any]:
    """A row of the ledger's figures, in a workspace that reports in dirhams."""
    return {
        "workspace_id": workspace, "model": "linear", "basis": "net", "account_kind": account, "channel": "search",
        "campaign_id": None, "currency": currency, "reporting_currency": "AED", "lines": 1, "amount_minor": amount,
        "reporting_minor": reporting,
    }  # fmt: skip


def test_books_that_balance_make_no_difference() -> None:
    assert differences([line("touch", 10, 10), line("(revenue)", -10, -10)]) == []


def test_books_off_balance_are_told_though_their_reporting_currency_is_their_own() -> None:
    assert differences([line("touch", 10, 10), line("(revenue)", -9, -10)]) == [
        "ledger: credits + revenue = 0: acme linear net AED: +1"
    ]
    assert differences([line("touch", 10, 10), line("(revenue)", -10, -8)]) == [
        "ledger: credits + revenue = 0: as reported, acme linear net AED: +2"
    ]


def test_one_workspace_does_not_make_up_for_another() -> None:
    assert differences([line("touch", 10, 10), line("(revenue)", -10, -10, "other")]) == [
        "ledger: credits + revenue = 0: acme linear net AED: +10",
        "ledger: credits + revenue = 0: other linear net AED: -10",
        "ledger: credits + revenue = 0: as reported, acme linear net AED: +10",
        "ledger: credits + revenue = 0: as reported, other linear net AED: -10",
    ]


def test_bookings_are_credited_what_they_are_worth_where_their_policy_asks_for_that() -> None:
    credited = [{"workspace_id": "acme", "currency": "AED", "least": 10, "most": 10}]
    worth = [
        {"workspace_id": "acme", "currency": "AED", "policy_version": version, "net_minor": net}
        for version, net in ((None, 1), (1, 4), (2, 5), (3, 100))
    ]
    policies = [
        {"workspace_id": workspace, "version": version, "document": document}
        for workspace, version, document in (
            ("acme", 1, '{"attribution_bases": ["realised"]}'),
            ("acme", 2, '{"attribution_bases": ["realised", "net"], "optimizer_basis": "realised"}'),
            ("acme", 3, '{"attribution_bases": ["realised"], "optimizer_basis": "realised"}'),
            ("other", 1, '{"attribution_bases": ["realised"], "optimizer_basis": "realised"}'),
        )
    ]
    assert differences([], credited=credited, worth=worth, policies=policies) == []
    assert differences([], credited=credited, worth=worth[1:], policies=policies) == [
        f"ledger: {which} credited = worth of bookings: acme AED: credited 10, bookings 9"
        for which in ("least", "most")
    ]
