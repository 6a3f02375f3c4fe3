"""What the report pages share: the document around them, headline figures, bars, pictures that need no file."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import cv2

from edge.records import Image

STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
_WIDEST = 320
"""Pixels across that anybody needs of a picture."""


def document(title: str, parts: Sequence[str]) -> str:
    """A whole HTML page of these parts; it holds its style and needs no network."""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>gatereader: {escape(title)}</title><style>{STYLE}</style><main>{''.join(parts)}</main></html>\n"
    )


def headline(figures: Iterable[tuple[float, str, str]]) -> str:
    """Large figures in a row: a share, what it is of, and a note."""
    return "<div class=tiles>" + "".join(
        f"<div><b>{value:.1%}</b><span>{name}</span><small>{note}</small></div>" for value, name, note in figures
    ) + "</div>"  # fmt: skip


def bar(share: float, interval: Sequence[float]) -> str:
    """A share, 0 to 1, as a bar, with its interval as a line on it."""
    low, high = (100 * end for end in interval)
    return f"<i style='width:{100 * share:.1f}%'></i><s style='left:{low:.1f}%;width:{max(0.5, high - low):.1f}%'></s>"


def embedded(picture: Image) -> str:
    """A picture, (H, W, 3) BGR, as a data URI, shrunk if it is wider than `_WIDEST`."""
    if picture.shape[1] > _WIDEST:
        size = (_WIDEST, max(1, round(picture.shape[0] * _WIDEST / picture.shape[1])))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(picture.dtype)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return f"data:image/jpeg;base64,{b64encode(data.tobytes()).decode()}"


def drawn(svg: str, title: str) -> str:
    """A drawing, an SVG document, as an element of the page."""
    data = b64encode(svg.encode()).decode()
    return f"<img class=drawn src='data:image/svg+xml;base64,{data}' alt='{escape(title, quote=True)}'>"


class ShareRow(NamedTuple):
    """A line of a table of shares: its name, cells before the share, the share with its interval, cells after it."""

    name: str
    before: tuple[str, ...]
    share: float
    interval: Sequence[float]
    after: tuple[str, ...] = ()


def share_table(head: Sequence[str], after: Sequence[str], rows: Iterable[ShareRow]) -> str:
    """A table of shares, each with a bar and its 95 % interval; `head` ends with what the share is of."""
    lines = "".join(
        f"<tr><th>{escape(row.name)}{_cells(row.before)}<td>{row.share:.1%}<td class=bar>{bar(row.share, row.interval)}"
        f"<td>{row.interval[0]:.0%} – {row.interval[1]:.0%}{_cells(row.after)}"
        for row in rows
    )
    first, last = ("".join(f"<th>{name}" for name in names) for names in (head, after))
    return f"<div class=scroll><table><tr>{first}<th class=bar><th>95%{last}{lines}</table></div>"


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"<td>{text}" for text in texts)
