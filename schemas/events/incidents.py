"""Topic ``incidents``: what the platform noticed that a person should look into."""

from typing import Literal

from schemas.events.base import Code, Event, Uuid


class IncidentRaised(Event):
    """Something about a lead is not as it should be; ``detail`` says in a few words what it may be.

    ``not_told``: a message to the people who should act on the lead was refused, or nobody knows whether it came.

    ``hot_lead``: within ``days`` up to ``occurred_at`` the lead had so many ``touches``, more than a person makes. It
    is a record and reaches nobody: whoever alerts people of it looks at ``occurred_at``, since an import of history
    finds what was hot long ago.
    """

    lead_id: Uuid
    kind: Literal["hot_lead", "not_told"]
    severity: Literal["info", "warning", "critical"]
    touches: int = 0
    days: int = 0
    detail: Code
