"""`fineacers effects`: ask the outside world what the platform wants of it."""

from __future__ import annotations

import logging
import signal

from streams.cli.fail import fail
from streams.effects.metrics import Metrics, serve
from streams.effects.webhook import Webhooks
from streams.effects.worker import Effects
from streams.engine.faults import EngineFault, Stopped
from streams.settings import SettingsError, load_settings


def effects() -> None:
    """Post to webhooks what the platform wants people to hear, until SIGTERM; ends with 2 after a fault.

    Webhooks are named in FINEACERS_WEBHOOKS, a JSON object of names and addresses; a workspace's policy says by name
    which of them reviewers and sales read ("webhooks"). Posts are signed with FINEACERS_WEBHOOK_SIGNING_KEY. What
    may have been taken is never posted twice: what became of it is in the table effects of PostgreSQL.

    Examples:

        FINEACERS_WEBHOOKS='{"acme-sales": "https://hooks.example.com/services/…"}' fineacers effects
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = load_settings("kafka")
        metrics = Metrics()
        worker = Effects(settings, {"webhook": Webhooks(settings)}, metrics)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        if settings.metrics_port is not None:
            serve(metrics, lambda: worker.ready, settings.metrics_port)
        worker.run()
    except Stopped as why:
        logging.warning("effects: %s", why)
    except (EngineFault, SettingsError) as error:
        fail(str(error))
