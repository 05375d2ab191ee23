"""Decode, validate, normalise, hash identifiers, key: a fact goes on to the resolve stage or to the dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from pydantic import ValidationError

from models.identity import hashes
from processors.base import Context, DeadLetter, Forward, Output, Received
from processors.intake.identities import SaidOfIdentities, contradiction, hashed
from schemas.codec import CodecError, decode
from schemas.events.base import HOUR, Event, Identified, Message
from schemas.events.bookings import BookingChanged
from schemas.events.contact import ConsentChanged, OutreachRequested
from schemas.events.identity import IdentifierHash
from schemas.events.routing import Routed
from schemas.reasons import reason_of
from schemas.topics import FACT_TOPIC, MAX_FACT_BYTES

MAX_AHEAD = 24 * HOUR
"""A fact may not have happened, nor a booking have been made, later than this after it arrived."""

UUIDS = ("event_id", "lead_id", "approval_id")
"""All fields of facts that are UUIDs."""

_IDS_OF = {type_: itemgetter(*(name for name in UUIDS if name in type_.model_fields)) for type_ in FACT_TOPIC}


def admit(identity_key: bytes, slice_: None, received: Received, ctx: Context) -> tuple[None, Sequence[Output]]:
    """Forward a fact, its bytes unchanged, behind its subject and identifier hashes; or say why not."""
    fact = _read(received)
    if isinstance(fact, DeadLetter):
        return None, [fact]
    unclear = contradiction(fact) if isinstance(fact, SaidOfIdentities) else None
    if unclear is not None:
        return None, [unclear]
    identifiers = _identifiers(identity_key, fact)
    subject = _subject(fact, identifiers)
    if subject is None and _is_post(fact):
        return None, [DeadLetter("no_account", "a social post needs the account_id that it is posted to")]
    if subject is None:
        return None, [DeadLetter("no_usable_identifier", "names no lead: give an identifier or a lead_id")]
    routed = Routed.build(
        arrived_at=received.arrived_at,
        topic=received.topic,
        partition=received.partition,
        offset=received.offset,
        subject=subject,
        identifiers=identifiers,
    )
    return None, [Forward(routed, fact)]


def _read(received: Received) -> Event | DeadLetter:
    """The fact in some bytes, valid in itself and believable when it arrived."""
    if len(received.raw) > MAX_FACT_BYTES:
        detail = f"{len(received.raw):,} bytes; a fact may have {MAX_FACT_BYTES:,}: send large content by reference"
        return DeadLetter("too_large", detail)
    try:
        message, prefix, _ = decode(received.raw)
        topic = FACT_TOPIC.get(type(message))
        if topic is None or prefix is not None or topic.name != received.topic:
            home = topic.name if topic is not None and prefix is None else "no fact topic"
            return DeadLetter("wrong_topic", f"{type(message).__name__} in {received.topic}: it belongs in {home}")
        fact = type(message).model_validate(message.__dict__)
    except CodecError as error:
        return DeadLetter(error.reason, error.detail)
    except ValidationError as error:
        return DeadLetter(*reason_of(error))
    assert isinstance(fact, Event)
    ahead = [name for name, at in _past(fact).items() if at is not None and at > received.arrived_at + MAX_AHEAD]
    if ahead:
        return DeadLetter("future", f"{ahead[0]} is more than 24 h after the fact arrived: check the publisher's clock")
    ids_of = _IDS_OF[type(fact)]  # validating lowers them, and the bytes that go on are as written
    return fact if ids_of(fact.__dict__) == ids_of(message.__dict__) else _in_upper_case(fact, message)


def _in_upper_case(fact: Event, written: Message) -> DeadLetter:
    upper = [name for name in UUIDS if fact.__dict__.get(name) != written.__dict__.get(name)]
    return DeadLetter("bad_id", f"{', '.join(upper)}: write UUIDs in lower case")


def _past(fact: Event) -> dict[str, int | None]:
    """What cannot have been later than the fact."""
    booked = {"booked_at": fact.booked_at} if isinstance(fact, BookingChanged) else {}
    return {"occurred_at": fact.occurred_at, **booked}


def _identifiers(identity_key: bytes, fact: Event) -> list[IdentifierHash]:
    if isinstance(fact, SaidOfIdentities):
        return hashed(identity_key, fact)
    if not isinstance(fact, Identified):
        return []
    if isinstance(fact, ConsentChanged) and fact.contact_point_key is not None:
        kind, _, hash_ = fact.contact_point_key.partition(":")
        return [IdentifierHash.build(kind=kind, hash=hash_)]
    found = hashes(identity_key, fact.workspace_id, fact.region, lambda kind: getattr(fact, kind))
    return [IdentifierHash.build(kind=kind, hash=hash_) for hash_, kind in found.items()]


def _subject(fact: Event, identifiers: list[IdentifierHash]) -> str | None:
    """What the fact is keyed by in the resolve stage (identity specification, section 1)."""
    if isinstance(fact, BookingChanged):
        return f"b:{fact.booking_id}"
    if isinstance(fact, OutreachRequested) and _is_post(fact):
        return f"s:{fact.account_id}" if fact.account_id else None
    if identifiers:
        return f"{identifiers[0].kind}:{identifiers[0].hash}"
    if isinstance(fact, Identified):
        return f"l:{fact.lead_id}" if fact.lead_id else None
    # by topic, not by type: an order that says of which policy it is must not overtake that policy
    return f"f:{FACT_TOPIC[type(fact)].name}:" + ":".join(str(getattr(fact, name)) for name in fact.natural_key)


def _is_post(fact: Event) -> bool:
    """Whether a fact asks for something to be posted, which reaches no one person."""
    return isinstance(fact, OutreachRequested) and fact.channel == "social"
