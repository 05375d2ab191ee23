"""Integer money: apportioning without losing a unit, converting with a named rounding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from babel.numbers import get_currency_precision

_ISO_4217 = {
    **dict.fromkeys(("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER"), 2),
    "IQD": 3,
}
"""Where ISO 4217 (list one of 1 January 2026) has minor units and CLDR, which says how amounts are written, none."""


def minor_digits(currency: str) -> int:
    """Decimal places of a currency's minor unit by ISO 4217; of withdrawn currencies, by CLDR."""
    found = _ISO_4217.get(currency)
    return int(get_currency_precision(currency)) if found is None else found


def apportion(amount: int, weights: Sequence[int]) -> list[int]:
    """Shares of an amount by weight that sum to it: floors first, then one unit each to the largest remainders.

    Ties go to the earlier share; weights of 0 take no part. At least one weight is positive, none negative. A negative
    amount gives the negated shares of its absolute value.
    """
    if amount < 0:
        return [-share for share in apportion(-amount, weights)]
    total = sum(weights)
    shares = [amount * weight // total for weight in weights]
    left = amount - sum(shares)
    if left:
        # fewer are left than have a remainder, and a weight of 0 has none
        remainders = [amount * weight % total for weight in weights]
        for index in sorted(range(len(shares)), key=remainders.__getitem__, reverse=True)[:left]:
            shares[index] += 1
    return shares


@lru_cache(65_536)
def _scaled(rate: str, base: str, quote: str) -> Fraction:
    return Fraction(rate) * Fraction(10) ** (minor_digits(quote) - minor_digits(base))


def convert(amount_minor: int, rate: str, base: str, quote: str) -> int:
    """Minor units of ``quote`` for minor units of ``base`` at a decimal rate, rounded once, half to even."""
    return amount_minor if base == quote and rate == "1" else round(amount_minor * _scaled(rate, base, quote))
