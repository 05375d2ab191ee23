"""The port on which a worker that was given none tells its metrics."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.engine import worker
from streams.engine.faults import EngineFault

_FIRST = 12_000 + os.getpid() % 6_000
"""Not where the workers of this machine look."""
_ANOTHER = f"""
from streams.engine import worker
worker.FIRST_PORT = {_FIRST}
print(worker._free_port(), flush=True)
input()
"""


@pytest.fixture(autouse=True)
def _own_claims(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    claims: list[socket.socket] = []
    monkeypatch.setattr(worker, "_claims", claims)
    monkeypatch.setattr(worker, "FIRST_PORT", _FIRST)
    yield
    for claim in claims:
        claim.close()


def test_workers_that_look_at_once_find_ports_of_their_own_whatever_their_folders(tmp_path: Path) -> None:
    mine = worker._free_port()
    command, environment = [sys.executable, "-c", _ANOTHER], {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, text=True, stdin=-1, stdout=-1) as another:
        assert another.stdout is not None
        theirs = int(another.stdout.readline())
        assert len({mine, theirs, worker._free_port()}) == 3
        another.kill()
    with socket.create_server(("127.0.0.1", theirs)):
        assert worker._free_port() != theirs, "somebody else listens"
    assert worker._free_port() == theirs, "a claim ends with its process"


def test_nothing_that_lies_in_a_shared_folder_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    precious = tmp_path / "precious"
    precious.write_text("mine")
    trap = tmp_path / f"fineacers-ports-{os.getuid()}"
    trap.mkdir()
    for port in range(_FIRST, _FIRST + 100):
        (trap / str(port)).symlink_to(precious)
    worker._free_port()
    assert precious.read_text() == "mine"


def test_no_port_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(worker, "FIRST_PORT", server.getsockname()[1])
        monkeypatch.setattr(worker, "_PORTS", 1)
        with pytest.raises(EngineFault, match="no free port for metrics"):
            worker._free_port()
