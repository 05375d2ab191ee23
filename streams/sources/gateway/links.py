"""Where the doors are, for whoever writes links to them."""

from __future__ import annotations

from uuid import UUID

from models.approval import APPROVALS, Wanted
from streams.settings import Settings, identity_key

UNSUBSCRIBE = "/unsubscribe/"
APPROVAL = "/approvals/"


def unsubscribe_link(settings: Settings, token: str) -> str:
    """What stands in the ``List-Unsubscribe`` header of a message whose decision bears a token."""
    return _link(settings, UNSUBSCRIBE, token)


def approval_link(settings: Settings, workspace: str, region: str, approval_id: str, lead_id: str) -> str:
    """Where reviewers answer a request for approval that was made for a lead. Who has it may answer."""
    wanted = Wanted(workspace, region, UUID(approval_id), UUID(lead_id))
    return _link(settings, APPROVAL, APPROVALS.sealed(identity_key(settings), wanted))


def _link(settings: Settings, door: str, token: str) -> str:
    base = settings.gateway_url or settings.gateway_address
    return base.rstrip("/") + door + token
