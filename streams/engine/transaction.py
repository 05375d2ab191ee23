"""The transactional producer: outputs, changelog and positions become visible together or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.engine.faults import EngineFault, Fenced
from streams.engine.retry import Patience
from streams.kafka import is_passing, producer_config
from streams.settings import Settings

_PLACE_GONE = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
        # When a coordinator dies after it has ended a transaction and before it says so, the client asks its successor
        # to end what is no longer open, and is refused for good. Beginning anew asks how it ended.
        KafkaError.INVALID_TXN_STATE,
    }
)

_LONGEST_SECONDS = 20.0
"""How long an end of a transaction is waited for: by then its coordinator has ended it, and told or not, a new producer
learns how. After a broker stood still, librdkafka 2.16 can wait for that word for ever (as in its issue 3779)."""
_ABORT_SECONDS = 5.0


class Aborted(Exception):
    """The open transaction cannot be committed and has been aborted; what it held must be done again."""


class Transactions:
    """One transaction after the other under one transactional id; creating it ends what a predecessor left open.

    No producer outlives an abort. librdkafka 2.16 gives the sequence numbers of records that it lets go of in an abort
    to the next transaction's; where a broker has these records, and only its answer was lost, it takes the next ones
    for repeats of them, as long as they are as many, says yes and drops them. A new producer counts under a new epoch.

    Any method may raise ``Aborted`` (do the work again from the committed positions) or ``EngineFault`` (somebody else
    has the id, or the client is broken: stop).
    """

    def __init__(
        self, settings: Settings, name: str, transactional_id: str, timeout_ms: int, patience: Patience
    ) -> None:
        self._patience = patience
        self._undelivered: KafkaError | None = None
        self._config = {
            **producer_config(settings, name),
            "transactional.id": transactional_id,
            "transaction.timeout.ms": timeout_ms,
            "on_delivery": self._delivered,
            # nothing is visible before the commit, which sends at once whatever waits: fewer, larger requests
            "linger.ms": 50,
            # a transaction that begins while the one before is being concluded is told to come again
            "retry.backoff.ms": 5,
            # one that has lost all brokers stays lost, and its successor takes over; otherwise it might wait for ever
            # to tell of its positions, whatever the time-out (librdkafka's issue 5511, DECISIONS 46)
            "metadata.recovery.strategy": "none",
        }
        self.began: float | None = None
        """When the open transaction began (monotonic seconds); none when none is open."""
        self._producer = self._take_over()
        self._aborted = False

    @property
    def is_open(self) -> bool:
        """Whether a transaction is open."""
        return self.began is not None

    def begin(self) -> None:
        """Open a transaction unless one is open."""
        if self.began is None:
            if self._aborted:
                self._producer, self._aborted = self._take_over(), False
            self._guard("begin a transaction", self._producer.begin_transaction)
            self.began = time.monotonic()

    def put(self, topic: str, value: bytes | None, key: bytes | str, partition: int = -1) -> None:
        """Add a record to the open transaction; partition -1: by the key."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition)
                return
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as error:
                self._failed("produce", error)

    def commit(self, positions: Iterable[TopicPartition], membership: Any) -> None:
        """Add the positions of a consumer's group and commit."""
        positions = list(positions)
        if positions:
            self._guard(
                "send positions",
                lambda: self._producer.send_offsets_to_transaction(positions, membership, self._patience.seconds),
            )
        self._guard("commit", lambda: self._producer.commit_transaction(self._patience.seconds))
        self.began = None

    def abort(self) -> None:
        """Give the open transaction up, if one is open.

        A producer that has begun to abort and does not come to the end of it never commits; its successor ends what it
        leaves open, or the broker does in time.
        """
        if self.began is None:
            return
        self.began = None
        self._aborted = True
        call = self._producer.abort_transaction
        try:
            self._patience.call("abort", lambda: call(self._patience.seconds), _ABORT_SECONDS)
        except KafkaException as error:
            if not is_passing(error):
                raise _fault("abort", error) from error

    def _take_over(self) -> Producer:
        """A producer under a new epoch: what was sent under an older one is refused from now on."""
        self._undelivered = None
        producer = Producer(self._config)
        self._guard("begin transactions", lambda: producer.init_transactions(self._patience.seconds))
        return producer

    def _guard(self, what: str, call: Any) -> None:
        try:
            self._patience.call(what, call, _LONGEST_SECONDS)
        except KafkaException as error:
            self._failed(what, error)

    def _failed(self, what: str, error: KafkaException) -> None:
        cause = error.args[0]
        undelivered = self._undelivered
        # A call in the wrong state says that the transaction failed before, in the background.
        failed = cause.txn_requires_abort() or undelivered is not None or cause.code() == KafkaError._STATE
        if self.began is not None and failed and not cause.fatal():
            self.abort()
            detail = f"; a record was not delivered: {undelivered.str()}" if undelivered is not None else ""
            if undelivered is not None and undelivered.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                raise EngineFault(f"could not {what}{detail}: raise the topic's max.message.bytes") from error
            raise Aborted(f"could not {what}: {cause.str()}{detail}") from error
        raise _fault(what, error) from error

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
            self._undelivered = error


def _fault(what: str, error: KafkaException) -> EngineFault:
    cause = error.args[0]
    if is_passing(error):
        return Fenced(f"could not {what} within {_LONGEST_SECONDS:.0f} s: {cause.str()}")
    if cause.code() in _PLACE_GONE:
        return Fenced(
            f"could not {what}: the transaction has ended without us: it timed out, another process took over this "
            f"slot, or its coordinator was lost ({cause.str()})"
        )
    return EngineFault(f"could not {what}: {cause.str()}")
