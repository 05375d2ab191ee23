"""Batch attribution against its definition in exact rationals."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attribution.batch import BATCH_MODELS, Credit, Paths
from models.attribution.batch.markov import converting
from tests.property.oracles import paths as oracle
from tests.property.oracles.paths import Journeys

NAMES = ("direct", "email", "search")
HEURISTICS = sorted(set(BATCH_MODELS) - {"markov"})

counts = st.integers(0, 5)
journeys = st.builds(
    Journeys, st.lists(st.sampled_from(NAMES), min_size=1, max_size=6).map(tuple), counts, st.integers(0, 90), counts
).map(lambda one: one if one.conversions else one._replace(value=0))
tables = st.lists(journeys, min_size=1, max_size=8).filter(lambda rows: any(one.conversions for one in rows))


def table(rows: list[Journeys]) -> Paths:
    """Journeys as the models take them."""
    touches = [NAMES.index(name) for one in rows for name in one.channels]
    return Paths(
        NAMES,
        np.array(touches, np.int32),
        np.array([0, *accumulate(len(one.channels) for one in rows)], np.int64),
        *(np.array([getattr(one, what) for one in rows], np.float64) for what in ("conversions", "value", "nulls")),
    )


def _same(credit: Credit, by_channel: list[dict[str, object]]) -> None:
    for found, wanted in zip(credit, by_channel, strict=True):
        assert list(found) == pytest.approx([float(wanted.get(name, 0)) for name in NAMES], abs=1e-9)  # type: ignore[arg-type]


@given(st.sampled_from(HEURISTICS), tables)
def test_heuristics_share_as_defined(model: str, rows: list[Journeys]) -> None:
    both = [oracle.heuristic(model, rows, of) for of in ("conversions", "value")]
    _same(BATCH_MODELS[model](table(rows), 1), both)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(tables, st.integers(1, 3))
def test_removal_effects_are_exact_at_any_order(rows: list[Journeys], order: int) -> None:
    both = [oracle.markov(rows, order, of) for of in ("conversions", "value")]
    _same(BATCH_MODELS["markov"](table(rows), order), both)  # type: ignore[arg-type]
    journeys_in_all = sum(one.conversions + one.nulls for one in rows)
    share = sum(one.conversions for one in rows) / journeys_in_all
    assert converting(table(rows), order) == pytest.approx(share)


@given(st.sampled_from(sorted(BATCH_MODELS)), tables)
def test_merging_and_splitting_equal_paths_changes_nothing(model: str, rows: list[Journeys]) -> None:
    split = [
        part
        for one in rows
        for part in (one._replace(conversions=0, value=0), Journeys(one.channels, one.conversions, one.value, 0))
    ]
    whole, parts = BATCH_MODELS[model](table(rows), 1), BATCH_MODELS[model](table(split), 1)
    assert list(parts.conversions) == pytest.approx(list(whole.conversions))
    assert list(parts.value) == pytest.approx(list(whole.value))
