"""The token by which whoever was sent a message objects to more of them; it stands in the message's unsubscribe link.

It names the message and the very contact point that it went to.
"""

from __future__ import annotations

from uuid import UUID

import msgspec

from models.sealing import Seal


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """A message, and the hash of the e-mail address that it was sent to."""

    workspace_id: str
    region: str
    message_id: str
    contact_point: UUID


UNSUBSCRIBE = Seal("unsubscribe", Sent)
"""Tokens of at the most 312 letters while the message's id is ASCII."""
