"""What the checks may know of a lead and a channel, gathered from what the other steps remember."""

from __future__ import annotations

from models.consent.ledger import NOTHING_SAID, since_erasure
from models.consent.slots import Slot, caps_of, room
from models.consent.statements import REACHED_BY
from models.consent.zones import zones_of
from models.identity import STRONG
from models.identity.erasure import erased_at
from models.local_time import iso_week
from processors.base import Context
from processors.lead.checks import Situation
from processors.lead.consent import Stated
from processors.lead.history import lead_id
from processors.lead.hold import Holding
from processors.lead.profile import Profile
from processors.lead.requests import Asked, Request, Requests
from schemas.events.contact import PersonalChannel


def situation(
    requests: Requests, request: Request, channel: PersonalChannel, ctx: Context, asked: Asked | None = None
) -> Situation:
    """The lead as it stands, for one channel; for the contact point that was ``asked``, as long as it is the lead's."""
    holding: Holding = ctx.slices["hold"]
    stated: Stated = ctx.slices.get("consent") or Stated()
    profile: Profile = ctx.slices.get("profile") or Profile()
    identifiers = holding.identifiers(lead_id(ctx))
    point = _point(request, channel, identifiers, profile) if asked is None else _still(asked, identifiers)
    erased = erased_at(holding.known[point[0]].rows) if point is not None else None
    country, time_zone = _value(profile, "country"), _value(profile, "time_zone")
    phone = profile.number(point[0]) if point is not None and point[1] == "phone" else _value(profile, "phone")
    zones = zones_of(time_zone, country, phone, request.region)
    week = iso_week(ctx.now, zones.names[0] if zones.names else ctx.policy.time_zone)
    wanted = Slot(request.message_id, channel, ctx.now, week)
    used = [slot for slots in requests.sent.values() for slot in slots]
    used += [
        Slot(other.message_id, other.asked.channel, other.asked.at, week)
        for _, other in requests.all_open()
        if other.asked is not None and other.category == "marketing"
    ]
    return Situation(
        now=ctx.now,
        region=request.region,
        policy=ctx.policy,
        channel=channel,
        point=point,
        consents=since_erasure(stated.of(point[0]), erased) if point is not None else NOTHING_SAID,
        wrote_at=stated.wrote_at,
        awaits=any(
            mark.identifier in holding.known and _is_strong(holding, mark.identifier) for mark in holding.awaits
        ),
        doubted=point is not None and holding.known[point[0]].doubted,
        country=country,
        phone=phone,
        zones=zones,
        room=room(used, wanted, caps_of(ctx.policy, request.region, channel), ctx.policy.cap_window),
        erased_at=erased,
    )


def _is_strong(holding: Holding, identifier: str) -> bool:
    return holding.known[identifier].kind in STRONG


def _still(asked: Asked, identifiers: dict[str, str]) -> tuple[str, str] | None:
    """Hash and kind of a contact point that was asked: what it granted is for none that became known meanwhile."""
    return (asked.point, asked.kind) if asked.point in identifiers else None


def _point(
    request: Request, channel: PersonalChannel, identifiers: dict[str, str], profile: Profile
) -> tuple[str, str] | None:
    """Hash and kind of where the channel reaches the lead: what the request names, else what was said last."""
    for kind in REACHED_BY[channel]:
        named = request.points.get(kind)
        if named in identifiers:
            return named, kind
    for field in {"email": ("email",), "whatsapp": ("wa_id", "phone")}.get(channel, ("phone",)):
        register = profile.newest(field)
        if register is not None and register.identifier in identifiers:
            return register.identifier, identifiers[register.identifier]
    return None


def _value(profile: Profile, name: str) -> str | None:
    register = profile.newest(name)
    return str(register.value) if register is not None else None
