"""What every event type is made of: the common fields and the field types.

Inside the platform an instant is an integer of microseconds since 1970 UTC and a day an integer of days
since 1970: exact, ordered, cheap. ISO 8601 text exists at the doors only (JSON in, JSON out).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from babel.core import get_global
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

Region = Literal["UAE", "IND", "USA", "EUR"]

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Pii:
    """Class of personal data that a field holds; carried into Avro as the attribute ``pii``.

    A ``token`` says nothing, but whoever has it may speak for the person.
    """

    name: Literal["email", "phone", "name", "address", "ip", "free_text", "customer_id", "device", "token"]


@dataclass(frozen=True)
class Avro:
    """Avro type of a field whose Python type alone does not tell it."""

    type: Literal["string", "long", "int"]
    logical: Literal["timestamp-micros", "date", "uuid"] | None = None


def instant(value: object) -> int:
    """Microseconds since 1970 of an ISO 8601 text with a zone, an aware datetime, or of microseconds themselves."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("instant without a zone: end it with Z or an offset")
        return (value - _EPOCH) // _MICROSECOND
    raise ValueError("not an instant: ISO 8601 text with a zone expected")


def instant_text(micros: int) -> str:
    """ISO 8601 in UTC with microseconds and Z, of microseconds since 1970."""
    return as_datetime(micros).isoformat(timespec="microseconds").replace("+00:00", "Z")


def as_datetime(micros: int) -> datetime:
    """Aware UTC datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def epoch_day(value: object) -> int:
    """Days since 1970 of an ISO date text, a date, or of the days themselves."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return (value - _EPOCH_DAY).days
    raise ValueError("not a day: YYYY-MM-DD expected")


def as_date(days: int) -> date:
    """The date of days since 1970."""
    return _EPOCH_DAY + timedelta(days=days)


def _day_text(days: int) -> str:
    return as_date(days).isoformat()


CURRENCIES: frozenset[str] = frozenset(code for code in get_global("all_currencies") if re.fullmatch("[A-Z]{3}", code))


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError("not an ISO 4217 currency code")
    return code


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul_character", "no text may hold the character NUL (U+0000)")
    return text


NoNul = AfterValidator(_without_nul)
"""For every text that may otherwise hold any character: PostgreSQL takes all of UTF-8 but this one."""

MAX_INSTANT = 7_258_118_400 * SECOND  # the year 2200
MAX_MINOR = 10**15

Instant = Annotated[
    int,
    BeforeValidator(instant),
    Field(ge=0, le=MAX_INSTANT),
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    Avro("long", "timestamp-micros"),
]
Day = Annotated[
    int,
    BeforeValidator(epoch_day),
    Field(ge=0, le=100_000),
    PlainSerializer(_day_text, return_type=str, when_used="json"),
    Avro("int", "date"),
]
Uuid = Annotated[
    str,
    StringConstraints(to_lower=True, pattern=r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"),
    Avro("string", "uuid"),
]
WorkspaceId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$"), Avro("string")]
Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$"), Avro("string")]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$"), Avro("string")]
Decimal = Annotated[str, StringConstraints(pattern=r"^\d{1,12}(\.\d{1,12})?$"), Avro("string")]
Document = Annotated[str, StringConstraints(max_length=65_536), NoNul, Avro("string")]
Currency = Annotated[str, AfterValidator(_known_currency), Avro("string")]
Minor = Annotated[int, Field(ge=0, le=MAX_MINOR)]
SignedMinor = Annotated[int, Field(ge=-MAX_MINOR, le=MAX_MINOR)]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]

Email = Annotated[str, StringConstraints(max_length=320), NoNul, Pii("email")]
Phone = Annotated[str, StringConstraints(max_length=64), NoNul, Pii("phone")]
PersonName = Annotated[str, StringConstraints(max_length=256), NoNul, Pii("name")]
IpAddress = Annotated[str, StringConstraints(max_length=64), NoNul, Pii("ip")]
FreeText = Annotated[str, StringConstraints(max_length=16_384), NoNul, Pii("free_text")]
CustomerId = Annotated[str, StringConstraints(min_length=1, max_length=128), NoNul, Pii("customer_id")]
DeviceId = Annotated[str, StringConstraints(min_length=1, max_length=256), NoNul, Pii("device")]
Token = Annotated[str, StringConstraints(max_length=1_024), NoNul, Pii("token")]


class Message(BaseModel):
    """Anything that travels as one Avro record: events, and the platform's own signals (ticks, counts)."""

    # Each validator is built when it is first needed, of which threads keep clear (pydantic locks it since 2.14).
    model_config = ConfigDict(frozen=True, extra="forbid", revalidate_instances="always", defer_build=True)

    @classmethod
    def build(cls, **fields: Any) -> Self:
        """A message from fields that are known to be right: nothing is validated, defaults are filled in.

        For the platform's own code, behind intake; publishers and doors use the validating constructor.
        """
        values = {**_defaults(cls), **fields}
        return assemble(cls, values)


M = TypeVar("M", bound=Message)
_DEFAULTS: dict[type[Message], dict[str, Any]] = {}


def _defaults(cls: type[Message]) -> dict[str, Any]:
    found = _DEFAULTS.get(cls)
    if found is None:
        fields = cls.model_fields.items()
        found = {name: field.get_default() for name, field in fields if not field.is_required()}
        _DEFAULTS[cls] = found
    return found


def assemble(cls: type[M], values: dict[str, Any]) -> M:
    """The message whose fields are exactly ``values`` (complete, unvalidated); it takes the dict over."""
    message = _new(cls)
    _set_values(message, values)
    _set_fields_set(message, _NONE)
    _set_extra(message, None)
    _set_private(message, None)
    return message


# what pydantic's own model_construct sets, through the slots themselves: a third of the time
_new = object.__new__
_set_values = BaseModel.__dict__["__dict__"].__set__
_set_fields_set = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__
_NONE: set[str] = set()


class Event(Message):
    """An immutable fact, of the world (published upstream) or of the platform (derived from one).

    A step leaves ``event_id``, ``workspace_id``, ``region``, ``source`` and ``cause_id`` of what it emits to the
    stage, which derives them (``streams.stage``). ``natural_key`` names the fields that identify what the event is
    about; among events of one natural key the highest ``revision`` is the truth. What ``reaches_out`` to a person is
    never emitted for an old cause.
    """

    natural_key: ClassVar[tuple[str, ...]] = ("event_id",)
    reaches_out: ClassVar[bool] = False

    event_id: Uuid
    workspace_id: WorkspaceId
    region: Region
    occurred_at: Instant
    source: Code
    cause_id: Code | None = None


class Identified(Event):
    """An event about a person, named by any of these identifiers (strong ones first) or by a lead id alone."""

    crm_id: CustomerId | None = None
    email: Email | None = None
    phone: Phone | None = None
    wa_id: Phone | None = None
    device_id: DeviceId | None = None
    cookie_id: DeviceId | None = None
    click_id: DeviceId | None = None
    lead_id: Uuid | None = None


class Promoted(Identified):
    """An identified event that a campaign's content brought about."""

    channel: Code
    campaign_id: Id | None = None
    content_id: Id | None = None
    variant_id: Id | None = None
