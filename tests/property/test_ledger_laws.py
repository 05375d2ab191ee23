"""The laws of the attribution ledger (ledger specification, section 12), in the driver."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from schemas.events.ledger import CreditsPosted
from tests.property.checks import arrive, assert_balanced, assert_campaigns_and_workspaces_told, assert_oracle
from tests.property.strategies import histories_with_arrivals
from tests.support.runs import ledger, new_run


@given(histories_with_arrivals(size=4))
def test_after_every_fact_the_books_balance_and_say_what_the_facts_say(case: Any) -> None:
    _, (arrivals,) = case
    run = new_run()
    for fact, pause in zip(arrivals.facts, arrivals.pauses, strict=True):
        run.publish(fact)
        run.driver.tick(run.driver.now + pause)
        assert_oracle(run)
        assert_campaigns_and_workspaces_told(run)
    assert_balanced(run)


@given(histories_with_arrivals(orders=2))
def test_any_order_of_arrival_leaves_the_same_sums(case: Any) -> None:
    _, orders = case
    sums = []
    for arrivals in orders:
        run = new_run()
        arrive(run, arrivals)
        run.finish()
        assert_oracle(run)
        sums.append(ledger(run))
    assert sums[0] == sums[1]


@given(histories_with_arrivals())
def test_the_same_facts_again_post_nothing(case: Any) -> None:
    facts, (arrivals,) = case
    run = new_run()
    arrive(run, arrivals)
    run.finish()
    before = len(run.said("attribution.credits", CreditsPosted))
    for fact in facts:
        run.publish(fact)
    run.finish()
    assert len(run.said("attribution.credits", CreditsPosted)) == before
