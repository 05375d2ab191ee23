"""`fineacers changes`: what the ledger learned between two instants, and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from sinks.clickhouse.changes import changes as fetched
from streams.cli.fail import fail
from streams.cli.options import Models, known_models, moment
from streams.cli.printing import printer
from streams.cli.report import TROUBLE, rest
from streams.kafka import told
from streams.report.changes import show
from streams.report.gather import servers
from streams.report.tables import plain
from streams.settings import identity_key, load_settings
from streams.topology import topology


class Basis(StrEnum):
    """What of a booking is credited."""

    net = "net"
    realised = "realised"
    expected = "expected"


def changes(
    known_since: Annotated[
        str, typer.Option(help="Changes that became known after this instant, ISO 8601 with a zone.")
    ],
    known_at: Annotated[
        str | None, typer.Option(help="Up to and with this instant, ISO 8601 with a zone; default: now.")
    ] = None,
    model: Models = None,
    basis: Annotated[Basis, typer.Option(help="What of a booking is credited.")] = Basis.net,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON, money in minor units.")] = False,
) -> None:
    """Say what changed in the attribution ledger between two instants, and why.

    For each reason (a booking made or changed, touches, rules, exchange rates, weights): how much credit moved, in how
    many postings of how many bookings, to and from which channels and campaigns under each model; and the ten bookings
    that moved most. Credit as known at the later instant, less credit as known at the earlier one, is exactly this:
    compare `fineacers report --known-at`.

    Waits until the line has come to rest. Ends with 0, or with 2 when the question cannot be answered.

    Examples:

        fineacers changes --known-since 2026-01-31T00:00:00Z

        fineacers changes --known-since 2026-01-31T00:00:00+04:00 --known-at 2026-02-28T00:00:00+04:00 --model linear
    """
    now = datetime.now(UTC)
    since, until = moment("--known-since", known_since) or now, moment("--known-at", known_at) or now
    if since >= until:
        fail("--known-since must lie before --known-at (default: now)")
    models = known_models(model)
    try:
        settings = load_settings()
        rest(settings, topology(identity_key(settings)))
        found = fetched(servers(settings)[1], since, until, basis.value, models)
    except TROUBLE as error:
        fail(told(error))
    if as_json:
        form = {name: [plain(row) for row in rows] for name, rows in found.items()}
        typer.echo(
            json.dumps(
                {"known_since": since.isoformat(), "known_at": until.isoformat(), "basis": basis.value, **form},
                indent=2,
            )
        )
    else:
        show(found, printer())
