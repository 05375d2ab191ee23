"""The lock of a PostgreSQL that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from streams.local.postgres import unlock


def test_the_lock_of_a_dead_server_is_removed_before_its_end_is_noted(tmp_path: Path) -> None:
    lock = tmp_path / "postmaster.pid"
    with subprocess.Popen(["sleep", "60"]) as server:
        lock.write_text(f"{server.pid}\n{tmp_path}\n")
        unlock(tmp_path)
        assert lock.exists()  # it runs
        server.kill()
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
        unlock(tmp_path)
        assert not lock.exists()
    assert server.returncode == -signal.SIGKILL


def test_other_locks_are_left_to_postgres(tmp_path: Path) -> None:
    unlock(tmp_path)
    (tmp_path / "postmaster.pid").write_text("4194305\n")  # more than any process has
    unlock(tmp_path)
    assert (tmp_path / "postmaster.pid").exists()
