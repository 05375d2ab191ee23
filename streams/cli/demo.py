"""`fineacers demo`: the whole line on this machine, fed by a simulated agency whose truth is known."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from schemas.events.base import instant
from streams.cli.fail import fail
from streams.cli.printing import printer
from streams.cli.report import TROUBLE, end, progress_bars, rest
from streams.cli.up import up
from streams.kafka import told
from streams.report.backlog import Backlog
from streams.report.gather import gather
from streams.report.latency import WATCHED, Latency, latencies
from streams.report.show import as_json, show
from streams.report.who import who_is_who
from streams.settings import Settings, identity_key, load_settings, read_settings
from streams.sources.publisher import Publisher, PublishError
from streams.sources.refusals import Publication
from streams.sources.simulate import Published, Scenario, simulate
from streams.topology import topology

LIVE_RECORDS = 1_000
LIVE_PER_SECOND = 500


def demo(
    events: Annotated[int, typer.Option(min=1_000, max=5_000_000, help="How many facts at least.")] = 87_500,
    seed: Annotated[int, typer.Option(help="Another seed, another agency.")] = 1,
    as_json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Start everything, simulate half a year of a property agency up to now, and print the report.

    The history is published as fast as it goes, the last events at a steady pace, from which latencies are told. What
    the agency's campaigns truly caused is known, and stands beside what each attribution model credits; so is who its
    people are, and how well the leads found are these people. Running it again publishes the same facts: all of them
    are recognised as duplicates.

    Ends with 0 only when every record is accounted for and all stores agree.

    Examples:

        fineacers demo

        fineacers demo --events 500000 --seed 7 --json
    """
    try:
        kept = read_settings().state_dir / "demo" / f"truth-{seed}-{events}.json"
        simulation = simulate(Scenario(end=_end(kept), seed=seed, events=events))
        with ThreadPoolExecutor(1) as aside:
            drawn = aside.submit(list[Published], simulation)
            up(only_stores=False, as_json=False)
            with progress_bars() as bars:
                drawing = bars.add_task("simulate", total=None)
                records = drawn.result()
                bars.update(drawing, total=len(records), completed=len(records))
        truth, who = simulation.truth.to_json(), simulation.who
        _keep(kept, truth)
        kept.with_name(kept.name.replace("truth", "who", 1)).write_text(json.dumps(who, ensure_ascii=False))
        settings, began = load_settings(), time.monotonic()
        live = _published(settings, records)
        found = gather(settings)
        identities = who_is_who(settings, found, who)
    except (*TROUBLE, PublishError) as error:
        fail(told(error))
    if as_json_:
        document = {**as_json(found), "truth": truth, "identities": identities.to_json()}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        end(found)
        return
    console = printer()
    show(found, console, truth, identities)
    _show_latencies(live, console)
    console.print(
        f"{truth['published']:,} facts, from the first one published to this report: {time.monotonic() - began:,.0f} s"
    )
    end(found)


def _published(settings: Settings, records: Sequence[Published]) -> list[Latency]:
    """Publish records and wait until they have passed; the latencies of the last ones."""
    stages, publisher = topology(identity_key(settings)), Publisher(settings, "demo")
    history, live = records[:-LIVE_RECORDS], records[-LIVE_RECORDS:]
    with progress_bars() as bars:
        publishing = bars.add_task("publish", total=len(history))
        publisher.publish(_publications(history), lambda count: bars.update(publishing, completed=count))
        publisher.flush()
        bars.update(publishing, completed=len(history))
    rest(settings, stages)
    with progress_bars() as bars, Backlog(settings) as backlog:
        since = backlog.ends(WATCHED)
        task = bars.add_task("publish live", total=len(live))
        for chunk in _paced(live):
            publisher.publish(_publications(chunk))
            publisher.flush()
            bars.advance(task, len(chunk))
    rest(settings, stages)
    with Backlog(settings) as backlog:
        return latencies(backlog, since)


def _publications(records: Sequence[Published]) -> Iterator[Publication]:
    return (Publication(record.topic, record.key, record.value) for record in records)


def _paced(records: Sequence[Published]) -> Iterator[Sequence[Published]]:
    """Small chunks, at a steady pace."""
    size = LIVE_PER_SECOND // 50
    started = time.monotonic()
    for begin in range(0, len(records), size):
        time.sleep(max(0.0, started + begin / LIVE_PER_SECOND - time.monotonic()))
        yield records[begin : begin + size]


def _end(kept: Path) -> int:
    """The end of the scenario: now, or, when this demo was run before, then."""
    if kept.exists():
        return int(json.loads(kept.read_text())["end_micros"])
    return time.time_ns() // 1_000


def _keep(path: Path, truth: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**truth, "end_micros": instant(truth["scenario"]["end"])}, indent=2))


def _show_latencies(live: list[Latency], console: Console) -> None:
    title = f"Latencies of the last {LIVE_RECORDS:,} facts, published at {LIVE_PER_SECOND} a second, in ms"
    table = Table(
        "way", "records", "p50", "p95", "p99", title=title, title_justify="left", title_style="bold", box=None
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for one in live:
        quantiles = (f"{one.quantile(share):,.0f}" for share in (0.5, 0.95, 0.99))
        table.add_row(one.way, f"{len(one.milliseconds):,}", *quantiles)
    console.print("", table, "")
