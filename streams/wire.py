"""Three questions of Kafka's protocol that our client does not ask: which transactions are open, and whose they are.

Spoken over a plain socket, without TLS or SASL. Layouts: https://kafka.apache.org/protocol, DescribeProducers (key 61),
ListTransactions (66) and DescribeTransactions (65), version 0 of each, all flexible. Every broker since 3.0 knows them.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

_DESCRIBE_PRODUCERS, _DESCRIBE_TRANSACTIONS, _LIST_TRANSACTIONS = 61, 65, 66
_LARGEST_ANSWER = 64_000_000
_NO_TAGS = b"\0"

T = TypeVar("T")


class WireError(Exception):
    """A broker was not reached, or does not answer as the protocol says."""


class ActiveProducer(NamedTuple):
    """A producer that a partition's leader remembers. Instants in milliseconds."""

    topic: str
    partition: int
    producer_id: int
    epoch: int
    last_written: int
    """Timestamp of its last batch."""
    first_offset: int
    """Of its open transaction; -1: none is open."""


class Unanswered(NamedTuple):
    """A partition of which the broker told nothing, and Kafka's error code."""

    topic: str
    partition: int
    error: int


class Coordinated(NamedTuple):
    """What a coordinator knows of a transactional id. Instants in milliseconds, -1: nothing is open."""

    transactional_id: str
    producer_id: int
    epoch: int
    state: str
    started: int
    partitions: frozenset[tuple[str, int]]
    """Those of the open transaction that have not got their marker."""


class Broker:
    """A connection to one broker. Use as a context manager. Any call may raise ``WireError``."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self._where = f"{host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), seconds)
        except OSError as error:
            raise WireError(f"no connection to the broker at {self._where}: {error}") from error

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def producers(self, partitions: Mapping[str, Sequence[int]]) -> list[ActiveProducer | Unanswered]:
        """The producers that write, or wrote lately, to partitions that this broker leads."""
        return self._ask(_DESCRIBE_PRODUCERS, producers_question(partitions), producers_answer)

    def transactional_ids(self) -> list[str]:
        """The transactional ids that this broker coordinates."""
        return self._ask(_LIST_TRANSACTIONS, array(()) + array(()) + _NO_TAGS, ids_answer)

    def transactions(self, transactional_ids: Iterable[str]) -> list[Coordinated]:
        """What this broker knows of ids that it coordinates; ids that it has just forgotten are left out."""
        question = array(map(text, transactional_ids)) + _NO_TAGS
        return self._ask(_DESCRIBE_TRANSACTIONS, question, transactions_answer)

    def _ask(self, key: int, question: bytes, read: Callable[[Answer], T]) -> T:
        client = b"fineacers.doctor"
        header = struct.pack(">hhih", key, 0, key, len(client)) + client + _NO_TAGS
        try:
            self._socket.sendall(struct.pack(">i", len(header) + len(question)) + header + question)
            (size,) = struct.unpack(">i", self._receive(4))
            if not 0 <= size <= _LARGEST_ANSWER:
                raise WireError(f"{self._where} does not speak plain Kafka: it wants TLS or SASL, or is no broker")
            answer = Answer(self._receive(size))
        except OSError as error:
            raise WireError(f"the broker at {self._where} does not answer: {error}") from error
        try:
            if answer.int32() != key:
                raise WireError(f"{self._where} answers another question")
            answer.tags()
            return read(answer)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise WireError(f"the answer of {self._where} to request {key} cannot be read: {error}") from error

    def _receive(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = self._socket.recv(size - len(parts))
            if not part:
                raise WireError(
                    f"the broker at {self._where} hangs up: it wants TLS or SASL, or is older than Kafka 3.0"
                )
            parts += part
        return bytes(parts)


# -- questions


def producers_question(partitions: Mapping[str, Sequence[int]]) -> bytes:
    """Body of DescribeProducers."""
    topics = (
        text(topic) + array(struct.pack(">i", number) for number in numbers) + _NO_TAGS
        for topic, numbers in partitions.items()
    )
    return array(topics) + _NO_TAGS


def array(elements: Iterable[bytes]) -> bytes:
    """A compact array."""
    elements = list(elements)
    return _uvarint(len(elements) + 1) + b"".join(elements)


def text(value: str) -> bytes:
    """A compact string."""
    raw = value.encode()
    return _uvarint(len(raw) + 1) + raw


def _uvarint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# -- answers


class Answer:
    """The bytes of an answer, read from front to back. ``struct.error`` or ``IndexError`` where they end too early."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    def int16(self) -> int:
        """Two bytes."""
        return self._number(">h", 2)

    def int32(self) -> int:
        """Four bytes."""
        return self._number(">i", 4)

    def int64(self) -> int:
        """Eight bytes."""
        return self._number(">q", 8)

    def text(self) -> str:
        """A compact string; none is an empty one."""
        return self._bytes(max(0, self._uvarint() - 1)).decode()

    def array(self, element: Callable[[], T]) -> list[T]:
        """A compact array; none is an empty one."""
        return [element() for _ in range(self._uvarint() - 1)]

    def tags(self) -> None:
        """Pass over tagged fields, of which we know none."""
        for _ in range(self._uvarint()):
            self._uvarint()
            self._bytes(self._uvarint())

    def _number(self, layout: str, size: int) -> int:
        (value,) = struct.unpack(layout, self._bytes(size))
        return int(value)

    def _uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self._raw[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _bytes(self, size: int) -> bytes:
        if self._at + size > len(self._raw):
            raise IndexError(f"{size} bytes are wanted at {self._at} of {len(self._raw)}")
        self._at += size
        return self._raw[self._at - size : self._at]


def producers_answer(answer: Answer) -> list[ActiveProducer | Unanswered]:
    """Body of DescribeProducers' answer."""
    found: list[ActiveProducer | Unanswered] = []

    def topic() -> None:
        name = answer.text()
        answer.array(lambda: partition(name))
        answer.tags()

    def partition(name: str) -> None:
        number, error = answer.int32(), answer.int16()
        answer.text()  # the error in words
        if error:
            found.append(Unanswered(name, number, error))
        answer.array(lambda: producer(name, number))
        answer.tags()

    def producer(name: str, number: int) -> None:
        producer_id, epoch, _sequence = answer.int64(), answer.int32(), answer.int32()
        written, _coordinator_epoch, first = answer.int64(), answer.int32(), answer.int64()
        answer.tags()
        found.append(ActiveProducer(name, number, producer_id, epoch, written, first))

    answer.int32()  # throttled for so many milliseconds
    answer.array(topic)
    return found


def ids_answer(answer: Answer) -> list[str]:
    """Body of ListTransactions' answer."""

    def one() -> str:
        name, _producer_id, _state = answer.text(), answer.int64(), answer.text()
        answer.tags()
        return name

    answer.int32()
    error = answer.int16()
    if error:
        raise WireError(f"transactions are not listed, Kafka's error code {error}")
    answer.array(answer.text)  # states asked for that it does not know
    return answer.array(one)


def transactions_answer(answer: Answer) -> list[Coordinated]:
    """Body of DescribeTransactions' answer."""

    def one() -> Coordinated | None:
        error, name, state = answer.int16(), answer.text(), answer.text()
        _timeout, started, producer_id, epoch = answer.int32(), answer.int64(), answer.int64(), answer.int16()
        topics = answer.array(topic)
        answer.tags()
        slots = frozenset((name, number) for name, numbers in topics for number in numbers)
        return None if error else Coordinated(name, producer_id, epoch, state, started, slots)

    def topic() -> tuple[str, list[int]]:
        name, numbers = answer.text(), answer.array(answer.int32)
        answer.tags()
        return name, numbers

    answer.int32()
    return [known for known in answer.array(one) if known is not None]
