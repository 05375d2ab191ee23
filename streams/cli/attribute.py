"""`fineacers attribute`: batch attribution of a path file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from models.attribution.batch import BATCH_MODELS, Credit, Paths
from models.attribution.batch.markov import TooManyStatesError
from streams.cli.fail import fail
from streams.cli.pictures import drawing
from streams.cli.printing import printer
from streams.sources.files import UnreadableFileError
from streams.sources.paths import read_paths


def attribute(
    file: Annotated[Path, typer.Argument(metavar="PATHS.csv", help="Path file, gzip or not.")],
    models: Annotated[
        str, typer.Option(help=f"Models, comma-separated; there are {', '.join(BATCH_MODELS)}.")
    ] = ",".join(BATCH_MODELS),
    order: Annotated[int, typer.Option(help="How many touches back the Markov chain remembers.", min=1, max=4)] = 1,
    png: Annotated[Path | None, typer.Option(help="Also draw the conversions by channel and model there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print {model: {channel: {conversions, value}}}.")] = False,
) -> None:
    """Share the conversions of a path file among its channels, under several models side by side.

    Columns: path (channels joined by ' > '), total_conversions, and if there are any total_conversion_value and
    total_null. The Markov chain's removal effects are computed exactly; nothing is drawn by lot.

    Examples:

        fineacers attribute paths.csv

        fineacers attribute paths.csv.gz --models last,markov --order 2 --png credit.png --json
    """
    wanted = [name.strip() for name in models.split(",")]
    unknown = [name for name in wanted if name not in BATCH_MODELS]
    if unknown:
        fail(f"no model {', '.join(unknown)}; there are {', '.join(BATCH_MODELS)}")
    try:
        paths = read_paths(file)
        credits = {name: BATCH_MODELS[name](paths, order) for name in wanted}
    except (UnreadableFileError, TooManyStatesError) as error:
        fail(str(error))
    if png is not None:
        from streams.report.chart import draw  # noqa: PLC0415 - drawing takes a moment to load

        by_model = {name: list(credit.conversions) for name, credit in credits.items()}
        with drawing("--png", png):
            draw(png, paths.channels, by_model, "conversions")
    if as_json:
        typer.echo(json.dumps({name: _form(paths, credit) for name, credit in credits.items()}, indent=2))
        return
    _show(paths, credits)


def _form(paths: Paths, credit: Credit) -> dict[str, dict[str, float]]:
    return {
        channel: {"conversions": float(credit.conversions[number]), "value": float(credit.value[number])}
        for number, channel in enumerate(paths.channels)
    }


def _show(paths: Paths, credits: dict[str, Credit]) -> None:
    console = printer()
    best = sorted(range(len(paths.channels)), key=lambda number: -max(c.conversions[number] for c in credits.values()))
    valued = paths.value.sum() > 0
    for title, which in (("Conversions", 0), *((("Value", 1),) if valued else ())):
        columns = [Column(name, justify="right") for name in credits]
        table = Table("channel", *columns, title=title, title_justify="left", title_style="bold", box=None)
        for number in best:
            table.add_row(paths.channels[number], *(f"{credit[which][number]:,.1f}" for credit in credits.values()))
        table.add_row("total", *(f"{credit[which].sum():,.1f}" for credit in credits.values()), style="bold")
        console.print(table, "")
    journeys = paths.conversions.sum() + paths.nulls.sum()
    console.print(
        f"{journeys:,.0f} journeys in {len(paths.lengths):,} rows, {paths.conversions.sum() / journeys:.2%} converted"
    )
