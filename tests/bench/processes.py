"""What processes of this machine take, children included; a process that ends meanwhile takes nothing."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_ESTABLISHED = "01"
_GONE = (FileNotFoundError, ProcessLookupError)
_NO_LEAK = re.compile(r"^/proc/|/base/\d+/\d+")


def cpu_seconds(pid: int) -> float:
    """CPU seconds so far."""
    return sum(_seconds(one) for one in family(pid))


def memory_bytes(pid: int) -> int:
    """Resident memory; what several processes share is divided among them, so that nothing counts twice."""
    return sum(_memory(one) for one in family(pid))


def open_files(pid: int) -> int:
    """Open file descriptors, sockets included.

    Not the views into /proc, of which ClickHouse keeps three per thread, nor the files of PostgreSQL's tables, which
    each of its processes keeps open once it has read or synced them, up to its ``max_files_per_process``.
    """
    return sum(_NO_LEAK.search(target) is None for one in family(pid) for target in _descriptors(one))


def connections(pid: int) -> int:
    """TCP connections that stand."""
    standing = _established(pid)
    return sum(target in standing for one in family(pid) for target in _descriptors(one))


def family(pid: int) -> list[int]:
    """A process and all that come of it."""
    found = [pid]
    with suppress(*_GONE):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def _seconds(pid: int) -> float:
    with suppress(*_GONE):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
    return 0.0


def _memory(pid: int) -> int:
    with suppress(*_GONE):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        return int(found[1]) * 1_024 if found else 0
    return 0


def _descriptors(pid: int) -> list[str]:
    """What each descriptor stands for."""
    targets: list[str] = []
    with suppress(*_GONE):
        for one in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(*_GONE):
                targets.append(str(one.readlink()))
    return targets


def _established(pid: int) -> set[str]:
    rows: list[list[str]] = []
    for table in ("tcp", "tcp6"):
        with suppress(*_GONE):
            rows += [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == _ESTABLISHED}
