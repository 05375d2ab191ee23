"""The temperature of a lead is what its facts say by event time, in whatever order they came."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from tests.property.checks import arrive
from tests.property.oracles import temperature as oracle
from tests.property.oracles.identity import lead_of
from tests.property.strategies import histories_with_arrivals
from tests.support.runs import IDENTITY_KEY, new_run, temperatures


@given(histories_with_arrivals(size=10))
def test_temperatures_are_the_oracles_in_every_order_of_arrival(case: Any) -> None:
    facts, (arrivals,) = case
    run = new_run()
    arrive(run, arrivals)
    run.finish()
    leads = {lead for fact in facts if (lead := lead_of(IDENTITY_KEY, fact))}
    wanted = {lead: [tuple(m) for m in oracle.history(IDENTITY_KEY, facts, lead, run.driver.now)] for lead in leads}
    assert temperatures(run) == {lead: moves for lead, moves in wanted.items() if moves}
