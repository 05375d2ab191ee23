"""Identifiers as an operator names them: KIND=VALUE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from models.identity import KINDS, STRONG, hashes
from schemas.events.governance import IdentifierValue

_TELLING = 5
"""Letters and digits of a value that give it away; shorter ones are part of other words."""

Ask = Callable[[str], str]
"""Gives the value of an identifier of a kind that is not on the command line."""


class NamingError(ValueError):
    """What was named cannot be used; the message says why, without the value."""


@dataclass(frozen=True)
class Named:
    """An identifier that was named, its value as it was written, and its hash."""

    kind: str
    hash: str
    value: str = field(repr=False)

    @property
    def label(self) -> str:
        """What may be shown of it."""
        return f"{self.kind} {short(self.hash)}"

    @property
    def fact(self) -> IdentifierValue:
        """As a fact has it."""
        return IdentifierValue.model_validate({"kind": self.kind, "value": self.value})


def short(hash_: str) -> str:
    """Enough of a hash for people to tell it from others."""
    return hash_[:8]


def named(texts: Iterable[str], ask: Ask, identity_key: bytes, workspace: str, region: str) -> list[Named]:
    """The identifiers of KIND=VALUE texts, each once; the value ``-`` is asked for.

    Raises:
        NamingError: one is not KIND=VALUE, not of a strong kind, or has no usable value.
    """
    found: dict[str, Named] = {}
    for text in texts:
        kind, equals, written = text.partition("=")
        if not equals:
            raise NamingError(f"write KIND=VALUE, such as email=ada@example.com; KIND is one of {', '.join(STRONG)}")
        _check_kind(kind)
        value = ask(kind) if written == "-" else written
        hashed = hashes(identity_key, workspace, region, {kind: value}.get)
        if not hashed or len(value) > 128 or "\0" in value:
            raise NamingError(
                f"this is no usable {kind}: {_HINTS.get(kind, 'a value of 1 to 128 characters expected')}"
            )
        hash_ = next(iter(hashed))
        found.setdefault(hash_, Named(kind, hash_, value))
    return list(found.values())


def check_link(identifiers: Sequence[Named]) -> None:
    """Raises ``NamingError`` unless these can be linked: there are two."""
    if len(identifiers) < 2:
        raise NamingError(
            "a link needs at least two different identifiers (a WhatsApp id and its phone number are the same one)"
        )


def check_split(take: Sequence[Named], keep: Sequence[Named]) -> None:
    """Raises ``NamingError`` unless these can be parted: both sides name somebody, and nobody is on both."""
    if not take or not keep:
        raise NamingError("a split names both sides: --take what goes, and --keep what it must not be joined with")
    kept = {one.hash for one in keep}
    both = [one.label for one in take if one.hash in kept]
    if both:
        raise NamingError(f"the same identifier cannot be taken and kept: {', '.join(both)}")


def check_reason(reason: str, identifiers: Iterable[Named]) -> None:
    """Raises ``NamingError`` unless this can be kept as a reason: it says something, and no personal value."""
    if not reason.strip() or len(reason) > 500:
        raise NamingError("--reason: say why in 1 to 500 characters; whoever looks at this later will need it")
    values = (_bare(one.value) for one in identifiers)
    if any(value in _bare(reason) for value in values if len(value) >= _TELLING):
        raise NamingError("--reason: it is kept in the audit log, so name nobody in it; give a ticket, or what you saw")


def _bare(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _check_kind(kind: str) -> None:
    if kind in STRONG:
        return
    if kind in KINDS:
        raise NamingError(
            f"{kind} is weak: it goes with whoever logs in with it, and neither links nor parts people. "
            f"Name {', '.join(STRONG)}"
        )
    raise NamingError(f"{kind or 'nothing'} is no kind of identifier: {', '.join(STRONG)}")


_HINTS = {
    "email": "an address such as ada@example.com expected",
    "phone": "a number such as +971501234567 expected; without + it is read as one of --region",
}
