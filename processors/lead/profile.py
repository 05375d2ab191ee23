"""Who the lead is: each field a versioned register, so that regions can join theirs later in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from models.identity import normal_email, normal_phone
from models.identity.binding import lead_at
from models.identity.erasure import NOBODY
from processors.base import Context, Emit, Output
from processors.lead.history import HistoryGiven, HistoryTaken, Whereabouts, brought_by, lead_id
from schemas.events.base import Identified
from schemas.events.identity import IdentifierHash
from schemas.events.leads import LeadCaptured
from schemas.events.profiles import LeadProfiled
from schemas.events.resolving import BindingChanged

_PERSONAL = ("crm_id", "email", "phone", "wa_id")
_NUMBERS = ("phone", "wa_id")
_NO_ONES = "none"
MAX_NUMBERS = 10
_DETAILS = (
    "full_name",
    "country",
    "language",
    "time_zone",
    "owner_id",
    "property_id",
    "channel",
    "campaign_id",
    "interest",
    "budget_minor",
    "currency",
    "timeframe_days",
    "financing",
)


class Register(msgspec.Struct, frozen=True, array_like=True):
    """A value with its hybrid logical clock (``wall`` microseconds, then ``logical``) and dot (region and event).

    ``identifier`` is the hash of a value that is one: the value is this lead's only as long as the identifier is. The
    greatest (wall, logical, dot) wins: the join is commutative, associative and idempotent.
    """

    value: str | int
    wall: int
    logical: int
    dot: str
    identifier: str = ""


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What one identifier's facts say of the person: registers by field, and when they first captured one.

    ``numbers`` are older words on telephone numbers and WhatsApp ids, by identifier: people keep their former ones.
    """

    registers: dict[str, Register] = {}
    first_captured_at: int | None = None
    numbers: dict[str, Register] = {}


class Profile(msgspec.Struct, frozen=True):
    """What each identifier's facts say of the person; the identifiers, by kind, and the version last published.

    Bound: per identifier one register per field of ``LeadProfiled``, and ``MAX_NUMBERS``.
    """

    said: dict[str, Said] = {}
    identifiers: dict[str, str] = {}
    version: int = 0

    def counts(self, register: Register) -> bool:
        """Whether a word is this lead's: an identifier's value is only if the identifier is."""
        return not register.identifier or register.identifier in self.identifiers

    def newest(self, name: str) -> Register | None:
        """The newest word on a field; a budget's currency is another matter (``newest_words``)."""
        words = (said.registers.get(name) for said in self.said.values())
        return max((word for word in words if word is not None and self.counts(word)), key=_clock, default=None)

    def number(self, identifier: str) -> str | None:
        """The telephone number that an identifier stands for, in full; none where no fact here says it."""
        for said in self.said.values():
            for word in (*map(said.registers.get, _NUMBERS), said.numbers.get(identifier)):
                if word is not None and word.identifier == identifier:
                    return normal_phone("+" + str(word.value).lstrip("+"), "EUR")
        return None

    def newest_words(self) -> dict[str, Register]:
        """The newest word on every field that there is one on; on the currency, the word said with the budget."""
        newest: dict[str, Register] = {}
        for said in self.said.values():
            for name, word in said.registers.items():
                held = newest.get(name)
                if self.counts(word) and (held is None or _clock(word) > _clock(held)):
                    newest[name] = word
        newest.pop("currency", None)
        if (budget := newest.get("budget_minor")) is not None:
            words = (said.registers.get("currency") for said in self.said.values())
            newest.update(("currency", word) for word in words if word is not None and _clock(word) == _clock(budget))
        return newest


Event = Identified | BindingChanged | HistoryGiven | HistoryTaken


def profile(held: Profile | None, event: Event, ctx: Context) -> tuple[Profile | None, Sequence[Output]]:
    """Join what a fact, or history that has come or gone, says of the person; publish the profile when it changed.

    A lead that nobody can be recognised by has no profile. A booking says nothing here: it follows the person that its
    highest revision names, and an older one may have named another.
    """
    before = held or Profile()
    match event:
        case BindingChanged():
            after = _without_erased(before, event)
            is_news = after is not before
        case HistoryGiven():
            rest, by_lead = parted(before, event.whereabouts(ctx))
            after, is_news = joined(rest, by_lead.get(lead_id(ctx))), True
        case HistoryTaken():
            after, is_news = joined(before, event.parts.get("profile")), True
        case _:
            after, is_news = _with_fact(before, event, ctx)
    identifiers = ctx.slices["hold"].identifiers(lead_id(ctx))
    if not identifiers and not before.version:
        return (after, ()) if after is not before else (held, ())
    if identifiers == before.identifiers and before.version and not is_news:
        return (after, ()) if after is not before else (held, ())
    after = msgspec.structs.replace(after, identifiers=identifiers)
    told = _told(after)
    if before.version and told == _told(before):
        return after, ()
    version = before.version + 1
    profiled = LeadProfiled.build(occurred_at=event.occurred_at, lead_id=lead_id(ctx), version=version, **told)
    return msgspec.structs.replace(after, version=version), [Emit(profiled)]


def _with_fact(before: Profile, fact: Identified, ctx: Context) -> tuple[Profile, bool]:
    """With what a fact says, and whether that is news to anybody; the clocks behind the values are not published."""
    who = brought_by(ctx)
    said = before.said.get(who, Said())
    words = {
        name: register
        for name, register in _words(fact, ctx.origin.identifiers).items()
        if not register.identifier or not _is_erased(register.identifier, fact.occurred_at, ctx)
    }
    captured_at = fact.occurred_at if type(fact) is LeadCaptured else None
    after = _both(said, Said(words, captured_at))
    if after == said:
        return before, False
    newer = {name: word for name, word in words.items() if after.registers[name] is word}
    is_news = after.first_captured_at != said.first_captured_at or any(
        _tells(name, word, before) for name, word in newer.items()
    )
    return msgspec.structs.replace(before, said={**before.said, who: after}), is_news


def _is_erased(identifier: str, at: int, ctx: Context) -> bool:
    """Whether what was said of an identifier then is nobody's."""
    known = ctx.slices["hold"].known.get(identifier)
    return known is not None and lead_at(known.rows, at, "") == NOBODY


def _without_erased(before: Profile, bound: BindingChanged) -> Profile:
    """Without an identifier's values that an erasure took, whichever identifier's facts they came with."""
    rows = [(row.since, row.lead_id) for row in bound.rows]

    def is_kept(register: Register) -> bool:
        return register.identifier != bound.identifier or lead_at(rows, register.wall, "") != NOBODY

    kept = {
        one: Said(
            {name: held for name, held in said.registers.items() if is_kept(held)},
            said.first_captured_at,
            {number: held for number, held in said.numbers.items() if is_kept(held)},
        )
        for one, said in before.said.items()
    }
    return before if kept == before.said else msgspec.structs.replace(before, said=kept)


def _tells(name: str, register: Register, before: Profile) -> bool:
    """Whether a register wins over all that is held, with another value; a budget may have another currency now."""
    if not before.counts(register):
        return False
    held = before.newest(name)
    is_other = held is None or register.value != held.value or name == "budget_minor"
    return is_other and (held is None or _clock(register) > _clock(held))


def _clock(register: Register) -> tuple[int, int, str]:
    return register.wall, register.logical, register.dot


def _words(fact: Identified, named: Sequence[IdentifierHash]) -> dict[str, Register]:
    """What a fact says of each field that it says anything of."""
    dot = f"{fact.region}:{fact.event_id}"
    return {
        name: Register(value, fact.occurred_at, 0, dot, _hash_of(name, named) if name in _PERSONAL else "")
        for name, value in _values(fact).items()
    }


def _both(one: Said, other: Said) -> Said:
    """What two say of a person; the newest word on each field wins, of numbers others are kept as well."""
    registers = dict(one.registers)
    for name, word in other.registers.items():
        registers[name] = max(registers.get(name, word), word, key=_clock)
    captured = [at for at in (one.first_captured_at, other.first_captured_at) if at is not None]
    newest = {_NO_ONES, *(registers[name].identifier for name in _NUMBERS if name in registers)}
    numbers: dict[str, Register] = {}
    for said in (one, other):
        for word in (*(said.registers[name] for name in _NUMBERS if name in said.registers), *said.numbers.values()):
            if word.identifier not in newest:
                numbers[word.identifier] = max(numbers.get(word.identifier, word), word, key=_clock)
    if len(numbers) > MAX_NUMBERS:
        numbers = dict(sorted(numbers.items(), key=lambda item: _clock(item[1]))[-MAX_NUMBERS:])
    return Said(registers, min(captured, default=None), numbers)


def _hash_of(kind: str, named: Sequence[IdentifierHash]) -> str:
    """The hash of a fact's identifier of a kind; a WhatsApp id may have become a phone number, the last one then."""
    found = [one.hash for one in named if one.kind == kind]
    if kind == "wa_id" and not found:
        found = [one.hash for one in named if one.kind == "phone"][-1:]
    return found[0] if found else _NO_ONES


def parted(held: Profile, where: Whereabouts) -> tuple[Profile, dict[str, Profile]]:
    """The profile without what an identifier's facts say, and that by the lead it belongs to."""
    said = held.said.get(where.identifier)
    if said is None:
        return held, {}
    registers, numbers = (_by_lead(words, where) for words in (said.registers, said.numbers))
    captured = {} if said.first_captured_at is None else {where.lead_at(said.first_captured_at): said.first_captured_at}
    parts = {
        lead: Profile({where.identifier: Said(registers.get(lead, {}), captured.get(lead), numbers.get(lead, {}))})
        for lead in dict.fromkeys((*registers, *captured, *numbers))
    }
    rest = {one: what for one, what in held.said.items() if one != where.identifier}
    return msgspec.structs.replace(held, said=rest), parts


def _by_lead(words: dict[str, Register], where: Whereabouts) -> dict[str, dict[str, Register]]:
    found: dict[str, dict[str, Register]] = {}
    for name, word in words.items():
        found.setdefault(where.lead_at(word.wall), {})[name] = word
    return found


def joined(held: Profile, part: Profile | None) -> Profile:
    """The profile with a part of another; the newest word on each field wins."""
    said = dict(held.said)
    for identifier, more in part.said.items() if part is not None else ():
        said[identifier] = _both(said.get(identifier, Said()), more)
    return msgspec.structs.replace(held, said=said)


def _values(fact: Identified) -> dict[str, Any]:
    names = (*_PERSONAL, *_DETAILS) if isinstance(fact, LeadCaptured) else _PERSONAL
    said = {name: value for name in names if (value := getattr(fact, name)) is not None}
    if "budget_minor" not in said:
        said.pop("currency", None)
    if "email" in said:
        said["email"] = normal_email(said["email"])
    if "phone" in said:
        said["phone"] = normal_phone(said["phone"], fact.region)
    return {name: value for name, value in said.items() if value is not None}


def _told(profile_: Profile) -> dict[str, Any]:
    """What is published of a profile; of a lead that nobody belongs to any more, just that."""
    if not profile_.identifiers:
        return {"identifiers": []}
    values = {name: word.value for name, word in profile_.newest_words().items()}
    captured = [said.first_captured_at for said in profile_.said.values() if said.first_captured_at is not None]
    email = values.get("email")
    return {
        **values,
        "identifiers": [IdentifierHash.build(kind=kind, hash=hash_) for hash_, kind in profile_.identifiers.items()],
        "email_domain": str(email).rpartition("@")[2] if email else None,
        "first_captured_at": min(captured, default=None),
    }
