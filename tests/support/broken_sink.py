"""A ClickHouse sink that ends between a block's insert and the word that it is done; and one that forgets its tokens.

python -m tests.support.broken_sink [--end] [--tokenless]
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Sequence
from typing import Any

from sinks.clickhouse.client import Client
from sinks.clickhouse.journal import Journal
from sinks.clickhouse.tables import TABLES
from sinks.delivery import Range
from streams.cli import main

insert = Client.insert
names = {table.name for table in TABLES.values()}


def without_token(self: Client, table: str, *block: Any) -> None:
    """Insert a block of records as if it were another one each time."""
    *what, token = block
    insert(self, table, *what, secrets.token_hex(8) if table in names else token)


def end(_self: Journal, _ranges: Sequence[Range]) -> None:
    """Die with the rows stored and nobody told."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if "--tokenless" in sys.argv:
        Client.insert = without_token  # type: ignore[method-assign]
    if "--end" in sys.argv:
        Journal.finish = end  # type: ignore[method-assign]
    sys.argv = ["fineacers", "sink", "clickhouse"]
    main()
