"""Records are written, the answer that says so is lost, and their transaction is aborted: the next one loses nothing.

librdkafka 2.16 lets go of such records and gives their sequence numbers to the next transaction's. Where these are as
many, the broker takes them for the records that it has, says yes and drops them, and the commit succeeds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Tallied

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import NewTopic

from streams.engine.retry import Patience
from streams.engine.transaction import Transactions
from streams.engine.watchdog import Watchdog
from streams.kafka import admin_client, consumer_config
from tests.chaos.exact import read
from tests.chaos.lab import Lab, NotExact
from tests.chaos.worker import TRANSACTION_MS

_ABORTED = b"aborted"
_CUT_SECONDS = 0.5
_READ_SECONDS = 30.0


def unanswered(lab: Lab, times: int = 6) -> None:
    """A transaction's records are unanswered when its link is cut; it is aborted; the next has as many of its own."""
    assert lab.cluster is not None
    topic = f"{lab.counter.name}.unanswered"
    admin = admin_client(lab.settings, "test.unanswered")
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    stopping, watchdog = threading.Event(), Watchdog()
    far = lab.settings.model_copy(update={"kafka_bootstrap": lab.cluster.link})
    transactions = Transactions(far, "test.unanswered", topic, TRANSACTION_MS, Patience(stopping, watchdog))
    written = _Written(lab, topic)
    committed: list[bytes] = []
    for number in range(times):
        records = lab.random.randrange(1, 6)
        transactions.begin()
        transactions.put(topic, _ABORTED, b"", 0)  # so that its partition is registered with the transaction
        written.await_more(1)
        _abort_unanswered(lab, transactions, written, records)
        mine = [b"%d.%d" % (number, record) for record in range(records)]
        transactions.begin()
        for value in mine:
            transactions.put(topic, value, b"", 0)
        transactions.commit([], None)
        committed += mine
    written.close()
    watchdog.stop()
    visible = [record.value for record in read(lab.settings, topic)[0]]
    if visible != committed:
        lost = list((Tallied(committed) - Tallied(visible)).elements())
        raise NotExact(f"of {len(committed)} committed records {len(lost)} are not there: {lost[:5]}")


def _abort_unanswered(lab: Lab, transactions: Transactions, written: _Written, records: int) -> None:
    assert lab.cluster is not None
    (link,) = lab.cluster.proxies
    link.deafen()
    for _ in range(records):
        transactions.put(written.topic, _ABORTED, b"", 0)
    written.await_more(records)
    link.cut()
    lab.strike("answers lost, then aborted")
    # The moment is drawn, as part of the trouble: the client has noticed the cut, or not yet.
    time.sleep(lab.random.random() * _CUT_SECONDS / 2)
    mended = threading.Timer(_CUT_SECONDS, link.mend)
    mended.start()
    transactions.abort()
    mended.join()


class _Written:
    """Reads what is in a topic's only partition, committed or not."""

    def __init__(self, lab: Lab, topic: str) -> None:
        self.topic = topic
        config = consumer_config(lab.settings, "test.written", "test.written")
        self._consumer = Consumer({**config, "isolation.level": "read_uncommitted"})
        self._consumer.assign([TopicPartition(topic, 0, 0)])

    def await_more(self, records: int) -> None:
        """Wait until so many more records that will be aborted are there."""
        deadline = time.monotonic() + _READ_SECONDS
        while records:
            assert time.monotonic() < deadline, f"{records} records are not written"
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None and message.value() == _ABORTED:
                records -= 1

    def close(self) -> None:
        """Let go of the topic."""
        self._consumer.close()
