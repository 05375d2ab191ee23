"""A change of the books as the record that both stores take (ledger specification, section 2)."""

from __future__ import annotations

from typing import Any

from processors.base import Context
from processors.ledger.accounts import Block, Ledger
from processors.ledger.books import Books
from processors.ledger.target import Terms
from schemas.events.base import assemble
from schemas.events.ledger import CreditsPosted, Line
from schemas.ids import derived_id, numbered_ids


def posting_id(ctx: Context) -> str:
    """The id of the one change that an input makes to a booking."""
    return derived_id("post", ctx.cause, ctx.key)


def posting(books: Books, changed: Ledger, reason: str, under: Terms, ctx: Context) -> list[CreditsPosted]:
    """The record of a change, its lines sorted by (model, basis, effective_at, account, dims); none if none changed."""
    if not changed:
        return []
    id_ = posting_id(ctx)
    shared = {block: _shared(block, under) for block in changed}
    in_order = sorted(
        ((block[:3], place, block[3:]), block, balance)
        for block, balances in changed.items()
        for place, balance in balances.items()
    )
    lines = [
        assemble(
            Line,
            {
                **shared[block],
                "line_id": line_id,
                "account": place.account,
                "channel": place.channel,
                "campaign_id": place.campaign_id or None,
                "content_id": place.content_id or None,
                "variant_id": place.variant_id or None,
                "touch_day": place.touch_day,
                "amount_minor": balance.amount,
                "reporting_minor": balance.reporting,
            },
        )
        for line_id, ((_, place, _), block, balance) in zip(numbered_ids(id_, len(in_order)), in_order, strict=True)
    ]
    return [
        CreditsPosted.build(
            occurred_at=ctx.at,
            posting_id=id_,
            booking_id=ctx.key.partition("/")[2],
            lead_id=books.lead_id,
            seq=books.seq,
            known_at=ctx.now,
            reason=reason,
            lines=lines,
        )
    ]


def _shared(block: Block, under: Terms) -> dict[str, Any]:
    """What all lines of a block say."""
    rate = under.rates.get(block.currency)
    return {
        **block._asdict(),
        "currency": block.currency or None,
        "rate_id": rate.rate_id if rate else None,
        "policy_version": under.policy.version,
        "weights_version": under.weights_version(block.model),
    }
