"""Transactions that stay open: whoever reads committed records waits at their first record for ever.

Asked in three steps, from cheap to dear: which partitions hold committed records back (the last stable offset is below
the end), whose open transactions those are (their leaders know), and what the transactions' coordinators know of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from streams.kafka import admin_client, client_config
from streams.settings import Settings
from streams.wire import ActiveProducer, Broker, Coordinated, WireError

LONGEST_OPEN_SECONDS = 60.0
"""Six times the time after which a coordinator aborts a silent engine's transaction."""

Slot = tuple[str, int]

_SECONDS = 5.0
_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.NOT_LEADER_FOR_PARTITION})


class CannotLook(Exception):
    """Committed records are held back and it cannot be found out by whom; says why, and what to do."""


@dataclass(frozen=True)
class OpenTransaction:
    """A transaction of which a partition waits for the end. ``coordinated``: what is known of its producer, if at all.

    Instants in milliseconds.
    """

    topic: str
    partition: int
    producer_id: int
    epoch: int
    first_offset: int
    last_written: int
    coordinated: Coordinated | None = None

    @property
    def is_known(self) -> bool:
        """Whether a coordinator still means to end it here."""
        return self.coordinated is not None and (self.topic, self.partition) in self.coordinated.partitions

    @property
    def since(self) -> int:
        """Since when it is open: its begin if a coordinator knows it, else when it last wrote here."""
        return self.coordinated.started if self.coordinated is not None and self.is_known else self.last_written

    @property
    def was_committed(self) -> bool:
        """Whether its coordinator holds it for committed, everywhere."""
        # Newer brokers raise the epoch when a transaction ends.
        known = self.coordinated
        return known is not None and known.state == "CompleteCommit" and known.epoch - self.epoch in (0, 1)


def hanging(
    settings: Settings, now_ms: int, longest_seconds: float = LONGEST_OPEN_SECONDS
) -> Iterator[OpenTransaction]:
    """The open transactions that no coordinator will end, and those open for longer than they may be.

    Raises:
        CannotLook: the brokers do not let us look.
        KafkaException: they do not answer.
    """
    for one in open_transactions(settings):
        if not one.is_known or now_ms - one.since >= longest_seconds * 1_000:
            yield one


def open_transactions(settings: Settings) -> list[OpenTransaction]:
    """Every open transaction that holds committed records back now. Raises as ``hanging`` does."""
    admin = admin_client(settings, "doctor")
    held, brokers = _held_back(admin)
    if not held:
        return []
    security = str(client_config(settings, "doctor").get("security.protocol", "plaintext"))
    try:
        if security.lower() != "plaintext":
            raise WireError(f"the brokers are reached by {security}, and we can only ask in plain")
        before = _open(held, brokers)
        known = _coordinated(brokers) if before else {}
        # What a coordinator ended between two questions is no longer open; what it ended before should not be.
        after = {(one.topic, one.partition, one.producer_id, one.first_offset) for one in _open(held, brokers)}
    except WireError as error:
        waiting = ", ".join(f"{topic}:{number}" for numbers in held.values() for topic, number in numbers)
        raise CannotLook(
            f"{error}. Transactions are open in {waiting}: look again in a minute, and where they still are, ask "
            "Kafka's own `kafka-transactions.sh find-hanging`"
        ) from error
    return [
        OpenTransaction(*one[:4], one.first_offset, one.last_written, known.get(one.producer_id))
        for one in before
        if (one.topic, one.partition, one.producer_id, one.first_offset) in after
    ]


def told(one: OpenTransaction, bootstrap: str) -> str:
    """An open transaction in words, with what to do about it."""
    since = datetime.fromtimestamp(one.since / 1_000, UTC).isoformat(" ", "seconds")
    abort = (
        f"`kafka-transactions.sh --bootstrap-server {bootstrap} abort --topic {one.topic} --partition {one.partition} "
        f"--start-offset {one.first_offset}`"
    )
    what = f"{one.topic}:{one.partition} holds back all from offset {one.first_offset} on: a transaction of producer "
    owner = f"{one.producer_id} (transactional id {one.coordinated.transactional_id})" if one.coordinated else ""
    what += f"{owner or one.producer_id} is open since {since}"
    if one.is_known:
        return f"{what}; end the process that holds this id, else {abort}"
    if one.was_committed:
        return (
            f"{what}, though it is committed elsewhere; {abort} frees readers but drops its records here: DECISIONS 15"
        )
    return f"{what} and no coordinator will end it; {abort}, after a look at DECISIONS 15"


def _held_back(admin: AdminClient) -> tuple[dict[int, list[Slot]], dict[int, tuple[str, int]]]:
    """By leader, the partitions whose last stable offset is below their end; and where each broker is."""
    cluster = admin.list_topics(timeout=_SECONDS)
    leaders = {
        (name, number): one.leader
        for name, topic in cluster.topics.items()
        for number, one in topic.partitions.items()
        if one.leader >= 0
    }
    stable = _ends(admin, leaders, IsolationLevel.READ_COMMITTED)
    ends = _ends(admin, [slot for slot in leaders if slot in stable], IsolationLevel.READ_UNCOMMITTED)
    held = defaultdict(list)
    for slot, end in ends.items():
        if stable[slot] < end:
            held[leaders[slot]].append(slot)
    return held, {number: (str(one.host), one.port) for number, one in cluster.brokers.items()}


def _ends(admin: AdminClient, slots: Iterable[Slot], isolation: IsolationLevel) -> dict[Slot, int]:
    wanted = {TopicPartition(*slot): _END for slot in slots}
    if not wanted:
        return {}
    answers = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=_SECONDS)
    return {(one.topic, one.partition): int(answer.result(_SECONDS).offset) for one, answer in answers.items()}


def _open(held: Mapping[int, list[Slot]], brokers: Mapping[int, tuple[str, int]]) -> list[ActiveProducer]:
    found: list[ActiveProducer] = []
    for leader, slots in held.items():
        partitions = defaultdict(list)
        for topic, number in slots:
            partitions[topic].append(number)
        with Broker(*brokers[leader], _SECONDS) as broker:
            for one in broker.producers(partitions):
                if isinstance(one, ActiveProducer):
                    found += [one] if one.first_offset >= 0 else []
                elif one.error not in _GONE:
                    why = KafkaError(one.error).str()
                    raise WireError(f"broker {leader} does not describe {one.topic}:{one.partition}: {why}")
    return found


def _coordinated(brokers: Mapping[int, tuple[str, int]]) -> dict[int, Coordinated]:
    """What all coordinators know, by producer id."""
    found: dict[int, Coordinated] = {}
    for host, port in brokers.values():
        with Broker(host, port, _SECONDS) as broker:
            ids = broker.transactional_ids()
            found |= {one.producer_id: one for one in (broker.transactions(ids) if ids else ())}
    return found
