"""Where commands print."""

import os

from rich.console import Console

_PIPED_COLUMNS = 160


def printer() -> Console:
    """Standard output. Into a pipe or a file a table keeps its width: nobody's screen is a reason to fold its words.

    Brackets are text: names of campaigns and people are printed as they are.
    """
    console = Console(markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_COLUMNS
    return console
