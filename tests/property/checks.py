"""Ways to let facts arrive, and what must hold of every run, whatever arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

from schemas.events.base import Event
from schemas.events.ledger import CellChanged, CreditsPosted
from schemas.events.weights import PathCounted
from schemas.topics import FACTS, TOPICS
from streams.driver import Slot
from streams.stage import Stage
from tests.property.oracles import ledger as oracle
from tests.property.strategies import Arrivals
from tests.support.runs import IDENTITY_KEY, STAGES, Run, ledger, new_run


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


def assert_campaigns_and_workspaces_told(run: Run) -> None:
    """What was told of cells and journeys sums to what the oracle counts, so nothing is told twice or forgotten."""
    told = run.said("campaign.inbox", CellChanged)
    for who, wanted in oracle.cells(IDENTITY_KEY, run.published).items():
        amounts: Counter[Any] = Counter()
        reporting: Counter[Any] = Counter()
        for one in told:
            assert (one.delta_minor, one.delta_reporting_minor) != (0, 0)
            if one.hears in (who, "both"):
                what = one.campaign_id, one.channel, one.touch_day, one.day
                cell = (*what, one.model, one.basis, one.currency, one.reporting_currency)
                amounts[cell] += one.delta_minor
                reporting[cell] += one.delta_reporting_minor
        sums = {cell: (amounts[cell], reporting[cell]) for cell in amounts}
        assert {cell: both for cell, both in sums.items() if both != (0, 0)} == wanted
    journeys: Counter[Any] = Counter()
    for counted in run.said("workspace.inbox", PathCounted):
        if counted.source == "ledger.post":
            journeys[counted.week, tuple(counted.channels), counted.converted] += counted.change
    assert {journey: n for journey, n in journeys.items() if n} == oracle.journeys(IDENTITY_KEY, run.published)


MOST_TURNS = 20_000
"""Records that the stages read in one small history, ticks included: far more than any needs."""


def interleaved(arrivals: Arrivals, random: Random, stages: Sequence[Stage] = STAGES) -> Run:
    """Facts arrive while older ones are under way; any partition with something unread may work next."""
    turns = count()

    def any_of(waiting: Sequence[Slot]) -> Slot:
        assert next(turns) < MOST_TURNS, f"it does not come to rest: {waiting}"
        return random.choice(waiting)

    run = new_run(any_of, stages)
    for fact, pause in zip(arrivals.facts, arrivals.pauses, strict=True):
        run.publish(fact, settle=random.random() < 0.2)
        if pause:
            run.driver.tick(run.driver.now + pause)
    run.finish()
    return run


def assert_ids_unique_and_causes_named(run: Run) -> None:
    """Ids are unique over all that the platform says; each has a cause, and no tick is one."""
    ids: Counter[str] = Counter()
    for topic in TOPICS.values():
        if topic.kind == "platform":
            for event in run.said(topic.name, Event):
                ids[event.event_id] += 1
                if topic.name != "dead.letters":
                    assert event.cause_id
    assert [id_ for id_, n in ids.items() if n > 1] == []


def assert_reconciled(run: Run) -> None:
    """Per fact topic: records in = accepted + duplicates + dead letters."""
    for topic in FACTS:
        arrived = len(run.driver.values(topic.name))
        routed, refused = run.count("intake", topic.name, "routed"), run.count("intake", topic.name, "dead:*")
        assert arrived == routed + refused
        ends = [run.count("resolve", topic.name, outcome) for outcome in ("accepted", "duplicate", "dead:*")]
        assert routed == sum(ends)
        assert ends[0] == len(run.driver.values(f"accepted.{topic.name}"))
        assert refused + ends[2] == sum(
            letter.topic == topic.name and letter.stage in ("intake", "resolve") for letter in run.dead_letters()
        )
