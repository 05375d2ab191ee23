"""May we write, and why: decisions on contact with their receipts, consents and approvals, in words and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console

from streams.report.tables import exact_money, moment, money, table

Row = Mapping[str, Any]

_TOLD = {
    "message": "message_id",
    "lead": "lead_id",
    "account": "account_id",
    "purpose": "purpose",
    "category": "category",
    "template": "template_id",
    "campaign": "campaign_id",
    "step": "step",
    "consent": "consent_id",
    "contact point": "contact_point",
    "policy version": "policy_version",
}
"""What a receipt says beside its sentence and its checks, by the name that people read."""


def show_figures(decisions: Sequence[Row], approvals: Sequence[Row], waiting: Sequence[Row], console: Console) -> None:
    """Print how many messages were decided how and why, how approvals ended, and those that wait for a word."""
    made = table("Contacts: may we write?", "workspace", "decision", "because", "channel", "messages", text=4)
    for row in decisions:
        reason = row["reason"].replace("_", " ")
        made.add_row(row["workspace_id"], row["decision"], reason, row["channel"], f"{row['messages']:,}")
    console.print(made)
    outcomes = Counter[str]()
    for row in approvals:
        outcomes[row["outcome"]] += row["approvals"]
    told = [f"{outcomes.pop('open', 0):,} open"]
    told += [f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in outcomes.items()]
    console.print(f"Approvals: {', '.join(told)}")
    if waiting:
        made = table("", "lead", "answer by", "score", "worth, INR", text=2)
        for row in waiting:
            made.add_row(
                row["lead_id"], moment(row["answer_by"]), str(row["score"]), money(row["value_inr_minor"], "INR")
            )
        console.print(made)
        console.print("`fineacers approvals list` shows them all, `fineacers approvals decide` answers")
    console.print()


def show_receipt(row: Row, console: Console) -> None:
    """Print one decision in full: the sentence, what it is about, and every check in the order in which it was made."""
    console.print(f"Receipt of {moment(row['decided_at'])}: {row['sentence']}", style="bold", highlight=False)
    told = [f"{name} {row[column]}" for name, column in _TOLD.items() if row[column] is not None]
    told.append(f"zones {', '.join(row['time_zones'])}" if row["time_zones"] else "no zone")
    console.print("; ".join([*told, f"chosen with probability {row['propensity_ppm'] / 1_000_000:g}"]), highlight=False)
    made = table("", "check", "outcome", "reason", "until", text=4)
    for check in row["checks"]:
        until = moment(datetime.fromisoformat(check["until"])) if check["until"] else ""
        made.add_row(check["check"], check["outcome"], check["reason"], until)
    console.print(made, "")


def show_of_lead(decisions: Sequence[Row], consents: Sequence[Row], approvals: Sequence[Row], console: Console) -> None:
    """Print a lead's decisions, the newest with its receipt, its consents, and what waits for a reviewer's word."""
    if decisions:
        made = table("Decisions on contact", "when", "purpose", "what was decided", text=3)
        for row in decisions:
            made.add_row(moment(row["decided_at"]), row["purpose"], row["sentence"])
        console.print(made, "")
        show_receipt(max(decisions, key=lambda row: (row["decided_at"], row["message_id"])), console)
        links = [row for row in decisions if row["unsubscribe"]]
        if links:
            newest = max(links, key=lambda row: (row["decided_at"], row["message_id"]))
            told = f"List-Unsubscribe of message {newest['message_id']}: <{newest['unsubscribe']}>\n"
            console.print(told, highlight=False, soft_wrap=True)
    if consents:
        made = table("Consents", "when", "channel", "purpose", "said", "basis", "law", "evidence", text=7)
        for row in consents:
            said, proof = "given" if row["granted"] else "withdrawn", "held" if row["has_evidence"] else "none"
            basis = row["legal_basis"] or ""
            made.add_row(
                moment(row["occurred_at"]), row["channel"], row["purpose"], said, basis, row["jurisdiction"], proof
            )
        console.print(made, "")
    if approvals:
        made = table("Open approvals", "waiting since", "answer by", "temperature", "score", "value", "in INR", text=3)
        for row in approvals:
            value = f"{exact_money(row['value_minor'], row['currency'])} {row['currency']}"
            since, by = moment(row["waiting_since"]), moment(row["answer_by"])
            inr = exact_money(row["value_inr_minor"], "INR")
            made.add_row(since, by, row["temperature"], str(row["score"]), value, inr)
        console.print(made, "")
