"""The program as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streams import cli
from streams.settings import STORES


@pytest.mark.parametrize("command", ["topics", "report", "dead-letters list", "worker"])
def test_a_wrong_setting_is_told_whatever_the_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FINEACERS_PARTITIONS", "abc")
    monkeypatch.setattr(sys, "argv", ["fineacers", *command.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "FINEACERS_PARTITIONS: Input should be a valid integer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "server"),
    [
        (["sink", "postgres", "--rebuild"], "PostgreSQL at 127.0.0.1:1"),
        (["sink", "clickhouse", "--rebuild"], "ClickHouse"),
        (["migrate"], "PostgreSQL at 127.0.0.1:1"),
    ],
)
def test_a_store_that_does_not_answer_is_told(
    command: list[str], server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_topics(*_: Any) -> list[str]:
        return []

    monkeypatch.setattr("streams.cli.migrate.migrate_topics", no_topics)
    environment = {
        "STATE_DIR": str(tmp_path), "KAFKA_BOOTSTRAP": "127.0.0.1:1", "CLICKHOUSE_URL": "http://127.0.0.1:1",
        "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1", "POSTGRES_ADMIN_PASSWORD": "x",
        **{f"{store.upper()}_SINK_PASSWORD": "x" for store in STORES}, "POSTGRES_READER_PASSWORD": "x",
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(f"FINEACERS_{name}", value)
    result = CliRunner().invoke(cli.command_line([command[0]]), command)
    assert result.exit_code == 2, result.exception
    assert server in result.stderr


@pytest.mark.parametrize(
    "command", ["lead find --workspace acme email", "dead-letters list --reason", "replay --input"]
)
def test_an_argument_that_is_no_text_is_told_by_its_number(command: str) -> None:
    arguments = [*command.encode().split(), b"caf\xe9"]
    done = subprocess.run([sys.executable, "-m", "streams", *arguments], capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.decode() == f"argument {len(arguments)} is not UTF-8 text\n"
