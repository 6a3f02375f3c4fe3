"""Boxes of two frames compared: overlap, distance in plate widths, size."""

from math import hypot

from edge.records import PlateBox

_AT_EDGE, AT_EDGE_SHARE = 2.0, 0.03
"""Pixels, and share of the plate's width."""


def overlap(a: PlateBox, b: PlateBox) -> float:
    """Intersection over union, 0 to 1."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (a.width * a.height + b.width * b.height - both)


def gap_in_widths(a: PlateBox, b: PlateBox) -> float:
    """Distance of the centres in plate widths (of the wider one, at least a pixel)."""
    dx = (a.x1 + a.x2 - b.x1 - b.x2) / 2
    dy = (a.y1 + a.y2 - b.y1 - b.y2) / 2
    return hypot(dx, dy) / max(a.width, b.width, 1.0)


def closeness(a: PlateBox, b: PlateBox, reach: float) -> float:
    """0 to 2: 0 beyond `reach` plate widths, up to 1 for being near, up to 1 more for overlapping."""
    gap = gap_in_widths(a, b)
    return 0.0 if gap >= reach else 1.0 - gap / reach + overlap(a, b)


def same_size(a: PlateBox, b: PlateBox, growth: float = 2.0) -> bool:
    """Whether two boxes may be one plate, first seen as `a` and then as `b`: it became at most `growth` times as wide
    and half as high again as that, or shrank to no less than half its width and a third of its height."""
    return (
        a.width <= 2.0 * b.width
        and a.height <= 3.0 * b.height
        and (b.width <= growth * a.width and b.height <= 1.5 * growth * a.height)
    )


def _edge_margin(width: float, share: float = AT_EDGE_SHARE) -> float:
    """How near the edge of the frame, in pixels, the box of a plate so wide may end and be cut by it all the same."""
    return max(_AT_EDGE, share * width)


def at_edge(box: PlateBox, width: int, height: int, share: float = AT_EDGE_SHARE) -> bool:
    """Whether a box comes so near the edge of a frame of this size, in pixels, that the plate may be cut off: nearer
    than two pixels or `share` of its own width."""
    margin = _edge_margin(box.width, share)
    return box.x1 < margin or box.y1 < margin or box.x2 > width - margin or box.y2 > height - margin


def completed(box: PlateBox, like: PlateBox, width: int, height: int) -> PlateBox:
    """A box with what the edge of a frame of this size hides of it, if the plate is as large as `like`; one that no
    edge cuts is left as it is. A detector's boxes end a little before the edge."""
    x1, y1, x2, y2 = box.x1, box.y1, box.x2, box.y2
    margin = _edge_margin(like.width)
    if x1 < margin:
        x1 = min(x1, x2 - like.width)
    elif x2 > width - margin:
        x2 = max(x2, x1 + like.width)
    if y1 < margin:
        y1 = min(y1, y2 - like.height)
    elif y2 > height - margin:
        y2 = max(y2, y1 + like.height)
    return PlateBox(x1, y1, x2, y2, box.confidence)


def shifted(box: PlateBox, dx: float, dy: float) -> PlateBox:
    """The box, moved by so many pixels."""
    return PlateBox(box.x1 + dx, box.y1 + dy, box.x2 + dx, box.y2 + dy, box.confidence)
