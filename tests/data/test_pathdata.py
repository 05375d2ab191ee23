"""Batch attribution of real journeys: what every model must keep, and the reference's answer without its noise."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.attribution.batch import BATCH_MODELS, Paths
from models.attribution.batch.markov import converting
from models.attribution.markov import markov
from models.money import apportion
from processors.workspace.week import Week, total
from streams.sources.paths import read_paths

pytestmark = pytest.mark.data

FILE = Path(__file__).parents[3] / "shared" / "data" / "channelattribution_pathdata.csv.gz"
CONVERSIONS, JOURNEYS, VALUE = 19_785, 88_387, 74_802.97158721086


@pytest.fixture(scope="module")
def paths() -> Paths:
    return read_paths(FILE)


@pytest.mark.parametrize("model", BATCH_MODELS)
def test_every_model_keeps_the_totals(paths: Paths, model: str) -> None:
    credit = BATCH_MODELS[model](paths, 1)
    assert credit.conversions.sum() == pytest.approx(CONVERSIONS, rel=1e-12)
    assert credit.value.sum() == pytest.approx(VALUE, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_chain_converts_as_often_as_the_journeys_at_any_order(paths: Paths, order: int) -> None:
    assert converting(paths, order) == pytest.approx(CONVERSIONS / JOURNEYS, rel=1e-9)


def test_removal_effects_are_those_published(paths: Paths) -> None:
    credit = dict(zip(paths.channels, BATCH_MODELS["markov"](paths, 1).conversions, strict=True))
    assert {name: round(credit[name]) for name in ("alpha", "eta")} == {"alpha": 5_345, "eta": 3_341}


def test_journeys_counted_one_by_one_teach_what_is_published(paths: Paths) -> None:
    week = Week()
    for row, (begin, end) in enumerate(pairwise(paths.starts)):
        path = [paths.channels[place] for place in paths.touches[begin:end]]
        for converted, times in ((True, paths.conversions[row]), (False, paths.nulls[row])):
            for _ in range(int(times)):
                week = week.counted(path, converted=converted, change=1)
    totals = total([week])
    assert (totals.chain.converted, totals.chain.journeys) == (CONVERSIONS, JOURNEYS)
    names, effects = zip(*markov(totals.chain)[()].items(), strict=True)
    credit = dict(zip(names, apportion(CONVERSIONS, effects), strict=True))
    assert {name: credit[name] for name in ("alpha", "eta")} == {"alpha": 5_345, "eta": 3_341}


def test_single_journeys_give_what_rows_of_many_give(paths: Paths) -> None:
    converted = np.repeat(np.arange(len(paths.lengths)), paths.conversions.astype(int))
    lost = np.repeat(np.arange(len(paths.lengths)), paths.nulls.astype(int))
    rows = np.concatenate([converted, lost])
    assert len(rows) == JOURNEYS
    won = np.arange(len(rows)) < len(converted)
    worth = paths.value / np.where(paths.conversions > 0, paths.conversions, 1)
    single = Paths(
        paths.channels,
        np.concatenate([paths.touches[paths.starts[row] : paths.starts[row + 1]] for row in rows]),
        np.concatenate([[0], np.cumsum(paths.lengths[rows])]),
        won.astype(np.float64),
        np.where(won, worth[rows], 0),
        (~won).astype(np.float64),
    )
    for name, model in BATCH_MODELS.items():
        many, one_by_one = model(paths, 1), model(single, 1)
        assert list(one_by_one.conversions) == pytest.approx(list(many.conversions)), name
        assert list(one_by_one.value) == pytest.approx(list(many.value)), name
