"""What documents, help and messages name is there: commands and their options, settings, files, targets of make."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from schemas.topics import TOPICS
from streams.cli import command_line
from streams.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "DECISIONS.md")]
FILES = [ROOT / name for name in ("docker-compose.yml", "infra/env.example", "Makefile")]
PACKAGES = ("schemas", "models", "processors", "sinks", "streams")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]

PROGRAM = typer.main.get_command(command_line())
_CALL = re.compile(r"\bfineacers ([a-z](?:[^`#|<\n]|\n(?!\s*\n|\s*fineacers ))*)")
"""The program with what follows it, to the end of the quotation, of the command or of the paragraph."""


def texts(path: Path) -> Iterator[str]:
    """The texts of a file: a document as a whole, a program's strings one by one, what is put into them as X."""
    if path.suffix != ".py":
        yield path.read_text()
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def unknown(call: str) -> str | None:
    """What of a call of the program is not there."""
    command: Any = PROGRAM
    words = call.split()
    while words and hasattr(command, "commands") and re.fullmatch("[a-z-]+", words[0]):
        if words[0] not in command.commands:
            return words[0]
        command = command.commands[words.pop(0)]
    known = {"--help", *(option for parameter in command.params for option in parameter.opts)}
    return next((word for word in words if word.startswith("--") and word not in known), None)


@pytest.mark.parametrize("path", [*DOCUMENTS, *FILES, *SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_option_that_is_named_is_there(path: Path) -> None:
    calls = [call for text in texts(path) for call in _CALL.findall(text)]
    assert not {call: missing for call in calls if (missing := unknown(call))}


def test_what_is_not_there_is_seen() -> None:
    assert unknown("policy apply") == "policy"
    assert unknown("lead forget LEAD") == "forget"
    assert unknown("report --at 2026-01-31") == "--at"
    assert unknown("lead show LEAD --json") is None
    assert len([call for path in SOURCES for text in texts(path) for call in _CALL.findall(text)]) > 100


def test_every_place_that_is_named_is_there() -> None:
    place = re.compile(rf"\b({'|'.join(map(re.escape, TOPICS))}):(\d+):\d+\b")
    named = {found for path in (*DOCUMENTS, *SOURCES) for found in place.findall(path.read_text())}
    assert named and not [(topic, number) for topic, number in named if int(number) >= TOPICS[topic].count(None)]


def test_every_setting_that_is_named_is_there() -> None:
    named = {
        name for path in (*DOCUMENTS, *FILES, *SOURCES) for name in re.findall(PREFIX + "[A-Z_]+", path.read_text())
    }
    assert len(named) > 10
    assert {name.removeprefix(PREFIX).lower() for name in named - {PREFIX}} <= set(Settings.model_fields)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_and_target_that_is_named_is_there(path: Path) -> None:
    text = path.read_text()
    named = re.findall(rf"`((?:{'|'.join(PACKAGES)}|infra|tests)/[\w./*-]*)`", text)
    assert named and not [name for name in named if not list(ROOT.glob(name.rstrip("/")))]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    made = re.findall(r"(?:`|^)make (?:PYTHON=\S+ )?([a-z-]+)", text, re.MULTILINE)
    assert set(made) <= set(targets)
