"""A booking's history is put together from rows, told in words, and checked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from streams.cli import booking
from streams.report.booking import History, credited_over_time, described, drawn, history, in_force, touch_of
from streams.report.chart import draw_stacked
from streams.report.show_booking import show

BOOKED, REFUNDED = datetime(2026, 3, 10, 18, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)
REVISIONS = [
    {"revision": revision, "status": status, "amount_minor": 10_000, "retained_minor": retained, "currency": "AED",
     "booked_at": BOOKED, "occurred_at": at, "arrived_at": at, "source": "pms"}
    for revision, status, retained, at in ((1, "booked", 0, BOOKED), (2, "refunded", 8_000, REFUNDED))
]  # fmt: skip
BOOKING: dict[str, Any] = {
    **REVISIONS[1], "booking_id": "b1", "workspace_id": "acme", "net_minor": 8_000, "lead_id": "some-lead",
    "property_id": None, "market_segment": "direct", "starts_on": date(2026, 4, 1), "ends_on": date(2026, 4, 3),
}  # fmt: skip
SHARES = {
    ("linear", 1): {"search": 5_000, "social": 5_000},
    ("first", 1): {"search": 10_000},
    ("last", 1): {"search": 10_000},
    ("linear", 2): {"search": -1_000, "social": -1_000},
    ("first", 2): {"search": -2_000},
    ("last", 2): {"search": -2_000},
}


def lines(shares: dict[tuple[str, int], dict[str, int]] = SHARES) -> list[dict[str, Any]]:
    """The booking's ledger lines: touch t-search on the 1st, t-social on the 3rd; 1 USD is 4 AED."""
    found = []
    for (model, seq), of_channel in shares.items():
        at = REVISIONS[seq - 1]["occurred_at"]
        for channel, amount in {**of_channel, "(revenue)": -sum(of_channel.values())}.items():
            account = channel if channel == "(revenue)" else f"t-{channel}#1"
            found.append(
                {"seq": seq, "posting_id": f"p{seq}", "known_at": at, "reason": ("conversion", "revision")[seq - 1],
                 "lead_id": "some-lead", "model": model, "basis": "net", "effective_at": at, "account": account,
                 "channel": channel, "campaign_id": "spring" if channel == "search" else None, "content_id": None,
                 "variant_id": None, "touch_day": date(2026, 3, 3 if channel == "social" else 1), "currency": "AED",
                 "amount_minor": amount, "reporting_currency": "USD", "reporting_minor": amount // 4}
            )  # fmt: skip
    return sorted(found, key=lambda line: line["seq"])


MODELS = ("first", "last", "linear")
TOUCHES = [
    {"touch_id": "t-search", "revision": 1, "kind": "site_visit", "occurred_at": datetime(2026, 3, 1, tzinfo=UTC)}
]


def told(found: History) -> str:
    """What is printed, 120 columns wide."""
    console = Console(width=120)
    with console.capture() as printed:
        show(found, console)
    return printed.get()


def test_a_history_holds_path_postings_and_what_stands() -> None:
    found = history(BOOKING, REVISIONS, lines(), TOUCHES, MODELS)
    assert [(one["channel"], one["kind"]) for one in found.path] == [("search", "site_visit"), ("social", None)]
    assert [(one["seq"], one["reason"], len(one["lines"])) for one in found.postings] == [
        (1, "conversion", 7),
        (2, "revision", 7),
    ]
    standing = {(row["model"], row["channel"]): row["amount_minor"] for row in found.balances}
    assert standing["linear", "social"] == 4_000
    assert standing["first", "(revenue)"] == -8_000
    assert found.differences == []


def test_it_is_told_in_words() -> None:
    words = told(history(BOOKING, REVISIONS, lines(), TOUCHES, MODELS))
    for line in (
        "Booking b1 of acme: refunded, 80.00 of 100.00 AED kept",
        "lead some-lead, segment direct, dates 01 Apr 2026 to 03 Apr 2026",
        "known since 20 Mar 2026 00:00:00, because a booking changed",
        "20 Mar 2026 00:00:00: refunded, 80.00 of 100.00 AED kept",
        "net       linear       AED  search spring −10.00, social −10.00",
        "net       first, last  AED  search spring −20.00",
        "net       first, last  USD  search spring −5.00",
        "Every posting balances; credits sum to the net revenue in every model: 80.00 AED.",
    ):
        assert line in words
    (total,) = (line for line in words.splitlines() if line.startswith("total"))
    assert total.split() == ["total", "80.00", "80.00", "80.00"]


def test_what_does_not_add_up_is_told() -> None:
    short = [line for line in lines() if (line["seq"], line["model"], line["channel"]) != (2, "linear", "social")]
    found = history(BOOKING, REVISIONS, short, TOUCHES, MODELS)
    assert found.differences == [
        "posting 2 is off balance in linear, net, from 2026-03-20T00:00:00+00:00 on, by +1000 minor units of AED and "
        "+250 of the reporting currency",
        "linear credits 90.00 AED, the booking is worth 80.00 AED",
    ]
    assert "DIFFERENCE linear credits 90.00 AED" in told(found)


def test_a_booking_that_the_ledger_has_not_seen_yet_is_told() -> None:
    found = history(BOOKING, REVISIONS, [], [], MODELS)
    assert found.differences == ["nobody yet credits 0, the booking is worth 80.00 AED"]
    assert "Booking b1" in told(found)
    assert history({**BOOKING, "net_minor": 0}, REVISIONS, [], [], MODELS).differences == []


def test_only_models_that_are_to_credit_the_net_revenue_must() -> None:
    realised = [{**line, "basis": "realised"} for line in lines()]
    found = history(BOOKING, REVISIONS, realised, TOUCHES, ())
    assert found.differences == []
    assert "Every posting balances.\n" in told(found)
    assert drawn(found) == ("first", "realised")
    owing = history(BOOKING, REVISIONS, realised, TOUCHES, ("last",))
    assert owing.differences == ["last credits 0, the booking is worth 80.00 AED"]


def test_the_revision_in_force_is_the_highest_that_had_begun() -> None:
    assert in_force(REVISIONS, REFUNDED) == REVISIONS[1]
    assert in_force(REVISIONS, BOOKED) == REVISIONS[0]
    assert in_force(REVISIONS, datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_words_for_what_a_booking_is() -> None:
    assert described(REVISIONS[0]) == "booked, 100.00 AED"
    assert described({**REVISIONS[1], "status": "no_show", "currency": "JPY"}) == "no show, 8,000 of 10,000 JPY kept"


def test_credit_over_time_can_be_drawn(tmp_path: Path) -> None:
    found = history(BOOKING, REVISIONS, lines(), TOUCHES, MODELS)
    assert drawn(found) == ("first", "net")
    known, channels = credited_over_time(found, "linear", "net")
    assert (known, channels) == ([BOOKED, REFUNDED], {"search": [5_000, 4_000], "social": [5_000, 4_000]})
    draw_stacked(tmp_path / "credit.png", ["booked", "refunded"], channels, "net credit")
    assert (tmp_path / "credit.png").read_bytes().startswith(b"\x89PNG")


def test_an_account_may_be_a_touchs() -> None:
    assert touch_of("a#b#3") == ("a#b", 3)
    assert [touch_of(account) for account in ("(none)", "(revenue)", "bundle:2026-01-01:77")] == [None] * 3


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        booking._draw(tmp_path / "none" / "credit.png", history(BOOKING, REVISIONS, lines(), TOUCHES, ["linear"]))
    assert ended.value.exit_code == 2
    assert "--picture: No such file or directory" in capsys.readouterr().err
