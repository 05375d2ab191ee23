"""Leads against people: what counts as right, what as mixed, and what is left out."""

from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from models.identity import hashes
from schemas.events.base import SECOND
from streams.report.identity_score import IdentityScore, Mixed, Named, identity_score
from streams.report.show import show_identities
from streams.report.who import people_of
from streams.sources.simulate import Scenario, simulate


def named(own: str, written: str = "") -> Named:
    """A person with one-letter identifiers."""
    return Named(frozenset(own), frozenset(own + written))


def score(people: dict[str, Named], *leads: str, **conflicts: int) -> IdentityScore:
    return identity_score(people, {f"lead-{n}": set(some) for n, some in enumerate(leads, 1)}, conflicts)


TWO = {"ann": named("abc"), "bob": named("xy")}


def test_leads_that_are_the_people() -> None:
    found = score(TWO, "abc", "xy")
    assert (found.precision, found.recall) == (1.0, 1.0)
    assert (found.people, found.leads, found.true, found.held, found.both) == (2, 2, 4, 4, 4)
    assert (found.mixing, found.mixing_by_weak) == (0, [])


def test_a_lead_that_lacks_an_identifier_costs_recall_alone() -> None:
    found = score(TWO, "ab", "c", "x", "y")
    assert (found.precision, found.recall) == (1.0, 1 / 4)


def test_a_lead_of_two_people_costs_precision_alone() -> None:
    found = score(TWO, "abcxy")
    assert (found.held, found.both) == (10, 4)
    assert (found.precision, found.recall, found.mixing) == (0.4, 1.0, 1)


def test_people_who_share_no_strong_identifier_can_be_mixed_by_a_weak_one_only() -> None:
    assert score(TWO, "abc", "xyw").mixing_by_weak == []
    assert score(TWO, "ab", "cx", "y").mixing_by_weak == [Mixed("lead-2", ("ann", "bob"))]


def test_a_strong_identifier_written_on_both_explains_a_mixed_lead() -> None:
    recycled = {"ann": named("ab", "p"), "bob": named("xp")}
    found = score(recycled, "abxp")
    assert found.mixing == 1 and found.mixing_by_weak == []
    assert (found.true, found.held, found.both) == (2, 6, 2)


def test_a_chain_of_people_explains_a_mixed_lead_and_a_stranger_in_it_does_not_pass() -> None:
    people = {"ann": named("ab", "m"), "bob": named("xy", "mn"), "cid": named("pq", "n"), "dan": named("k")}
    assert score(people, "abpq").mixing_by_weak == []
    assert score(people, "abpqk").mixing_by_weak == [Mixed("lead-1", ("ann", "cid", "dan"))]


def test_what_is_shared_is_in_no_pair() -> None:
    agency = {"ann": named("a", "m"), "bob": named("x", "m")}
    apart, at_anns = score(agency, "a", "x", "m"), score(agency, "am", "x")
    assert (apart.held, apart.true) == (at_anns.held, at_anns.true) == (0, 0)
    assert apart.precision == apart.recall == 1.0
    both_claim = {"ann": named("am"), "bob": named("xm")}
    assert (score(both_claim, "am", "x").held, score(both_claim, "am", "x").true) == (0, 0)


def test_identifiers_of_nobody_simulated_do_not_matter() -> None:
    assert score(TWO, "abc!?", "xy-", "+") == score(TWO, "abc", "xy")


def test_a_pair_held_by_two_leads_counts_once() -> None:
    assert score(TWO, "ab", "abc", "xy").held == 4


def test_conflicts_are_handed_on() -> None:
    assert score(TWO, "abc", "xy", shared=3, apart=1).conflicts == {"apart": 1, "shared": 3}
    assert identity_score({}, {}).conflicts == {}


def test_plain_values() -> None:
    found = score(TWO, "ax", "bcy", apart=1)
    assert json.loads(json.dumps(found.to_json()))["leads_mixing_by_weak"][0] == {
        "lead_id": "lead-1", "people": ["ann", "bob"],
    }  # fmt: skip


def test_it_is_shown_in_words() -> None:
    text = io.StringIO()
    show_identities(score(TWO, "abcx", "y", apart=2, shared=1), Console(file=text, width=160))
    assert "50.00%" in text.getvalue() and "75.00%" in text.getvalue()
    assert "MIXED lead-1: ann, bob" in text.getvalue()
    assert "To review: 2 apart, 1 shared" in text.getvalue()


crowds = st.lists(st.integers(1, 5), max_size=8).map(
    lambda sizes: {
        f"p{n}": Named(own := frozenset(f"{n}:{i}" for i in range(size)), own) for n, size in enumerate(sizes)
    }
)


@given(crowds)
def test_perfect_leads_are_perfect(people: dict[str, Named]) -> None:
    found = identity_score(people, {f"lead of {person}": one.own for person, one in people.items()})
    assert (found.precision, found.recall, found.mixing) == (1.0, 1.0, 0)
    assert found.people == found.leads == len(people)


@given(crowds, st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_leads(people: dict[str, Named], chance: st.DataObject, count: int) -> None:
    """Both figures are shares; joining two leads loses no recall; only perfect leads are perfect."""
    leads: dict[str, set[str]] = {f"lead-{n}": set() for n in range(count)}
    for one in people.values():
        for identifier in sorted(one.own):
            leads[f"lead-{chance.randrange(count)}"].add(identifier)  # type: ignore[attr-defined]
    found = identity_score(people, leads)
    assert 0 <= found.precision <= 1 and 0 <= found.recall <= 1
    assert found.mixing == len(found.mixing_by_weak)
    perfect = {frozenset(some) for some in leads.values() if some} == {one.own for one in people.values()}
    assert perfect == (found.precision == found.recall == 1.0 and found.mixing == 0)
    joined = identity_score(people, {"one": set().union(*leads.values())})
    assert joined.recall >= found.recall and joined.recall == 1.0


def test_people_are_hashed_as_their_events_are() -> None:
    key, scenario = b"k" * 32, Scenario(end=1_760_000_000 * SECOND, days=90, events=12_000)
    simulation = simulate(scenario)
    for _ in simulation:
        pass
    rows = simulation.who["people"]
    people = people_of(rows, scenario.workspace, key)
    for row in rows:
        for one in row["identifiers"]:
            value_of = {one["kind"]: one["value"]}.get
            found = hashes(key, scenario.workspace, row["region"], value_of)
            strong = one["kind"] in ("crm_id", "email", "phone", "wa_id")
            assert found
            assert (found.keys() <= people[row["person"]].written) == strong
            mine = strong and one["whose"] == "own" and one["until"] is None
            assert (found.keys() <= people[row["person"]].own) == mine
    told = identity_score(people, {person: one.own for person, one in people.items()})
    assert told.true > 500 and told.precision == told.recall == 1.0 and not told.mixing
    jumble = identity_score(people, {"one": set().union(*(one.own for one in people.values()))})
    assert jumble.true == told.true and jumble.mixing_by_weak
