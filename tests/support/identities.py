"""What a run has come to know of who is who, read from its records and from the states of its leads."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from processors.lead.hold import Holding
from processors.lead.path import Path
from processors.lead.score import Log
from schemas.events.identity import LeadMerged, LeadSplit
from streams.state import StateCodec
from tests.support.runs import STAGES, Run


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
