"""A change of the books as the record that both stores take (ledger specification, section 2)."""

from __future__ import annotations

from typing import Any

from processors.base import Context
from processors.ledger.accounts import Block, Ledger, Place
from processors.ledger.books import Books
from processors.ledger.target import Terms
from schemas.events.base import assemble
from schemas.events.ledger import CreditsPosted, Line
from schemas.ids import derived_id, numbered_ids
from schemas.topics import PLATFORM_TOPIC

_RECORD_BYTES = PLATFORM_TOPIC[CreditsPosted].max_bytes - 10_000
"""Lines of one record may take so much; the rest is for what they share."""
_LINE_BYTES = 200
"""Of a line beside the texts of its place, at most."""


def posting_id(ctx: Context) -> str:
    """The id of the one change that an input makes to a booking."""
    return derived_id("post", ctx.cause, ctx.key)


def posting(books: Books, changed: Ledger, reason: str, under: Terms, ctx: Context) -> list[CreditsPosted]:
    """The record of a change, its lines sorted by (model, basis, effective_at, account, dims); none if none changed.

    What fits no record, as when the accounts of a lead of a thousand touches are reversed, comes in several that share
    everything but their lines.
    """
    if not changed.blocks:
        return []
    id_ = posting_id(ctx)
    said = {place: _of_place(place) for place in {place for balances in changed.balances for place in balances}}
    in_order = []
    for block, number in sorted(changed.blocks.items()):
        head, shared = (block.model, block.basis, block.effective_at), _of_block(block, under)
        in_order += [(head, place, block, shared, balance) for place, balance in changed.balances[number].items()]
    in_order.sort()
    sizes = {place: _LINE_BYTES + _text_bytes(place) for place in said}
    records: list[list[Line]] = []
    room = 0
    for line_id, (_, place, _, shared, balance) in zip(numbered_ids(id_, len(in_order)), in_order, strict=True):
        values = shared | said[place]
        values["line_id"] = line_id
        values["amount_minor"], values["reporting_minor"] = balance
        room -= sizes[place]
        if room < 0:
            records.append([])
            room = _RECORD_BYTES - sizes[place]
        records[-1].append(assemble(Line, values))
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
        for lines in records
    ]


_UNSAID = dict.fromkeys(Line.model_fields)


def _of_block(block: Block, under: Terms) -> dict[str, Any]:
    """What all lines of a block say; the rest is each line's own."""
    rate = under.rates.get(block.currency)
    return {
        **_UNSAID,
        "model": block.model,
        "basis": block.basis,
        "effective_at": block.effective_at,
        "conversion_day": block.conversion_day,
        "currency": block.currency or None,
        "reporting_currency": block.reporting_currency,
        "rate_id": rate.rate_id if rate else None,
        "policy_version": under.policy.version,
        "weights_version": under.weights_version(block.model),
    }


def _text_bytes(place: Place) -> int:
    texts = f"{place.account}{place.channel}{place.campaign_id}{place.content_id}{place.variant_id}"
    return len(texts.encode())


def _of_place(place: Place) -> dict[str, Any]:
    """What all lines of a place say."""
    return {
        "account": place.account,
        "channel": place.channel,
        "campaign_id": place.campaign_id or None,
        "content_id": place.content_id or None,
        "variant_id": place.variant_id or None,
        "touch_day": place.touch_day,
    }
