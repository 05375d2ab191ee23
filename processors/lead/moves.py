"""Parts of the lead stage's slices on their way between leads: taken out, packed, unpacked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from processors.lead.approve import Approvals
from processors.lead.approve import parted as approvals_parted
from processors.lead.consent import Stated
from processors.lead.consent import parted as consent_parted
from processors.lead.history import Whereabouts
from processors.lead.path import Path
from processors.lead.path import parted as path_parted
from processors.lead.profile import Profile
from processors.lead.profile import parted as profile_parted
from processors.lead.requests import Requests
from processors.lead.requests import parted as requests_parted
from processors.lead.score import Log
from processors.lead.score import parted as log_parted
from processors.lead.sequences import Nurturing
from processors.lead.sequences import parted as sequences_parted
from schemas.events.resolving import SlicePart

VERSION = 1
"""Of the packed form of all parts. A program that changes it unpacks older ones, too: some may be under way."""

_PARTED: dict[str, tuple[type[msgspec.Struct], Callable[..., Any]]] = {
    "profile": (Profile, profile_parted),
    "score": (Log, log_parted),
    "path": (Path, path_parted),
    "approve": (Approvals, approvals_parted),
    "nurture": (Nurturing, sequences_parted),
    "consent": (Stated, consent_parted),
    "gate": (Requests, requests_parted),
}
"""Slices that give and take; what the other steps remember follows from these."""

_packer = msgspec.msgpack.Encoder()
_unpackers = {name: msgspec.msgpack.Decoder(type_) for name, (type_, _) in _PARTED.items()}

Parts = dict[str, Any]
"""Parts of slices by step."""


def divided(slices: Mapping[str, Any], where: Whereabouts) -> dict[str, Parts]:
    """By lead, the parts of slices that hold history of an identifier."""
    by_lead: dict[str, Parts] = defaultdict(dict)
    for name, (_, parted) in _PARTED.items():
        held = slices.get(name)
        if held is not None:
            for lead, part in parted(held, where)[1].items():
                by_lead[lead][name] = part
    return by_lead


def packed(parts: Parts) -> list[SlicePart]:
    """Parts as they travel."""
    return [SlicePart.build(step=name, version=VERSION, data=_packer.encode(part)) for name, part in parts.items()]


def unpacked(parts: Sequence[SlicePart]) -> Parts:
    """Parts that have travelled. Raises ``ValueError`` where a newer program has packed them."""
    if newer := next((part for part in parts if part.version != VERSION), None):
        raise ValueError(f"history of {newer.step} is packed as version {newer.version}, this program reads {VERSION}")
    return {part.step: _unpackers[part.step].decode(part.data) for part in parts}
