"""Topic ``clicks``: a person followed a tagged link."""

from typing import ClassVar

from schemas.events.base import Code, FreeText, Id, Identified, IpAddress, Revision


class ClickRecorded(Identified):
    """A click; attribution sees it as a touch of kind ``click`` whose id is ``click_id``."""

    natural_key: ClassVar[tuple[str, ...]] = ("click_id",)

    click_id: Id
    revision: Revision = 1
    url: FreeText
    ip: IpAddress | None = None
    utm_source: Code | None = None
    utm_medium: Code | None = None
    utm_campaign: Id | None = None
    utm_content: Id | None = None
    utm_term: FreeText | None = None
