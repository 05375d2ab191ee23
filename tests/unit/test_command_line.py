"""The program as a whole."""

from __future__ import annotations

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
