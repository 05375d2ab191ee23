"""What a lead keeps and sends on: marks of history under way, repeats, and where late facts go."""

from __future__ import annotations

from typing import Any

import pytest

from models.scoring.standing import Happening
from processors.base import Context, Drop, Emit, Forward
from processors.control import EMPTY
from processors.lead.hold import Mark, hold
from processors.lead.path import Path
from processors.lead.score import Log
from schemas.events.leads import LeadCaptured
from schemas.events.resolving import BindingChanged, BindingMove, BindingRow, HistoryMoved
from schemas.events.routing import Accepted
from tests.support.facts import at, fact

ME, X, Y, ID = "me", "x", "y", "id"


def ctx(origin: Any = None, **slices: Any) -> Context:
    return Context(f"acme/{ME}", at("3-9"), at("3-9"), "cause", EMPTY, slices, origin)


def bound(ver: int, moved_from: str, into: str) -> BindingChanged:
    return BindingChanged.build(
        occurred_at=0, lead_id=ME, identifier=ID, kind="phone", ver=ver, rows=[BindingRow.build(since=0, lead_id=into)],
        moves=[BindingMove.build(from_lead=moved_from, into_lead=into)], why="merged", identifiers=[ID], decision="d",
        doubted=False,
    )  # fmt: skip


def moved(from_lead: str, n: int, ver: int, into: str, final: int | None = None) -> HistoryMoved:
    return HistoryMoved.build(
        occurred_at=0, lead_id=ME, from_lead=from_lead, n=n, identifier=ID, kind="phone", ver=ver,
        rows=[BindingRow.build(since=0, lead_id=into)], parts=[], final=final, doubted=False,
    )  # fmt: skip


def captured(sender: str | None = None, seq: int = 1, ver: int = 0) -> tuple[LeadCaptured, Context]:
    origin = Accepted.build(
        arrived_at=0, topic="leads", partition=0, offset=0, lead_id=ME, identifier=ID, identifiers=[], seq=seq, ver=ver,
        sender=sender,
    )  # fmt: skip
    return fact(LeadCaptured, occurred_at="3-1", channel="web", phone="1"), ctx(origin)


def shipped(outputs: Any) -> list[HistoryMoved]:
    return [one.event for one in outputs if isinstance(one, Emit) and isinstance(one.event, HistoryMoved)]


def test_a_lead_awaits_what_a_binding_moves_to_it_until_the_final_word() -> None:
    holding, _ = hold(None, bound(1, X, ME), ctx())
    assert holding.awaits == (Mark(ID, X, 1),)
    holding, _ = hold(holding, moved(X, 1, 1, ME, final=1), ctx())
    assert (holding.awaits, holding.early) == ((), ())


def test_a_final_word_may_come_before_the_binding() -> None:
    holding, _ = hold(None, moved(X, 1, 1, ME, final=1), ctx())
    assert holding.early == (Mark(ID, X, 1),)
    holding, _ = hold(holding, bound(1, X, ME), ctx())
    assert (holding.awaits, holding.early) == ((), ())


def test_no_final_word_while_older_history_is_awaited() -> None:
    holding, _ = hold(None, bound(1, X, ME), ctx())
    holding, outputs = hold(holding, bound(2, ME, Y), ctx())
    assert (shipped(outputs), holding.owes) == ([], (Mark(ID, Y, 2),))
    holding, outputs = hold(holding, moved(X, 1, 1, ME, final=1), ctx())
    (last,) = shipped(outputs)
    assert (last.lead_id, last.final, last.n) == (Y, 2, 1)
    assert (holding.awaits, holding.owes) == ((), ())


def test_the_final_word_comes_at_once_where_nothing_is_awaited() -> None:
    log = Log((Happening(at("3-1"), "e", "captured", identifier=ID),))
    holding, outputs = hold(None, bound(1, ME, Y), ctx(score=log))
    history, last = shipped(outputs)
    assert ([part.step for part in history.parts], history.final) == (["score"], None)
    assert (last.parts, last.final, last.n) == ([], 1, 2)
    assert holding.owes == ()


def test_history_of_others_stays() -> None:
    log = Log((Happening(at("3-1"), "e", "captured", identifier="other"),))
    _, outputs = hold(None, bound(1, ME, Y), ctx(score=log, path=Path()))
    assert [one.parts for one in shipped(outputs)] == [[]]


def test_an_older_binding_changes_nothing_but_what_is_awaited() -> None:
    holding, _ = hold(None, bound(2, ME, Y), ctx())
    holding, _ = hold(holding, bound(1, X, ME), ctx())
    assert holding.known[ID].rows == ((0, Y),)
    assert holding.awaits == (Mark(ID, X, 1),)


@pytest.mark.parametrize("sender", [None, X], ids=["from the identifier", "from a lead"])
def test_a_fact_or_shipment_that_comes_again_is_dropped_whole(sender: str | None) -> None:
    event, again = captured(sender)
    holding, outputs = hold(None, event, again)
    assert not outputs
    assert hold(holding, event, again) == (holding, [Drop("repeated", whole=True)])
    message = moved(X, 7, 1, ME)
    holding, _ = hold(None, message, ctx())
    assert hold(holding, message, ctx()) == (holding, [Drop("repeated", whole=True)])


def test_a_late_fact_goes_where_its_identifier_has_gone_and_says_so() -> None:
    holding, _ = hold(None, bound(3, ME, Y), ctx())
    event, late = captured(seq=5, ver=2)
    holding, outputs = hold(holding, event, late)
    (onward,) = outputs
    assert isinstance(onward, Forward)
    prefix: Any = onward.prefix
    assert (prefix.lead_id, prefix.sender, prefix.seq, prefix.ver, prefix.identifier) == (Y, ME, 2, 3, ID)
    assert holding.known[ID].seq == 5


def test_a_fact_under_a_newer_version_is_kept_until_the_binding_says_otherwise() -> None:
    holding, _ = hold(None, bound(1, ME, Y), ctx())
    event, newer = captured(X, ver=2)
    holding, outputs = hold(holding, event, newer)
    assert not outputs
    assert (holding.known[ID].ver, holding.known[ID].rows) == (2, ())
    holding, _ = hold(holding, bound(2, Y, ME), ctx())
    assert holding.known[ID].rows == ((0, ME),)
