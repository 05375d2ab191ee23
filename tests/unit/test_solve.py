"""Learning from journeys: when it is done, from which weeks, what is adopted and since when."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from unittest.mock import patch

import pytest

from models.attribution.learned import UNIT
from processors.workspace.week import OTHER, Week, total
from schemas.events.base import DAY
from schemas.events.governance import PolicyChanged
from schemas.topics import PARTITIONS
from tests.support.facts import at, fact
from tests.support.workspace import Bench, counted


def policy(version: int = 1, **document: Any) -> PolicyChanged:
    return fact(PolicyChanged, occurred_at="3-1", version=version, applies_from=0, document=json.dumps(document))


def taught(*extra: Any, channels: str = "ab", week: str = "3-9", conversions: int = 300) -> Bench:
    """A stage that has seen some conversions by Wednesday, 11 March."""
    bench = Bench()
    bench.tick("3-11")
    bench.take(*extra, *[counted(channels, week)] * conversions, *[counted("a", week, converted=False)] * 100)
    return bench


def test_it_is_done_once_at_the_first_tick_after_monday() -> None:
    bench = taught()
    assert not bench.tick("3-15 23:59")
    markov, shapley = bench.tick("3-16 00:01")
    assert (markov.model, shapley.model) == ("markov_path", "shapley_set")
    assert {(one.version, one.conversions, one.journeys, one.occurred_at) for one in (markov, shapley)} == {
        (1, 300, 400, at("3-16"))
    }
    assert {one.channel: one.weight for one in markov.weights} == {"a": UNIT, "b": UNIT}
    assert {one.channel: one.share for one in shapley.shares} == {"a": UNIT // 2, "b": UNIT // 2}
    assert not bench.tick("3-16 00:02")
    assert [one.version for one in bench.tick("3-23")] == [2, 2]


def test_a_late_tick_solves_the_latest_monday_alone() -> None:
    bench = taught()
    assert [one.occurred_at for one in bench.tick("4-1")] == [at("3-30")] * 2
    assert not bench.tick("4-5 23:59")
    assert [one.version for one in bench.tick("4-6")] == [2, 2]


def test_too_few_conversions_teach_nothing() -> None:
    bench = taught(conversions=299)
    assert not bench.tick("3-16")
    bench.take(counted("ab"))
    assert bench.tick("3-23")


def test_the_week_under_way_and_those_before_half_a_year_are_left_out() -> None:
    bench = taught(*[counted("ab", "3-16")] * 5)
    bench.take(*[counted("c", "1-5")] * 7)
    assert {one.conversions for one in bench.tick("3-16")} == {307}
    assert {one.conversions for one in bench.tick("7-6")} == {312}
    bench.take(counted("c", "1-5", change=-1))
    assert {one.conversions for one in bench.tick("7-13")} == {305}
    before = dict(bench.store.states)
    bench.take(counted("c", "1-5", change=-1))
    bench.take(counted("c", "1-5"), counted("c", "1-5"))
    assert bench.store.states == before, "neither comes nor goes"


def test_conversions_that_nothing_led_to_teach_nothing() -> None:
    bench = taught(*[counted("")] * 50)
    assert {(one.conversions, one.journeys) for one in bench.tick("3-16")} == {(300, 400)}


def test_monday_begins_in_the_zone_of_the_policy() -> None:
    bench = taught(policy(time_zone="Asia/Dubai"))
    assert not bench.tick("3-15 19:59")
    assert bench.tick("3-15 20:00")
    bench.take(policy(2, time_zone="UTC"))
    assert not bench.tick("3-15 20:01")
    assert not bench.tick("3-16 00:00"), "this Monday has been solved"
    assert bench.tick("3-23")


def test_a_policy_moves_the_monday_that_is_waited_for() -> None:
    bench = taught()
    bench.take(policy(time_zone="America/New_York"))
    bench.tick("3-12")
    assert not bench.tick("3-16")
    assert bench.tick("3-16 04:00")


def test_what_changes_little_is_recorded_and_not_adopted() -> None:
    bench = taught(*[counted("b", converted=False)] * 200)
    assert all(one.adopted for one in bench.tick("3-16"))
    bench.take(*[counted("ab", "3-16")] * 3)
    assert not any(one.adopted for one in bench.tick("3-23"))
    bench.take(*[counted("a", "3-23")] * 200)
    assert all(one.adopted for one in bench.tick("3-30"))


@pytest.mark.parametrize(
    ("adoption", "since"), [("stable", at("3-16 00:01")), ("open", at("3-16 00:01") - 30 * DAY), ("all", 0)]
)
def test_a_policy_says_since_when_weights_apply(adoption: str, since: int) -> None:
    bench = taught(policy(weights_adoption=adoption))
    assert {one.applies_from for one in bench.tick("3-16 00:01")} == {since}


def test_every_partition_of_the_ledger_hears_of_it() -> None:
    bench = taught()
    bench.tick("3-16")
    heard = Counter(out.partition for out in bench.outputs if out.topic == "ledger.inbox")
    assert heard == dict.fromkeys(range(PARTITIONS), 2)


def test_channels_beyond_the_bound_are_one_and_are_taken_back_as_such() -> None:
    names = [f"c{number:02}" for number in range(70)]
    week = Week()
    for name in names:
        week = week.counted([name], converted=True, change=1)
    chain, sets = total([week])
    assert len(chain.starts) == 64
    assert (chain.starts[OTHER], sets[OTHER,].conversions) == (7, 7)
    week = week.counted(["c01"], converted=True, change=-1).counted(["c69"], converted=True, change=-1)
    assert total([week]).chain.starts[OTHER] == 6
    other = Week().counted(["c69", "c69"], converted=True, change=1)
    assert "c69" in total([week, other]).chain.starts, "a week of its own names its own"


def test_the_least_visited_channels_of_all_weeks_become_one() -> None:
    weeks = [Week().counted([f"c{number:02}"] * (number + 1), converted=True, change=1) for number in range(70)]
    chain, _ = total(weeks)
    assert (len(chain.starts), chain.starts[OTHER]) == (64, 7)
    assert "c06" not in chain.starts
    assert "c07" in chain.starts


def test_sets_of_many_channels_count_for_the_chain_alone() -> None:
    week = Week().counted("abcdefghi", converted=True, change=1)
    chain, sets = total([week])
    assert (chain.converted, sets) == (1, {})


def test_a_week_remembers_so_many_sets_and_takes_back_just_those() -> None:
    with patch("processors.workspace.week.MAX_SETS", 1):
        week = Week().counted("a", converted=True, change=1).counted("b", converted=True, change=1)
        week = week.counted("a", converted=True, change=-1).counted("b", converted=True, change=-1)
    chain, sets = total([week])
    assert {tally.journeys for tally in sets.values()} == {0}
    assert not any(chain.starts.values())
