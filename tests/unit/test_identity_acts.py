"""What an operator names is read strictly; what holds, what an act would move and what is drawn follow from rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from models.identity.erasure import NOBODY
from streams.cli.identifiers import Named, NamingError, check_link, check_reason, check_split, named
from streams.report.chart import draw_identity
from streams.report.identity import (
    BEGINNING,
    Held,
    Preview,
    Stake,
    came_from,
    erased,
    held,
    lives_on,
    observed,
    of_lead,
    picture,
    preview,
    stated,
)
from streams.report.show_identity import show_erasure, show_link, show_split

KEY = bytes(32)
ADA, BEN, CAL, COOKIE = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abcd")


def read(*texts: str, asked: tuple[str, ...] = (), region: str = "UAE") -> list[Named]:
    answers = iter(asked)
    return named(texts, lambda _kind: next(answers), KEY, "acme", region)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def row(identifier: str, lead: str, version: int, since: datetime = BEGINNING, **more: Any) -> dict[str, Any]:
    return {"identifier": identifier, "kind": "email", "lead_id": lead, "version": version, "since": since,
            "why": "first", **more}  # fmt: skip


# -- KIND=VALUE


def test_identifiers_are_read_in_the_form_that_people_write() -> None:
    email, phone = read("email= Ada@Example.com", "phone=050 123 4567")
    assert (email.kind, phone.kind) == ("email", "phone")
    assert read("email=ada@example.com", "phone=+971501234567") == [
        Named("email", email.hash, "ada@example.com"), Named("phone", phone.hash, "+971501234567"),
    ]  # fmt: skip
    assert email.label == f"email {email.hash[:8]}"
    assert "ada" not in repr(email).casefold()
    assert (email.fact.kind, email.fact.value) == ("email", " Ada@Example.com")


def test_a_value_may_hold_the_sign_and_may_be_asked_for() -> None:
    assert read("crm_id=a=b")[0].value == "a=b"
    assert [one.value for one in read("email=-", "phone=-", asked=("x@y.z", "+971501234567"))] == [
        "x@y.z", "+971501234567",
    ]  # fmt: skip


def test_one_identifier_named_twice_is_one() -> None:
    assert len(read("wa_id=971501234567", "phone=+971501234567", "email=a@b.c", "email=A@B.C")) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ada@example.com", "KIND=VALUE"),
        ("mail=ada@example.com", "mail is no kind"),
        ("=ada@example.com", "nothing is no kind"),
        ("cookie_id=c1", "cookie_id is weak"),
        ("email=secret", "no usable email: an address"),
        ("phone=secret", "no usable phone: a number"),
        ("crm_id=", "no usable crm_id"),
        ("crm_id=" + "x" * 129, "no usable crm_id"),
        ("crm_id=secret\0", "no usable crm_id"),
    ],
)
def test_what_cannot_be_used_says_why_and_not_the_value(text: str, told: str) -> None:
    with pytest.raises(NamingError, match=told) as refused:
        read(text)
    assert "secret" not in str(refused.value)


def test_a_link_needs_two_and_a_split_two_sides_that_differ() -> None:
    one, other = read("email=a@b.c", "phone=+971501234567")
    check_link([one, other])
    check_split([one], [other])
    with pytest.raises(NamingError, match="at least two"):
        check_link(read("wa_id=971501234567", "phone=+971501234567"))
    with pytest.raises(NamingError, match="both sides"):
        check_split([one], [])
    with pytest.raises(NamingError, match=f"taken and kept: email {one.hash[:8]}"):
        check_split([one, other], read("email=A@B.C"))


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "Mrs. ADA@example.com said so", "050-123 4567 was recycled"])
def test_a_reason_says_something_and_names_nobody(reason: str) -> None:
    with pytest.raises(NamingError, match="--reason"):
        check_reason(reason, read("email=ada@example.com", "phone=0501234567"))
    check_reason("CASE-311", read("email=ada@example.com", "crm_id=31"))


# -- what holds when


def test_of_rows_that_have_begun_the_highest_version_and_then_instant_holds() -> None:
    rows = [
        row(COOKIE, ADA, 2), row(COOKIE, BEN, 2, day(5)), row(COOKIE, CAL, 1, day(7)), row(COOKIE, ADA, 3, day(9)),
    ]  # fmt: skip
    found = held(reversed(rows))
    assert [(one.lead_id, one.since, one.until, one.version) for one in found] == [
        (ADA, BEGINNING, day(5), 2), (BEN, day(5), day(9), 2), (ADA, day(9), None, 3),
    ]  # fmt: skip
    for number in range(1, 12):
        begun = [one for one in rows if one["since"] <= day(number)]
        holds = max(begun, key=lambda one: (one["version"], one["since"]))["lead_id"]
        covering = [o for o in found if o.since <= day(number) and (o.until is None or day(number) < o.until)]
        assert [one.lead_id for one in covering] == [holds]


def test_a_lead_that_holds_nothing_lives_on_where_its_own_identifier_went() -> None:
    merged = held([row(CAL, ADA, 1), row(ADA, ADA, 0)])
    assert lives_on(merged, CAL) == [ADA]
    assert lives_on(merged, ADA) == []
    shared = held([row(COOKIE, ADA, 2), row(COOKIE, BEN, 2, day(5))])
    assert lives_on(shared, COOKIE) == [ADA, BEN]
    assert lives_on([*merged, *held([row("b", CAL, 1, kind="booking")])], CAL) == [], "a booking is still here"
    assert of_lead(held([row("b", ADA, 1, kind="booking"), row(ADA, ADA, 0)]), ADA) == held([row(ADA, ADA, 0)])


def change(identifiers: list[str], from_lead: str, into: str, at: datetime) -> dict[str, Any]:
    return {"change": "merged", "lead_id": from_lead, "into_lead_id": into, "identifiers": identifiers,
            "decision": f"d{at:%d}", "occurred_at": at}  # fmt: skip


def test_an_identifier_came_by_the_newest_change_that_brought_it() -> None:
    moves = [change([CAL], CAL, ADA, day(4)), change([CAL], BEN, ADA, day(8)), change([CAL], ADA, BEN, day(6))]
    assert came_from(moves, CAL, ADA) == moves[1]
    assert came_from(moves, COOKIE, ADA) is None


# -- what an act would move


HOLDS = held([row(ADA, ADA, 0), row(CAL, ADA, 1), row(COOKIE, ADA, 1), row(BEN, BEN, 0),
              row("k", ADA, 1, kind="booking")])  # fmt: skip
REGIONS = {ADA: "UAE", BEN: "IND", CAL: "UAE"}
BOOKED = [{"lead_id": ADA, "currency": "AED", "bookings": 2, "net_minor": 500},
          {"lead_id": ADA, "currency": "USD", "bookings": 1, "net_minor": 0},
          {"lead_id": CAL, "currency": "USD", "bookings": 9, "net_minor": 9}]  # fmt: skip


def test_a_preview_has_the_leads_what_they_hold_and_what_was_never_seen() -> None:
    found = preview({CAL: "phone c", BEN: "email b", "x": "email x"}, HOLDS, REGIONS, BOOKED)
    assert found == Preview(
        [Stake(ADA, "UAE", 3, ["phone c"], 3, {"AED": 500}), Stake(BEN, "IND", 1, ["email b"], 0, {})], ["email x"]
    )
    assert found.regions == ["IND", "UAE"]
    assert preview({"x": "email x"}, [], {}, []) == Preview([], ["email x"])


def told(show: Any, *arguments: Any) -> str:
    console = Console(width=200)
    with console.capture() as printed:
        show(*arguments, console)
    return " ".join(printed.get().split())


def test_a_link_is_told_by_what_it_moves() -> None:
    both = preview({CAL: "phone c", BEN: "email b"}, HOLDS, REGIONS, BOOKED)
    assert "2 leads become one" in told(show_link, both)
    assert "4 identifiers and 3 bookings" in told(show_link, both)
    assert "5.00 AED" in told(show_link, both)
    assert "of one lead already" in told(show_link, preview({CAL: "phone c", ADA: "email a"}, HOLDS, REGIONS, BOOKED))
    nobody = told(show_link, preview({"x": "email x"}, [], {}, []))
    assert "Nobody moves now" in nobody
    assert "Never seen so far, check what you wrote: email x." in nobody


def test_a_split_is_told_by_who_goes() -> None:
    one = preview({CAL: "phone c", ADA: "email a"}, HOLDS, REGIONS, BOOKED)
    assert f"From lead {ADA} phone c would go" in told(show_split, one, ["phone c"], ["email a"])
    assert "Its other identifiers (1) go with" in told(show_split, one, ["phone c"], ["email a"])
    two = preview({CAL: "phone c", BEN: "email b"}, HOLDS, REGIONS, BOOKED)
    assert "No lead holds both sides" in told(show_split, two, ["phone c"], ["email b"])


# -- the picture


def together(one: str, other: str, number: int) -> dict[str, Any]:
    return {"identifier": one, "other": other, "occurred_at": day(number), "fact_id": f"f{number}-0000-0000",
            "fact_topic": "leads"}  # fmt: skip


def said(what: str, one: list[str], others: list[str], number: int) -> dict[str, Any]:
    return {"says": what, "identifiers": one, "others": others, "occurred_at": day(number), "source": "operator",
            "event_id": f"e{number}-0000-0000"}  # fmt: skip


LINES = [
    *observed([together(ADA, CAL, 4), together(ADA, BEN, 5)]),
    *stated(
        [said("linked", [ADA], [BEN, CAL], 6), said("linked", [COOKIE], [CAL], 7), said("split", [CAL], [COOKIE], 8)]
    ),
]


def drawn() -> Any:
    return picture(ADA, HOLDS, [change([CAL, COOKIE], CAL, ADA, day(4))], LINES)


def test_a_picture_has_the_leads_identifiers_and_whence_they_came() -> None:
    found = drawn()
    assert {node.name: node.kind for node in found.nodes} == {
        ADA: "email", CAL: "email", COOKIE: "email", f"former {CAL}": "former lead"
    } | {f"lead {ADA}": "lead"}  # fmt: skip
    assert sorted((e.start, e.end, e.style) for e in found.edges) == sorted(
        [(f"lead {ADA}", name, "holds") for name in (ADA, CAL, COOKIE)]
        + [(f"former {CAL}", name, "came") for name in (CAL, COOKIE)]
        + [(ADA, CAL, "observed"), (ADA, CAL, "linked")]
    )
    assert [e.label for e in found.edges if e.style in ("observed", "linked")] == [
        "04 Mar 2026\nleads f4-0000-", "06 Mar 2026\nlinked by operator e6-0000-"
    ]  # fmt: skip
    places = {(round(node.x, 6), round(node.y, 6)) for node in found.nodes}
    assert len(places) == len(found.nodes), "nothing hides another"
    ends = {node.name for node in found.nodes}
    assert {e.start for e in found.edges} | {e.end for e in found.edges} <= ends


def test_those_of_one_origin_stand_side_by_side_before_it() -> None:
    found = drawn()
    by_name = {node.name: node for node in found.nodes}
    former, cal, cookie = by_name[f"former {CAL}"], by_name[CAL], by_name[COOKIE]
    middle = ((cal.x + cookie.x) / 2, (cal.y + cookie.y) / 2)
    assert former.x * middle[0] + former.y * middle[1] > 0
    assert former.x * middle[1] == pytest.approx(former.y * middle[0])


@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_a_picture_is_written_as_its_name_says(tmp_path: Path, suffix: str, begins: bytes) -> None:
    path = tmp_path / f"lead{suffix}"
    draw_identity(path, drawn())
    assert path.read_bytes().startswith(begins)


def test_one_identifier_alone_is_a_picture_too(tmp_path: Path) -> None:
    alone = picture(ADA, [Held(ADA, "email", ADA, BEGINNING, None, 0, "first")], [], [])
    draw_identity(tmp_path / "one.png", alone)
    assert (len(alone.nodes), len(alone.edges)) == (2, 1)


# -- erasure


def test_what_was_erased_is_nobodys_and_says_when() -> None:
    name_ = CAL
    holds = held([row(ADA, NOBODY, 2, why="erased"), row(ADA, name_, 2, day(3)), row(name_, name_, 2, kind="name")])
    assert erased(holds, ADA) == day(3)
    assert erased(holds, name_) is None
    assert lives_on(holds, ADA) == [name_]
    assert [one.kind for one in of_lead(holds, name_)] == ["email"]
    about = preview({ADA: "email a"}, holds, {name_: "UAE"}, [])
    assert [(stake.lead_id, stake.named) for stake in about.stakes] == [(name_, ["email a"])]


@pytest.mark.parametrize(("identifiers", "told"), [(1, "all that it knows"), (3, "keeps its other identifiers (2)")])
def test_a_preview_says_what_an_erasure_would_take(identifiers: int, told: str) -> None:
    console = Console(record=True, width=160)
    show_erasure(Preview([Stake(ADA, "UAE", identifiers, ["email aaaaaaaa"], 1, {"AED": 100})], ["phone b"]), console)
    text = console.export_text()
    for expected in (f"Lead {ADA} forgets what email aaaaaaaa brought", told, "cannot be undone", "phone b"):
        assert expected in text
