"""`fineacers lead find|show`: one person as the platform knows them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from models.identity import KINDS, hashes
from streams.cli import people
from streams.cli.audit import audit_reveal
from streams.cli.contacts import contacts
from streams.cli.fail import fail
from streams.cli.masking import Reveal
from streams.cli.operator_database import UUID, database
from streams.cli.printing import printer
from streams.report.identity import Held, erased, lives_on, of_lead
from streams.report.show_contacts import show_of_lead
from streams.report.show_identity import show_conflicts, show_lives_on
from streams.settings import identity_key, read_settings
from streams.sources.gateway.links import unsubscribe_link

app = typer.Typer(no_args_is_help=True, help="Leads: find one by an identifier, show all that is known of one.")

_PERSONAL = {"crm_id": "customer_id", "email": "email", "phone": "phone", "wa_id": "phone", "full_name": "name"}

Workspace = Annotated[str, typer.Option(help="The lead's workspace.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command()
def find(
    kind: Annotated[str, typer.Argument(help="Kind of identifier, such as email or phone.")],
    value: Annotated[str, typer.Argument(help="Its value, written as people write it. Use - to read it from stdin.")],
    workspace: Workspace,
    region: Annotated[str, typer.Option(help="Home region; says how to read a phone number without +.")] = "UAE",
    as_json: AsJson = False,
) -> None:
    """Find the leads that an identifier belongs to.

    Examples:

        fineacers lead find email ada@example.com --workspace harborline

        echo +971501234567 | fineacers lead find phone - --workspace harborline
    """
    if kind not in KINDS:
        fail(f"{kind} is no kind of identifier: {', '.join(KINDS)}")
    raw = typer.get_text_stream("stdin").readline().strip() if value == "-" else value
    with database() as connection:
        found = hashes(identity_key(read_settings()), workspace, region, lambda one: raw if one == kind else None)
        if not found:
            fail(f"this is no usable {kind}")
        rows = connection.execute(
            "SELECT lead_id::text, region FROM current_bindings WHERE identifier = %s AND workspace_id = %s",
            (next(iter(found)), workspace),
        ).fetchall()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    for row in () if as_json else rows:
        typer.echo(f"{row['lead_id']}  {row['region']}")
    if not rows:
        fail("no lead has this identifier")


@app.command()
def show(
    lead_id: Annotated[str, typer.Argument(help="The lead's id, as `lead find` prints it.")],
    reveal: Reveal = False,
    as_json: AsJson = False,
) -> None:
    """Show a lead: profile, identifiers, score, temperature and why it moved, route, incidents, bookings, conflicts.

    Whether it may be contacted is told decision by decision, of the newest with every check that was made; beside them
    its consents and what waits for a reviewer's word. Under the newest allowed e-mail stands its unsubscribe link.

    Personal values are masked; who reveals them is noted in the audit log. Of a lead that was merged away, the one that
    it lives on in is named. Who a lead is and why: `fineacers identity show`.

    Examples:

        fineacers lead show 79ada6ce-c384-c855-6c06-bb2947b89cb3

        fineacers lead show 79ada6ce-c384-c855-6c06-bb2947b89cb3 --reveal --json
    """
    if not UUID.fullmatch(lead_id):
        fail(f"{lead_id} is no lead id: `fineacers lead find` prints them")
    lead = lead_id.lower()
    with database() as connection:
        holds, _ = people.bindings(connection, [lead])
        own = of_lead(holds, lead)
        known: dict[str, Any] = {"identifiers": _of_today(own)}
        known |= {name: connection.execute(query, (lead,)).fetchall() for name, query in _QUERIES.items()}
        known["bookings"] = people.bookings(connection, lead)
        names = {one.identifier for one in own} or {lead}
        known |= contacts(connection, lead, {one.identifier for one in holds} | {lead})
        for decision in known["decisions"]:
            if decision["unsubscribe"]:
                decision["unsubscribe"] = unsubscribe_link(read_settings(), decision["unsubscribe"])
        known["open conflicts"] = people.conflicts(connection, names)
        known["lives on in"] = lives_on(holds, lead)
        known["erased"] = erased(holds, lead)
    if not any(known.values()):
        fail(f"no lead {lead_id}: `fineacers lead find` finds one by an identifier")
    if reveal:
        audit_reveal("lead show", f"lead {lead_id}", {"leads": [lead]})
    for profile in known["profile"]:
        for name, kind in _PERSONAL.items():
            if profile[name] is not None and not reveal:
                profile[name] = f"<{kind}>"
    if as_json:
        typer.echo(json.dumps(known, indent=2, default=_text, ensure_ascii=False))
        return
    console = printer()
    show_lives_on(known.pop("lives on in"), console, known.pop("erased"))
    unclear = known.pop("open conflicts")
    decisions, consents, approvals = (known.pop(name) for name in ("decisions", "consents", "open approvals"))
    for name, rows in known.items():
        if rows:
            _print(name, rows, console)
    show_of_lead(decisions, consents, approvals, console)
    show_conflicts(unclear, console)


_QUERIES = {
    "profile": "SELECT * FROM leads WHERE lead_id = %s",
    "score": (
        "SELECT score, budget, urgency, engagement, readiness, reasons, occurred_at FROM scores WHERE lead_id = %s"
    ),
    "temperature": (
        "SELECT seq, occurred_at, previous, temperature, reason, restates_from FROM temperature_changes "
        "WHERE lead_id = %s ORDER BY seq"
    ),
    "route": "SELECT route, temperature, reason, occurred_at FROM routes WHERE lead_id = %s",
    "contact requests": (
        "SELECT purpose, channels, not_after, occurred_at FROM contact_requests WHERE lead_id = %s ORDER BY occurred_at"
    ),
    "incidents": (
        "SELECT kind, severity, touches, days, detail, occurred_at FROM incidents WHERE lead_id = %s "
        "ORDER BY occurred_at"
    ),
}


def _of_today(own: Iterable[Held]) -> list[dict[str, Any]]:
    """What the bindings say, not the profile: a new lead has them first."""
    held = sorted((one.kind, one.identifier) for one in own if one.until is None)
    return [{"kind": kind, "identifier": identifier} for kind, identifier in held]


def _print(name: str, rows: list[dict[str, Any]], console: Console) -> None:
    if name == "profile":
        table = Table(box=None, show_header=False, title=name, title_justify="left")
        for field, value in rows[0].items():
            if value is not None:
                table.add_row(field, _text(value))
    else:
        table = Table(*rows[0], box=None, title=name, title_justify="left")
        for row in rows:
            table.add_row(*("" if value is None else _text(value) for value in row.values()))
    console.print(table, "")


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value.isoformat() if isinstance(value, datetime) else str(value)
