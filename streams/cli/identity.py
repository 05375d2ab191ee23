"""`fineacers identity show|link|split|sweep|erase`: who is who, and an operator's say in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, get_args

import typer

from schemas.events.base import Region
from schemas.events.governance import ErasureRequested, IdentitiesLinked, IdentitiesSplit
from streams.cli import people
from streams.cli.act import act, confirm, fact, settings
from streams.cli.fail import fail
from streams.cli.identifiers import Named, NamingError, check_link, check_reason, check_split, named
from streams.cli.identity_sweep import sweep
from streams.cli.operator_database import UUID, database
from streams.cli.pictures import drawing
from streams.cli.printing import printer
from streams.report.identity import Preview, came_from, erased, lives_on, observed, of_lead, picture
from streams.report.identity import stated as stated_links
from streams.report.show_identity import Known, show_erasure, show_known, show_link, show_split
from streams.settings import SettingsError, identity_key

app = typer.Typer(
    no_args_is_help=True,
    help="Who is who: why a lead holds its identifiers, and linking or splitting people by hand.",
)


Workspace = Annotated[str, typer.Option(help="The workspace that the people belong to.")]
HomeRegion = Annotated[
    str, typer.Option("--region", help="Region of the fact; says how to read a phone number without +.")
]
Reason = Annotated[
    str, typer.Option(help="Why, for whoever looks at it later; kept in the audit log, so no personal value.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def show(
    lead_id: Annotated[str, typer.Argument(help="The lead's id, as `lead find` prints it.")],
    picture_: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            help="Also draw the lead's identifiers, what links them and where they came from, .png or .svg.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show who a lead is: its identifiers and why each is here, what facts named together and what people say of them,
    merges and splits, open conflicts, acts by hand.

    Identifiers are shown as kind and hash, never by their value. Of a lead that was merged away, the one that it lives
    on in is named. Ends with 2 when there is no such lead.

    Examples:

        fineacers identity show 79ada6ce-c384-c855-6c06-bb2947b89cb3

        fineacers identity show 79ada6ce-c384-c855-6c06-bb2947b89cb3 --picture lead.svg
    """
    if not UUID.fullmatch(lead_id):
        fail(f"{lead_id} is no lead id: `fineacers lead find` prints them")
    if picture_ is not None and picture_.suffix not in (".png", ".svg"):
        fail(f"--picture: {picture_.name} should end in .png or .svg")
    lead = lead_id.lower()
    with database() as connection:
        holds, regions = people.bindings(connection, [lead])
        own = of_lead(holds, lead)
        moved = people.changes(connection, lead)
        if not own and not moved and lead not in regions:
            fail(f"no lead {lead_id}: `fineacers lead find` finds one by an identifier")
        names = {one.identifier for one in own} or {lead}
        origins = {name: came_from(moved, name, lead) for name in names}
        known = Known(
            lead, regions.get(lead), lives_on(holds, lead), erased(holds, lead), own, origins,
            people.links(connection, names), people.statements(connection, names), moved,
            people.conflicts(connection, names),
            people.bookings(connection, lead), people.acts(connection, names),
        )  # fmt: skip
    if picture_ is not None:
        _draw(picture_, known)
    if as_json:
        typer.echo(json.dumps(asdict(known), indent=2, default=_text, ensure_ascii=False))
    else:
        show_known(known, printer())


@app.command()
def link(
    identifiers: Annotated[
        list[str], typer.Argument(metavar="KIND=VALUE…", help="Two or more of one person; KIND=- asks on stdin.")
    ],
    *,
    workspace: Workspace,
    region: HomeRegion,
    reason: Reason,
    transfer_basis: Annotated[
        str | None, typer.Option(help="Legal basis for joining leads of different home regions, a code.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Say that identifiers belong to one person; a preview of what would move is shown first.

    KIND is crm_id, email, phone or wa_id. A value of - is read from standard input, a line for each, so that it does
    not stay in the shell's history. The fact IdentitiesLinked is published, and the act noted in the audit log with
    your reason. A link by hand goes before all observed ones and lifts an earlier split of the same two identifiers.

    Ends with 0 when it is published, with 1 when you said no, with 2 when it cannot be done.

    Examples:

        fineacers identity link --workspace harborline --region UAE --reason "CASE-311: same passport" email=- phone=-

        fineacers identity link --workspace harborline --region UAE --reason CASE-312 --transfer-basis consent
        --yes crm_id=C-17 crm_id=K-9
    """
    who = _read([identifiers], workspace, region, reason)[0]
    try:
        check_link(who)
    except NamingError as error:
        fail(str(error))
    said = fact(
        IdentitiesLinked, workspace, region, identifiers=[one.fact for one in who], transfer_basis=transfer_basis
    )
    about = _preview(who)
    if len(about.regions) > 1 and transfer_basis is None:
        fail(
            f"these leads have different home regions ({', '.join(about.regions)}): joining them needs a legal basis, "
            "--transfer-basis CODE"
        )
    show_link(about, printer())
    confirm(yes)
    act("identity link", said, reason, {"identifiers": _hashes(who), "leads": _leads(about)}, _THEN)


@app.command()
def split(
    *,
    workspace: Workspace,
    region: HomeRegion,
    reason: Reason,
    take: Annotated[list[str], typer.Option(metavar="KIND=VALUE", help="Goes; can be repeated; KIND=- asks on stdin.")],
    keep: Annotated[
        list[str], typer.Option(metavar="KIND=VALUE", help="Stays; can be repeated; KIND=- asks on stdin.")
    ],
    yes: Yes = False,
) -> None:
    """Say that the taken identifiers are of another person than the kept ones; a preview is shown first.

    The history that a taken identifier brought leaves with it. The split holds for each pair of a taken and a kept
    identifier, against all that is observed of them before and after; `identity link` of such a pair lifts it. Values
    are given as for `identity link`. The fact IdentitiesSplit is published, and the act noted in the audit log.

    Ends with 0 when it is published, with 1 when you said no, with 2 when it cannot be done.

    Examples:

        fineacers identity split --workspace harborline --region UAE --reason "CASE-313: shared handset"
        --take phone=- --keep email=-

        fineacers identity split --workspace harborline --region IND --reason "CASE-314: recycled number" --yes
        --take phone=+919812345678 --keep crm_id=C-17 --keep email=ada@example.com
    """
    taken, kept = _read([take, keep], workspace, region, reason)
    try:
        check_split(taken, kept)
    except NamingError as error:
        fail(str(error))
    said = fact(IdentitiesSplit, workspace, region, take=[one.fact for one in taken], keep=[one.fact for one in kept])
    about = _preview([*taken, *kept])
    show_split(about, [one.label for one in taken], [one.label for one in kept], printer())
    confirm(yes)
    ids = {"take": _hashes(taken), "keep": _hashes(kept), "leads": _leads(about)}
    act("identity split", said, reason, ids, _THEN)


@app.command()
def erase(
    identifiers: Annotated[
        list[str], typer.Argument(metavar="KIND=VALUE…", help="What is to be forgotten; KIND=- asks on stdin.")
    ],
    *,
    workspace: Workspace,
    region: HomeRegion,
    reason: Reason,
    ground: Annotated[str, typer.Option(help="On what ground, a code; the fact tells it.")] = "person_asked",
    yes: Yes = False,
) -> None:
    """Forget what each of these identifiers has brought up to now; a preview of what would go is shown first.

    Every lead drops that history, and the table of leads its values; what happened before and comes late is dropped as
    well, and what comes after is of a new lead. Revenue remains, credited to what is left. Nothing is sent to the
    address before it opts in anew. It cannot be undone. Values are given as for `identity link`. The fact
    ErasureRequested is published, and the act noted in the audit log.

    What it does not reach: records in Kafka's topics (the facts themselves, until their retention ends), dead letters,
    rows in ClickHouse, which hold hashes only, exported files and backups.

    Ends with 0 when it is published, with 1 when you said no, with 2 when it cannot be done.

    Examples:

        fineacers identity erase --workspace harborline --region UAE --reason "CASE-315: asked by mail" email=- phone=-
    """
    who = _read([identifiers], workspace, region, reason)[0]
    said = fact(ErasureRequested, workspace, region, identifiers=[one.fact for one in who], reason=ground)
    about = _preview(who)
    show_erasure(about, printer())
    confirm(yes)
    act("identity erase", said, reason, {"erased": _hashes(who), "leads": _leads(about)}, _THEN)


app.command()(sweep)

_THEN = "`fineacers identity show LEAD` tells what came of it"


def _read(sides: Sequence[Sequence[str]], workspace: str, region: str, reason: str) -> list[list[Named]]:
    """The identifiers of each side; ends the command where one cannot be used."""
    if region not in get_args(Region):
        fail(f"--region: {region} is none of {', '.join(get_args(Region))}")
    try:
        key = identity_key(settings())
        found = [named(texts, _ask, key, workspace, region) for texts in sides]
        check_reason(reason, [one for side in found for one in side])
    except (NamingError, SettingsError) as error:
        fail(str(error))
    return found


def _ask(kind: str) -> str:
    stdin = typer.get_text_stream("stdin")
    if stdin.isatty():
        typer.echo(f"{kind}: ", err=True, nl=False)
    return stdin.readline().strip()


def _preview(who: Sequence[Named]) -> Preview:
    with database() as connection:
        return people.preview_of(connection, {one.hash: one.label for one in who})


def _hashes(who: Sequence[Named]) -> list[str]:
    return [one.hash for one in who]


def _leads(about: Preview) -> list[str]:
    return [one.lead_id for one in about.stakes]


def _draw(path: Path, known: Known) -> None:
    from streams.report.chart import draw_identity  # noqa: PLC0415 - drawing takes a moment to load

    if not known.identifiers:
        fail(f"lead {known.lead_id} holds no identifier that could be drawn; see {', '.join(known.lives_on_in)}")
    drawn = picture(
        known.lead_id, known.identifiers, known.changes, [*observed(known.links), *stated_links(known.statements)]
    )
    with drawing("--picture", path):
        draw_identity(path, drawn)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
