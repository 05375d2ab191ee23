"""Samples over time: how they lean, whether they stayed flat, and a picture of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

LEAST_SAMPLES = 9


class Room(NamedTuple):
    """How much larger the last third of a series may be than the middle one: a share of it, and so much besides."""

    share: float
    besides: float


class Thirds(NamedTuple):
    """A series in short: the middle value of each third, and how it leans from its second third on."""

    start: float
    middle: float
    end: float
    slope: float
    """Units of the value per unit of time."""


def thirds(times: Sequence[float], values: Sequence[float]) -> Thirds:
    """A series in short; the first third is left out of the slope, since everything warms up.

    Raises:
        ValueError: there are fewer than ``LEAST_SAMPLES`` samples.
    """
    if len(values) < LEAST_SAMPLES or len(values) != len(times):
        raise ValueError(f"{len(values)} samples say nothing: let it run longer")
    size = len(values) // 3
    start, middle, end = (
        float(statistics.median(part)) for part in (values[:size], values[size : 2 * size], values[2 * size :])
    )
    slope, _ = statistics.linear_regression(times[size:], values[size:])
    return Thirds(start, middle, end, slope)


def stayed_flat(found: Thirds, room: Room) -> bool:
    """Whether a series did not grow from its middle third to its last by more than it may."""
    return found.end <= found.middle * (1 + room.share) + room.besides


def draw(
    path: Path, times: Sequence[float], panels: Mapping[str, Mapping[str, Sequence[float]]], time_unit: str
) -> None:
    """Draw one panel of lines below the other into a PNG: panel's title (what and unit) → line's name → values."""
    figure = Figure(figsize=(10.0, 3.2 * len(panels)), layout="constrained")
    for axes, (title, lines) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels.items(), strict=True):
        for name, values in lines.items():
            axes.plot(times, values, label=name)
        axes.set_ylabel(title)
        axes.set_xlabel(time_unit)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, format="png")
