"""Kafka's partitioner, against hashes that Kafka itself computes."""

import pytest

from streams.partitioner import murmur2, partition_of

KNOWN = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize("text", KNOWN)
def test_hashes_are_kafkas(text: str) -> None:
    assert murmur2(text.encode()) == KNOWN[text] % 2**32


def test_partition_drops_the_sign_bit() -> None:
    assert partition_of("21", 100) == (-973932308 & 0x7FFFFFFF) % 100
    assert {partition_of(f"acme/{n}", 4) for n in range(100)} == {0, 1, 2, 3}
