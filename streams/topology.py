"""THE page: every stage, its inbox and its steps, in order."""

from __future__ import annotations

from processors import campaign, intake, lead, ledger, resolve, workspace
from schemas.events.routing import Accepted, Routed
from schemas.topics import FACTS
from streams.stage import Stage


def topology(identity_key: bytes) -> tuple[Stage, ...]:
    """All stages of the platform. ``identity_key`` (32 bytes) keys the hashes that stand for identifiers."""
    return (
        Stage("intake", (*(topic.name for topic in FACTS), "effects.results"), intake.steps(identity_key)),
        Stage(
            "resolve",
            ("resolve.inbox",),
            resolve.STEPS,
            carries=Routed,
            controls=resolve.CONTROLS,
            consulted=resolve.CONSULTED,
            deduplicates=True,
        ),
        Stage(
            "lead",
            ("journeys",),
            lead.steps(identity_key),
            carries=Accepted,
            controls=lead.CONTROLS,
            consulted=lead.CONSULTED,
        ),
        Stage("ledger", ("ledger.inbox",), ledger.STEPS, carries=Accepted, controls=ledger.CONTROLS),
        Stage("campaign", ("campaign.inbox",), campaign.STEPS, carries=Accepted, controls=campaign.CONTROLS),
        Stage("workspace", ("workspace.inbox",), workspace.STEPS, controls=workspace.CONTROLS),
    )
