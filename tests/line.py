"""The whole line in a folder of its own: servers, stages and sinks as `fineacers up` starts them, each killable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from streams.cli import command_line
from streams.local.state import StateFolder
from streams.settings import Settings, read_settings

_RESTARTED_WITHIN = 60
PROCESSES = ("worker-1", "worker-2", "effects", "sink-postgres", "sink-clickhouse")


class Line:
    """A running platform, reached as its users reach it: by the command line."""

    def __init__(self, folder: Path, partitions: int | None) -> None:
        self.folder = folder
        self._environment = {**os.environ, "FINEACERS_STATE_DIR": str(folder), "PYTHONFAULTHANDLER": "1"}
        if partitions is not None:
            self._environment["FINEACERS_PARTITIONS"] = str(partitions)

    @property
    def settings(self) -> Settings:
        """Where everything is."""
        return read_settings(state_dir=self.folder)

    def run(self, *arguments: str, given: str = "", expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in this process; ``expect`` its exit code (none: any)."""
        app = command_line([arguments[0]])
        result = CliRunner().invoke(app, list(arguments), input=given, env=self._environment)
        done = subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        if expect is not None and done.returncode != expect:
            raise AssertionError(
                f"{arguments} ended with {done.returncode}: {done.stdout[-2_000:]}{done.stderr[-4_000:]}"
            )
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            self._command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
            env=self._environment,
        )  # fmt: skip

    def process(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python module beside the platform, its output to be read."""
        return subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True, env=self._environment
        )

    def report(self) -> dict[str, Any]:
        """The report's figures; fails unless everything agrees."""
        found: dict[str, Any] = json.loads(self.run("report", "--json").stdout)
        assert found["reconciliation"]["differences"] == []
        return found

    def kill(self, process: str) -> int:
        """SIGKILL a process of the platform; its supervisor starts it again. Returns the pid that was."""
        pid = self.pid(process)
        os.kill(pid, signal.SIGKILL)
        return pid

    def pid(self, process: str) -> int:
        """The process that runs a service; where it has just ended, the one that takes its place."""
        deadline = time.monotonic() + _RESTARTED_WITHIN
        while (pid := self.status()[process]["pid"]) is None:
            assert time.monotonic() < deadline, f"nothing has taken its place: {self.log(process)}"
            time.sleep(0.05)
        return int(pid)

    def status(self) -> dict[str, Any]:
        """What the supervisor knows of each service."""
        return StateFolder(self.folder).status()

    def log(self, process: str) -> str:
        """Why a process last ended, and the end of what it wrote."""
        written = StateFolder(self.folder).log(process).read_text(errors="replace")
        return f"{process}: {self.status()[process]}\n{written[-4_000:]}"

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "streams", *arguments]


@contextmanager
def running_line(partitions: int | None = None) -> Iterator[Line]:
    """Start everything, yield it, stop everything and delete its data; with so many partitions of topics by key."""
    with tempfile.TemporaryDirectory(prefix="fineacers-line-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)  # PostgreSQL runs as another user and must get through
        line = Line(Path(name) / "state", partitions)
        try:
            line.run("up")
            yield line
        finally:
            line.run("down", "--delete-data", expect=None)
