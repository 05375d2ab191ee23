"""Whose a device is: what the first login claims, what later ones own, and what is told of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models.identity.logins import MAX_LOGINS, Login, Logins
from processors.resolve.weak import Owned, Weak, upcast
from schemas.events.identity import LeadMerged, LeadSplit
from streams.stage import KeyState
from streams.state import StateCodec
from tests.support.facts import at
from tests.support.identities import places, states, unsettled
from tests.support.leads import run_of
from tests.support.persons import (
    ADA,
    BOB,
    captured,
    name,
    sent,
    touch,
)
from tests.support.runs import STAGES, bindings, leads, new_run


def test_anonymous_history_is_claimed_by_the_first_login_and_later_ones_own_what_follows() -> None:
    run = run_of(touch("t1", "3-1", cookie_id="c"), touch("t2", "3-9", cookie_id="c"))
    run.publish(captured("3-4", email=ADA, cookie_id="c"))
    assert places(run)["t1"] == places(run)["t2"] == {name(ADA)}
    run.publish(captured("3-8", email=BOB, cookie_id="c"))
    assert (places(run)["t1"], places(run)["t2"]) == ({name(ADA)}, {name(BOB)})
    assert set(leads(run)) == {name(ADA), name(BOB)}, "a cookie links nobody"
    cookie = name("c", "cookie_id")
    assert bindings(run)[cookie] == [(0, name(ADA)), (at("3-8"), name(BOB))]
    changes = [*run.said("identity.changes", LeadMerged), *run.said("identity.changes", LeadSplit)]
    assert [(type(one).__name__, one.lead_id, one.into_lead_id) for one in changes] == [
        ("LeadMerged", cookie, name(ADA)), ("LeadSplit", name(ADA), name(BOB))
    ]  # fmt: skip


def test_of_one_who_alone_logs_in_only_the_earliest_login_is_told() -> None:
    run = run_of(*(touch(f"t{n}", f"3-{n}", email=ADA, cookie_id="c") for n in range(5, 25)))
    assert sent(run, "resolve.inbox")["Login"] == 1
    run.publish(touch("t4", "3-4", email=ADA, cookie_id="c"))
    told = sent(run, "resolve.inbox")
    assert (told["Login"], told["Contested"]) == (2, 0)


def test_all_logins_are_told_once_somebody_else_has_logged_in() -> None:
    run = run_of(*(touch(f"a{n}", f"3-{n}", email=ADA, cookie_id="c") for n in (2, 6, 9)))
    for day in (1, 4, 5, 7, 8, 12, 14):
        run.publish(touch(f"c{day}", f"3-{day} 12:00", cookie_id="c"))
    run.publish(touch("b5", "3-5", email=BOB, cookie_id="c"))
    cookie = name("c", "cookie_id")
    assert bindings(run)[cookie] == [(0, name(ADA)), (at("3-5"), name(BOB)), (at("3-6"), name(ADA))]
    run.publish(touch("b11", "3-11", email=BOB, cookie_id="c"))
    run.publish(touch("a13", "3-13", email=ADA, cookie_id="c"))
    run.publish(touch("b8", "3-8", email=BOB, cookie_id="c"))
    owners = {f"c{day}": places(run)[f"c{day}"] for day in (1, 4, 5, 7, 8, 12, 14)}
    assert owners == {
        "c1": {name(ADA)}, "c4": {name(ADA)}, "c5": {name(BOB)}, "c7": {name(ADA)}, "c8": {name(BOB)},
        "c12": {name(BOB)}, "c14": {name(ADA)},
    }  # fmt: skip
    assert not unsettled(run)
    told = sent(run, "resolve.inbox")
    assert (told["Login"], told["Contested"]) == (7, 2), "each login once, each of the two is asked once"


def test_what_is_not_told_is_bounded_and_the_last_login_is_kept() -> None:
    run = run_of(
        *(touch(f"a{n}", f"3-{1 + n // 24} {n % 24}:00", email=ADA, cookie_id="c") for n in range(1 + MAX_LOGINS))
    )
    held = states(run, "resolve")[f"acme/email:{name(ADA)}"]["strong"].weak[f"cookie_id:{name('c', 'cookie_id')}"]
    assert len(held.untold) == 1
    run.publish(touch("b", "3-2", email=BOB, cookie_id="c"))
    run.publish(touch("c", "4-1", cookie_id="c"))
    assert places(run)["c"] == {name(ADA)}


def test_companions_are_claimed_with_the_one_that_is_logged_in() -> None:
    run = run_of(touch("t1", "3-1", device_id="d", cookie_id="c"), touch("t2", "3-2", cookie_id="c"))
    run.publish(captured("3-3", email=ADA, device_id="d"))
    assert places(run)["t1"] == places(run)["t2"] == {name(ADA)}


def test_a_kiosk_belongs_to_nobody_who_logs_in() -> None:
    run = new_run()
    for n in range(500):
        run.publish(captured(f"3-{1 + n // 24} {n % 24}:00", email=f"p{n}@example.com", cookie_id="c"))
    (weak,) = [slices["weak"] for slices in states(run, "resolve").values() if "weak" in slices]
    assert (len(weak.logins.known), weak.logins.kiosk_at is not None) == (64, True)
    run.publish(touch("t1", "4-1", cookie_id="c"))
    assert places(run)["t1"] == {name("c", "cookie_id")}


@pytest.mark.parametrize("order", [1, -1])
def test_a_link_that_everybody_clicks_holds_the_first_of_all_logins_and_no_others(order: int) -> None:
    people = [f"p{n}@example.com" for n in range(30)]
    run = new_run()
    for n, _ in enumerate(people):
        run.publish(touch(f"t{n}", f"3-1 10:{n}", click_id="newsletter", cookie_id=f"c{n}"))
    for n, email in [*enumerate(people)][::order]:
        run.publish(captured(f"3-2 10:{n}", email=email, cookie_id=f"c{n}"))
    click, first = name("newsletter", "click_id"), name(people[0], "email")
    held = states(run, "resolve")[f"acme/click_id:{click}"]["weak"]
    assert (held.claim.strong, {*held.leads}) == (f"email:{first}", {f"email:{first}"})
    assert bindings(run)[click] == [(0, first)]
    asked = sum("click_id:" + click in slices["strong"].weak for slices in with_strong(states(run, "resolve")))
    assert asked == (1 if order == 1 else len(people)), "who logged in later is not asked"
    run.publish(captured("3-3", email=ADA, click_id="newsletter"))
    held = states(run, "resolve")[f"acme/click_id:{click}"]["weak"]
    assert (held.claim, {*held.leads}) == (None, {f"email:{name(ADA)}"}), "a direct login decides alone"
    assert bindings(run)[click] == [(0, name(ADA))]


def with_strong(found: Any) -> list[Any]:
    """The slices of strong identifiers."""
    return [slices for slices in found.values() if "strong" in slices]


ROWS, OWNED = ((0, "A"),), ("A", 1, None)
CLAIMS = {"cookie_id:1": (7, "f2", "email:b"), "cookie_id:2": (5, "f1", "email:a")}


@pytest.mark.parametrize(
    ("known", "claim", "kept"),
    [
        ((), Login(5, "f1", "email:a"), {"email:a"}),
        (((9, "f3", "email:c"),), None, {"email:c"}),
    ],
)
def test_a_weak_identifier_as_it_was_stored_first_is_read(known: Any, claim: Login | None, kept: set[str]) -> None:
    leads_of = {f"email:{one}": OWNED for one in "abcd"}
    old = [ROWS, [known, None], leads_of, ["cookie_id:1", "cookie_id:2"], CLAIMS, 3, 4, {"b:b1": 6}]
    stage = next(stage for stage in STAGES if stage.name == "resolve")
    codec = StateCodec(stage)
    stored = msgspec.msgpack.decode(codec.encode(KeyState({"weak": Weak(ROWS)}, {}, 0, "UAE")))
    stored[0]["weak"] = [1, old]
    read = codec.decode(msgspec.msgpack.encode(stored)).slices["weak"]
    assert read == Weak(
        ROWS, Logins(tuple(Login(*one) for one in known)), {one: Owned(*OWNED) for one in kept},
        ("cookie_id:1", "cookie_id:2"), claim, 3, 4, {"b:b1": 6},
    )  # fmt: skip


def test_a_weak_identifier_that_a_newer_program_stored_is_not_misread() -> None:
    with pytest.raises(ValueError, match="version 3"):
        upcast(3, b"")
