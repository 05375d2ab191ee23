"""Two runs compared: each message counts once, and revenue is that of bookings after a lead's first allowed contact."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from streams.report.show_what_if import show_what_if
from streams.what_if import Found, Row, as_json, what_if


def word(message: str, decision: str, day: int = 1, **fields: Any) -> dict[str, Any]:
    """A decision on a message to lead A, on a day of March 2026."""
    reasons = {"allow": "allowed", "hold": "quiet_hours", "deny": "cap"}
    given = {"workspace_id": "acme", "message_id": message, "seq": 1, "lead_id": "A", "channel": "email"}
    return {**given, "decision": decision, "reason": reasons[decision], "occurred_at": on(day), **fields}


def on(day: int) -> str:
    return f"2026-03-{day:02}T09:00:00.000000Z"


def booking(name: str = "B", revision: int = 1, day: int = 9, booked: int | None = None) -> dict[str, Any]:
    at = on(booked) if booked else None
    known = {"workspace_id": "acme", "booking_id": name, "revision": revision}
    return {**known, "occurred_at": on(day), "booked_at": at}


def posting(
    *lines: tuple[str, int], booking: str = "B", seq: int = 1, lead: str = "A", **fields: Any
) -> dict[str, Any]:
    """A posting of lines (account, minor units)."""
    shared = {"basis": "net", "model": "linear", "currency": "AED", **fields}
    told = [{**shared, "account": account, "amount_minor": amount} for account, amount in lines]
    return {"workspace_id": "acme", "booking_id": booking, "lead_id": lead, "seq": seq, "lines": told}


def change(type_: str, lead: str, into: str) -> dict[str, Any]:
    return {"type": type_, "workspace_id": "acme", "lead_id": lead, "into_lead_id": into}


def run(*words: Any, bookings: Any = (), postings: Any = (), changes: Any = ()) -> Found:
    return {
        "contact.decisions": words,
        "accepted.bookings": bookings,
        "attribution.credits": postings,
        "identity.changes": changes,
    }


def revenue(**topics: Any) -> tuple[Row, ...]:
    """Revenue when lead A was allowed to be contacted on 5 March, in one run."""
    return what_if({}, run(word("m1", "allow", day=5), **topics)).revenue


def test_the_last_word_counts_and_a_message_without_one_is_held() -> None:
    recorded = run(word("m1", "allow", seq=2), word("m1", "hold"), word("m2", "hold"), word("m3", "hold"))
    proposed = run(word("m1", "hold"), word("m1", "deny", seq=2), word("m2", "hold"), word("m4", "allow"))
    found = what_if(recorded, proposed)
    assert found.decisions == (Row(("allowed",), 1, 1), Row(("held",), 2, 1), Row(("denied",), 0, 1))
    assert found.reasons == (Row(("denied", "cap"), 0, 1), Row(("held", "quiet_hours"), 2, 1))
    assert [row.difference for row in found.decisions] == [0, -1, 1]


def test_channels_are_those_of_the_last_word_and_workspaces_have_messages_of_their_own() -> None:
    other = word("m1", "deny", workspace_id="other", channel="whatsapp")
    moved = word("m2", "allow", seq=2, channel="call")
    found = what_if(run(word("m1", "allow"), other, word("m2", "hold"), moved), {})
    assert found.channels == (
        Row(("call", "allowed"), 1, 0), Row(("email", "allowed"), 1, 0), Row(("whatsapp", "denied"), 1, 0),
    )  # fmt: skip
    assert found.leads == Row(("leads",), 1, 0)


def test_revenue_is_what_stands_at_the_end_on_touches_and_on_none() -> None:
    whole = posting(("t1#1", 6_000), ("(none)", 4_000), ("(revenue)", -10_000))
    refund = posting(("t1#1", -1_000), ("(revenue)", 1_000), seq=2)
    others = posting(("t1#1", 10_000), seq=3, model="first"), posting(("t1#1", 10_000), seq=4, basis="realised")
    assert revenue(bookings=[booking()], postings=[whole, refund, *others]) == (Row(("AED",), 0, 9_000),)


def test_only_bookings_after_the_first_allowed_contact_count() -> None:
    lines = posting(("t1#1", 100))
    assert revenue(bookings=[booking(day=5)], postings=[lines]) == (), "at the very instant"
    assert revenue(bookings=[booking(day=9, booked=4)], postings=[lines]) == (), "it converted when it was booked"
    late = [booking(revision=2, day=4), booking(day=3, booked=6)]
    assert revenue(bookings=late, postings=[lines]) == (Row(("AED",), 0, 100),)
    other = posting(("t1#1", 100), lead="B")
    assert revenue(bookings=[booking()], postings=[other]) == (), "nobody wrote to this lead"


def test_a_denied_or_held_contact_and_a_post_to_no_lead_touch_nobody() -> None:
    words = word("m1", "deny"), word("m2", "hold"), word("m3", "allow", lead_id=None, channel="social")
    found = what_if(run(*words, bookings=[booking()], postings=[posting(("t1#1", 100), lead="A")]), {})
    assert (found.leads, found.bookings, found.revenue) == (Row(("leads",), 0, 0), Row(("bookings",), 0, 0), ())


def test_a_lead_that_became_another_is_followed_until_its_name_lives_again() -> None:
    lines = {"bookings": [booking()], "postings": [posting(("t1#1", 100), lead="C")]}
    merged = [change("LeadMerged", "A", "B"), change("LeadMerged", "B", "C")]
    assert revenue(**lines, changes=merged) == (Row(("AED",), 0, 100),)
    assert revenue(**lines, changes=[*merged, change("LeadSplit", "C", "A")]) == ()
    assert revenue(**lines, changes=[*merged, change("LeadMerged", "C", "A")]) == (Row(("AED",), 0, 100),)


def test_currencies_stay_apart_and_bookings_without_linear_credits_are_told_of() -> None:
    dirhams, dollars = posting(("t1#1", 100)), posting(("t2#1", 7), booking="D", currency="USD")
    nothing = posting(("t1#1", 100), booking="E", model="last")
    known = [booking(), booking("D"), booking("E")]
    found = what_if(run(word("m1", "allow"), bookings=known, postings=[dirhams, dollars, nothing]), {})
    assert found.revenue == (Row(("AED",), 100, 0), Row(("USD",), 7, 0))
    assert (found.bookings, found.unvalued) == (Row(("bookings",), 3, 0), Row(("unvalued",), 1, 0))


def test_figures_are_told_in_tables_and_to_machines() -> None:
    topics = {"bookings": [booking()], "postings": [posting(("t1#1", 123_456))]}
    found = what_if(run(word("m1", "allow"), **topics), run(word("m1", "deny"), **topics))
    console = Console(width=120)
    with console.capture() as printed:
        show_what_if(found, console)
    lines = [" ".join(line.split()) for line in printed.get().splitlines()]
    assert {"allowed 1 0 −1", "held 0 0", "denied 0 1 +1", "cap 0 1 +1", "email allowed 1 0 −1"} <= {*lines}
    assert "credited, AED 1,234.56 0.00 −1,234.56" in lines
    assert "Revenue touched: an estimate, not a causal claim" in lines
    told = as_json(found)
    assert told["reasons"] == [{"decision": "denied", "reason": "cap", "recorded": 0, "proposed": 1, "difference": 1}]
    assert told["revenue_minor"]["by_currency"] == [
        {"currency": "AED", "recorded": 123_456, "proposed": 0, "difference": -123_456}
    ]
    assert told["revenue_minor"]["caveat"] == "an estimate, not a causal claim"
