"""The state folder: which one is ours, and what is deleted of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli import command_line
from streams.local import stack
from streams.local.state import LocalStackError, StateFolder
from streams.settings import STORES, identity_key, read_settings

CLOSED = 0o711 if os.geteuid() == 0 else 0o700


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")


def down(folder: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(command_line(["down"]), ["down", *options], env={"FINEACERS_STATE_DIR": str(folder)})
    return result.exit_code, result.output


def deployed(folder: Path) -> StateFolder:
    """A state folder with something of everything that the platform keeps."""
    state = StateFolder(folder)
    state.create()
    settings = read_settings(state_dir=folder)
    state.assign(settings, STORES)
    state.want(STORES)
    state.write("status.json", "{}")
    identity_key(settings)
    with state.supervising(), state.only_one("up"):
        pass
    put(folder, "logs/kafka.log", "kafka/data/x", "postgres/data/x", "clickhouse/x", "engine/lead/0/lock")
    put(folder, "demo/truth-1-2.json", ".status.json.4711", "identity.key.4711.0123abcd")
    return state


@pytest.mark.parametrize(
    "theirs",
    ["thesis.txt", ".git/config", "kafka/data/x", "engine/motor.txt", "demo/x.mp3", "status.json", "logs/x"],
)
def test_a_folder_with_something_else_in_it_is_refused_and_left_as_it_is(tmp_path: Path, theirs: str) -> None:
    put(tmp_path, theirs, "identity.key")  # that a command has drawn there changes nothing
    tmp_path.chmod(0o755)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(LocalStackError, match=r"has not put there \(.*\): set FINEACERS_STATE_DIR to a folder"):
        stack.start(read_settings(state_dir=tmp_path))
    assert mode(tmp_path) == 0o755
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "ours",
    [
        [],
        ["identity.key"],
        ["services.json"],
        ["identity.key", "engine/faust/x", "engine/lead/0/lock"],
        ["engine/effects/0/lock"],
        ["demo/truth-7-1000.json"],
    ],
)
def test_a_folder_that_only_other_parts_of_the_platform_have_used_is_ours(tmp_path: Path, ours: list[str]) -> None:
    put(tmp_path, *ours)
    StateFolder(tmp_path).create()
    assert mode(tmp_path) == CLOSED
    StateFolder(tmp_path).create()


def test_a_folder_of_an_earlier_version_is_ours_whatever_else_is_in_it(tmp_path: Path) -> None:
    put(tmp_path, "up.lock", "supervisor.lock", "status.json", "services.json", "kafka/data/x", "notes.txt")
    StateFolder(tmp_path).create()
    assert mode(tmp_path) == CLOSED


def test_all_that_is_ours_is_deleted_and_the_folder_with_it(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "state").path
    assert down(folder, "--delete-data") == (0, f"nothing was running\ndeleted {folder}\n")
    assert not folder.exists()


def test_what_is_not_ours_stays_and_is_named(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "state").path
    elsewhere = tmp_path / "elsewhere"
    put(tmp_path, "state/thesis.txt", "state/photos/x", "elsewhere/x")
    (folder / "engine" / "lead" / "0" / "lock").unlink()
    (folder / "engine" / "lead" / "0").rmdir()
    (folder / "engine" / "lead").rmdir()
    (folder / "engine").rmdir()
    (folder / "engine").symlink_to(elsewhere)
    code, told = down(folder, "--delete-data")
    assert code == 0
    assert told.endswith(f"deleted all that the platform kept in {folder}; left there: photos, thesis.txt\n")
    assert sorted(path.name for path in folder.rglob("*")) == ["photos", "thesis.txt", "x"]
    assert (elsewhere / "x").exists(), "a link is deleted, not what it leads to"


def test_deleting_refuses_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    put(tmp_path, "precious", "status.json", "kafka/x")
    code, told = down(tmp_path, "--delete-data")
    assert code == 1
    assert "was not made by" in told
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["kafka", "precious", "status.json", "x"]
