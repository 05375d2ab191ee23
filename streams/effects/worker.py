"""The worker of effects: one request of a partition after the other, each answered by exactly one result.

Before it calls, it commits the position it stands at once more, marked as begun; after the call, the result and the
next position in one transaction. So whoever takes over and finds the mark knows that the call may have been made, and
answers ``unknown`` instead of calling again; without the mark it never was. A member that was taken for dead cannot
commit any more: its result is nobody's, its mark speaks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.codec import CodecError, decode, encode
from schemas.events.base import SECOND
from schemas.events.effects import Effect, EffectDone, EffectRequested
from schemas.ids import derived_id
from schemas.topics import PLATFORM_TOPIC
from streams.effects.answer import MAX_TRIES, Answer, pause
from streams.effects.metrics import Metrics
from streams.engine.faults import EngineFault
from streams.engine.retry import LONGEST_SILENCE_SECONDS, Patience
from streams.engine.slot import take_slot
from streams.engine.transaction import Aborted, Transactions
from streams.engine.watchdog import Watchdog
from streams.kafka import consumer_config, is_passing
from streams.settings import Settings

log = logging.getLogger(__name__)

GROUP = "fineacers.effects"
REQUESTS = PLATFORM_TOPIC[EffectRequested]
RESULTS = PLATFORM_TOPIC[EffectDone]
SESSION_MS = 10_000
TRANSACTION_MS = 10_000
_CALL_SECONDS = 5.0
_IDLE_SECONDS = 0.5
_COMMITS = 5
_MOVED = frozenset({KafkaError.REBALANCE_IN_PROGRESS, KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID})

Calls = Mapping[str, Callable[[EffectRequested], Answer]]
"""How to call the outside world, by kind of effect."""


@dataclass
class Place:
    """Where a partition stands: the next offset, and what is known of the request there.

    ``tries`` counts calls that were in vain, ``begun`` says that another may have been made.
    """

    offset: int
    tries: int = 0
    begun: bool = False
    request: EffectRequested | None = None
    due: float = 0.0
    """When it is tried again (monotonic seconds)."""
    last: str = "expired"
    """Why it was in vain."""

    @property
    def mark(self) -> str:
        """What is committed with the position."""
        return f"{'begun' if self.begun else 'tried'} {self.tries}" if self.begun or self.tries else ""


def place_at(committed: TopicPartition) -> Place:
    """The place that a committed position and its mark tell of."""
    word, _, tries = (committed.metadata or "").partition(" ")
    offset = committed.offset if committed.offset >= 0 else OFFSET_BEGINNING
    return Place(offset, int(tries or 0), begun=word == "begun")


class Effects:
    """A member of the group of effects workers; ``run`` until ``stop``. Raises ``EngineFault``."""

    def __init__(self, settings: Settings, calls: Calls, metrics: Metrics) -> None:
        self._calls = calls
        self._metrics = metrics
        self._stopping = threading.Event()
        self._places: dict[int, Place] = {}
        self._turned = 0.0
        self._out_since: float | None = time.monotonic()
        watchdog = Watchdog()
        self._patience = Patience(self._stopping, watchdog)
        self._slot = take_slot(settings.state_dir / "engine", "effects")
        member = f"{GROUP}.{self._slot.name}"
        # First of all: it ends what a predecessor left open, so that positions can be told.
        self._outputs = Transactions(settings, f"{GROUP}.results", member, TRANSACTION_MS, self._patience)
        self._consumer = Consumer(
            {
                **consumer_config(settings, f"{GROUP}.requests", GROUP),
                "group.instance.id": member,
                "session.timeout.ms": SESSION_MS,
                "heartbeat.interval.ms": SESSION_MS // 4,
            }
        )
        self._consumer.subscribe([REQUESTS.name], on_assign=self._assigned, on_revoke=self._gone, on_lost=self._gone)

    def stop(self) -> None:
        """Ask for an end; a call under way is answered first."""
        self._stopping.set()

    @property
    def ready(self) -> bool:
        """Whether it is in the group and did something lately."""
        return self._out_since is None and time.monotonic() - self._turned < 2 * SESSION_MS / 1_000

    def run(self) -> None:
        """Work until asked to stop, then leave the group."""
        try:
            while not self._stopping.is_set():
                self._turned = time.monotonic()
                self._turn()
        finally:
            self._consumer.close()
            self._slot.release()

    def _turn(self) -> None:
        for partition, place in list(self._places.items()):
            if place.request is not None and place.due <= time.monotonic():
                self._answer(partition, place, place.request)
                return
        record = self._consumer.poll(self._wait())
        if self._out_since is not None and time.monotonic() - self._out_since > LONGEST_SILENCE_SECONDS:
            raise EngineFault(f"the group has not taken it in for {LONGEST_SILENCE_SECONDS:.0f} s: to be started again")
        if record is None:
            return
        error = record.error()
        if error is not None:
            if not is_passing(KafkaException(error)) and error.code() != KafkaError._MAX_POLL_EXCEEDED:
                raise EngineFault(f"cannot read {REQUESTS.name}: {error.str()}")
            return
        self._read(record)

    def _read(self, record: Any) -> None:
        """Take the next request of a partition, which then waits until that is answered."""
        place = self._places.get(record.partition())
        if place is None or place.request is not None:
            return  # it is read again from where the partition stands
        place.offset = record.offset()
        place.request = _request(record)
        self._consumer.pause([TopicPartition(REQUESTS.name, record.partition())])

    def _wait(self) -> float:
        dues = [place.due for place in self._places.values() if place.request is not None]
        return max(0.0, min([_IDLE_SECONDS, *(due - time.monotonic() for due in dues)]))

    # -- one request

    def _answer(self, partition: int, place: Place, request: EffectRequested) -> None:
        """Call for a request, unless that is too late or may have been done, and write down what came of it."""
        if place.begun:
            self._finish(partition, place, request, Answer("unknown", "interrupted"))
            return
        if time.time_ns() // 1_000 >= request.not_after:
            self._finish(partition, place, request, Answer("refused", place.last))
            return
        place.begun = True
        if not self._marked(partition, place):
            return
        answer = self._calls[request.kind](request)
        place.tries += 1
        self._metrics.called(request.kind, answer.outcome)
        if answer.outcome != "again":
            self._finish(partition, place, request, answer)
            return
        wait = pause(place.tries, answer)
        if place.tries >= MAX_TRIES or time.time_ns() // 1_000 + wait * SECOND >= request.not_after:
            self._finish(partition, place, request, answer._replace(outcome="refused"))
            return
        place.begun, place.due, place.last = False, time.monotonic() + wait, answer.reason
        self._marked(partition, place)

    def _marked(self, partition: int, place: Place) -> bool:
        """Commit the mark at the position; false where the partition has moved on to another member meanwhile."""
        position = TopicPartition(REQUESTS.name, partition, place.offset, metadata=place.mark)
        try:
            self._patience.call("mark a request", lambda: self._consumer.commit(offsets=[position], asynchronous=False))
        except KafkaException as error:
            if error.args[0].code() not in _MOVED:
                raise EngineFault(f"cannot mark {REQUESTS.name}:{partition}: {error.args[0].str()}") from error
            self._places.pop(partition, None)
            return False
        return True

    def _finish(self, partition: int, place: Place, request: EffectRequested, answer: Answer) -> None:
        """The one result of a request, and the next position, at once."""
        assert answer.outcome != "again"
        own = {
            "event_id": derived_id("effect done", request.request_id),
            "occurred_at": time.time_ns() // 1_000,
            "source": "effects",
            "cause_id": request.event_id,
            "outcome": answer.outcome,
            "reason": answer.reason,
            "tries": place.tries,
            "payload": answer.payload,
        }
        done = EffectDone.build(**{**{name: getattr(request, name) for name in Effect.model_fields}, **own})
        value, key = encode(done), RESULTS.key_of(done)
        position = TopicPartition(REQUESTS.name, partition, place.offset + 1)
        for left in reversed(range(_COMMITS)):
            try:
                self._outputs.begin()
                self._outputs.put(RESULTS.name, value, key)
                self._outputs.commit([position], self._consumer.consumer_group_metadata())
                break
            except Aborted as why:
                log.info("effects: %s", why)
                if not left:
                    raise EngineFault(f"cannot write down what became of request {request.request_id}: {why}") from why
        log.info("request %s to %s: %s, %s", request.request_id, request.target, answer.outcome, answer.reason)
        self._metrics.answered(request.kind, answer.outcome)
        self._places[partition] = Place(place.offset + 1)
        there = TopicPartition(REQUESTS.name, partition, place.offset + 1)
        self._consumer.seek(there)
        self._consumer.resume([there])

    # -- the group

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        def ask() -> list[TopicPartition]:
            found: list[TopicPartition] = consumer.committed(partitions, timeout=_CALL_SECONDS)
            for one in found:
                if one.error is not None:
                    raise KafkaException(one.error)
            return found

        for one in self._patience.call("learn positions", ask):
            self._places[one.partition] = place_at(one)
        consumer.assign([TopicPartition(REQUESTS.name, p, place.offset) for p, place in self._places.items()])
        self._out_since = None

    def _gone(self, consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._places.clear()
        self._out_since = time.monotonic()
        consumer.unassign()


def _request(record: Any) -> EffectRequested:
    """The request in a record. Raises ``EngineFault`` where there is none: somebody waits for an answer to it."""
    try:
        message = decode(record.value() or b"").message
    except CodecError as error:
        message, why = None, error.reason
    else:
        why = type(message).__name__
    if not isinstance(message, EffectRequested):
        raise EngineFault(f"{record.topic()}:{record.partition()}:{record.offset()} is no request of an effect: {why}")
    return message
