"""Lead: all that is known of one person, from profile to path. Keyed by lead."""

from functools import partial

from processors.base import Step, TimerFired, Visit
from processors.lead.advance import Temperatures, advance
from processors.lead.approve import Approvals, approve
from processors.lead.consent import Stated, consent
from processors.lead.count import count
from processors.lead.flag import Flagged, flag
from processors.lead.gate import gate
from processors.lead.history import HistoryErased, HistoryGiven, HistoryTaken
from processors.lead.hold import Holding, hold
from processors.lead.journey import VERSION as JOURNEY_VERSION
from processors.lead.journey import Journeys, journey, upcast
from processors.lead.nurture import nurture
from processors.lead.path import Path, follow
from processors.lead.profile import Profile, profile
from processors.lead.requests import Requests
from processors.lead.route import Route, route
from processors.lead.score import Log, score
from processors.lead.sequences import Nurturing
from processors.lead.tell import tell
from schemas.events.base import Identified
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import TouchCounted
from schemas.events.clicks import ClickRecorded
from schemas.events.contact import ConsentChanged, DeliveryReported, MessageReceived, OutreachRequested
from schemas.events.decisions import LeadRouted, LeadScored, TemperatureChanged
from schemas.events.effects import EffectDone, EffectRequested, LeadReplied
from schemas.events.gate import ApprovalConcluded, ApprovalRequested, ContactDecided, ContactProposed
from schemas.events.governance import ApprovalDecided, ExchangeRateSet, PolicyChanged
from schemas.events.identity import LeadMerged, LeadSplit
from schemas.events.incidents import IncidentRaised
from schemas.events.leads import LeadCaptured, LeadUpdated
from schemas.events.paths import PathChanged
from schemas.events.profiles import LeadProfiled
from schemas.events.reserving import ConsentNoted, ConsentTold, Granted, Refused, Release, Reserve
from schemas.events.resolving import BindingChanged, HistoryMoved
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from schemas.events.weights import PathCounted
from schemas.topics import FACT_TOPIC

_PERSONAL = tuple(t for t in FACT_TOPIC if issubclass(t, Identified) and t is not BookingChanged)
_TOUCHES = (TouchpointRecorded, TouchpointDeleted, ClickRecorded)
_HAPPENINGS = (LeadCaptured, LeadUpdated, *_TOUCHES)
_SAID = (ConsentChanged, MessageReceived)

_MOVES = (HistoryGiven, HistoryTaken)
_REQUESTS = (OutreachRequested, ContactProposed)
_NEWS = (LeadProfiled, BindingChanged, HistoryMoved)

CONTROLS = (PolicyChanged, ExchangeRateSet)
CONSULTED = (ExchangeRateSet,)
"""A lead's value is converted when it is asked about, never again."""


def steps(identity_key: bytes) -> tuple[Step, ...]:
    """The stage's steps. ``identity_key`` seals the tokens by which recipients of messages object."""
    return (
        Step(
            "hold",
            hold,
            consumes=(*_PERSONAL, BookingChanged, BindingChanged, HistoryMoved),
            emits=(HistoryMoved, HistoryErased, *_MOVES, LeadMerged, LeadSplit),
            slice=Holding,
        ),
        Step("profile", profile, (*_PERSONAL, BindingChanged, *_MOVES), emits=(LeadProfiled,), slice=Profile),
        Step("score", score, consumes=(*_HAPPENINGS, *_MOVES, Visit), emits=(LeadScored,), slice=Log),
        Step("advance", advance, (*_HAPPENINGS, *_MOVES, TimerFired, Visit), (TemperatureChanged,), slice=Temperatures),
        Step(
            "approve",
            approve,
            consumes=(LeadProfiled, TemperatureChanged, ApprovalDecided, *_MOVES, TimerFired),
            emits=(ApprovalRequested, ApprovalConcluded),
            slice=Approvals,
        ),
        Step("route", route, consumes=(TemperatureChanged,), emits=(LeadRouted, ContactProposed), slice=Route),
        Step(
            "nurture",
            nurture,
            consumes=(LeadRouted, TouchpointRecorded, ClickRecorded, BookingChanged, *_SAID, *_MOVES, TimerFired),
            emits=(ContactProposed, LeadReplied),
            slice=Nurturing,
        ),
        Step("tell", tell, (ApprovalRequested, LeadReplied, EffectDone), (EffectRequested, IncidentRaised)),
        Step("consent", consent, (*_SAID, DeliveryReported, ConsentTold, *_MOVES), slice=Stated),
        Step(
            "gate",
            partial(gate, identity_key),
            consumes=(*_REQUESTS, Granted, Refused, DeliveryReported, *_NEWS, HistoryErased, *_MOVES, TimerFired),
            emits=(ContactDecided, Reserve, Release, ConsentNoted),
            slice=Requests,
        ),
        Step("count", count, consumes=(*_TOUCHES, HistoryErased, HistoryTaken), emits=(TouchCounted,)),
        Step("path", follow, (*_TOUCHES, BookingChanged, *_MOVES, TimerFired), emits=(PathChanged,), slice=Path),
        Step(
            "journey",
            journey,
            consumes=(*_TOUCHES, BookingChanged, *_MOVES, TimerFired, Visit),
            emits=(PathCounted,),
            slice=Journeys,
            version=JOURNEY_VERSION,
            upcast=upcast,
        ),
        Step("flag", flag, consumes=_TOUCHES, emits=(IncidentRaised,), slice=Flagged),
    )
