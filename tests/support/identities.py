"""What a run has come to know of who is who, read from its records and from the states of its leads."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from processors.lead.hold import Holding
from processors.lead.path import Path
from processors.lead.score import Log
from schemas.codec import decode
from schemas.events.governance import IdentitySweepOrdered, PolicyChanged
from schemas.events.identity import LeadMerged, LeadSplit
from sinks.delivery import Record
from sinks.postgres.rows import ROWS
from sinks.postgres.table import Table
from streams.report.sweep import Held
from streams.state import StateCodec
from tests.support.facts import fact
from tests.support.runs import STAGES, Run, bindings


def limited(version: int, limits: Mapping[str, int]) -> PolicyChanged:
    """A policy that holds from the beginning of time and says how many of a kind a lead may have."""
    document = json.dumps({"identity_limits": list(limits.items())})
    return fact(PolicyChanged, occurred_at="1-1", version=version, applies_from=0, document=document)


def sweep(version: int) -> IdentitySweepOrdered:
    """An order to decide everybody anew, by a policy."""
    return fact(IdentitySweepOrdered, occurred_at="1-1", version=version)


def stored(run: Run) -> Held:
    """What PostgreSQL would hold of a run's identifiers, by the sink's own rows."""
    found: dict[str, dict[Any, dict[str, Any]]] = defaultdict(dict)
    rows = defaultdict[Table, list[Any]](list)
    for topic in ("identity.sightings", "accepted.identities", "identity.conflicts"):
        for value in run.driver.values(topic):
            decoded = decode(value)
            for table, row in ROWS[type(decoded.message)](decoded, Record(topic, 0, 0, 0, value)):
                rows[table].append(row)
    for table, held in rows.items():
        names = [name for name, _ in table.columns]
        found[table.name] = {n: dict(zip(names, row, strict=True)) for n, row in enumerate(table.last_wins(held))}
    sightings, links, statements, conflicts = (
        list(found[name].values())
        for name in ("identifier_sightings", "identifier_links", "identity_statements", "identity_conflicts")
    )
    shared = [row["identifiers"][0] for row in conflicts if row["open"] and row["kind"] == "shared"]
    return Held(sightings, links, statements, shared, {one: rows[-1][1] for one, rows in bindings(run).items()})


def changes(run: Run) -> Counter[Any]:
    """How often each merge or split was told."""
    said = [*run.said("identity.changes", LeadMerged), *run.said("identity.changes", LeadSplit)]
    return Counter((type(one).__name__, one.lead_id, one.into_lead_id, one.decision) for one in said)


def states(run: Run, stage_name: str) -> dict[str, Any]:
    """The slices of each key of a stage."""
    stage = next(stage for stage in STAGES if stage.name == stage_name)
    codec = StateCodec(stage)
    return {
        key: codec.decode(data).slices
        for (topic, _), store in run.driver.stores.items()
        if topic in stage.inputs
        for key, data in store.states.items()
    }


def unsettled(run: Run) -> dict[str, Holding]:
    """Leads that still await or owe history."""
    found = {key: slices["hold"] for key, slices in states(run, "lead").items() if "hold" in slices}
    return {key: held for key, held in found.items() if held.awaits or held.owes or held.early}


def places(run: Run) -> dict[str, set[str]]:
    """The leads that hold each touch, capture and booking, by its id."""
    found: dict[str, set[str]] = defaultdict(set)
    for key, slices in states(run, "lead").items():
        lead = key.partition("/")[2]
        log, path = slices.get("score", Log()), slices.get("path", Path())
        for id_ in (*(entry.id for entry in log.entries), *path.touches, *(f"b:{one}" for one in path.bookings)):
            found[id_].add(lead)
    return found
