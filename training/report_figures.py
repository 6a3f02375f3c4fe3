"""The report's pictures: small SVG documents, drawn by matplotlib without a display."""

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from training.reader_metrics import Bin

INK, GOOD, BAD, PALE = "#1d2733", "#1f6fb2", "#c8402b", "#d7dee6"

_RC = {
    "font.size": 10,
    "axes.edgecolor": "#8a96a3",
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "gatereader",  # the same figures give the same bytes
}


def width_curve(bands: Mapping[str, Mapping[str, Any]], shrunk: Mapping[str, Any]) -> str:
    """Exact share over the plate's width in pixels: as the crops come, in bands, and one group of crops shrunk."""

    def draw(axes: Axes) -> None:
        middles = [row["middle"] for row in bands.values()]
        exact = [row["exact"] for row in bands.values()]
        low, high = zip(*(row["interval"] for row in bands.values()), strict=True)
        errors = np.abs(np.array([low, high]) - exact)
        axes.errorbar(
            middles, exact, errors, fmt="o", color=GOOD, ecolor=PALE, elinewidth=3, label="crops as they come, in bands"
        )
        if shrunk:
            points = sorted((int(width), row["exact"]) for width, row in shrunk["widths"].items())
            axes.plot(
                *zip(*points, strict=True), color=BAD, lw=2, marker=".", label=f"{shrunk['crops']} wide crops shrunk"
            )
        axes.set(
            xlabel="width of the plate's crop, pixels", ylabel="exact", ylim=(0, 1.03), xlim=(0, max(middles) + 20)
        )
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.legend(loc="lower right", frameon=False)

    return _svg(draw)


def reliability_diagram(bins: Sequence[Bin]) -> str:
    """What share was right of readings of one confidence, over that confidence; honest is the diagonal."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color="#8a96a3", lw=1, ls="--")
        for each in bins:
            axes.bar(each.low, each.right, each.high - each.low, align="edge", color=GOOD, alpha=0.85, ec="white")
            axes.plot([each.confidence] * 2, [each.right, each.confidence], color=BAD, lw=2)
            axes.text((each.low + each.high) / 2, 0.02, str(each.number), ha="center", fontsize=8, color="white")
        axes.set(xlabel="confidence of the weakest character", ylabel="right", xlim=(0, 1), ylim=(0, 1.03))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))

    return _svg(draw)


def risk_curve(right: Sequence[float], kept: float, right_of_kept: float) -> str:
    """Share that is right of the k most confident readings, over k's share of all."""

    def draw(axes: Axes) -> None:
        axes.plot(np.linspace(0, 1, len(right) + 1)[1:], right, color=GOOD, lw=2)
        axes.plot([kept], [right_of_kept], "o", color=BAD)
        axes.annotate(
            f"{right_of_kept:.1%} right\nof the surest {kept:.0%}", (kept, right_of_kept), (-10, -12),
            textcoords="offset points", ha="right", va="top", color=BAD,
        )  # fmt: skip
        axes.set(xlabel="share of the crops kept, surest first", ylabel="right", xlim=(0, 1.01))
        axes.set_ylim(np.floor(20 * min(right) - 0.2) / 20, 1.003)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))

    return _svg(draw)


def lines_picture(
    points: Sequence[Sequence[float]], across: str, up: str, working: tuple[float, float] | None = None
) -> str:
    """A curve of (x, y) shares with the names of its axes, and the working point, if there is one, in red."""

    def draw(axes: Axes) -> None:
        if points:
            axes.plot(*zip(*points, strict=True), color=GOOD, lw=2)
        if working is not None:
            axes.plot(*([value] for value in working), "o", color=BAD)
        axes.set(xlabel=across, ylabel=up, ylim=(0, 1.03))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))

    return _svg(draw)


def confusion_picture(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """The confusion matrix: true characters down, read ones across; mistakes are red and numbered, hits pale blue."""

    def draw(axes: Axes) -> None:
        matrix = np.array(counts)
        shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
        hits = np.eye(len(labels), dtype=bool)
        colours = np.ones((*matrix.shape, 3))
        colours[hits] -= shares[hits][:, None] * np.array([0.25, 0.14, 0.05])
        colours[~hits] -= (np.minimum(1, matrix[~hits] / 4))[:, None] * np.array([0.10, 0.55, 0.62])
        axes.imshow(colours, interpolation="nearest")
        for row, column in zip(*np.nonzero(matrix), strict=True):
            bold = "bold" if row != column else "normal"
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", fontsize=6, weight=bold)
        axes.set_xticks(range(len(labels)), [*labels[:-1], "missing"], fontsize=8)
        axes.set_yticks(range(len(labels)), [*labels[:-1], "extra"], fontsize=8)
        edges = np.arange(0.5, len(labels) - 1)  # lines by hand: a grid of minor ticks takes seconds
        axes.hlines(edges, -0.5, len(labels) - 0.5, color="#eceff3", lw=0.6, zorder=0.5)
        axes.vlines(edges, -0.5, len(labels) - 0.5, color="#eceff3", lw=0.6, zorder=0.5)
        axes.tick_params(length=0)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.get_xticklabels()[-1].set_rotation(90)
        axes.set(xlabel="read as", ylabel="truth")

    return _svg(draw, (9.2, 9.2))


def _svg(draw: Any, size: tuple[float, float] = (5.4, 3.5)) -> str:
    """One pair of axes, drawn upon by `draw`, as an SVG document."""
    with mpl.rc_context(_RC):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_locator(MaxNLocator(6))
        draw(axes)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
