"""`fineacers booking show`: one booking's whole history."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from models.money import minor_digits
from sinks.base import SinkError, Unavailable
from sinks.clickhouse.booking import booking_facts
from streams.cli.fail import REFUSED, fail
from streams.cli.operator_database import database
from streams.cli.options import Models, known_models
from streams.cli.pictures import drawing
from streams.cli.printing import printer
from streams.report.booking import History, Row, Rows, credited_over_time, drawn, history, touch_of
from streams.report.credited import owing
from streams.report.gather import servers
from streams.report.show_booking import show as show_history
from streams.report.tables import moment
from streams.settings import SettingsError, load_settings

app = typer.Typer(no_args_is_help=True, help="Bookings: what they were worth, and what earned it.")

Connection = psycopg.Connection[dict[str, Any]]

_BOOKING = """
    SELECT workspace_id, booking_id, region, lead_id::text, status, revision, amount_minor, retained_minor, net_minor,
           currency, booked_at, property_id, market_segment, starts_on, ends_on
    FROM current_bookings
    WHERE booking_id = %(booking_id)s AND (%(workspace)s::text IS NULL OR workspace_id = %(workspace)s)
"""
_LINES = """
    SELECT seq, posting_id::text, known_at, reason, lead_id::text, model, basis, effective_at, account, channel,
           campaign_id, content_id, variant_id, touch_day, conversion_day, amount_minor, currency, reporting_minor,
           reporting_currency, rate_id, policy_version, weights_version
    FROM ledger_lines WHERE workspace_id = %(workspace_id)s AND booking_id = %(booking_id)s
    ORDER BY seq, model, basis, effective_at, touch_day, account
"""
_POLICY = "SELECT document FROM policies WHERE workspace_id = %s AND version = %s"


@app.callback()
def _booking() -> None:
    """A group, though it holds one command."""


@app.command()
def show(
    booking_id: Annotated[str, typer.Argument(help="The booking's id, as its events name it.")],
    workspace: Annotated[
        str | None, typer.Option(help="The booking's workspace; needed where several have a booking of that id.")
    ] = None,
    model: Models = None,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw credit by channel as known after each posting, a PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON, money in minor units.")] = False,
) -> None:
    """Show a booking: each revision, when it was true and when known; its path; what each posting moved and why.

    Ends with 0 when every posting balances and the credits sum to the booking's net revenue (where its policy credits
    that), with 1 when they do not (a booking that is still on its way through the line, or a fault), with 2 when there
    is nothing to show.

    Examples:

        fineacers booking show hotel_bookings:17

        fineacers booking show b-20931 --workspace harborline --model linear --model time_decay --json
    """
    models = known_models(model)
    try:
        found = _history(booking_id, workspace, models)
    except (SettingsError, SinkError, Unavailable) as error:
        fail(str(error))
    if picture is not None:
        _draw(picture, found)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, default=_text, ensure_ascii=False))
    else:
        show_history(found, printer())
    if found.differences:
        raise typer.Exit(REFUSED)


def _history(booking_id: str, workspace: str | None, models: list[str]) -> History:
    with database() as connection:
        booking = _only(connection, booking_id, workspace)
        every = connection.execute(_LINES, booking).fetchall()
        under = every[-1]["policy_version"] if every else None
        policy = connection.execute(_POLICY, (booking["workspace_id"], under)).fetchone()
    lines = [line for line in every if not models or line["model"] in models]
    posted = sorted({line["model"] for line in every})
    missing = [name for name in models if name not in posted]
    if every and missing:
        fail(f"this booking is not credited under {', '.join(missing)}; it is under {', '.join(posted)}")
    touches = {touch[0] for touch in (touch_of(line["account"]) for line in lines) if touch is not None}
    days = {line["touch_day"] for line in lines}
    facts = booking_facts(servers(load_settings())[1], booking["workspace_id"], booking_id, touches, days)
    credited = [name for name in owing(policy["document"] if policy else None) if not models or name in models]
    return history(booking, facts["revisions"], lines, facts["touches"], credited)


def _draw(path: Path, found: History) -> None:
    """Draw one model's credit."""
    from streams.report.chart import draw_stacked  # noqa: PLC0415 - drawing takes a moment to load

    model, basis = drawn(found)
    known, channels = credited_over_time(found, model, basis)
    currency = found.booking["currency"]
    unit = 10 ** minor_digits(currency)
    credited = {channel: [amount / unit for amount in amounts] for channel, amounts in channels.items()}
    with drawing("--picture", path):
        draw_stacked(path, [moment(at) for at in known], credited, f"{basis} credit known then, {model}, {currency}")


def _only(connection: Connection, booking_id: str, workspace: str | None) -> Row:
    """The one booking of that id."""
    found: Rows = connection.execute(_BOOKING, {"booking_id": booking_id, "workspace": workspace}).fetchall()
    if not found:
        where = f" in workspace {workspace}" if workspace else ""
        fail(f"no booking {booking_id}{where}: `fineacers lead show` lists those of a lead")
    if len(found) > 1:
        workspaces = " or ".join(sorted(row["workspace_id"] for row in found))
        fail(f"several workspaces have a booking {booking_id}: add --workspace {workspaces}")
    return found[0]


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
