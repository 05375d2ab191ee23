"""Resolve: who is this? The only stage that says which lead a fact belongs to.

Keys are strong identifiers, which are contact points as well, weak ones, bookings, leads that a fact only names, social
accounts, and facts that name nobody.
"""

from processors.base import Step, Visit
from processors.resolve.addressed import pass_on_to_lead
from processors.resolve.booking import Booking, own
from processors.resolve.joined import FactsJoined
from processors.resolve.known import Strong
from processors.resolve.point import Point, hear_and_reserve
from processors.resolve.root import Root, conclude
from processors.resolve.social import Account, post
from processors.resolve.strong import VERSION as STRONG_VERSION
from processors.resolve.strong import resolve_strong
from processors.resolve.strong import upcast as strong_upcast
from processors.resolve.unnamed import Told, pass_on
from processors.resolve.weak import VERSION as WEAK_VERSION
from processors.resolve.weak import Weak, resolve_weak, upcast
from schemas.events.base import Identified
from schemas.events.bookings import BookingChanged
from schemas.events.contact import ConsentChanged, DeliveryReported, MessageReceived, OutreachRequested
from schemas.events.gate import ContactDecided
from schemas.events.governance import (
    ErasureRequested,
    IdentitiesLinked,
    IdentitiesSplit,
    IdentitySweepOrdered,
    PolicyChanged,
)
from schemas.events.identity import IdentifierBound, IdentifierSighted, IdentityConflict, LinkObserved
from schemas.events.reserving import ConsentNoted, ConsentTold, Granted, Refused, Release, Reserve
from schemas.events.resolving import (
    Apart,
    Assign,
    Attach,
    BindingChanged,
    Claim,
    Companion,
    Contested,
    Erased,
    FactsMoved,
    Link,
    Login,
    Meet,
    Named,
    Owner,
)
from schemas.topics import FACT_TOPIC

_PERSONAL = tuple(t for t in FACT_TOPIC if issubclass(t, Identified) and t is not BookingChanged)
_SAID_OF_IDENTITIES = (IdentitiesLinked, IdentitiesSplit, ErasureRequested)
_UNNAMED = tuple(t for t in FACT_TOPIC if not issubclass(t, Identified) and t not in _SAID_OF_IDENTITIES)
_TOLD = (Link, Assign, Named, Apart, Erased, Attach, Contested)
_SIGHTED = (IdentifierSighted, LinkObserved)
_BINDING = (IdentifierBound, BindingChanged, Owner)

STEPS = (
    Step(
        "point",
        hear_and_reserve,
        consumes=(ConsentChanged, MessageReceived, DeliveryReported, ConsentNoted, Reserve, Release),
        emits=(ConsentNoted, ConsentTold, Granted, Refused),
        slice=Point,
    ),
    Step(
        "strong",
        resolve_strong,
        consumes=(*_PERSONAL, BookingChanged, *_SAID_OF_IDENTITIES, *_TOLD),
        emits=(Link, Apart, Erased, Login, FactsJoined, IdentityConflict, *_SIGHTED, *_BINDING),
        slice=Strong,
        version=STRONG_VERSION,
        upcast=strong_upcast,
    ),
    Step(
        "root",
        conclude,
        consumes=(FactsJoined, Meet, FactsMoved, Assign, Visit),
        emits=(Meet, FactsMoved, Assign, Named, IdentityConflict),
        slice=Root,
    ),
    Step(
        "weak",
        resolve_weak,
        consumes=(*_PERSONAL, BookingChanged, Login, Owner, Companion, Claim, Attach),
        emits=(Companion, Claim, Contested, Attach, *_BINDING),
        slice=Weak,
        version=WEAK_VERSION,
        upcast=upcast,
    ),
    Step(
        "booking", own, consumes=(BookingChanged, Owner), emits=(IdentifierBound, BindingChanged, Attach), slice=Booking
    ),
    Step("social", post, consumes=(OutreachRequested,), emits=(ContactDecided,), slice=Account),
    Step("addressed", pass_on_to_lead, consumes=_PERSONAL),
    Step("unnamed", pass_on, consumes=_UNNAMED, slice=Told),
)

CONTROLS = (PolicyChanged, IdentitySweepOrdered)
CONSULTED = (PolicyChanged,)
"""A policy holds from the next decision of a group on; old ones are decided anew only when somebody orders that."""
