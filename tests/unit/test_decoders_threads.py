"""What threads decode by is made before they begin (DECISIONS 28): the race itself is too rare to wait for."""

from __future__ import annotations

import re
from pathlib import Path

import streams

DECODES_BY_TYPE = re.compile(r"msgspec\.\w+\.decode\([^)]*\btype=")


def test_nothing_that_threads_run_makes_a_decoder_where_it_decodes() -> None:
    found = [path.name for path in Path(streams.__path__[0]).rglob("*.py") if DECODES_BY_TYPE.search(path.read_text())]
    assert found == []
