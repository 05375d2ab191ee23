"""What identity costs: messages, bytes of state, and bounds that hold."""

from __future__ import annotations

from models.identity.facts import packed
from schemas.events.governance import PolicyChanged
from streams.stage import KeyState
from streams.state import StateCodec
from tests.support.facts import fact
from tests.support.identities import states, unsettled
from tests.support.leads import run_of
from tests.support.persons import (
    ADA,
    PHONE,
    captured,
    name,
    sent,
    touch,
)
from tests.support.runs import STAGES, Run, leads, open_conflicts


def test_a_new_lead_comes_to_rest_within_the_message_bounds() -> None:
    run = run_of(captured("3-1", crm_id="1", email=ADA, phone=PHONE))
    n, m = 3, 2
    assert leads(run) == {name("1", "crm_id"): {name("1", "crm_id"), name(ADA), name(PHONE)}}
    assert sent(run, "resolve.inbox").total() <= 13 * n + 10 * m
    assert sent(run, "journeys").total() <= 20 * n


def size(run: Run, stage: str, key: str) -> int:
    """Bytes of a key's state."""
    codec = StateCodec(next(one for one in STAGES if one.name == stage))
    return len(codec.encode(KeyState(states(run, stage)[f"acme/{key}"])))


def test_states_are_as_small_as_the_specification_says() -> None:
    run = run_of(captured("3-1", crm_id="1", email=ADA, phone=PHONE), touch("t", "3-2", cookie_id="c"))
    assert size(run, "resolve", f"cookie_id:{name('c', 'cookie_id')}") < 250
    roots = [slices["root"].facts for slices in states(run, "resolve").values() if "root" in slices]
    assert sorted(len(facts.first) for facts in roots) == [0, 0, 3]
    assert max(len(packed(facts)) for facts in roots) < 1_000


def test_an_identifier_linked_to_300_others_stays_bounded() -> None:
    run = run_of(*(captured("3-1", crm_id=f"c{n}", email=ADA) for n in range(300)))
    held = states(run, "resolve")[f"acme/email:{name(ADA)}"]["strong"]
    assert (len(held.known), held.shared) == (9, True)
    assert max(len(slices["root"].facts.first) for slices in states(run, "resolve").values() if "root" in slices) <= 64
    assert not unsettled(run)


def test_a_lead_of_64_identifiers_takes_no_more() -> None:
    limits = '{"identity_limits": [["crm_id", 64], ["email", 64], ["phone", 64], ["wa_id", 64]]}'
    run = run_of(fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document=limits))
    for n in range(80):  # a chain: each link names the one before
        run.publish(captured("3-1", email=f"p{n}@example.com", phone=f"+97150000{n // 2:04}"))
        run.publish(captured("3-1", email=f"p{n}@example.com", phone=f"+97150000{(n + 1) // 2:04}"))
    assert max(len(identifiers) for identifiers in leads(run).values()) <= 64
    assert "cluster_full" in {kind for kind, _ in open_conflicts(run)}
