"""The worker of effects on real Kafka, against a receiver that refuses, fails, hangs, lies, and kills it meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from schemas.codec import decode, encode
from schemas.events.effects import EffectDone, EffectRequested
from schemas.ids import derived_id
from schemas.topics import TOPICS
from streams.kafka import admin_client
from streams.local.state import free_port
from streams.settings import Settings
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from tests.chaos.counter import make
from tests.chaos.lab import until
from tests.kafka import read_all
from tests.support.receiver import KEY, SECRET, Receiver, receiving

LEAD = derived_id("lead")

pytestmark = pytest.mark.timeout(300)


class Worker:
    """`fineacers effects` as a process of its own, which can be killed and is started again by ``keep``."""

    def __init__(self, settings: Settings, folder: Path, webhooks: dict[str, str]) -> None:
        self.port = free_port()
        self.log = folder / "effects.log"
        self._environment = {
            **os.environ,
            "FINEACERS_STATE_DIR": str(folder),
            "FINEACERS_KAFKA_BOOTSTRAP": settings.need("kafka_bootstrap"),
            "FINEACERS_WEBHOOKS": json.dumps(webhooks),
            "FINEACERS_WEBHOOK_SIGNING_KEY": KEY,
            "FINEACERS_METRICS_PORT": str(self.port),
        }
        self.killed = 0
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", "effects"], stdout=output, stderr=output, env=self._environment
            )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.killed += 1

    def keep(self) -> None:
        """Start it again where it was killed; it may not end in another way."""
        code = self.process.poll()
        if code is not None:
            assert code == -signal.SIGKILL, f"exit code {code}:\n{self.log.read_text()[-3_000:]}"
            self.start()

    def stop(self) -> None:
        self.keep()
        self.process.terminate()
        assert self.process.wait(30) == 0, self.log.read_text()[-3_000:]

    def page(self, name: str) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=5) as answer:
            return str(answer.read().decode())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def worker(stack: Settings, tmp_path: Path, receiver: Receiver) -> Iterator[Worker]:
    topics = [TOPICS[name] for name in ("effects.requests", "effects.results")]
    make(admin_client(stack, "test"), [(topic.name, topic.partitions, topic.config) for topic in topics])
    closed = f"http://127.0.0.1:{free_port()}/services/{SECRET}"
    names = {name: receiver.url(name) for name in ("a", "b", "c", "d", "e", "f", "g")}
    one = Worker(stack, tmp_path, {**names, "closed": closed})
    receiver.kill = one.kill
    yield one
    one.process.kill()
    one.process.wait()


def request(what: str, target: str = "a", lives: float = 3_600.0, **fields: Any) -> EffectRequested:
    now = time.time_ns() // 1_000
    number = derived_id("request", what, target, now)
    own = {"event_id": derived_id("event", number), "workspace_id": "acme", "region": "UAE", "source": "lead.tell"}
    about = {"about": "reply", "about_id": number, "lead_id": LEAD, "reply_stage": "lead", "reply_key": LEAD}
    given = {"request_id": number, "kind": "webhook", "target": target, "payload": what, **own, **about, **fields}
    return EffectRequested.model_validate({"occurred_at": now, "not_after": now + int(lives * 1e6), **given})


def publish(stack: Settings, requests: list[EffectRequested]) -> None:
    publisher = Publisher(stack, "test")
    topic = TOPICS["effects.requests"]
    publisher.publish([Publication(topic.name, topic.key_of(one), encode(one)) for one in requests])
    publisher.flush()


def results(stack: Settings, requests: list[EffectRequested]) -> dict[str, EffectDone]:
    """The one result of each request that has any; fails where there are two."""
    asked = {one.request_id: one.payload for one in requests}
    found: dict[str, EffectDone] = {}
    for records in read_all(stack, ["effects.results"]).values():
        for record in records:
            done = decode(record.value).message
            assert isinstance(done, EffectDone)
            assert SECRET.encode() not in record.value
            if done.request_id in asked:
                assert asked[done.request_id] not in found, f"two results of {asked[done.request_id]}"
                found[asked[done.request_id]] = done
    return found


def told(
    stack: Settings, worker: Worker, requests: list[EffectRequested], seconds: float = 90
) -> dict[str, EffectDone]:
    """The results of all requests, however often the worker must be started again."""
    deadline = time.monotonic() + seconds
    while len(found := results(stack, requests)) < len(requests):
        worker.keep()
        assert time.monotonic() < deadline, f"{len(found)} of {len(requests)}: {worker.log.read_text()[-3_000:]}"
        time.sleep(0.1)
    return found


def test_each_answer_of_the_outside_has_its_outcome(stack: Settings, worker: Worker, receiver: Receiver) -> None:
    requests = [
        request("200 fine", "a"),
        request("429 then fine", "b"),
        request("503 then fine", "b"),
        request("500 after all", "c"),
        request("hang", "d"),
        request("drip", "e"),
        request("cut", "f"),
        request("302 elsewhere", "a"),
        request("404 gone", "a"),
        request("200 too late", "a", lives=-1.0),
        request("200 nobody", "missing"),
    ]
    publish(stack, requests)
    done = told(stack, worker, requests)
    assert {what: (one.outcome, one.reason, one.tries, one.payload) for what, one in done.items()} == {
        "200 fine": ("done", "answered", 1, "200"),
        "429 then fine": ("done", "answered", 2, "200"),
        "503 then fine": ("done", "answered", 2, "200"),
        "500 after all": ("unknown", "server_error", 1, "500"),
        "hang": ("unknown", "no_answer", 1, ""),
        "drip": ("done", "answered", 1, "200"),
        "cut": ("unknown", "no_answer", 1, ""),
        "302 elsewhere": ("refused", "redirected", 1, "302"),
        "404 gone": ("refused", "rejected", 1, "404"),
        "200 too late": ("refused", "expired", 0, ""),
        "200 nobody": ("refused", "unknown_webhook", 1, ""),
    }
    first, second = receiver.calls[requests[1].request_id]
    assert first.body == second.body == b'{"text": "429 then fine"}'
    assert second.timestamp >= first.timestamp + 1, "it waits as long as it is asked to"
    assert not receiver.forged
    assert done["200 fine"].cause_id == requests[0].event_id
    pages = worker.page("metrics")
    assert 'fineacers_effects_total{kind="webhook",outcome="unknown"} 3.0' in pages
    assert 'fineacers_effect_calls_total{kind="webhook",outcome="again"}' in pages
    worker.page("ready")
    nobody = request("200 nobody listens", "closed", lives=6.0)
    publish(stack, [nobody])
    in_vain = told(stack, worker, [nobody])["200 nobody listens"]
    assert (in_vain.outcome, in_vain.reason) == ("refused", "unreachable")
    assert in_vain.tries > 1 and in_vain.occurred_at <= nobody.not_after + 1_000_000
    worker.stop()
    said = worker.log.read_text()
    assert "to closed: refused, unreachable" in said
    for secret in (SECRET, "hidden", KEY, "127.0.0.1"):
        assert secret not in said + pages, secret


def test_killed_between_call_and_result_it_never_calls_again_and_loses_nothing(
    stack: Settings, worker: Worker, receiver: Receiver
) -> None:
    kinds = ("kill", "200", "answer-then-kill")
    requests = [request(f"{kinds[number % 3]} {number}", "abc"[number % 2]) for number in range(18)]
    publish(stack, requests)
    done = told(stack, worker, requests, 300)
    until(lambda: worker.killed == 12, "each of the 12 that ask for it has killed the worker, the last one too")
    for one in requests:
        calls = receiver.calls[one.request_id]
        assert len(calls) == 1, f"{one.payload} was called {len(calls)} times"
        result = done[one.payload]
        if one.payload.startswith("kill"):
            assert (result.outcome, result.reason) == ("unknown", "interrupted")
        elif one.payload.startswith("200"):
            assert result.outcome == "done"
        else:
            assert result.outcome in ("done", "unknown")
    assert not receiver.forged


def test_killed_at_any_moment_every_request_has_one_result(stack: Settings, worker: Worker, receiver: Receiver) -> None:
    requests = [request(f"200 any {number}", "abcdefg"[number % 7]) for number in range(200)]
    publish(stack, requests)
    until(lambda: len(receiver.calls) > 0, "it works")
    for number in range(1, 9):
        until(lambda number=number: len(receiver.calls) >= min(200, number * 20), "it works on")
        worker.kill()
        worker.keep()
    done = told(stack, worker, requests)
    outcomes = Counter(one.outcome for one in done.values())
    assert set(outcomes) <= {"done", "unknown"}
    assert outcomes["unknown"] <= worker.killed
    for one in requests:
        calls = len(receiver.calls.get(one.request_id, ()))
        assert calls == 1 if done[one.payload].outcome == "done" else calls <= 1


def test_two_share_the_work_and_one_that_was_frozen_adds_nothing(
    stack: Settings, worker: Worker, receiver: Receiver, tmp_path: Path
) -> None:
    until(lambda: worker.log.exists() and _is_ready(worker), "the first is there")
    hanging = request("hang frozen", "a")
    publish(stack, [hanging])
    until(lambda: len(receiver.calls[hanging.request_id]) == 1, "it was called")
    worker.process.send_signal(signal.SIGSTOP)
    other = Worker(stack, tmp_path, {name: receiver.url(name) for name in "abcdefg"})
    try:
        result = told(stack, other, [hanging])["hang frozen"]
        assert (result.outcome, result.reason) == ("unknown", "interrupted")
        receiver.let_go.set()
        worker.process.send_signal(signal.SIGCONT)
        after = request("200 after the freeze", "a")
        publish(stack, [after])
        told(stack, other, [after])
        assert len(receiver.calls[hanging.request_id]) == 1
        results(stack, [hanging, after])
    finally:
        other.process.kill()
        other.process.wait()


def _is_ready(worker: Worker) -> bool:
    try:
        worker.page("ready")
    except OSError:
        return False
    return True
