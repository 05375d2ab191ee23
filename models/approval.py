"""The token by which a reviewer answers a request for approval; it stands in the link that reviewers are sent."""

from __future__ import annotations

from uuid import UUID

import msgspec

from models.sealing import Seal


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """A request for approval, and the lead that it was made for."""

    workspace_id: str
    region: str
    approval_id: UUID
    lead_id: UUID


APPROVALS = Seal("approval", Wanted)
