"""Topic ``leads``: a person left or changed their details."""

from typing import Literal

from schemas.events.base import Code, Currency, FreeText, Id, Minor, PersonName, Promoted

Interest = Literal["buy", "rent", "invest", "stay"]
Financing = Literal["none", "needed", "preapproved", "cash"]


class LeadCaptured(Promoted):
    """A form, call, chat or import named a person who may want to buy, rent or stay.

    ``currency`` is that of ``budget_minor``: alone it says nothing, and a budget without one is in none that is known.
    """

    full_name: PersonName | None = None
    country: Code | None = None
    language: Code | None = None
    time_zone: Code | None = None
    owner_id: Id | None = None
    property_id: Id | None = None
    interest: Interest | None = None
    budget_minor: Minor | None = None
    currency: Currency | None = None
    timeframe_days: int | None = None
    financing: Financing | None = None
    message: FreeText | None = None


class LeadUpdated(LeadCaptured):
    """Newer details of a person already captured; fields left out stay as they are, a budget's currency apart."""
