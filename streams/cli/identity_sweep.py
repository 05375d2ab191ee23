"""`fineacers identity sweep`: decide everybody anew by the policy in force, with a preview first."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from processors.control import Control, policy_of
from schemas.events.base import instant
from schemas.events.governance import IdentitySweepOrdered
from streams.cli import people
from streams.cli.act import act, confirm, fact
from streams.cli.fail import fail
from streams.cli.identifiers import NamingError, check_reason
from streams.cli.operator_database import database
from streams.cli.printing import printer
from streams.report.show_sweep import show_sweep
from streams.report.sweep import Regrouping, moved, regroupings


def sweep(
    *,
    workspace: Annotated[str, typer.Option(help="The workspace whose groups are to be decided anew.")],
    reason: Annotated[
        str | None, typer.Option(help="Order it, and say why; kept in the audit log, so no personal value.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the preview as JSON, money in minor units.")] = False,
) -> None:
    """Decide anew who belongs to which lead, by the policy in force; without --reason only a preview is shown.

    A new policy (`identity_limits`) holds for the next decision of each group of identifiers and leaves old ones as
    they are. The preview says which leads would merge or split, and what they hold, from what PostgreSQL knows: let the
    line come to rest first. Groups with an erased identifier are decided too, but not foretold. An identifier that was
    found to be shared by too many stays so. With --reason the fact
    IdentitySweepOrdered is published, and the order noted in the audit log; topic `sweeps` tells when it is done.

    Ends with 0 when it is shown or published, with 1 when you said no, with 2 when it cannot be done.

    Examples:

        fineacers identity sweep --workspace harborline

        fineacers identity sweep --workspace harborline --reason "CASE-320: one address a lead"
    """
    if reason is not None:
        try:
            check_reason(reason, ())
        except NamingError as error:
            fail(str(error))
    found, version, region = _preview(workspace)
    if as_json:
        rows = [{"what": one.what, **asdict(one)} for one in found]
        typer.echo(json.dumps({"policy_version": version, "changes": rows}, indent=2))
    else:
        show_sweep(found, version, printer())
    if reason is None:
        return
    order = fact(IdentitySweepOrdered, workspace, region, version=version)
    confirm(yes)
    leads = sorted({lead for one in found for lead in one.before})
    act("identity sweep", order, reason, {"leads": leads}, "topic `sweeps` tells when all have been decided")


def _preview(workspace: str) -> tuple[list[Regrouping], int, str]:
    """What would change, and version and region of the policy in force; ends the command where there is none."""
    with database() as connection:
        rows = people.policies(connection, workspace)
        policies = {
            row["version"]: policy_of(row["document"], row["version"], instant(row["applies_from"])) for row in rows
        }
        policy = Control(policies).policy_at(time.time_ns() // 1_000)
        if policy.version not in policies:
            fail(f"no policy of workspace {workspace} is in force: all was decided by the defaults already")
        moves = moved(people.held_of(connection, workspace), dict(policy.identity_limits))
        leads = {lead for move in moves for lead, _ in move.values()}
        region = next(row["region"] for row in rows if row["version"] == policy.version)
        return regroupings(moves, people.booked(connection, leads)), policy.version, region
