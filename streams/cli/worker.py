"""`fineacers worker`: run stages."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from streams.cli.fail import fail
from streams.engine.faults import EngineFault
from streams.settings import SettingsError, identity_key, load_settings
from streams.topology import topology


def worker(
    stages: Annotated[
        list[str] | None, typer.Argument(help="Stages to run, default all; `fineacers topology` lists them.")
    ] = None,
) -> None:
    """Run stages of the platform until SIGTERM, exactly once each record; ends with 2 after a fault.

    Any number of workers may run the same stage, on one machine or many: they share its partitions.

    Examples:

        fineacers worker

        fineacers worker intake resolve
    """
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
