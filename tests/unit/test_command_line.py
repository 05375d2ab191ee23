"""The program as a whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams import cli


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
    "command", ["lead find --workspace acme email", "dead-letters list --reason", "replay --input"]
)
def test_an_argument_that_is_no_text_is_told_by_its_number(command: str) -> None:
    arguments = [*command.encode().split(), b"caf\xe9"]
    done = subprocess.run([sys.executable, "-m", "streams", *arguments], capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.decode() == f"argument {len(arguments)} is not UTF-8 text\n"
