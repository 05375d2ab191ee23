"""Target minus posted: the one rule by which the books change (ledger specification, section 5)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.base import Context, Emit, Output, Visit
from processors.ledger.books import Account, Balance, Books, merged
from processors.ledger.target import Terms, target, terms
from schemas.events.ledger import CreditsPosted, Line
from schemas.events.paths import PathChanged
from schemas.ids import derived_id

_REASON = {"PolicyChanged": "policy", "ExchangeRateSet": "rate"}


def post(held: Books | None, event: PathChanged | Visit, ctx: Context) -> tuple[Books | None, Sequence[Output]]:
    """Merge what the event says and post the difference between what should stand in the books and what does."""
    before = held or Books()
    books = merged(before, event) if isinstance(event, PathChanged) else before
    if not books.revisions:
        return (books, ()) if books is not before else (held, ())
    under = terms(books, ctx.control)
    should, stands = target(books, under), dict(books.posted)
    changed = {
        account: _minus(should.get(account), stands.get(account))
        for account in {*should, *stands}
        if should.get(account) != stands.get(account)
    }
    if not changed:
        return books, ()
    books = msgspec.structs.replace(books, posted=sorted(should.items()), seq=books.seq + 1)
    posting_id = derived_id("post", ctx.cause, ctx.key)
    posted = CreditsPosted.build(
        occurred_at=ctx.at,
        posting_id=posting_id,
        booking_id=ctx.key.partition("/")[2],
        lead_id=books.lead_id,
        seq=books.seq,
        known_at=ctx.now,
        reason=_reason(before, books, event),
        lines=[_line(posting_id, n, account, changed[account], under) for n, account in enumerate(sorted(changed))],
    )
    return books, [Emit(posted)]


def _minus(should: Balance | None, stands: Balance | None) -> Balance:
    to, of = should or Balance(0, 0), stands or Balance(0, 0)
    return Balance(to.amount - of.amount, to.reporting - of.reporting)


def _reason(before: Books, books: Books, event: PathChanged | Visit) -> str:
    if isinstance(event, Visit):
        return _REASON[event.type]
    if not before.revisions:
        return "conversion"
    return "revision" if books.revisions != before.revisions else "path"


def _line(posting_id: str, number: int, account: Account, change: Balance, under: Terms) -> Line:
    rate = under.rates.get(account.currency)
    return Line.build(
        line_id=derived_id(posting_id, number),
        model=account.model,
        basis=account.basis,
        effective_at=account.effective_at,
        account=account.account,
        channel=account.channel,
        campaign_id=account.campaign_id or None,
        content_id=account.content_id or None,
        variant_id=account.variant_id or None,
        touch_day=account.touch_day,
        conversion_day=account.conversion_day,
        amount_minor=change.amount,
        currency=account.currency,
        reporting_minor=change.reporting,
        reporting_currency=account.reporting_currency,
        rate_id=rate.rate_id if rate else None,
        policy_version=under.policy.version,
        weights_version=0,
    )
