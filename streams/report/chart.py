"""Pictures for people who would rather look than read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot
from pathlib import Path

from matplotlib.figure import Figure

from streams.report.identity import Picture

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


_COLOURS = {
    "lead": "#20324b", "former lead": "#c9ced6", "crm_id": "#7b4fa3", "email": "#2f6fb5", "phone": "#2b8a57",
    "wa_id": "#55b36a", "device_id": "#d08a1d", "cookie_id": "#e0b13a", "click_id": "#b5651d",
}  # fmt: skip
_MARGIN = 0.35
_LINES = {"holds": "#7f8a99", "came": "#b0b7c3", "observed": "#2f6fb5", "linked": "#c0392b"}
_LABEL_AT = {"holds": 0.7}
"""Where on a line its label is, 0.5 being its middle: that of a spoke is where few other lines pass."""
_SWING = {"observed": 0.26, "linked": 0.42}
"""How far from the lead the middle of a line between identifiers stays that would pass through it."""


def draw_identity(path: Path, picture: Picture) -> None:
    """Draw a lead's identifiers, whence they came, what a fact or a person linked, as the path's suffix says."""
    size = max(7.0, min(18.0, 5.5 + 0.5 * len(picture.nodes)))
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.subplots()
    at = {node.name: (node.x, node.y) for node in picture.nodes}
    for edge in picture.edges:
        (x1, y1), (x2, y2) = at[edge.start], at[edge.end]
        bend = _bend((x1, y1), (x2, y2), _SWING[edge.style]) if edge.style in _SWING else 0.0
        dashes = "--" if edge.style == "came" else "-"
        line = {"arrowstyle": "-", "linestyle": dashes, "color": _LINES[edge.style], "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (x2, y2), (x1, y1), arrowprops={**line, "connectionstyle": f"arc3,rad={bend}"}, zorder=1)
        place = _LABEL_AT.get(edge.style, 0.5)
        axes.text(
            x1 + place * (x2 - x1) + bend * (y2 - y1) / 2, y1 + place * (y2 - y1) - bend * (x2 - x1) / 2, edge.label,
            fontsize=7, color=_LINES[edge.style], ha="center", va="center", zorder=2,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    for node in picture.nodes:
        dark = node.kind != "former lead"
        axes.text(
            node.x, node.y, node.label, fontsize=9, color="white" if dark else "#20324b", ha="center", va="center",
            zorder=3, bbox={"boxstyle": "round,pad=0.45", "facecolor": _COLOURS[node.kind], "edgecolor": "none"},
        )  # fmt: skip
    across, along = zip(*at.values(), strict=True)
    axes.set(
        xlim=(min(across) - _MARGIN, max(across) + _MARGIN),
        ylim=(min(along) - _MARGIN, max(along) + _MARGIN),
        aspect="equal",
    )
    axes.set_axis_off()
    figure.savefig(path, dpi=120, format=path.suffix.removeprefix("."), metadata=_UNDATED.get(path.suffix))


def _bend(start: tuple[float, float], end: tuple[float, float], swing: float) -> float:
    """By how much of its length a line swings out, away from the lead in the middle and from lines of other styles."""
    (x1, y1), (x2, y2) = start, end
    middle = hypot(x1 + x2, y1 + y2) / 2
    outward = 1.0 if (x1 + x2) * (y2 - y1) - (y1 + y2) * (x2 - x1) >= 0 else -1.0
    return outward * 2 * (swing - middle / 2) / hypot(x2 - x1, y2 - y1)


_UNDATED: Mapping[str, dict[str, None]] = {".svg": {"Date": None}}
