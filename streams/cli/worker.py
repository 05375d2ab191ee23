"""`fineacers worker`: run stages."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from streams.cli.fail import fail
from streams.engine.faults import EngineFault
from streams.local.supervise import die_with_parent
from streams.settings import SettingsError, identity_key, load_settings
from streams.topology import topology


def worker(
    stages: Annotated[
        list[str] | None, typer.Argument(help="Stages to run, default all; `fineacers topology` lists them.")
    ] = None,
    slots: Annotated[
        int, typer.Option(min=1, max=64, help="How many processes, each with its share of partitions.")
    ] = 1,
) -> None:
    """Run stages of the platform until SIGTERM, exactly once each record; ends with 2 after a fault.

    Any number of workers may run the same stage, on one machine or many: they share its partitions. More processes
    than an inbox has partitions (FINEACERS_PARTITIONS) leave the rest standing by.

    Examples:

        fineacers worker

        fineacers worker intake resolve

        fineacers worker lead --slots 2
    """
    if slots > 1:
        raise typer.Exit(_side_by_side([sys.executable, "-m", "streams", "worker", *(stages or ())], slots))
    # Importing faust takes a moment that other commands need not wait for.
    from streams.engine import worker as glue  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for noisy in ("faust", "mode", "aiokafka", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        settings = load_settings("kafka")
        key = identity_key(settings)
        known = topology(key)
        unknown = set(stages or ()) - {stage.name for stage in known}
        if unknown:
            fail(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(stage.name for stage in known)}")
        chosen = [stage for stage in known if not stages or stage.name in stages]
        glue.run(chosen, known, settings, key)
    except (EngineFault, SettingsError) as error:
        fail(str(error))


def _side_by_side(command: Sequence[str], count: int) -> int:
    """Run a command so many times until SIGTERM, or until one of them ends: then all are stopped.

    Returns:
        The exit code of the first that ended.
    """
    children: list[subprocess.Popen[bytes]] = []

    def stop(*_: object) -> None:
        for child in children:
            child.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    tied = die_with_parent(os.getpid(), signal.SIGTERM)
    children += (subprocess.Popen(command, preexec_fn=tied) for _ in range(count))  # noqa: PLW1509, S603 - our own
    ended, status = os.wait()
    stop()
    for child in children:
        if child.pid != ended:
            child.wait()
    return os.waitstatus_to_exitcode(status)
