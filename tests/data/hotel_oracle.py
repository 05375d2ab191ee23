"""What the hotel bookings file must become, computed from the rows alone: no mapping, no contract, no codec.

The one row with a negative rate is left out: its facts are refused by intake.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "hotel_bookings.csv.gz"
ROWS = 119_390
FACTS = 2 * ROWS
REFUSED_FACTS = 2
"""Both facts of the row with a negative rate."""

_STATUS = {"Check-Out": "completed", "Canceled": "cancelled", "No-Show": "no_show"}
_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"]  # fmt: skip


class Sums(NamedTuple):
    """Bookings, and their money in cents."""

    bookings: int
    amount_minor: int
    retained_minor: int


class Booking(NamedTuple):
    """One row, in its own words; money in cents."""

    row: int
    hotel: str
    segment: str
    status: str
    booked_on: date
    arrives_on: date
    ended_on: date
    amount: int
    retained: int


def bookings(path: Path = FILE) -> Iterator[Booking]:
    """All rows, the negative one among them."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            arrival = date(
                int(row["arrival_date_year"]),
                _MONTHS.index(row["arrival_date_month"]) + 1,
                int(row["arrival_date_day_of_month"]),
            )
            nights = int(row["stays_in_weekend_nights"]) + int(row["stays_in_week_nights"])
            amount = int(Decimal(row["adr"]) * 100) * nights
            status = _STATUS[row["reservation_status"]]
            kept = status != "completed" and row["deposit_type"] == "Non Refund"
            yield Booking(
                number,
                row["hotel"],
                row["market_segment"],
                status,
                arrival - timedelta(days=int(row["lead_time"])),
                arrival,
                date.fromisoformat(row["reservation_status_date"]),
                amount,
                amount if kept else 0,
            )


def expected(path: Path = FILE) -> dict[tuple[str, str, str], Sums]:
    """By hotel, market segment and status: bookings that ended so, and, under ``booked``, all that were made."""
    sums: defaultdict[tuple[str, str, str], Sums] = defaultdict(lambda: Sums(0, 0, 0))
    for booking in bookings(path):
        if booking.amount < 0:
            continue
        for status, retained in (("booked", 0), (booking.status, booking.retained)):
            key = (booking.hotel, booking.segment, status)
            count, amount, kept = sums[key]
            sums[key] = Sums(count + 1, amount + booking.amount, kept + retained)
    return dict(sums)


def net_as_known(known: datetime, path: Path = FILE) -> dict[tuple[str, str], int]:
    """Change of net revenue in cents by market segment and month, from what had happened by an instant alone.

    A booking is made at 12:00 UTC and ends at 18:00. From each of the two on it is worth what the later of the two
    says that has begun.
    """
    net: Counter[tuple[str, str]] = Counter()
    for booking in bookings(path):
        if booking.amount < 0:
            continue
        made = datetime.combine(booking.booked_on, time(12), UTC)
        ended = datetime.combine(booking.ended_on, time(18), UTC)
        finally_ = booking.amount if booking.status == "completed" else booking.retained
        worth = 0
        for at, value in sorted([(made, booking.amount), (ended, finally_)]):
            if at <= known:
                worth, before = (finally_ if ended <= at else value), worth
                net[booking.segment, f"{at:%Y-%m}"] += worth - before
    return {key: amount for key, amount in net.items() if amount}


def lost_by_lead_time(known: date, bands: tuple[int, ...], path: Path = FILE) -> dict[int, int]:
    """Parts per million of the booked value that came to nothing, by lead time of at least so many days.

    From the stays that were due before a day alone: of those due later, only what was cancelled had ended by then.
    """
    booked: Counter[int] = Counter()
    kept: Counter[int] = Counter()
    for booking in bookings(path):
        if booking.amount >= 0 and max(booking.arrives_on, booking.ended_on) < known:
            band = max(days for days in bands if days <= (booking.arrives_on - booking.booked_on).days)
            booked[band] += booking.amount
            kept[band] += booking.amount if booking.status == "completed" else booking.retained
    return {band: (booked[band] - kept[band]) * 1_000_000 // booked[band] for band in bands}


def monthly_net(path: Path = FILE) -> dict[str, int]:
    """Change of net revenue in cents by month (YYYY-MM): the amount when booked, what is lost when it falls through."""
    net: Counter[str] = Counter()
    for booking in bookings(path):
        if booking.amount < 0:
            continue
        net[f"{booking.booked_on:%Y-%m}"] += booking.amount
        if booking.status != "completed":
            net[f"{booking.ended_on:%Y-%m}"] += booking.retained - booking.amount
    return dict(net)
