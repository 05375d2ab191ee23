"""Campaign: what one campaign brought and cost on one local day. Keyed by campaign and day."""

from processors.base import Step, TimerFired, Visit
from processors.campaign.figures import Day
from processors.campaign.measure import measure
from processors.campaign.settle import Cells, settle
from processors.control import OF_MONEY
from schemas.events.campaigns import CampaignMeasured, SpendReported, TouchCounted
from schemas.events.ledger import CellChanged, RevenueAttributed

STEPS = (
    Step("settle", settle, consumes=(CellChanged,), emits=(RevenueAttributed,), slice=Cells),
    Step(
        "measure",
        measure,
        consumes=(TouchCounted, CellChanged, SpendReported, TimerFired, Visit),
        emits=(CampaignMeasured,),
        slice=Day,
    ),
)

CONTROLS = OF_MONEY
