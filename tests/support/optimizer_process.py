"""An optimizer as a process that may be killed at any time: it takes changes, keeps its totals in a file, then commits.

python -m tests.support.optimizer_process FILE      ends when nothing has come for some seconds
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from confluent_kafka import Consumer

from schemas.codec import decode
from schemas.events.ledger import RevenueAttributed
from streams.kafka import consumer_config
from streams.settings import load_settings
from tests.support.optimizer import Cell, Held, Optimizer

TAKEN = "taken"
_FIRST_SECONDS, _QUIET_SECONDS = 20.0, 3.0


def totals(file: Path) -> dict[Cell, Held]:
    """What a file says of each cell; nothing before the first life."""
    held = msgspec.msgpack.decode(file.read_bytes(), type=list[tuple[tuple[str | int | None, ...], Held]])
    return dict(held)


def main(file: Path) -> None:
    """Take everything that comes, a few records at a time."""
    optimizer = Optimizer(totals(file) if file.exists() else None)
    config = consumer_config(load_settings(), "test.optimizer", "test.optimizer")
    own = {
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": True,
        "group.instance.id": "the optimizer",  # known by name, it is back at once after a kill
    }
    consumer = Consumer({**config, **own})
    consumer.subscribe(["revenue.attribution"])
    seen = False
    while messages := consumer.consume(10, _QUIET_SECONDS if seen else _FIRST_SECONDS):
        seen = True
        for message in messages:
            assert message.error() is None, message.error()
            change = decode(message.value() or b"").message
            assert isinstance(change, RevenueAttributed)
            optimizer.take(change)
        fresh = file.with_suffix(".new")
        fresh.write_bytes(msgspec.msgpack.encode(list(optimizer.held.items())))
        fresh.rename(file)
        sys.stdout.write(f"{TAKEN} {len(messages)}\n")
        sys.stdout.flush()
        consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
