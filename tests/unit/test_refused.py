"""What dead letters say of a record that nobody has validated: only what a store takes."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import encode
from schemas.events.leads import LeadCaptured
from schemas.events.operations import DeadLettered
from schemas.refused import Named, named
from sinks.delivery import Record
from sinks.refusals import dead_letter

ID = "0a1b2c3d-0000-4000-8000-00000000000f"
GIVEN = {"event_id": ID, "workspace_id": "acme", "region": "UAE", "occurred_at": 1, "source": "test", "channel": "web"}


def lead(**fields: Any) -> LeadCaptured:
    return LeadCaptured.build(**{**GIVEN, **fields})


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (None, Named()),
        (lead(), Named("acme", "UAE", ID)),
        (lead(event_id=ID.upper()), Named("acme", "UAE", ID)),
        (lead(event_id=""), Named("acme", "UAE", None)),
        (lead(event_id="507f1f77bcf86cd799439011"), Named("acme", "UAE", None)),
        (lead(event_id=ID + "\n"), Named("acme", "UAE", None)),
        (lead(event_id=ID.replace("-", "")), Named("acme", "UAE", None)),
        (lead(workspace_id="A B", region="MARS"), Named("unknown", None, ID)),
    ],
)
def test_what_a_letter_repeats_of_a_record_is_well_formed(event: LeadCaptured | None, said: Named) -> None:
    assert named(event) == said


@pytest.mark.parametrize("event", [lead(), lead(event_id="order-4711", workspace_id="", region="")])
def test_a_letter_of_a_sink_is_well_formed_whatever_it_is_about(event: LeadCaptured) -> None:
    letter = dead_letter("sink-postgres", Record("accepted.leads", 0, 7, 1, encode(event)), "store_refused", "why")
    assert DeadLettered.model_validate(letter) == letter
