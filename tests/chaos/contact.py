"""Four publishers race for the same leads while the workers that decide are killed: the laws of contact on Kafka.

All stages run in two worker processes over one folder. What is checked is read from the log alone: every request has
one last word, no address had more than its caps, and nobody was written to who had not consented.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter as Tallied
from collections import defaultdict
from threading import Thread
from typing import Any
from uuid import UUID

from schemas.codec import decode, encode
from schemas.events.base import Event
from schemas.events.contact import ConsentChanged, OutreachRequested
from schemas.events.gate import ContactDecided
from schemas.events.leads import LeadCaptured
from schemas.topics import FACT_TOPIC
from streams.migrate import migrate_topics
from streams.report.backlog import Backlog
from streams.report.rest import stage_readers, wait
from streams.settings import Settings, identity_key
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from streams.topology import topology
from tests.chaos.lab import NotExact
from tests.kafka import read_all
from tests.property.oracles.contact import Sent, over_the_cap
from tests.stack import local_stack

LEADS, PUBLISHERS, KILLS = 500, 4, 20
WORKSPACE = "race"
_CHANNELS = ("email", "whatsapp")


def contact(seed: int, struck: Tallied[str], kills: int = KILLS) -> None:
    """Requests for the same people from everywhere, and a worker killed every few seconds."""
    chance = random.Random(seed)
    with local_stack("kafka") as settings:
        stages = topology(identity_key(settings))
        migrate_topics(settings, stages)
        workers = [_worker(settings) for _ in range(2)]
        try:
            consenting = _people(settings, chance)
            published: list[OutreachRequested] = []
            racing = [
                Thread(target=_race, args=(settings, random.Random(f"{seed} {n}"), n, kills, published))
                for n in range(PUBLISHERS)
            ]
            for thread in racing:
                thread.start()
            for _ in range(kills):
                time.sleep(chance.uniform(0.5, 4))
                one = chance.randrange(len(workers))
                workers[one].send_signal(signal.SIGKILL)
                workers[one].wait()
                workers[one] = _worker(settings)
                struck["worker killed amid requests"] += 1
            for thread in racing:
                thread.join()
            with Backlog(settings) as backlog:
                for _ in wait(stage_readers(stages, backlog), backlog):
                    pass
            _check(settings, published, consenting)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


def _worker(settings: Settings) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "FINEACERS_STATE_DIR": str(settings.state_dir)}
    with (settings.state_dir / "worker.log").open("ab") as log:
        command = [sys.executable, "-m", "streams", "worker"]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def _people(settings: Settings, chance: random.Random) -> dict[str, set[str]]:
    """Publish everybody, and who consents to what; returns the channels by address."""
    facts: list[Event] = []
    consenting: dict[str, set[str]] = defaultdict(set)
    now = time.time_ns() // 1_000
    for n in range(LEADS):
        who = {"email": f"n{n}@example.com", "phone": f"+9715{n:08}"}
        facts.append(LeadCaptured(**_common(chance, now, who), channel="portal", time_zone="Asia/Dubai"))
        for channel, kind in zip(_CHANNELS, ("email", "phone"), strict=True):
            if chance.random() < 0.7:
                said = {"consent_id": f"{channel} {n}", "purpose": "marketing", "evidence": "a form"}
                named = {kind: who[kind]}
                facts.append(ConsentChanged(**_common(chance, now, named), channel=channel, granted=True, **said))
                consenting[f"n{n}"].add(channel)
    publisher = Publisher(settings, "people")
    publisher.publish(_record(fact) for fact in facts)
    publisher.flush()
    return consenting


def _race(settings: Settings, chance: random.Random, me: int, kills: int, published: list[OutreachRequested]) -> None:
    """One publisher: for every lead in an order of its own, twice, over the time that the killing takes."""
    publisher = Publisher(settings, f"racer-{me}")
    for turn in range(2):
        leads = chance.sample(range(LEADS), LEADS)
        for place, n in enumerate(leads):
            channel = chance.choice(_CHANNELS)
            who = {"email": f"n{n}@example.com", "phone": f"+9715{n:08}"}
            wish = {"message_id": f"{me}/{turn}/{n}", "purpose": "news", "template_id": "follow_up"}
            fact = OutreachRequested(**_common(chance, time.time_ns() // 1_000, who), channel=channel, **wish)
            published.append(fact)
            publisher.publish([_record(fact)])
            if place % 50 == 0:
                publisher.flush()
                time.sleep(kills * 2.5 / 20)
    publisher.flush()


def _record(fact: Event) -> Publication:
    return Publication(FACT_TOPIC[type(fact)].name, fact.event_id, encode(fact))


def _common(chance: random.Random, at: int, who: dict[str, str]) -> dict[str, Any]:
    event_id = str(UUID(int=chance.getrandbits(128), version=4))
    return {
        "event_id": event_id, "workspace_id": WORKSPACE, "region": "UAE", "source": "race", "occurred_at": at, **who,
    }  # fmt: skip


def _check(settings: Settings, published: list[OutreachRequested], consenting: dict[str, set[str]]) -> None:
    answers: dict[str, list[ContactDecided]] = defaultdict(list)
    for records in read_all(settings, ["contact.decisions"]).values():
        for record in records:
            message = decode(record.value).message
            if isinstance(message, ContactDecided):
                answers[message.message_id].append(message)
    asked = {fact.message_id: fact for fact in published}
    unanswered = [message for message in asked if not any(one.decision != "hold" for one in answers[message])]
    doubled = [message for message, said in answers.items() if sum(one.decision != "hold" for one in said) > 1]
    allowed = [one for message in asked for one in answers[message] if one.decision == "allow"]
    unasked = [one.message_id for one in allowed if one.channel not in consenting[_who(asked[one.message_id])]]
    sent = [
        Sent(one.message_id, one.contact_point or "", one.channel, one.occurred_at)
        for said in answers.values()
        for one in said
        if one.decision == "allow"
    ]
    breaches = over_the_cap(sent)
    if unanswered or doubled or unasked or breaches or not allowed:
        raise NotExact(
            f"{len(unanswered)} unanswered, {len(doubled)} answered twice, {len(unasked)} without consent, "
            f"{len(breaches)} caps passed, {len(allowed)} allowed of {len(asked)}"
        )


def _who(fact: OutreachRequested) -> str:
    return str(fact.email).partition("@")[0]
