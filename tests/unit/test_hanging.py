"""Hanging transactions: what is asked and answered byte for byte, and what is said of them."""

from __future__ import annotations

import socket
import threading

import pytest

from streams.hanging import OpenTransaction, told
from streams.wire import (
    ActiveProducer,
    Answer,
    Broker,
    Coordinated,
    Unanswered,
    WireError,
    ids_answer,
    producers_answer,
    producers_question,
    transactions_answer,
)

PRODUCERS = bytes.fromhex(
    "00000000"  # throttle
    "02 07 6f72646572 73"  # one topic, "orders"
    "03"  # two partitions
    "00000003 0000 00"  # partition 3, no error, no message
    "02 0000000000000fa1 00000007 00000010 0000019b00000000 00000002 0000000000000191 00"
    "00"
    "00000004 0006 0565727273"  # partition 4, NOT_LEADER, "errs"
    "01 00"
    "00 00"
)
TRANSACTIONS = bytes.fromhex(
    "00000000"
    "03"
    "0000 03 7432 08 4f6e676f696e67 00002710 0000019b00000000 0000000000000fa1 0007"
    "02 07 6f7264657273 03 00000003 00000005 00"
    "00"
    "0069 03 7433 01 00000000 ffffffffffffffff ffffffffffffffff ffff 01 00"  # id not found
    "00"
)
OPEN = OpenTransaction("orders", 3, 4001, 7, 401, 1_764_547_200_000)


def known(state: str, epoch: int, *partitions: tuple[str, int]) -> OpenTransaction:
    coordinated = Coordinated("t2", 4001, epoch, state, 1_764_547_100_000, frozenset(partitions))
    return OpenTransaction("orders", 3, 4001, 7, 401, 1_764_547_200_000, coordinated)


def test_the_question_is_laid_out_as_the_protocol_says() -> None:
    assert producers_question({"orders": [3, 4]}) == bytes.fromhex("02 07 6f7264657273 03 00000003 00000004 00 00")
    long = producers_question({"x" * 200: []})
    assert long == b"\x02\xc9\x01" + b"x" * 200 + b"\x01\x00\x00"


def test_the_leader_s_answer_is_read() -> None:
    assert producers_answer(Answer(PRODUCERS)) == [
        ActiveProducer("orders", 3, 4001, 7, 0x19B00000000, 401),
        Unanswered("orders", 4, 6),
    ]


def test_the_coordinator_s_answers_are_read() -> None:
    assert transactions_answer(Answer(TRANSACTIONS)) == [
        Coordinated("t2", 4001, 7, "Ongoing", 0x19B00000000, frozenset({("orders", 3), ("orders", 5)}))
    ]
    listed = bytes.fromhex("00000000 0000 01 02 03 7432 0000000000000fa1 08 4f6e676f696e67 01 00 02 aabb 00")
    assert ids_answer(Answer(listed)) == ["t2"]  # with a tagged field that nobody knows yet


@pytest.mark.parametrize("cut", range(len(PRODUCERS) - 1))
def test_an_answer_that_ends_too_early_is_noticed(cut: int) -> None:
    with pytest.raises(IndexError):
        producers_answer(Answer(PRODUCERS[:cut]))


def test_a_server_that_hangs_up_may_want_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)

        thread = threading.Thread(target=hang_up)
        thread.start()
        with Broker("127.0.0.1", server.getsockname()[1], 10) as broker, pytest.raises(WireError, match="TLS or SASL"):
            broker.transactional_ids()
        thread.join()


def test_what_is_said_depends_on_what_the_coordinator_knows() -> None:
    ongoing = told(known("Ongoing", 7, ("orders", 3)), "kafka:9092")
    assert "orders:3 holds back all from offset 401 on" in ongoing
    assert "(transactional id t2) is open since 2025-11-30 23:58:20+00:00" in ongoing
    assert "abort --topic orders --partition 3 --start-offset 401" in ongoing
    assert "no coordinator will end it" in told(OPEN, "kafka:9092")
    assert "producer 4001 is open since 2025-12-01 00:00:00+00:00" in told(OPEN, "kafka:9092")


@pytest.mark.parametrize(
    ("one", "is_known", "was_committed"),
    [
        (OPEN, False, False),
        (known("Ongoing", 7, ("orders", 3)), True, False),
        (known("Ongoing", 8, ("orders", 5)), False, False),
        (known("CompleteCommit", 7), False, True),
        (known("CompleteCommit", 8), False, True),
        (known("CompleteCommit", 9), False, False),  # a later transaction
        (known("CompleteAbort", 8), False, False),
    ],
)
def test_a_coordinator_that_has_ended_it_elsewhere_will_not_end_it_here(
    one: OpenTransaction, is_known: bool, was_committed: bool
) -> None:
    assert (one.is_known, one.was_committed) == (is_known, was_committed)
