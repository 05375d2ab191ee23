"""Messages to a strong identifier: it is linked, set apart, assigned to a lead, or asked for it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.identity.binding import Rows
from models.identity.erasure import name_of
from models.identity.facts import Explicit, Facts, Said, pair
from processors.base import Context, Output
from processors.resolve.binding import FIRST, Bound, Change, Decision, Ownership, change, owners, rebound, told
from processors.resolve.conflicts import conflict
from processors.resolve.erased import neighbour_erased, tell_erased
from processors.resolve.keys import key_of
from processors.resolve.known import Learned, Strong, learned, sighted, with_dependent, with_neighbour
from schemas.events.identity import IdentifierHash
from schemas.events.resolving import Apart, Assign, Attach, Link, Named


def linked(strong: Strong, message: Link, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """The other end of a link: the same fact here, and the two groups' roots are to meet.

    What is only observed of an identifier that is shared by too many links nothing and is not kept. Nor does what was
    said of either before its erasure; if it was this one's, the other end has not heard of that.
    """
    said, link = Said(message.at, message.fact_id), pair(key_of(ctx).hash, message.other.hash)
    if strong.mark is not None and strong.is_erased(said.at):
        return strong, [tell_erased(message.other, strong.mark, ctx)]
    is_void = message.erased is not None and said.at <= message.erased.at
    if not is_void:
        strong, _ = with_neighbour(strong, message.other, said, ctx, explicit=message.explicit)
    heard: list[Output] = []
    if message.erased is not None:
        strong, heard = neighbour_erased(strong, message.other, message.erased, ctx)
    counts = (message.explicit or not strong.shared) and not is_void
    facts = Facts(
        first=sighted(strong, said, message.home, ctx),
        links={link: said} if counts and not message.explicit else {},
        explicit={link: Explicit(*said, message.transfer_basis)} if counts and message.explicit else {},
    )
    strong, joined = learned(strong, Learned(facts, said, message.root if counts else None), ctx)
    return strong, [*heard, *joined]


def assigned(strong: Strong, message: Assign, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """Another lead: a new version of the binding, told to both leads and to dependents. Or the same, and whether that
    is in doubt is news, which concerns the lead alone."""
    if message.version <= strong.ver:
        return strong, ()
    key, before = key_of(ctx), ((0, strong.lead_id),)
    strong = msgspec.structs.replace(strong, lead_id=message.lead_id, ver=message.version, doubted=message.doubted)
    decision = Decision(message.why, message.identifiers, message.decision)
    bound = Bound(key.hash, key.kind, strong.ver, strong.doubted)
    others = (key.hash,) if strong.named else ()
    if strong.rows == before:
        return strong, [
            told(lead, bound, Change(before, before), FIRST, message.occurred_at)
            for lead in sorted({strong.lead_id, *others})
        ]
    owned = Ownership(key.subject, strong.lead_id, strong.ver, strong.erased_at)
    moved = change(before, strong.rows, brought=strong.seq > 0)
    return strong, [
        *rebound(bound, moved, decision, message.occurred_at, *others),
        *_renamed(strong, before, decision, message.occurred_at, ctx),
        *owners((*strong.weak, *strong.bookings), owned, decision, message.occurred_at),
    ]


def _renamed(strong: Strong, before: Rows, decision: Decision, at: int, ctx: Context) -> list[Output]:
    """Where the names go that the identifier has borne since its erasures: what only names such a lead goes there.

    By the name of an earlier one, that is the identifier's own binding: up to the newest it is nobody's.
    """
    if strong.mark is None:
        return []
    rows = dict.fromkeys(strong.marked, strong.rows) | {strong.mark.at: ((0, strong.lead_id),)}
    outputs: list[Output] = []
    for when, after in rows.items():
        name = name_of(key_of(ctx).hash, when)
        outputs += rebound(Bound(name, "name", strong.ver), Change(before, after), decision, at, name)
    return outputs


def named(strong: Strong, message: Named, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """Others belong to the lead of this name: it must know where facts that name just the lead are to go."""
    key = key_of(ctx)
    if strong.named:
        return strong, ()
    bound = Bound(key.hash, key.kind, strong.ver, strong.doubted)
    strong = msgspec.structs.replace(strong, named=True)
    return strong, [told(key.hash, bound, Change(strong.rows, strong.rows), FIRST, message.occurred_at)]


def apart(strong: Strong, message: Apart, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """A split takes this identifier from others."""
    return set_apart(strong, message.keep, Said(message.at, message.fact_id), ctx)


def set_apart(
    strong: Strong, keep: Sequence[IdentifierHash], said: Said, ctx: Context
) -> tuple[Strong, Sequence[Output]]:
    """This identifier's own pairs of a split, held against links old and new; people hear when nothing has named it."""
    me, outputs = key_of(ctx).hash, list[Output]()
    if strong.first is None and not strong.spoken_of:
        strong = msgspec.structs.replace(strong, spoken_of=True)
        outputs.append(conflict(ctx, "unknown", (me,), is_open=True, version=1, at=said.at))
    facts = Facts(apart={pair(me, one.hash): said for one in keep})
    strong, joined = learned(strong, Learned(facts, said), ctx)
    return strong, [*outputs, *joined]


def attached(strong: Strong, message: Attach, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """A dependent asks for the lead, and is told of it from now on."""
    strong, refused = with_dependent(strong, message.dependent, message.at, ctx)
    owned = Ownership(key_of(ctx).subject, strong.lead_id, strong.ver, strong.erased_at)
    return strong, [*refused, *owners((message.dependent,), owned, FIRST, message.occurred_at)]
