"""The history of a run: rows of numbers in a CSV, and a picture of them."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path

log = logging.getLogger(__name__)


def record(path: Path, columns: Sequence[str], row: Sequence[float]) -> None:
    """Append a row, and before the first one the names of its columns."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(columns[: len(row)])
        writer.writerow(row)


def read_history(path: Path) -> list[dict[str, float]]:
    """All rows; none if there is no file yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def draw_curves(history: Path, picture: Path, title: str = "read without an error") -> bool:
    """Loss and shares over the first column, as a picture; False, with a warning, where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - it comes with ultralytics, and slowly
    except ImportError:
        log.warning("no curves: matplotlib is not installed; it comes with the extra [training]")
        return False
    rows = read_history(history)
    if not rows:
        return False
    across, loss, *shares = rows[0]
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row[across] for row in rows]
    left.plot(steps, [row[loss] for row in rows], marker=".")
    left.set(title=loss, xlabel=across, yscale="log")
    for name in shares:
        right.plot(steps, [row[name] for row in rows], marker=".", label=name)
    right.set(title=title, xlabel=across, ylim=(0, 1.01))
    right.legend(loc="lower right")
    for axes in (left, right):
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(picture, dpi=110)
    return True
