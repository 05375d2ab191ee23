"""Path files: what is read, and what a bad one says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streams.cli import command_line
from streams.sources.files import UnreadableFileError
from streams.sources.paths import read_paths

HEADER = "path,total_conversions,total_conversion_value,total_null\n"
ROWS = HEADER + "search > email,2,10.5,1\nemail,1,4,0\n"


def _written(folder: Path, content: str | bytes) -> Path:
    path = folder / "paths.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_usual_delimiter_is_seen(tmp_path: Path, delimiter: str) -> None:
    paths = read_paths(_written(tmp_path, ROWS.replace(",", delimiter)))
    assert paths.channels == ("search", "email")
    assert paths.touches.tolist() == [0, 1, 1]
    assert paths.starts.tolist() == [0, 2, 3]
    assert (paths.conversions.tolist(), paths.value.tolist(), paths.nulls.tolist()) == ([2, 1], [10.5, 4], [1, 0])


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    assert read_paths(_written(tmp_path, "\ufeff" + ROWS)).channels == ("search", "email")


def test_columns_may_be_missing_packed_and_more(tmp_path: Path) -> None:
    content = gzip.compress(b"id;total_conversions;path\n1;3;a > b\n", mtime=0)
    paths = read_paths(_written(tmp_path, content))
    assert (paths.conversions.tolist(), paths.value.tolist(), paths.nulls.tolist()) == ([3], [0], [0])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "empty"),
        ("a,b\n1,2\n", "no column path, total_conversions; there are a, b"),
        (HEADER, "a header and no rows"),
        (HEADER + "a,0,0,0\nb,0,0,0\n", "no row has a journey: total_conversions"),
        ("path,total_conversions\na,0\n", "no row has a journey: total_conversions"),
        (HEADER + "a,x,1,0\n", "conversion error"),
        (HEADER + "a,-1,1,0\n", "row 1: total_conversions must be a number of 0 or more"),
        (HEADER + "a,1,1,0\na >  > b,1,1,0\n", "row 2 has an empty channel"),
        (HEADER + ",1,1,0\n", "row 1 has an empty channel"),
        (HEADER + "a,1\n", "Expected 4 columns"),
        (gzip.compress(ROWS.encode(), mtime=0)[:-9], "paths.csv"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, content: str | bytes, told: str) -> None:
    with pytest.raises(UnreadableFileError, match=told):
        read_paths(_written(tmp_path, content))


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command_line(["attribute"]), ["attribute", *arguments])


def test_the_command_prints_tables_json_and_a_picture(tmp_path: Path) -> None:
    path, picture = _written(tmp_path, ROWS), tmp_path / "credit.png"
    shown = _run(str(path), "--png", str(picture))
    assert shown.exit_code == 0, shown.output
    assert "4 journeys in 2 rows, 75.00% converted" in shown.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    form = json.loads(_run(str(path), "--models", "last,linear", "--json").stdout)
    assert form == {
        "last": {"search": {"conversions": 0, "value": 0}, "email": {"conversions": 3, "value": 14.5}},
        "linear": {"search": {"conversions": 1, "value": 5.25}, "email": {"conversions": 2, "value": 9.25}},
    }


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    done = _run(str(_written(tmp_path, ROWS)), "--models", "last,astrology")
    assert done.exit_code == 2
    assert "no model astrology; there are first, last" in done.stderr


def test_a_file_without_journeys_is_refused(tmp_path: Path) -> None:
    done = _run(str(_written(tmp_path, HEADER + "a > b,0,0,0\n")), "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no row has a journey" in done.stderr


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done = _run(str(_written(tmp_path, ROWS)), "--png", str(tmp_path / "none" / "credit.png"))
    assert done.exit_code == 2
    assert "--png: No such file or directory" in done.stderr and "credit.png" in done.stderr
