"""Money is never lost, made or shifted: apportioning and conversion against exact rationals."""

from __future__ import annotations

from fractions import Fraction

from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from models.money import apportion, convert
from tests.property.oracles.ledger import half_even, share_out

amounts = st.integers(-(10**15), 10**15)
weights = st.lists(st.integers(0, 10**12) | st.sampled_from((0, 1, 1, 2)), min_size=1, max_size=30).filter(any)


@given(amounts, weights)
def test_shares_are_those_of_the_definition(amount: int, given_weights: list[int]) -> None:
    shares = apportion(amount, given_weights)
    assert shares == share_out(amount, given_weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, given_weights, strict=True):
        assert share == 0 or weight > 0
        assert abs(share - Fraction(amount * weight, sum(given_weights))) < 1
    assert apportion(-amount, given_weights) == [-share for share in shares]


@given(st.integers(0, 10**6), st.integers(1, 20))
def test_of_equal_weights_the_earlier_takes_the_unit_left_over(amount: int, touches: int) -> None:
    shares = apportion(amount, [1] * touches)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] <= 1


@given(
    amounts,
    st.from_regex(r"\A[0-9]{1,6}(\.[0-9]{1,6})?\Z"),
    st.sampled_from(("USD", "JPY", "KWD", "AED")),
    st.sampled_from(("USD", "JPY", "KWD", "AED")),
)
def test_conversion_rounds_once_half_to_even(amount: int, rate: str, base: str, quote: str) -> None:
    scale = Fraction(10) ** (get_currency_precision(quote) - get_currency_precision(base))
    assert convert(amount, rate, base, quote) == half_even(amount * Fraction(rate) * scale)


def test_halves_go_to_the_even_unit() -> None:
    assert [convert(n, "0.5", "AED", "AED") for n in (-3, -1, 1, 3, 5)] == [-2, 0, 0, 2, 2]
    assert convert(1_000, "3", "JPY", "KWD") == 3_000_000
    assert convert(15, "1", "KWD", "AED") == 2
    assert convert(25, "1", "KWD", "AED") == 2
