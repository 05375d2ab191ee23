"""Numbered SQL files of a store, and which of them are still to be applied."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

from sinks.base import SinkError


class Migration(NamedTuple):
    """One SQL file."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def load(package: str) -> list[Migration]:
    """The files ``migrations/NNN_name.sql`` of a package, by number."""
    found = []
    for file in files(package).joinpath("migrations").iterdir():
        number, _, rest = file.name.partition("_")
        if rest.endswith(".sql"):
            found.append(Migration(int(number), rest.removesuffix(".sql"), file.read_text()))
    return sorted(found)


def pending(known: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """The migrations still to apply.

    Args:
        applied: checksum by number.

    Raises:
        SinkError: an applied one has been changed, or is from a newer program.
    """
    by_number = {migration.number: migration for migration in known}
    for number, checksum in applied.items():
        if number not in by_number:
            raise SinkError(f"the store has migration {number:03}, which this program does not know: use a newer one")
        if by_number[number].checksum != checksum:
            raise SinkError(
                f"migration {number:03}_{by_number[number].name} has been changed after it was applied: restore the "
                "file and write the change as a new migration"
            )
    return [migration for migration in known if migration.number not in applied]
