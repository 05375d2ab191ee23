"""`make chaos`: the schedules, again and again with fresh seeds.

python -m tests.chaos                                 every schedule, three rounds
python -m tests.chaos kills frozen --rounds 20        some of them, longer
python -m tests.chaos kills --seed 7 --rounds 1       one again
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.schedules import MORE, SCHEDULES, run
from tests.stack import local_stack


def main() -> int:
    """Run schedules one after the other; 1 when one of them left something not exact."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Seeded schedules of trouble.")
    parser.add_argument("schedules", nargs="*", choices=[*SCHEDULES, *MORE, []], help="default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="of the first round; the next ones count on from it")
    chosen = parser.parse_args()
    first = chosen.seed if chosen.seed is not None else secrets.randbelow(10**9)
    failed = 0
    with local_stack("kafka") as settings:
        for seed in range(first, first + chosen.rounds):
            for name in chosen.schedules or (*SCHEDULES, *MORE):
                again = f"python -m tests.chaos {name} --seed {seed} --rounds 1"
                began = time.monotonic()
                with tempfile.TemporaryDirectory() as folder:
                    try:
                        run(name, settings, Path(folder), seed)
                    except Exception as error:
                        failed += 1
                        sys.stdout.write(f"NOT EXACT {name}: {error}\n  again: {again}\n")
                    else:
                        sys.stdout.write(f"exact  {name:15} {time.monotonic() - began:5.1f} s   {again}\n")
                sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
