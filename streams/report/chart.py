"""Pictures for people who would rather look than read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

_BAR = 0.8
"""Share of a channel's place that its bars fill."""


def draw(path: Path, channels: Sequence[str], by_model: Mapping[str, Sequence[float]], what: str) -> None:
    """Draw bars by channel, one for each model, the strongest channel first, into a PNG."""
    order = sorted(range(len(channels)), key=lambda number: -max(values[number] for values in by_model.values()))
    figure = Figure(figsize=(max(6.0, 0.9 * len(channels)), 5.0), layout="constrained")
    axes = figure.subplots()
    width = _BAR / len(by_model)
    for place, (name, values) in enumerate(by_model.items()):
        left = [at - _BAR / 2 + width * (place + 0.5) for at in range(len(order))]
        axes.bar(left, [values[number] for number in order], width, label=name)
    axes.set_xticks(range(len(order)), [channels[number] for number in order], rotation=30, ha="right")
    axes.set_ylabel(what)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120, format="png")


def draw_stacked(path: Path, times: Sequence[str], by_channel: Mapping[str, Sequence[float]], what: str) -> None:
    """Draw one bar for each time, made of the channels' parts, into a PNG."""
    figure = Figure(figsize=(max(6.0, 0.7 * len(times)), 5.0), layout="constrained")
    axes = figure.subplots()
    below = [0.0] * len(times)
    for channel, values in sorted(by_channel.items()):
        axes.bar(range(len(times)), values, _BAR, bottom=below, label=channel)
        below = [under + value for under, value in zip(below, values, strict=True)]
    axes.set_xticks(range(len(times)), times, rotation=30, ha="right")
    axes.set_ylabel(what)
    figure.legend(loc="outside right upper", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120, format="png")
