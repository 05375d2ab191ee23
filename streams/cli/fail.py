"""How the commands about events end: 0 all well, 1 some input was refused, 2 the work could not be done."""

from typing import NoReturn

import typer
from rich.console import Console

REFUSED = 1
FAILED = 2


def complain(message: str) -> None:
    """Say on stderr what is wrong."""
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Say on stderr why the work could not be done and what to do, and end, with 2 unless another code is given."""
    complain(message)
    raise typer.Exit(code)
