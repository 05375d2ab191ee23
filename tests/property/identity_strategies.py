"""Histories in which it is hard to tell who is who.

A few people share a few identifiers, and cookies, devices and addresses with others; somebody links and splits them,
rightly or not; events meet in one instant, name leads by name, come from two regions, or name what names nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from hypothesis import strategies as st

from schemas.events.base import DAY, Event
from schemas.events.clicks import ClickRecorded
from schemas.events.contact import ConsentChanged, DeliveryReported, MessageReceived
from schemas.events.governance import ErasureRequested, IdentifierValue, IdentitiesLinked, IdentitiesSplit
from schemas.events.leads import LeadCaptured
from schemas.events.touchpoints import TouchpointRecorded
from tests.property.oracles.clusters import STRONG
from tests.property.oracles.identity import hash_of, normal
from tests.property.strategies import (
    START,
    WORKSPACE,
    Ways,
    _booking,
    _common,
    _details,
    _Ids,
    _policy,
    _touch,
    moments,
    randoms,
)
from tests.support.runs import IDENTITY_KEY

POOLS: dict[str, tuple[str, ...]] = {
    "email": ("ann@example.com", "bob@example.com", "Cy@Example.com", "dee@example.com"),
    "phone": ("+971 50 123 4567", "+971501234568", "+971501234569"),
    "wa_id": ("971501234567", "user-17"),
    "crm_id": ("7", "8"),
    "device_id": ("d-1", "d-2"),
    "cookie_id": ("c-1", "c-2"),
    "click_id": ("t0", "t1"),
}
"""Values of each kind; a click may be named by later events."""

SHAPES: tuple[tuple[str, ...], ...] = (
    ("email",), ("phone",), ("crm_id",), ("wa_id",),
    ("email", "phone"), ("email", "phone"), ("email", "crm_id"), ("phone", "crm_id"), ("phone", "wa_id"),
    ("email", "phone", "crm_id"),
    ("email", "cookie_id"), ("email", "cookie_id"), ("phone", "cookie_id"),
    ("phone", "cookie_id", "device_id"), ("crm_id", "click_id"),
    ("cookie_id",), ("device_id",), ("cookie_id", "device_id"), ("cookie_id", "click_id"), ("device_id", "click_id"),
)  # fmt: skip
"""Kinds of identifiers that one event names."""

UNKNOWN = "00000000-0000-4000-8000-000000000000"
"""The name of a lead that nothing founds."""

NOBODY: Ways = (
    {"email": "info@example.com"},
    {"email": "test@test.com", "phone": "+971501234567"},
    {"email": "noreply@example.com", "cookie_id": "c-1"},
    {"phone": "+971000000000", "lead_id": UNKNOWN},
)
"""Values that name nobody, alone and with others that do."""


@st.composite
def _way(draw: st.DrawFn) -> dict[str, str]:
    who = {kind: draw(st.sampled_from(POOLS[kind])) for kind in draw(st.sampled_from(SHAPES))}
    if draw(st.sampled_from((False,) * 9 + (True,))):
        who["region"] = "IND"
    return who


@st.composite
def ways(draw: st.DrawFn) -> Ways:
    """Ways in which the events of a history name people; bookings use the first four most."""
    found = draw(st.lists(_way(), min_size=4, max_size=8))
    if draw(st.sampled_from((False, False, False, True))):
        found.append({"lead_id": draw(st.sampled_from([UNKNOWN, *_names(found)]))})
    if draw(st.sampled_from((False, False, False, True))):
        found.append(draw(st.sampled_from(NOBODY)))
    return tuple(found)


def _names(people: list[dict[str, str]]) -> list[str]:
    """The names of the leads that strong identifiers found; a weak one that has brought nothing tells no lead of it."""
    pairs = [normal(kind, value) for who in people for kind, value in who.items() if kind in STRONG]
    return [hash_of(IDENTITY_KEY, WORKSPACE, *pair) for pair in pairs if pair]


def _values(people: Ways) -> list[IdentifierValue]:
    """What these ways name people by, and an address that is mostly seen nowhere else; no value that names nobody."""
    known = {(kind, value): None for who in people if who not in NOBODY for kind, value in who.items()}
    pairs = [pair for pair in known if pair[0] in STRONG] + [("email", POOLS["email"][-1])]
    return [IdentifierValue(kind=kind, value=value) for kind, value in pairs]  # type: ignore[arg-type]


@st.composite
def _said(draw: st.DrawFn, new_id: Callable[[], str], named: list[IdentifierValue], instants: list[int]) -> list[Event]:
    """That identifiers are one person's, or are not, or first one thing and then the other; now and then nonsense."""
    values, when = st.sampled_from(named), st.one_of(st.sampled_from(instants), moments)
    take, keep = draw(st.lists(values, min_size=1, max_size=2)), draw(st.lists(values, min_size=1, max_size=2))
    linked, split = draw(st.sampled_from(((True, False), (True, False), (False, True), (False, True), (True, True))))
    made: list[Event] = []
    if linked:
        basis, region = draw(st.sampled_from((None, None, "consent"))), draw(st.sampled_from(("UAE", "UAE", "IND")))
        common = _common(new_id, region=region)
        made.append(
            IdentitiesLinked(**common, occurred_at=draw(when), identifiers=[*take, *keep], transfer_basis=basis)
        )
    if split:
        made.append(IdentitiesSplit(**_common(new_id), occurred_at=draw(when), take=take, keep=keep))
    return made


@st.composite
def _words(draw: st.DrawFn, new_id: Callable[[], str], people: Ways) -> list[Event]:
    """What somebody wrote, or that they are not to be written to; often on a device that others use, too."""
    who = draw(st.sampled_from(people))
    weak = {kind: value for kind, value in who.items() if kind not in STRONG}
    who = draw(st.sampled_from((who, weak or who)))
    said = {**_common(new_id, **who), "occurred_at": draw(moments), "channel": "email"}
    what = draw(st.sampled_from(("objects", "objects", "How much is it?", "STOP", "bounced", "complained")))
    if what == "objects":
        return [ConsentChanged(**said, consent_id=said["event_id"], purpose="marketing", granted=False)]
    if what in ("bounced", "complained"):
        return [DeliveryReported(**said, message_id=said["event_id"], status=what, permanent=True)]
    return [MessageReceived(**said, message_id=said["event_id"], text=what)]


@st.composite
def _erasures(
    draw: st.DrawFn, new_id: Callable[[], str], named: list[IdentifierValue], facts: list[Event]
) -> list[Event]:
    """That identifiers are to be forgotten, mostly one, at instants between which no touch moves by a revision."""
    spans = list(_spans(facts))
    instants = sorted({fact.occurred_at for fact in facts} | {fact.occurred_at - 1 for fact in facts})
    instants = [at for at in instants if not any(since <= at < until for since, until in spans)]
    made: list[Event] = []
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3))) if instants else 0):
        values = draw(st.lists(st.sampled_from(named), min_size=1, max_size=draw(st.sampled_from((1, 1, 2)))))
        common = _common(new_id, region=draw(st.sampled_from(("UAE", "UAE", "IND"))))
        at = draw(st.sampled_from(instants))
        made.append(ErasureRequested(**common, occurred_at=at, identifiers=values, reason="asked"))
    return made


def _spans(facts: list[Event]) -> Iterator[tuple[int, int]]:
    """The earliest and latest instant that the revisions of a touch give it."""
    moments_of: dict[str, list[int]] = {}
    for fact in facts:
        if isinstance(fact, ClickRecorded | TouchpointRecorded):
            id_ = fact.click_id if isinstance(fact, ClickRecorded) else fact.touch_id
            moments_of.setdefault(id_ or "", []).append(fact.occurred_at)
    return ((min(instants), max(instants)) for instants in moments_of.values())


def _crowd(random: Random, new_id: Callable[[], str]) -> list[Event]:
    """What names one identifier with many others: a person of many addresses, or a desk that many share."""
    middle, outer = random.choice(
        (("crm_id", "email"), ("crm_id", "phone"), ("email", "phone"), ("phone", "email"), ("email", "crm_id"))
    )
    hub = random.choice(POOLS[middle])
    made: list[Event] = []
    for number in range(random.choice((6, 8, 9, 10, 11, 12))):
        new = {"email": f"n{number}@example.com", "phone": f"+9715020000{number:02}", "crm_id": f"n{number}"}[outer]
        spoke = random.choice(POOLS[outer]) if random.random() < 0.3 else new
        who = {middle: hub, outer: spoke}
        if random.random() < 0.2:
            third = random.choice([kind for kind in ("email", "phone", "crm_id") if kind not in who])
            who[third] = random.choice(POOLS[third])
        if random.random() < 0.2:
            who["cookie_id"] = random.choice(POOLS["cookie_id"])
        at = START + random.choice((0, 0, 1, 30, 31, 60)) * DAY
        if random.random() < 0.15:
            both = [IdentifierValue(kind=kind, value=who[kind]) for kind in (middle, outer)]  # type: ignore[arg-type]
            made.append(IdentitiesLinked(**_common(new_id), occurred_at=at, identifiers=both))
        else:
            made.append(LeadCaptured(**_common(new_id, **who), occurred_at=at, channel="portal"))
    return made


@st.composite
def identity_histories(draw: st.DrawFn, *, size: int = 6, crowds: bool = True) -> tuple[Event, ...]:
    """A set of facts, in no particular order; ``size`` bounds the touches: beyond 6, companions may be too many.

    Without ``crowds`` no identifier is shared, so that each event has one place. Nor is any with erasures, which
    forget by how many one was shared.
    """
    new_id = _Ids()
    people = draw(ways())
    groups: list[list[Event]] = []
    for number in range(draw(st.integers(1, size))):
        groups.append(draw(_touch(new_id, number, people)))
    for _ in range(draw(st.integers(1, 5))):
        groups.append(draw(_details(new_id, people)))
    for number in range(draw(st.integers(0, 2))):
        groups.append(draw(_booking(new_id, number, people)))
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        groups.append(draw(_words(new_id, people)))
    for number in range(draw(st.sampled_from((0, 0, 0, 1)))):
        groups.append(draw(_policy(new_id, number + 1)))
    instants = sorted({fact.occurred_at for group in groups for fact in group})
    for _ in range(draw(st.integers(0, 4))):
        groups.append(draw(_said(new_id, _values(people), instants)))
    forgetful = draw(st.sampled_from((False, True)))
    if crowds and not forgetful and draw(st.booleans()):
        groups.append(_crowd(draw(randoms), new_id))
    if forgetful:
        groups.append(draw(_erasures(new_id, _values(people), [fact for group in groups for fact in group])))
    return tuple(fact for group in groups for fact in group)
