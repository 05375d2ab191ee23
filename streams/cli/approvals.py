"""`fineacers approvals list|decide`: leads of high value that wait for a person's word, and that word."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from schemas.events.base import as_datetime
from schemas.events.governance import ApprovalDecided
from streams.cli.act import act, confirm, fact
from streams.cli.audit import audit, operator
from streams.cli.fail import REFUSED, fail
from streams.cli.identifiers import NamingError, check_reason
from streams.cli.operator_database import UUID, database
from streams.cli.printing import printer
from streams.report.approvals import PATIENCE_SECONDS, Request, concluded, ending, request, worth
from streams.report.tables import moment, plain, table
from streams.settings import read_settings
from streams.sources.gateway.links import approval_link

app = typer.Typer(no_args_is_help=True, help="Leads of high value that wait for a person's word.")

_THEN = "`fineacers approvals list --all` tells what came of it"

_LIST = """
    SELECT workspace_id, region, approval_id::text, lead_id::text, lead_id_at_request::text, temperature, score,
           value_minor, currency, value_inr_minor, property_id, owner_id, requested_at, answer_by, told_by, told,
           reason, decided_by, tier, concluded_at
    FROM approvals
    WHERE (%(all)s OR concluded_at IS NULL) AND (%(workspace)s::text IS NULL OR workspace_id = %(workspace)s)
    ORDER BY requested_at, approval_id
"""

Word = StrEnum("Word", {"approved": "approved", "rejected": "rejected"})
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command("list")
def list_(
    workspace: Annotated[str | None, typer.Option(help="Only this workspace.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that have ended, and how.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits for a reviewer's word, the oldest first, and whether a webhook has told reviewers of it.

    With --json each that waits also has the link by which the gateway takes a word ("answer"): keep it to reviewers.
    The audit log notes that you have seen these links.

    Examples:

        fineacers approvals list

        fineacers approvals list --workspace harborline --all --json
    """
    with database() as connection:
        rows = connection.execute(_LIST, {"all": every, "workspace": workspace}).fetchall()
    if as_json:
        answers = [_answered_at(row) for row in rows]
        if links := [row["approval_id"] for row, answer in zip(rows, answers, strict=True) if answer]:
            audit("approvals list --json", {"approvals": links})
        typer.echo(json.dumps([plain(row) | answer for row, answer in zip(rows, answers, strict=True)], indent=2))
        return
    ended = ("ended",) if every else ()
    made = table("Approvals", "approval", "lead", "answer by", "told", *ended, "score", "value", text=4 + len(ended))
    for row in rows:
        how = (ending(row) if row["concluded_at"] else "",) if every else ()
        made.add_row(
            row["approval_id"], row["lead_id"], moment(row["answer_by"]), row["told"] or "nobody", *how,
            str(row["score"]), worth(row),
        )  # fmt: skip
    printer().print(made if rows else "nothing waits for a word")


@app.command()
def decide(
    approval_id: Annotated[str, typer.Argument(help="The request, as `approvals list` prints it.")],
    word: Annotated[Word, typer.Argument(help="Your word.")],
    *,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks at it later; kept in the audit log.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Answer a request: approved, and the lead is premium, or rejected, and it is standard. The first word stands.

    The fact ApprovalDecided is published, and the act noted in the audit log under your name. Ends with 0 when your
    word is published, with 1 when you said no or somebody was faster, with 2 when it cannot be done.

    Examples:

        fineacers approvals decide 0b6f0a2c-7f31-5c1d-9a53-3b9a5d7d2f10 approved --reason "known family office"
    """
    if not UUID.fullmatch(approval_id):
        fail(f"{approval_id} is no approval id: `fineacers approvals list` prints them")
    try:
        check_reason(reason, [])
    except NamingError as error:
        fail(str(error))
    asked = _one(approval_id)
    if asked is None:
        fail(f"no request {approval_id}: `fineacers approvals list` prints those that wait")
    if asked["concluded_at"] is not None:
        fail(f"it has ended already: {ending(asked)}; the first word stands", REFUSED)
    about = f"lead {asked['lead_id']}, {asked['temperature']}, score {asked['score']}, worth {worth(asked)}"
    typer.echo(about, err=True)
    confirm(yes)
    by = operator()
    said = fact(
        ApprovalDecided, asked["workspace_id"], asked["region"], lead_id=asked["lead_id_at_request"],
        approval_id=asked["approval_id"], decision=str(word), decided_by=by,
    )  # fmt: skip
    ids = {"approvals": [asked["approval_id"]], "leads": [asked["lead_id"]]}
    act("approvals decide", said, reason, ids, _THEN)
    ended = concluded(lambda: _one(approval_id))
    if ended is None:
        typer.echo(f"it has not come to an end within {PATIENCE_SECONDS:.0f} s: is everything running?")
    elif (ended["decided_by"], ended["concluded_at"]) != (by, as_datetime(said.occurred_at)):
        fail(f"somebody was faster: {ending(ended)}; the first word stands", REFUSED)
    else:
        typer.echo(ending(ended))


def _answered_at(row: Request) -> dict[str, str]:
    """The link of a request that waits."""
    if row["concluded_at"] is not None:
        return {}
    names = row["workspace_id"], row["region"], row["approval_id"], row["lead_id_at_request"]
    return {"answer": approval_link(read_settings(), *names)}


def _one(approval_id: str) -> Request | None:
    with database() as connection:
        return request(connection, approval_id)
