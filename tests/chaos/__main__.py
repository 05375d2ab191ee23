"""`make chaos`: the schedules, again and again with fresh seeds.

python -m tests.chaos                                     every schedule once, about ten minutes
python -m tests.chaos --schedule kills --runs 20          one of them, longer
python -m tests.chaos --schedule kills --seed 7 --runs 1  one run again
python -m tests.chaos --broken all                        engines with a planted breakage: each must be caught
"""

from __future__ import annotations

import argparse
import logging
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter as Tallied
from collections import defaultdict
from pathlib import Path

from streams.settings import Settings
from tests.chaos.broken import BROKEN, caught
from tests.chaos.lab import NotExact
from tests.chaos.schedules import LINES, MORE, SCHEDULES, run
from tests.stack import local_stack

ALL = (*SCHEDULES, *MORE, *LINES)


def main() -> int:
    """Run schedules one after the other; 1 when one of them left something not exact."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Seeded schedules of trouble.")
    parser.add_argument("--runs", type=int, default=1, help="of each schedule (default: 1)")
    parser.add_argument("--seed", type=int, help="of the first run; the next ones count on from it")
    parser.add_argument("--schedule", action="append", choices=ALL, help="may be given again; default: all")
    parser.add_argument("--broken", choices=[*BROKEN, "all"], help="run an engine that is broken on purpose")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)  # clients complain of what was done to their brokers
    with local_stack("kafka") as settings:
        if chosen.broken:
            names = list(BROKEN) if chosen.broken == "all" else [chosen.broken]
            missed = [name for name in names if not _caught(name, settings, chosen.seed or 0)]
            return 1 if missed else 0
        first = chosen.seed if chosen.seed is not None else secrets.randbelow(10**9)
        table = Table()
        for seed in range(first, first + chosen.runs):
            for name in chosen.schedule or ALL:
                table.add(name, seed, settings)
    table.show()
    return 1 if table.failed else 0


class Table:
    """What was struck, and how it ended."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self._struck: Tallied[str] = Tallied()
        self._runs: defaultdict[str, Tallied[bool]] = defaultdict(Tallied)
        """Fault or schedule → exact or not → runs."""

    def add(self, name: str, seed: int, settings: Settings) -> None:
        """One run more."""
        began = time.monotonic()
        again = f"python -m tests.chaos --schedule {name} --seed {seed} --runs 1"
        struck: Tallied[str] = Tallied()
        problem = ""
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        try:
            run(name, settings, folder, seed, struck)
        except Exception as error:
            place = "" if isinstance(error, NotExact) else f"\n  {traceback.extract_tb(error.__traceback__)[-1]}"
            # kept: stores, logs, and brokers of its own
            problem = f"{type(error).__name__}: {error}{place}\n  kept: {folder}"
            self.failed.append(again)
        else:
            shutil.rmtree(folder)
        for row in (name, *struck):
            self._runs[row][not problem] += 1
        self._struck.update(struck)
        _say(f"{'NOT EXACT' if problem else 'exact    '} {name:15} {time.monotonic() - began:5.1f} s   {again}")
        if problem:
            _say(f"  {problem}")

    def show(self) -> None:
        """The counts by fault and by schedule, and the commands that repeat what failed."""
        _say(f"\n{'':40} {'struck':>8} {'exact':>8} {'not exact':>10}")
        for row in sorted(self._runs, key=lambda row: (row not in self._struck, row)):
            exact, not_exact = self._runs[row][True], self._runs[row][False]
            times = self._struck.get(row, "")
            label = row if row in self._struck else f"schedule {row}"
            _say(f"{label:40} {times:>8} {exact:>8} {not_exact:>10}")
        for again in self.failed:
            _say(f"again: {again}")


def _caught(name: str, settings: Settings, seed: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        why = caught(name, settings, Path(folder), seed)
    _say(f"{'caught    ' if why else 'NOT CAUGHT'} {name:15} {why or 'everything was exact'}")
    return bool(why)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
