"""Kafka's own partitioner, for places that must know a key's partition without a client: the driver and tests."""

from __future__ import annotations

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit Murmur2 hash with Kafka's seed (A. Appleby's MurmurHash2, as in org.apache.kafka.common.utils)."""
    length = len(data)
    h = 0x9747B28C ^ length
    for place in range(0, length & ~3, 4):
        k = int.from_bytes(data[place : place + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    rest = data[length & ~3 :]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key among so many."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
