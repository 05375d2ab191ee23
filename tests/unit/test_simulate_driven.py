"""The platform, fed with a whole scenario, comes to the figures that the truth foretells."""

from __future__ import annotations

from collections import Counter
from typing import Any

from schemas.codec import decode
from schemas.events.base import HOUR, SECOND
from schemas.topics import ACCEPTED_PREFIX
from streams.driver import Driver
from streams.sources.simulate import Scenario, Truth, simulate
from streams.topology import topology

SCENARIO = Scenario(end=1_760_000_000 * SECOND, days=25, events=2_500)


def driven(scenario: Scenario) -> tuple[Driver, Truth]:
    simulation = simulate(scenario)
    driver = Driver(topology(b"k" * 32))
    tick = scenario.start
    for record in simulation:
        while tick < record.published_at:
            driver.tick(tick)
            tick += 12 * HOUR
        driver.publish(record.topic, record.key, record.value, record.published_at)
    driver.tick(scenario.end)
    return driver, simulation.truth


def messages(driver: Driver, topic: str) -> list[Any]:
    return [decode(value).message for value in driver.values(topic)]


def test_the_platform_comes_to_the_truth() -> None:
    driver, truth = driven(SCENARIO)
    accepted = {name: len(driver.values(ACCEPTED_PREFIX + name)) for name in truth.topics}
    assert accepted == {name: counts["accepted"] for name, counts in truth.topics.items()}
    dead = messages(driver, "dead.letters")
    assert Counter((each.topic, each.reason) for each in dead) == Counter(
        {(name, reason): n for name, counts in truth.topics.items() for reason, n in counts["dead_letters"].items()}
    )
    revenue: Counter[str] = Counter()
    reporting = 0
    for posting in messages(driver, "attribution.credits"):
        for line in posting.lines:
            if line.model == "last" and line.basis == "net" and line.account != "(revenue)":
                revenue[line.currency] += line.amount_minor
                reporting += line.reporting_minor
    assert +revenue == +Counter(truth.net_minor)
    assert reporting == truth.net_reporting_minor
