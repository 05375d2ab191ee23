"""Ada and Bob and a phone: facts that name them, and a run that has heard those."""

from __future__ import annotations

from collections import Counter
from typing import Any

from schemas.codec import decode
from schemas.events.bookings import BookingChanged
from schemas.events.governance import IdentitiesLinked, IdentitiesSplit
from schemas.events.leads import LeadCaptured
from schemas.events.ledger import CreditsPosted
from schemas.events.touchpoints import TouchpointRecorded
from tests.property.oracles.identity import hash_of
from tests.support.facts import fact
from tests.support.runs import IDENTITY_KEY, Run

ADA, BOB, PHONE = "ada@example.com", "bob@example.com", "+971501234567"
KIND = {ADA: "email", BOB: "email", PHONE: "phone"}


def name(value: str, kind: str = "") -> str:
    """The hash that an identifier goes by."""
    return hash_of(IDENTITY_KEY, "acme", kind or KIND[value], value)


def touch(id_: str, when: str, **who: Any) -> TouchpointRecorded:
    """An inquiry of whoever is named."""
    return fact(TouchpointRecorded, occurred_at=when, touch_id=id_, revision=1, kind="inquiry", channel="web", **who)


def captured(when: str, **who: Any) -> LeadCaptured:
    """A lead of whoever is named."""
    return fact(LeadCaptured, occurred_at=when, channel="web", **who)


def values(*named: str) -> list[dict[str, str]]:
    """Identifiers as people name them."""
    return [{"kind": KIND[one], "value": one} for one in named]


def linked(when: str, *named: str, **fields: Any) -> IdentitiesLinked:
    """People say that these are one."""
    return fact(IdentitiesLinked, occurred_at=when, identifiers=values(*named), **fields)


def split(when: str, take: str, keep: str) -> IdentitiesSplit:
    """People say that these are two."""
    return fact(IdentitiesSplit, occurred_at=when, take=values(take), keep=values(keep))


def booking(revision: int, when: str, **who: Any) -> BookingChanged:
    """A revision of the booking b1."""
    return fact(
        BookingChanged, booking_id="b1", revision=revision, status="booked", amount_minor=100, currency="AED",
        occurred_at=when, **who,
    )  # fmt: skip


def sent(run: Run, topic: str) -> Counter[str]:
    """Messages in an inbox, by type."""
    found = (decode(record.value) for (name_, _), log in run.driver.log.items() if name_ == topic for record in log)
    return Counter(type(one.message).__name__ for one in found if one.prefix is None)


def credited(run: Run) -> dict[str, int]:
    """Linear net credit by account."""
    sums: Counter[str] = Counter()
    for posting in run.said("attribution.credits", CreditsPosted):
        for line in posting.lines:
            if (line.model, line.basis) == ("linear", "net") and line.account != "(revenue)":
                sums[line.account] += line.amount_minor
    return {account: amount for account, amount in sums.items() if amount}
