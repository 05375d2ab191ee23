"""A social account: posts to it are capped by its day. It is a key of its own and reaches no one person.

The account is the workspace's, so its day is one of the workspace's zone, which a person's clock is never taken for.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.consent.slots import SENT_WITHIN
from models.local_time import local_day, start_of
from processors.base import Context, DeadLetter, Drop, Emit, Output
from processors.resolve.accept import accepted
from processors.resolve.keys import key_of
from schemas.events.base import DAY
from schemas.events.contact import OutreachRequested
from schemas.events.gate import CheckMade, ContactDecided

MAX_REMEMBERED = 64


class Account(msgspec.Struct, frozen=True, array_like=True):
    """What was asked to be posted, by message: its purpose and the local day that it counts on (none: denied).

    Bound: what the cap allows in a day, the newest ``MAX_REMEMBERED`` of former days, and as many denied.
    """

    asked: dict[str, tuple[str, int | None]] = {}

    def remembering(self, today: int) -> Account:
        """With all that counts today, and of the rest with the newest: asking often does not start the day anew."""
        former = [message for message, (_, day) in self.asked.items() if day is not None and day < today]
        denied = [message for message, (_, day) in self.asked.items() if day is None]
        forgotten = {*former[:-MAX_REMEMBERED], *denied[:-MAX_REMEMBERED]}
        return Account({message: what for message, what in self.asked.items() if message not in forgotten})


def post(held: Account | None, fact: OutreachRequested, ctx: Context) -> tuple[Account | None, Sequence[Output]]:
    """Decide a post, where the key is a social account."""
    if key_of(ctx).kind != "s":
        return held, ()
    account, onward = held or Account(), accepted(ctx.origin, lead_id=None)
    known = account.asked.get(fact.message_id)
    if known is not None:
        if known[0] == fact.purpose:
            return account, [Drop("repeated"), onward]
        detail = "another post has this message_id and another purpose: give each message an id of its own"
        return account, [DeadLetter("message_id_conflict", detail)]
    if ctx.is_stale(fact.occurred_at):
        return account, [Drop("stale"), onward]
    day, most = local_day(ctx.now, ctx.policy.time_zone), ctx.policy.social_cap
    used = sum(one_day == day for _, one_day in account.asked.values())
    fits = used < most
    asked = {**account.asked, fact.message_id: (fact.purpose, day if fits else None)}
    decided = _receipt(fact, ctx, used=used, next_at=None if fits else start_of(day + 1, ctx.policy.time_zone))
    return Account(asked).remembering(day), [Emit(decided), onward]


def _receipt(fact: OutreachRequested, ctx: Context, *, used: int, next_at: int | None) -> ContactDecided:
    fits = next_at is None
    reason = "below_cap" if fits else "cap"
    return ContactDecided.build(
        occurred_at=ctx.now,
        message_id=fact.message_id,
        seq=1,
        decision="allow" if fits else "deny",
        reason="allowed" if fits else reason,
        requested_at=fact.occurred_at,
        channel="social",
        account_id=fact.account_id,
        purpose=fact.purpose,
        category="marketing",
        template_id=fact.template_id,
        campaign_id=fact.campaign_id,
        checks=[CheckMade.build(check="cap", outcome="pass" if fits else "deny", reason=reason, until=next_at)],
        policy_version=ctx.policy.version,
        time_zones=[ctx.policy.time_zone],
        zone_source="account",
        cap=ctx.policy.social_cap,
        cap_span=DAY,
        used_before=used,
        used_after=used + fits,
        not_after=ctx.now + SENT_WITHIN if fits else None,
        next_at=next_at,
    )
