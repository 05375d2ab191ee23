"""Each folder of ``cases`` is a history: what goes in, and all that must come out, to the byte.

A case is run whole, and with every record in a transaction of its own or all in one (`tests/property` interleaves).
To accept new outputs after reading them as a diff: ``pytest tests/golden --update-golden``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.events.base import instant
from streams.replay import published, replay
from streams.topology import topology

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
KEY = bytes(range(32))
UNTIL = instant("2026-07-01T00:00:00Z")


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_case(case: Path, request: pytest.FixtureRequest) -> None:
    lines = (case / "in.jsonl").read_text().splitlines()
    found = published(replay(topology(KEY), lines, UNTIL))
    texts = {topic: "".join(json.dumps(value) + "\n" for value in values) for topic, values in found.items()}
    if request.config.getoption("--update-golden"):
        (case / "out").mkdir(exist_ok=True)
        for topic, text in texts.items():
            (case / "out" / f"{topic}.jsonl").write_text(text)
    expected = {path.stem: path.read_text() for path in (case / "out").glob("*.jsonl")}
    assert texts == expected
