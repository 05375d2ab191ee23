"""The ledger's worked examples (ledger specification, section 6), day boundaries, bounds and conflicts."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest

from models.conversion import MAX_REVISIONS
from processors.ledger.books import MAX_RISKS
from schemas.events.base import DAY, MAX_MINOR, Event, as_datetime
from schemas.events.bookings import BookingChanged
from schemas.events.governance import CancellationRisk, ExchangeRateSet, PolicyChanged
from schemas.events.ledger import CreditsPosted, Line
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from schemas.events.weights import WeightsVersion
from tests.property.oracles import ledger as oracle
from tests.support.facts import at, fact
from tests.support.runs import IDENTITY_KEY, ledger, new_run

CONVERTED = "3-10 18:00"


def touch(name: str, when: str, channel: str, revision: int = 1, **fields: Any) -> TouchpointRecorded:
    type_ = fields.pop("type", TouchpointRecorded)
    given = {"email": "ada@example.com", "kind": "content_engagement", **fields}
    return fact(type_, occurred_at=when, touch_id=name, channel=channel, revision=revision, **given)


def booking(revision: int, when: str, amount: int, **fields: Any) -> BookingChanged:
    given = {"email": "ada@example.com", "booking_id": "b1", "status": "booked", "currency": "AED", **fields}
    return fact(BookingChanged, revision=revision, occurred_at=when, amount_minor=amount, **given)


def rate(text: str, revision: int, day: str = "3-10") -> ExchangeRateSet:
    number = at(day) // DAY
    return fact(ExchangeRateSet, occurred_at=day, base="USD", quote="AED", day=number, revision=revision, rate=text)


class Case:
    """A run that is asked, fact by fact, what it posted."""

    def __init__(self, *facts: Event) -> None:
        self.run = new_run()
        self.told = 0
        for one in facts:
            self.posts(one)

    def posts(self, one: Event, model: str = "linear") -> dict[str, int | tuple[int, int]]:
        """The new lines of one model after a fact, as ``day account`` → amount (and reporting amount where other)."""
        self.run.publish(one)
        self.run.driver.tick(self.run.driver.now)
        postings = self.run.said("attribution.credits", CreditsPosted)
        fresh, self.told = sorted(postings, key=lambda posting: posting.seq)[self.told :], len(postings)
        return {_where(line): _much(line) for posting in fresh for line in posting.lines if line.model == model}


def _where(line: Line) -> str:
    return f"{as_datetime(line.effective_at).day} {line.account.removesuffix('#1')}"


def _much(line: Line) -> int | tuple[int, int]:
    both = line.amount_minor, line.reporting_minor
    return both if line.currency != "AED" else both[0]


T1, T2, T3 = touch("t1", "3-1", "search"), touch("t2", "3-3", "social"), touch("t3", "3-5", "direct")


def test_the_worked_examples_line_by_line() -> None:
    case = Case(T1, T2, T3)
    assert case.posts(booking(1, CONVERTED, 10_000)) == {
        "10 t1": 3334, "10 t2": 3333, "10 t3": 3333, "10 (revenue)": -10_000
    }  # fmt: skip
    assert case.posts(booking(2, "3-11", 10_001)) == {"11 t2": 1, "11 (revenue)": -1}
    late = {"10 t1": -834, "10 t2": -833, "10 t3": -833, "10 t4": 2500, "11 t1": 1, "11 t2": -1}
    assert case.posts(touch("t4", "3-6", "email")) == late
    back = {where: -much for where, much in late.items()}
    assert case.posts(touch("t4", "3-6", "email", 2, type=TouchpointDeleted)) == back
    refunded = booking(3, "3-20", 10_001, status="refunded", retained_minor=8_000)
    assert case.posts(refunded) == {"20 t1": -667, "20 t2": -667, "20 t3": -667, "20 (revenue)": 2001}
    cancelled = booking(4, "3-25", 10_001, status="cancelled")
    assert case.posts(cancelled) == {"25 t1": -2667, "25 t2": -2667, "25 t3": -2666, "25 (revenue)": 8000}
    assert case.posts(touch("t9", "2-1", "email")) == {}, "before the look-back"


def test_rates_come_late_and_are_corrected() -> None:
    case = Case(T1, T2)
    assert case.posts(booking(1, CONVERTED, 10_001, currency="USD")) == {
        "10 t1": (5001, 0), "10 t2": (5000, 0), "10 (revenue)": (-10_001, 0)
    }  # fmt: skip
    first = {"10 t1": (0, 18_365), "10 t2": (0, 18_364), "10 (revenue)": (0, -36_729)}
    assert case.posts(rate("3.6725", 1)) == first
    assert case.posts(rate("3.6730", 2)) == {"10 t1": (0, 2), "10 t2": (0, 3), "10 (revenue)": (0, -5)}
    no_show = booking(2, "3-12", 10_001, currency="USD", status="no_show", retained_minor=2_000)
    assert case.posts(no_show) == {
        "12 t1": (-4001, -14_694), "12 t2": (-4000, -14_694), "12 (revenue)": (8001, 29_388)
    }  # fmt: skip
    full = case.posts(booking(3, "4-30", 10_001, currency="USD", status="cancelled"))
    assert full["30 (revenue)"] == (2_000, 7_346)
    assert all(amounts == (0, 0) for amounts in _sums(case).values()), "a full cancellation ends at nothing"


def _sums(case: Case) -> dict[Any, tuple[int, int]]:
    return ledger(case.run, 2**62)


def test_first_and_last_take_all() -> None:
    for model, winner in (("first", "10 t1"), ("last", "10 t3")):
        case = Case(T1, T2, T3)
        posted = case.posts(booking(1, CONVERTED, 10_000), model)
        assert posted == {winner: 10_000, "10 (revenue)": -10_000}


def test_nearest_earlier_rate_reaches_seven_days() -> None:
    assert Case(rate("3", 1, "3-3")).posts(booking(1, CONVERTED, 10, currency="USD"))["10 (none)"] == (10, 30)
    assert Case(rate("3", 1, "3-2")).posts(booking(1, CONVERTED, 10, currency="USD"))["10 (none)"] == (10, 0)
    assert Case(rate("3", 1, "3-11")).posts(booking(1, CONVERTED, 10, currency="USD"))["10 (none)"] == (10, 0)


def test_an_older_revision_of_a_rate_changes_nothing() -> None:
    case = Case(rate("3", 2), booking(1, CONVERTED, 10, currency="USD"))
    assert case.posts(rate("4", 1)) == {}
    assert case.posts(rate("5", 3))["10 (none)"] == (0, 20)


def test_an_amount_that_no_line_can_hold_stays_unconverted() -> None:
    case = Case(rate("999999999999", 1))
    assert case.posts(booking(1, CONVERTED, MAX_MINOR, currency="USD"))["10 (none)"] == (MAX_MINOR, 0)


def test_look_back_includes_both_ends_and_views_count_only_alone() -> None:
    case = Case(
        touch("edge", "2-8 18:00", "search"),
        touch("over", "2-8 17:59", "search"),
        touch("end", CONVERTED, "social"),
        touch("after", "3-10 18:01", "social"),
        touch("seen", "3-10", "display", kind="view"),
        touch("ours", "3-10", "email", kind="email_sent"),
    )
    assert case.posts(booking(1, CONVERTED, 10)) == {"10 edge": 5, "10 end": 5, "10 (revenue)": -10}
    views = Case(
        touch("edge", "3-9 18:00", "display", kind="impression"), touch("over", "3-9 17:59", "display", kind="view")
    )
    assert views.posts(booking(1, CONVERTED, 10)) == {"10 edge": 10, "10 (revenue)": -10}


def test_days_are_those_of_the_policys_zone() -> None:
    dubai = fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document='{"time_zone":"Asia/Dubai"}')
    case = Case(touch("t1", "3-1 19:59", "search"), touch("t2", "3-1 20:00", "search"), booking(1, CONVERTED, 10))
    before = {line.touch_day for line in _lines(case) if line.account != "(revenue)"}
    assert before == {at("3-1") // DAY}
    case.posts(dubai)
    days = {line.account: line.touch_day for line in _lines(case) if line.policy_version == 1 and line.amount_minor > 0}
    assert days["t2#1"] == at("3-2") // DAY
    assert "t1#1" not in days, "the same day in both zones: nothing to post"


def _lines(case: Case) -> list[Line]:
    return [line for posting in case.run.said("attribution.credits", CreditsPosted) for line in posting.lines]


def test_a_forward_policy_leaves_the_past_alone_and_a_backdated_one_restates_it() -> None:
    case = Case(T1, T2, booking(1, CONVERTED, 10))
    models = '{"attribution_models":["last"]}'
    forward = fact(PolicyChanged, occurred_at="3-11", version=1, applies_from=at("3-11"), document=models)
    assert case.posts(forward) == {}
    back = fact(PolicyChanged, occurred_at="3-11", version=2, applies_from=at("3-10 18:00"), document=models)
    assert case.posts(back) == {"10 t1": -5, "10 t2": -5, "10 (revenue)": 10}


def test_a_cancellation_before_its_booking_posts_nothing_until_the_booking_comes() -> None:
    case = Case()
    assert case.posts(booking(2, "3-25", 100, status="cancelled")) == {}
    assert case.posts(booking(1, CONVERTED, 100)) == {
        "10 (none)": 100, "10 (revenue)": -100, "25 (none)": -100, "25 (revenue)": 100
    }  # fmt: skip


def test_what_lies_ahead_is_not_realised() -> None:
    document = '{"attribution_bases":["realised"],"attribution_models":["linear"]}'
    case = Case(fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=0, document=document))
    assert case.posts(booking(1, CONVERTED, 100)) == {}
    assert case.posts(booking(2, "3-11", 120, status="contracted")) == {}
    assert case.posts(booking(3, "3-20", 120, status="completed")) == {"20 (none)": 120, "20 (revenue)": -120}
    refund = booking(4, "3-25", 120, status="refunded", retained_minor=20)
    assert case.posts(refund) == {"25 (none)": -100, "25 (revenue)": 100}


def policy(document: str, version: int = 1, applies_from: int = 0) -> PolicyChanged:
    return fact(PolicyChanged, occurred_at="3-1", version=version, applies_from=applies_from, document=document)


def risk(version: int, when: str, p_ppm: int) -> CancellationRisk:
    return fact(CancellationRisk, occurred_at=when, booking_id="b1", version=version, p_ppm=p_ppm)


EXPECTED = policy('{"attribution_bases":["expected"],"attribution_models":["linear"]}')


def test_what_is_expected_follows_the_risk_as_it_was_known() -> None:
    case = Case(EXPECTED, T1)
    assert case.posts(booking(1, CONVERTED, 101)) == {"10 t1": 101, "10 (revenue)": -101}
    assert case.posts(risk(2, "3-12", 500_000)) == {"12 t1": -51, "12 (revenue)": 51}, "50.5 rounds to the even 50"
    assert case.posts(risk(1, "3-11", 1_000_000)) == {
        "11 t1": -101, "11 (revenue)": 101, "12 t1": 101, "12 (revenue)": -101
    }  # fmt: skip
    assert case.posts(booking(2, "3-20", 101, status="completed")) == {"20 t1": 51, "20 (revenue)": -51}
    assert case.posts(risk(3, "3-21", 900_000)) == {}, "what has taken place is at no risk"


def test_a_risk_may_come_before_its_booking_and_be_repeated_but_not_contradicted() -> None:
    case = Case(EXPECTED)
    assert case.posts(risk(1, "3-9", 250_000)) == {}
    assert case.posts(booking(1, CONVERTED, 100)) == {"10 (none)": 75, "10 (revenue)": -75}
    assert case.posts(risk(1, "3-9", 250_000)) == {}
    assert not case.run.dead_letters()
    assert case.posts(risk(1, "3-9", 250_001)) == {}
    assert [letter.reason for letter in case.run.dead_letters()] == ["revision_conflict"]


def test_of_many_risks_the_dropped_ones_leave_the_earliest_instant() -> None:
    many = [risk(version, f"3-{12 + version}", version * 10_000) for version in range(1, MAX_RISKS + 3)]
    sums = [settled([EXPECTED, booking(1, CONVERTED, 1_000), *order]) for order in (many, many[::-1])]
    assert sums[0] == sums[1]
    steps = {key[3] for key in sums[0] if key[1:3] == ("linear", "expected")}
    assert min(steps) == at(CONVERTED)
    assert sorted(steps)[1] == at("3-13"), "the lowest version kept is known since the earliest of those dropped"


def test_without_a_risk_the_policys_holds_for_the_status_and_the_lead_time() -> None:
    usual = '{"cancellation_risk":[["booked",30,400000],["contracted",10,100000],["booked",0,50000]],'
    case = Case(policy(usual + '"attribution_bases":["expected"],"attribution_models":["linear"]}'))
    starts = at(CONVERTED) // DAY
    assert case.posts(booking(1, CONVERTED, 100, starts_on=starts + 30))["10 (none)"] == 60
    assert case.posts(booking(2, "3-11", 100, starts_on=starts + 29))["11 (none)"] == 35
    assert case.posts(booking(3, "3-12", 100, starts_on=starts + 29, status="contracted"))["12 (none)"] == -5
    assert case.posts(risk(1, "3-13", 0))["13 (none)"] == 10


def test_a_conversion_is_counted_while_it_is_worth_anything() -> None:
    case = Case(policy('{"attribution_bases":["count"],"attribution_models":["linear"]}'), T1, T2)
    counted = case.posts(booking(1, CONVERTED, 100, currency="USD"))
    assert counted == {"10 t1": (500_000, 0), "10 t2": (500_000, 0), "10 (revenue)": (-1_000_000, 0)}
    assert case.posts(booking(2, "3-11", 200, currency="EUR")) == {}
    lost = case.posts(booking(3, "3-20", 200, currency="EUR", status="cancelled"))
    assert lost == {"20 t1": (-500_000, 0), "20 t2": (-500_000, 0), "20 (revenue)": (1_000_000, 0)}
    assert {line.currency for line in _lines(case) if line.basis == "count"} == {None}


def test_the_optimizers_model_is_credited_unasked_with_its_count() -> None:
    case = Case(T1, booking(1, CONVERTED, 100))
    credited = {(line.model, line.basis) for line in _lines(case)}
    assert credited == {*product(("first", "last", "linear"), ("net",)), ("time_decay", "net"), ("time_decay", "count")}


def weights(version: int, applies_from: str, **channels: int) -> WeightsVersion:
    learned = [{"among": [], "channel": channel, "weight": weight} for channel, weight in channels.items()]
    return WeightsVersion(
        event_id=str(UUID(int=version)), workspace_id="acme", region="UAE", source="workspace.solve", cause_id="timer",
        occurred_at=applies_from, model="markov_path", version=version, applies_from=applies_from, adopted=True,
        conversions=300, journeys=300, weights=learned, shares=[],
    )  # fmt: skip


def test_learned_weights_restate_the_conversions_that_they_apply_to() -> None:
    learned = policy('{"attribution_models":["markov_path"]}')
    case = Case(learned, T1, T2, booking(1, CONVERTED, 9_999))
    assert _markov(case) == {"t1#1": (5000, 0), "t2#1": (4999, 0)}, "no version: linear"

    def adopt(version: WeightsVersion) -> dict[str, tuple[int, int]]:
        case.run.publish(version)
        case.run.driver.tick(case.run.driver.now)
        return _markov(case)

    assert adopt(weights(1, "2026-03-11T00:00:00Z", search=1, social=9)) == {"t1#1": (5000, 0), "t2#1": (4999, 0)}
    assert adopt(weights(2, "2026-03-10T18:00:00Z", search=600, social=300)) == {"t1#1": (6666, 2), "t2#1": (3333, 2)}
    reasons = [posting.reason for posting in case.run.said("attribution.credits", CreditsPosted)]
    assert reasons == ["conversion", "weights"]


def _markov(case: Case) -> dict[str, tuple[int, int]]:
    """Balance and newest weights version of each touch under the Markov model, by account."""
    found: dict[str, tuple[int, int]] = {}
    for line in _lines(case):
        if line.model == "markov_path" and line.account != "(revenue)":
            found[line.account] = found.get(line.account, (0, 0))[0] + line.amount_minor, line.weights_version
    return found


def test_two_revisions_of_one_instant_are_one_step() -> None:
    case = Case(booking(1, CONVERTED, 100))
    assert case.posts(booking(2, CONVERTED, 70)) == {"10 (none)": -30, "10 (revenue)": 30}


def test_another_content_of_a_known_revision_is_refused() -> None:
    case = Case(T1, booking(1, CONVERTED, 100))
    assert case.posts(booking(1, CONVERTED, 101)) == {}
    assert case.posts(touch("t1", "3-1", "social")) == {}
    assert [letter.reason for letter in case.run.dead_letters()] == ["revision_conflict"] * 2
    assert case.posts(booking(1, CONVERTED, 100)) == {}, "the same content again is no conflict"
    assert len(case.run.dead_letters()) == 2


def test_postings_are_numbered_and_lines_sorted_under_ids_of_their_own() -> None:
    case = Case(T1, booking(1, CONVERTED, 10_000), T2, T3)
    postings = sorted(case.run.said("attribution.credits", CreditsPosted), key=lambda posting: posting.seq)
    assert [posting.seq for posting in postings] == [1, 2, 3]
    assert [posting.reason for posting in postings] == ["conversion", "path", "path"]
    ids = [line.line_id for posting in postings for line in posting.lines]
    assert len(ids) == len(set(ids))
    for posting in postings:
        numbers = [UUID(line.line_id).int ^ UUID(posting.posting_id).int for line in posting.lines]
        assert numbers == [*range(1, len(posting.lines) + 1)]
        places = [(line.model, line.basis, line.effective_at, line.account) for line in posting.lines]
        assert places == sorted(places)


def settled(facts: list[Event]) -> Any:
    case = Case(*facts)
    assert not case.run.dead_letters()
    return ledger(case.run)


def test_of_many_revisions_the_dropped_ones_leave_the_same_in_any_order() -> None:
    when = ["3-12", "3-10", "3-11", "3-14", "3-13", "3-16"]
    booked = {1: "3-9", 2: "3-8"}
    many = [booking(n + 1, when[n], 100 + n, booked_at=booked.get(n + 1)) for n in range(6)]
    high, low = many[3:], many[:3]
    with patch("models.conversion.MAX_REVISIONS", 3):
        sums = [settled([*order, *high]) for order in permutations(low)]
        sums += [settled([*high, *order, *order]) for order in permutations(low)]
        sums.append(settled([*high[::-1], *low, *high[:2]]))
    assert all(one == sums[0] for one in sums)
    assert {key[10] for key in sums[0]} == {at("3-8") // DAY}, "the newest booked_at of those dropped still counts"


def test_repeats_of_the_lowest_revision_kept_are_no_conflict() -> None:
    assert MAX_REVISIONS == 64
    early, second, third = booking(1, "2-1", 1), booking(2, "3-10", 2), booking(3, "3-20", 3)
    with patch("models.conversion.MAX_REVISIONS", 2):
        case = Case(second, third, early)
        assert case.posts(second.model_copy(update={"event_id": T1.event_id})) == {}
    assert not case.run.dead_letters()


def test_a_booking_moves_to_the_lead_of_its_highest_revision() -> None:
    case = Case(T1, touch("b1", "3-2", "social", email="bob@example.com"), booking(1, CONVERTED, 10))
    moved = case.posts(booking(2, "3-11", 10, email="bob@example.com"))
    assert moved == {"10 t1": -10, "10 b1": 10}
    assert case.posts(T2) == {}, "the former lead has no say any more"
    assert case.posts(touch("b2", "3-3", "email", email="bob@example.com")) == {"10 b1": -5, "10 b2": 5}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Dubai", "America/New_York", "Asia/Kolkata"])
def test_local_days_are_those_of_the_wall_clock(zone: str) -> None:
    from models.local_time import local_day

    for moment in (at("3-8 04:59"), at("3-8 05:00"), at("3-8 18:29"), at("3-8 18:30"), at("3-8 20:00"), at("11-1")):
        for micro in (-1, 0, 1):
            assert local_day(moment + micro, zone) == oracle.local_day(moment + micro, zone)


def test_oracle_agrees_with_the_worked_examples() -> None:
    facts = [T1, T2, T3, booking(1, CONVERTED, 10_000)]
    said = oracle.balances(IDENTITY_KEY, facts, 2**62)
    assert [amounts[0] for line, amounts in sorted(said.items()) if line.model == "linear"] == [
        -10_000,
        3334,
        3333,
        3333,
    ]
