"""`fineacers down`: stop everything on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.fail import fail
from streams.local import stack
from streams.local.state import LocalStackError
from streams.settings import SettingsError, read_settings


def down(
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Also delete the state folder's data, passwords and identity key.")
    ] = False,
) -> None:
    """Stop the platform, then the stores, gracefully. The data stay unless --delete-data.

    Examples:

        fineacers down

        fineacers down --delete-data
    """
    try:
        settings = read_settings()
        ran = stack.stop(settings, delete_data=delete_data)
    except (LocalStackError, SettingsError) as error:
        fail(str(error), 1)
    typer.echo("stopped" if ran else "nothing was running")
    if delete_data:
        typer.echo(_deleted(settings.state_dir))


def _deleted(folder: Path) -> str:
    if not folder.exists():
        return f"deleted {folder}"
    left = ", ".join(sorted(entry.name for entry in folder.iterdir()))
    return f"deleted all that the platform kept in {folder}; {f'left there: {left}' if left else 'it is empty'}"
