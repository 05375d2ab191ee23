"""Statements on being contacted as messages between a contact point and its lead, and back."""

from __future__ import annotations

from models.consent.ledger import Said, Statement
from schemas.events.reserving import ConsentNoted, ConsentTold


def noted(statement: Statement, subject: str) -> ConsentNoted:
    """Tell a contact point."""
    return ConsentNoted.build(
        occurred_at=statement.said.at,
        subject=subject,
        consent_id=statement.said.id,
        channel=statement.channel,
        purpose=statement.purpose,
        granted=statement.granted,
        suppressed=statement.suppressed,
        unusable=statement.unusable,
    )


def told(message: ConsentNoted | ConsentTold) -> Statement:
    """What a message says."""
    said = Said(message.occurred_at, message.consent_id)
    return Statement(
        said, message.channel, message.purpose, message.granted, message.suppressed, unusable=message.unusable
    )
