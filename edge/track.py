"""One pass in the making: a plate from first to last sight."""

from dataclasses import dataclass, field
from datetime import datetime

from edge.geometry import overlap, shifted
from edge.poll import Poll
from edge.records import Frame, PlateBox, PlateEvent, Shot

STILL = 0.7
"""Overlap of two boxes, as a share of both, from which on a plate has not moved."""
_SAME_PICTURE = 0.85
_LONGEST_PREDICTION = 1.0


@dataclass(slots=True, eq=False)
class Track:
    """One pass in the making; the only thing in the pipeline that changes. Its size is bounded."""

    number: int
    first_time: float
    first_utc: datetime
    last_time: float
    last_utc: datetime
    box: PlateBox
    """Where the plate was seen last."""
    first_box: PlateBox
    opening: bool
    """It was there in the very first frame."""
    anchor: PlateBox
    still_since: float
    """Since when it has stood still, at `anchor`."""
    moved: bool = False
    """It has left the place of its first sight."""
    velocity: tuple[float, float] = (0.0, 0.0)
    """Pixels a second, of the centre."""
    last_read: float = 0.0
    objections: int = 0
    """Clear readings in a row that cannot be this plate."""
    gone: bool = False
    """Another plate stands in its place."""
    poll: Poll = field(default_factory=Poll)
    previewed: bool = False
    shot: Shot | None = None
    """The picture of `poll.best`, until the pass is decided."""
    final: PlateEvent | None = None

    def expected(self, time: float) -> PlateBox:
        """Where the plate should be now if it went on as before."""
        span = min(time - self.last_time, _LONGEST_PREDICTION)
        return shifted(self.box, self.velocity[0] * span, self.velocity[1] * span)

    def see(self, frame: Frame, box: PlateBox) -> None:
        """Take in where the plate is now."""
        span = frame.time - self.last_time
        if span > 0:
            dx = (box.x1 + box.x2 - self.box.x1 - self.box.x2) / 2 / span
            dy = (box.y1 + box.y2 - self.box.y1 - self.box.y2) / 2 / span
            fresh = self.velocity == (0.0, 0.0)
            self.velocity = (dx, dy) if fresh else ((self.velocity[0] + dx) / 2, (self.velocity[1] + dy) / 2)
        self.last_time, self.last_utc, self.box = frame.time, frame.utc, box
        if overlap(self.anchor, box) < STILL:
            self.anchor, self.still_since = box, frame.time
        self.moved = self.moved or overlap(self.first_box, box) < _SAME_PICTURE
