"""Break the rules that matter, one at a time, and see that a test notices: ``make mutants``.

Each mutant is a change of source in a copy of the tree, under which the fast tests run until one fails. A mutant that
survives is a rule that no test holds; one whose text is not found must follow the code that it breaks.
Names of mutants as arguments run those alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants import MUTANTS
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("schemas", "models", "processors", "sinks", "streams", "tests")
UNIT = (
    "partitioner", "identity", "intake", "resolve", "profile", "score", "advance", "path", "hot_lead", "bundles",
    "count", "journey", "identities", "identities_logins", "identities_moves", "identities_bounds",
    "sightings", "identity_sweep",
    "hold", "post", "close", "flag", "settle", "measure", "learned", "solve",
    "stage", "partition", "driver", "topology", "zones", "windows", "words", "gate",
    "gate_under_way", "gate_identity",
    "point", "approve", "nurture", "erasure", "moves", "tell", "effects", "effects_worker", "unsubscribe", "gateway",
    "gateway_approval", "delivery", "sinks_runner", "transaction",
)  # fmt: skip
PROPERTY = (
    "money", "attribution", "standing", "hot_lead", "learning", "journeys", "ledger_laws", "campaign_laws", "line_law",
    "log_law", "purity", "identity_laws", "windows_laws", "gate_laws",
    "sequences_laws", "delivery", "transcode",
)  # fmt: skip
TESTS = [f"tests/unit/test_{name}.py" for name in UNIT] + [f"tests/property/test_{name}.py" for name in PROPERTY]

WHOLE = Mutant("models/money.py", "def apportion(", "def apportion(")
"""Breaks nothing, so it must survive: else the tests fail of themselves and kill nobody."""


def fate(mutant: Mutant) -> str:
    """``killed`` with the test that did it, or ``SURVIVED``, or what is wrong with the mutant itself."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for part in COPIED:
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        source = (tree / mutant.file).read_text()
        if source.count(mutant.was) != 1:
            return f"BROKEN: its text stands {source.count(mutant.was)} times in {mutant.file}"
        (tree / mutant.file).write_text(source.replace(mutant.was, mutant.now))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *TESTS]
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode == 0:
        return "SURVIVED"
    if done.returncode != 1 or not failed or "Error while" in done.stdout:
        return f"BROKEN: the tests did not run:\n{done.stdout[-2000:]}{done.stderr[-1000:]}"
    return "killed by " + failed[0].split(" - ")[0].removeprefix("FAILED ")


def main(names: list[str]) -> int:
    """Print the fate of each mutant; 0 when all were killed."""
    chosen = names or list(MUTANTS)
    if unknown := set(chosen) - set(MUTANTS):
        print(f"no mutant is called {sorted(unknown)[0]!r}; there are:", *sorted(MUTANTS), sep="\n  ")  # noqa: T201
        return 2
    if (unbroken := fate(WHOLE)) != "SURVIVED":
        print(f"the tests do not pass as it is: {unbroken}")  # noqa: T201
        return 1
    alive = 0
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2 + 1)) as pool:
        for name, told in zip(chosen, pool.map(lambda name: fate(MUTANTS[name]), chosen), strict=True):
            alive += not told.startswith("killed")
            print(f"{name}: {told}", flush=True)  # noqa: T201
    print(f"{len(chosen) - alive} of {len(chosen)} killed")  # noqa: T201
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
