"""A worker of a counter stage, as a process of its own that schedules may kill, freeze and start again.

python -m tests.chaos.worker COUNTER STATE_DIR BOOTSTRAP [faust]     with a Trouble in the environment, if any
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path

from streams.engine.engine import Engine
from streams.engine.faults import EngineFault, Fenced, Stopped
from streams.engine.metrics import Metrics
from streams.settings import read_settings
from tests.chaos.counter import Counter
from tests.chaos.trouble import install

SESSION_MS = 6_000
TRANSACTION_MS = 4_000
UNFENCED_MS = 60_000
"""A time-out that ends a silent member's transaction is a fence, too."""
STARTED = "counting"


def main(name: str, state_dir: str, bootstrap: str, way: str = "") -> int:
    """Run until SIGTERM, as ``fineacers worker`` does or without faust; 1 after a fault."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    trouble = install()
    settings = read_settings(state_dir=Path(state_dir), kafka_bootstrap=bootstrap, batch_records=200, tick_seconds=0.2)
    stage = Counter(name).stage
    key = b"k" * 32
    try:
        if way == "faust":
            from streams.engine.worker import run

            logging.info(STARTED)
            run((stage,), (stage,), settings, key)
            return 0
        stopping = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        logging.info(STARTED)
        while True:
            engine = Engine(
                stage,
                (stage,),
                settings,
                key,
                Metrics(),
                stopping=stopping,
                session_ms=SESSION_MS,
                transaction_ms=UNFENCED_MS if trouble.broken == "no-fencing" else TRANSACTION_MS,
            )
            try:
                engine.run()
            except Fenced as why:
                logging.warning("begins anew: %s", why)
            else:
                return 0
    except Stopped:
        return 0
    except EngineFault as fault:
        logging.error("%s", fault)
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
