"""The laws of the attribution ledger (ledger specification, section 12), in the driver."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given

from schemas.events.ledger import CreditsPosted
from tests.property.oracles import ledger as oracle
from tests.property.strategies import Arrivals, histories_with_arrivals
from tests.support.runs import IDENTITY_KEY, Run, ledger, new_run


def arrive(run: Run, arrivals: Arrivals, *, settle: bool = True) -> None:
    """Let facts arrive in an order, time passing in between."""
    for fact, pause in zip(arrivals.facts, arrivals.pauses, strict=True):
        run.publish(fact, settle=settle)
        if pause:
            run.driver.tick(run.driver.now + pause)


def assert_balanced(run: Run) -> None:
    """Law 1: every posting sums to zero per model, basis, instant and currency, in both currencies."""
    for posting in run.said("attribution.credits", CreditsPosted):
        sums: Counter[Any] = Counter()
        for line in posting.lines:
            where = (line.model, line.basis, line.effective_at)
            sums[*where, "booked", line.currency] += line.amount_minor
            sums[*where, "reporting", line.currency, line.reporting_currency] += line.reporting_minor
        assert not any(sums.values()), posting


def assert_oracle(run: Run) -> None:
    """Law 2: sums up to any D are those of the oracle."""
    for until in oracle.instants(run.published):
        wanted = {tuple(line): amounts for line, amounts in oracle.balances(IDENTITY_KEY, run.published, until).items()}
        assert ledger(run, until) == wanted


@given(histories_with_arrivals(size=4))
def test_after_every_fact_the_books_balance_and_say_what_the_facts_say(case: Any) -> None:
    _, (arrivals,) = case
    run = new_run()
    for fact, pause in zip(arrivals.facts, arrivals.pauses, strict=True):
        run.publish(fact)
        run.driver.tick(run.driver.now + pause)
        assert_oracle(run)
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
