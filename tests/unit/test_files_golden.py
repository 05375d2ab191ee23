"""Each folder ``golden/import_<mapping>``: a small file, and all facts and dead letters that it must become.

To accept new outputs after reading them as a diff: ``pytest tests/unit/test_files_golden.py --update-golden``.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode
from streams.sources.files import opened, rows
from streams.sources.imports import Tally, door_of, publications
from streams.sources.json_events import to_json
from streams.sources.mapping import load_mapping

CASES = sorted((Path(__file__).parents[1] / "golden").glob("import_*"))
NOW = 1_769_889_600_000_000
FIRST_OF_ROW: dict[str, Callable[[dict[str, Any]], bool]] = {
    "import_hotel_bookings": lambda form: form["revision"] == 1,
    "import_x_education_leads": lambda form: form["type"] == "LeadCaptured",
}
"""Which of the facts is a row's first, one in every row that becomes facts."""


def _outcome(case: Path) -> tuple[list[dict[str, Any]], Tally]:
    path, mapping, tally = case / "in.csv", load_mapping(case.name.removeprefix("import_")), Tally()
    with opened(path) as file:
        records = list(publications(mapping, rows(mapping, file.content, path), door_of(path, "import", NOW), tally))
    return [{"topic": topic, "key": key, **to_json(decode(value).message)} for topic, key, value in records], tally


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_becomes_exactly_these_facts_and_dead_letters(case: Path, request: pytest.FixtureRequest) -> None:
    found = "".join(json.dumps(form) + "\n" for form in _outcome(case)[0])
    golden = case / "out.jsonl"
    if request.config.getoption("--update-golden", default=False):
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_row_is_counted_once(case: Path) -> None:
    forms, tally = _outcome(case)
    letters = [form for form in forms if form["type"] == "DeadLettered"]
    assert tally.refused.total() == len(letters)
    assert tally.facts.total() == len(forms) - len(letters)
    first = [form for form in forms if form["type"] != "DeadLettered" and FIRST_OF_ROW[case.name](form)]
    assert tally.rows == len(letters) + len(first)
