"""What may be sent, worked out from the facts and decisions alone: shares no code with what it checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.events.base import Event, Identified
from schemas.events.contact import ConsentChanged, DeliveryReported, MessageReceived
from schemas.events.governance import ErasureRequested

WEEK = 604_800_000_000
MOST = {"whatsapp": 1, "email": 2}
SMS_HOURS = {"Asia/Dubai": (9, 18), "America/New_York": (8, 20), "America/Chicago": (8, 20)}


class Sent(NamedTuple):
    """A message that was allowed: to which address, over which channel, as of when."""

    message_id: str
    address: str
    channel: str
    at: int


def counted(sent: Iterable[Sent], reports: Iterable[DeliveryReported]) -> list[Sent]:
    """What counts as sent: all but what the provider says it did not take."""
    rejected = {report.message_id for report in reports if report.status == "rejected"}
    return [one for one in sent if one.message_id not in rejected]


def over_the_cap(sent: Sequence[Sent]) -> list[tuple[str, str, int]]:
    """(address, channel, instant) at which a window of seven days begins that holds more than its cap."""
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in sent:
        times[one.address, one.channel].append(one.at)
    return [
        (*where, start)
        for where, instants in times.items()
        for start in instants
        if where[1] in MOST and sum(start <= at < start + WEEK for at in instants) > MOST[where[1]]
    ]


def near(sent: Iterable[Sent], wanted: Sent, addresses: set[str]) -> int:
    """How many other messages of the channel went to any of some addresses less than seven days away."""
    return sum(
        one.message_id != wanted.message_id
        and one.channel == wanted.channel
        and one.address in addresses
        and abs(one.at - wanted.at) < WEEK
        for one in sent
    )


def erased_at(facts: Iterable[Event], address: str) -> int:
    """When an address was last asked to be forgotten; before all times if it never was."""
    erasures = [fact for fact in facts if isinstance(fact, ErasureRequested)]
    return max((one.occurred_at for one in erasures if address in {v.value for v in one.identifiers}), default=-1)


def may_be_sent(facts: Iterable[Event], channel: str, address: str, others: set[str]) -> bool:
    """Whether an address consents to a channel, and has not objected since, nor any other of the person's addresses.

    What it consented to before it was erased counts no more. What bounced or led to a complaint is of no more use.
    """
    facts = list(facts)
    given, objected, erased = [], [], erased_at(facts, address)
    for fact in facts:
        if not isinstance(fact, Identified):
            continue
        named = {value for value in (fact.email, fact.phone) if value is not None}
        match fact:
            case ConsentChanged() if fact.granted:
                if fact.channel == channel and address in named and fact.occurred_at > erased:
                    given.append(fact.occurred_at)
            case ConsentChanged():
                if named & {address, *others}:
                    objected.append(fact.occurred_at)
            case DeliveryReported() if fact.status in ("complained", "bounced"):
                if address in named and (fact.channel == "email") == ("@" in address):
                    return False
                if fact.status == "complained" and named & {address, *others}:
                    objected.append(fact.occurred_at)
            case MessageReceived() if fact.text == "STOP":
                if named & {address, *others}:
                    objected.append(fact.occurred_at)
    return bool(given) and max(given) > max(objected, default=-1)


def in_doubt(conflicts: Iterable[tuple[str, tuple[str, ...]]]) -> set[str]:
    """Those that may be another person's: of the open conflicts all but bounds and identifiers that nobody has seen."""
    told = {"apart": True, "region": True, "limit": True, "shared": True, "unknown": False}
    return {one for kind, identifiers in conflicts if told[kind] for one in identifiers}


def is_waking_hour(at: int, zones: Iterable[str], hours: Mapping[str, tuple[int, int]] = SMS_HOURS) -> bool:
    """Whether every clock that somebody may live by shows an hour at which they may be sent a text."""
    moment = datetime.fromtimestamp(at / 1_000_000, UTC)
    return all(hours[zone][0] <= moment.astimezone(ZoneInfo(zone)).hour < hours[zone][1] for zone in zones)
