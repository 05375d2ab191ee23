"""Money is never lost, made or shifted: apportioning and conversion against exact rationals."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import apportion, convert, minor_digits
from tests.property.oracles.ledger import half_even, share_out

amounts = st.integers(-(10**15), 10**15)
weights = st.lists(st.integers(0, 10**12) | st.sampled_from((0, 1, 1, 2)), min_size=1, max_size=30).filter(any)

LIST_ONE = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
        CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
        IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
        MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
        SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER
        ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""Currencies by the decimal places of their minor units: ISO 4217, list one, as published on 1 January 2026."""

DIGITS = {currency: digits for digits, currencies in LIST_ONE.items() for currency in currencies.split()}


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
    st.sampled_from(("USD", "JPY", "KWD", "AED", "LBP", "IQD", "CLF")),
    st.sampled_from(("USD", "JPY", "KWD", "AED", "LBP", "IQD", "CLF")),
)
def test_conversion_rounds_once_half_to_even(amount: int, rate: str, base: str, quote: str) -> None:
    scale = Fraction(10) ** (DIGITS[quote] - DIGITS[base])
    assert convert(amount, rate, base, quote) == half_even(amount * Fraction(rate) * scale)


def test_halves_go_to_the_even_unit() -> None:
    assert [convert(n, "0.5", "AED", "AED") for n in (-3, -1, 1, 3, 5)] == [-2, 0, 0, 2, 2]
    assert convert(1_000, "3", "JPY", "KWD") == 3_000_000
    assert convert(15, "1", "KWD", "AED") == 2
    assert convert(25, "1", "KWD", "AED") == 2


@pytest.mark.parametrize("currency", DIGITS)
def test_a_minor_unit_is_that_of_iso_4217(currency: str) -> None:
    assert minor_digits(currency) == DIGITS[currency]
