"""A stage that stops at a fact goes on once an operator has set the fact aside, and all stays exact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from schemas.codec import decode
from schemas.events.operations import DeadLettered
from schemas.events.touchpoints import TouchpointRecorded
from schemas.topics import QUARANTINE, TOPICS
from streams.cli import dead_letters
from streams.cli.dead_letters_quarantine import order
from streams.kafka import admin_client
from streams.quarantine import NotAFactError
from streams.settings import Settings
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from tests.chaos.counter import make
from tests.chaos.exact import check_log_law, orders_of, outputs_of, read
from tests.chaos.schedules import Lab


def test_the_command_orders_what_is_ahead_of_a_stage_and_says_why_not(stack: Settings) -> None:
    wanted = [TOPICS[name] for name in ("bookings", QUARANTINE.name)]
    make(admin_client(stack, "test"), [(topic.name, topic.partitions, topic.config) for topic in wanted])
    publisher = Publisher(stack, "test")
    publisher.publish([Publication("bookings", "any", b"no Avro at all")])
    publisher.flush()
    last = max((one for all_ in read(stack, "bookings").values() for one in all_), key=lambda one: one.timestamp)
    place = f"bookings:{last.partition}:{last.offset}"

    def run(where: str) -> Result:
        env = {"FINEACERS_STATE_DIR": str(stack.state_dir)}
        return CliRunner().invoke(dead_letters.app, ["quarantine", where], env=env)

    done = run(place)
    assert done.exit_code == 0, done.output
    assert f"fineacers dead-letters replay {place}" in done.stdout
    assert ("bookings", last.partition, last.offset) in orders_of(stack)
    for where, told in {
        "bookings": "is not TOPIC:PARTITION:OFFSET",
        "lead.scores:0:1": "no stage reads lead.scores",
        "bookings:99:0": "no partition 99",
        f"bookings:{last.partition}:{last.offset + 1}": "no record",
    }.items():
        refused = run(where)
        assert refused.exit_code == 2
        assert told in refused.stderr


@pytest.fixture
def lab(stack: Settings, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(stack, tmp_path, 7)
    yield lab
    lab.close()


def test_a_fact_set_aside_lets_the_stage_go_on_by_the_log_law(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    stage, inbox = lab.counter.stage, lab.counter.inbox
    with pytest.raises(NotAFactError, match=f"{inbox}:0:0 is a message between stages"):
        order(lab.settings, stage, (inbox, 0, 0))
    lab.feed.send(300)
    lab.feed.poison()
    lab.feed.send(300)
    worker = lab.worker()
    assert worker.wait() == 1
    (poison,) = (one for records in read(lab.settings, inbox).values() for one in records if b"poison" in one.value)
    said = f"fineacers dead-letters quarantine {inbox}:{poison.partition}:{poison.offset}"
    assert said in worker.log.read_text()

    fact = order(lab.settings, stage, (inbox, poison.partition, poison.offset))
    assert isinstance(fact.event, TouchpointRecorded)
    worker.start()
    lab.caught_up()
    worker.kill()  # what was decided is decided: nothing of it happens again
    worker.start()
    lab.feed.send(50)
    lab.caught_up()
    worker.stop()

    check_log_law(lab.settings, lab.counter, [worker.state_dir])
    outputs = outputs_of(lab.settings, lab.counter)
    (letter,) = (
        decode(value).message for (topic, _), all_ in outputs.items() if topic == "dead.letters" for value in all_
    )
    assert isinstance(letter, DeadLettered)
    assert (letter.reason, letter.fact_id, letter.original) == ("quarantined", fact.event.event_id, fact.raw)
    counted = {key: len(all_) for (topic, key), all_ in outputs.items() if topic == "lead.scores"}
    assert counted == {f"{lab.counter.name}/{lead}": count for lead, count in lab.feed.expected.items() if count}

    for offset, told in ((poison.offset, "has passed"), (10**9, "no record")):
        with pytest.raises(typer.Exit):
            order(lab.settings, stage, (inbox, poison.partition, offset))
        assert told in capsys.readouterr().err.replace("\n", " ")
