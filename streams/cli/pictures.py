"""Pictures that commands draw on request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.cli.fail import fail


@contextmanager
def drawing(option: str, path: Path) -> Iterator[None]:
    """While a picture is written that an option asked for: ends the command where it cannot be, and says why."""
    try:
        yield
    except OSError as error:
        fail(f"{option}: {error.strerror}: {path}")
