"""Reading files of rows: one bad row never takes its neighbours along, and an unreadable file says why."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from streams.sources import files
from streams.sources.files import Row, UnreadableFileError, opened, rows
from streams.sources.mapping import Mapping, RowError, compiled_mapping


def _mapping(form: str = "csv", **more: Any) -> Mapping:
    return compiled_mapping(
        {
            "name": "spend_file",
            "format": form,
            "key": "campaign",
            "events": [
                {
                    "type": "SpendReported",
                    "fields": {
                        "region": {"const": "UAE"},
                        "occurred_at": {"instant": {"day": "day"}, "at": "20:00"},
                        "campaign_id": "campaign",
                        "channel": {"const": "search"},
                        "day": {"day": "day"},
                        "revision": {"const": 1},
                        "amount_minor": {"minor": "cost", "currency": "AED"},
                        "currency": {"const": "AED"},
                    },
                }
            ],
            **more,
        }
    )


def _read(content: bytes, tmp_path: Path, mapping: Mapping | None = None) -> list[Row]:
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    with opened(path) as file:
        return list(rows(mapping or _mapping(), file.content, path))


def _outcomes(found: list[Row]) -> list[Any]:
    """Columns are read in the order of their first mention: campaign, day, cost."""
    return [row.cells.reason if isinstance(row.cells, RowError) else tuple(row.cells) for row in found]


HEADER = b"day,campaign,ignored,cost\n"
GOOD = b"2026-01-31,c1,x,12.50\n"
READ = ("c1", "2026-01-31", "12.50")


def test_columns_are_found_by_name_and_rows_keep_their_bytes(tmp_path: Path) -> None:
    (row,) = _read(HEADER + GOOD, tmp_path)
    assert row.number == 1
    assert row.raw == GOOD
    assert tuple(row.cells) == READ if not isinstance(row.cells, RowError) else False


@pytest.mark.parametrize("header", [HEADER, b'"day","campaign","ignored","cost"\n'], ids=["bare", "quoted"])
def test_byte_order_mark_blank_lines_and_windows_line_ends_do_not_matter(header: bytes, tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + header + b"\n" + GOOD + b"\n  \n" + GOOD
    found = _read(content.replace(b"\n", b"\r\n"), tmp_path)
    assert _outcomes(found) == [READ, READ]
    assert [row.number for row in found] == [1, 2]


def test_gzip_is_recognised_by_content_and_position_is_that_of_the_stored_file(tmp_path: Path) -> None:
    path = tmp_path / "not-named-gz.csv"
    path.write_bytes(gzip.compress(HEADER, mtime=0) + gzip.compress(GOOD))  # two members, as when files are appended
    with opened(path) as file:
        assert _outcomes(list(rows(_mapping(), file.content, path))) == [READ]
        assert file.position() == file.size == path.stat().st_size


def test_another_delimiter_is_the_mappings_business(tmp_path: Path) -> None:
    content = (HEADER + GOOD).replace(b",", b";")
    assert _outcomes(_read(content, tmp_path, _mapping(delimiter=";"))) == [READ]


def test_a_bad_row_takes_no_neighbour_along(tmp_path: Path) -> None:
    bad = [
        (b'2026-01-31,"never closed,x,1\n', "bad_csv"),
        (b'2026-01-31,"closed"wrongly,x,1\n', "bad_csv"),
        (b"2026-01-31,c1\n", "missing_column"),
        (b"2026-01-31,c1,x,1,2\n", "extra_column"),
    ]
    content = HEADER + b"".join(line + GOOD for line, _ in bad)
    found = _read(content, tmp_path)
    assert _outcomes(found) == [outcome for _, reason in bad for outcome in (reason, READ)]
    assert [row.number for row in found] == list(range(1, 9))
    assert b"".join(row.raw for row in found) == content.removeprefix(HEADER)


def test_an_unclosed_quote_that_meets_a_later_quote_costs_only_its_own_row(tmp_path: Path) -> None:
    quoted = b'2026-01-31,"c1","x, y",12.50\n'
    content = HEADER + b'2026-01-31,"oops,x,1\n' + GOOD * 3 + quoted + GOOD
    assert _outcomes(_read(content, tmp_path)) == ["bad_csv", READ, READ, READ, READ, READ]


def test_a_quoted_line_break_is_part_of_its_row(tmp_path: Path) -> None:
    row = b'2026-01-31,c1,"two\nlines",12.50\n'
    (found,) = _read(HEADER + row, tmp_path)
    assert found.raw == row
    assert _outcomes([found]) == [READ]


def test_a_row_that_is_too_long_is_refused_and_its_beginning_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_ROW_BYTES", 100)
    monkeypatch.setattr(files.line_of, "__defaults__", (100,))
    long = b"2026-01-31,c1," + b"x" * 1_000 + b",1\n"
    found = _read(HEADER + long + GOOD, tmp_path)
    assert _outcomes(found) == ["too_large", READ]
    assert found[0].raw == long[:101]


def test_a_cell_longer_than_csv_allows_is_refused(tmp_path: Path) -> None:
    assert _outcomes(_read(HEADER + b"2026-01-31,c1," + b"x" * 200_000 + b",1\n" + GOOD, tmp_path)) == ["bad_csv", READ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n\n", "missing columns: campaign, day, cost"),
        (b"day,campaign\n2026-01-31,c1\n", "missing columns: cost. The first line has 'day', 'campaign'"),
        (HEADER.replace(b",", b";") + GOOD, "separated by ','"),
        (b"day,campaign,day,cost\n" + GOOD, "named more than once: day"),
        (b'"day,campaign,ignored,cost\n', "no CSV header"),
        (b"%PDF-1.7\n\x00\x01\x02", "missing columns"),
        (",".join(f"c{n}" for n in range(1_001)).encode() + b"\n", "1,001 columns"),
        (gzip.compress(HEADER + GOOD, mtime=0)[:-9], "damaged gzip"),
        (gzip.compress(HEADER + GOOD, mtime=0) + b"rubbish", "damaged gzip"),
        (b"\x1f\x8b\x08" + b"\x00" * 30, "damaged gzip"),
    ],
)
def test_an_unreadable_file_says_why(content: bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as failure:
        _read(content, tmp_path)
    assert told in str(failure.value)
    assert "in.csv" in str(failure.value)


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    for path, told in ((tmp_path / "none.csv", "No such file"), (tmp_path, "directory")):
        with pytest.raises(UnreadableFileError, match=told), opened(path):
            pass


def test_rows_before_the_damage_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    import random

    noise = random.Random(1)
    many = b"".join(b"2026-01-31,c%d,x,%d\n" % (n, noise.randrange(10**9)) for n in range(20_000))
    path.write_bytes(gzip.compress(HEADER + many, mtime=0)[:-50])
    read = []
    with pytest.raises(UnreadableFileError, match="damaged gzip"), opened(path) as file:
        for row in rows(_mapping(), file.content, path):
            read.append(row.number)
    assert len(read) > 10_000


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        json.dumps({"day": "2026-01-31", "campaign": "c1", "cost": 12.5, "more": [1]}).encode(),
        b'{"day": "2026-01-31", "campaign": 7, "cost": 0.10000000000000000001}',
        b'{"day": null, "campaign": true}',
        b"",
        b"[1]",
        b"{",
        b'{"day": {"y": 2026}, "campaign": "c1", "cost": 1}',
        b'{"day": "\xff"}',
        b"[" * 100_000,
        b'{"day": "2026-01-31", "campaign": "c1", "cost": NaN}',
        b'{"day": "2026-01-31", "campaign": "c1", "cost": 1, "more": [-Infinity]}',
        b'{"day": "2026-01-31", "campaign": "c2", "cost": 1}',
    ]
    found = _read(b"\n".join(lines), tmp_path, _mapping("jsonl"))
    assert _outcomes(found) == [
        ("c1", "2026-01-31", "12.5"),
        ("7", "2026-01-31", "0.10000000000000000001"),
        ("true", None, None),
        "bad_json",
        "bad_json",
        "bad_value",
        "invalid_utf8",
        "bad_json",
        "bad_json",
        "bad_json",
        ("c2", "2026-01-31", "1"),
    ]
    assert found[1].raw == lines[1] + b"\n"
