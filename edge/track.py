"""One pass in the making: a plate from first to last sight."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from edge.course import Course
from edge.direction import Widths
from edge.geometry import at_edge, overlap
from edge.poll import Poll
from edge.records import Direction, Frame, PlateBox, PlateEvent, Reason, Shot
from edge.vote import Ballot

STILL = 0.7
"""Overlap of two boxes, as a share of both, from which on a plate has not moved."""
_SAME_PICTURE = 0.85
_STANDING = 0.5
_LONGEST_PREDICTION = 2.0
_SETTLED = ("duplicate", "static_text")
_ELSEWHERE = 0.25
"""Plate heights from which on an edge of a box is elsewhere. The boxes of a plate that stands differ by less, also of
a small one, in noise and compression; a car that drives up is beyond it within three frames."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """When a box is the plate of the frame before, and when a pass is over."""

    expiry: float = 1.5
    """Seconds without a sight of the plate after which its pass is over; at slow cameras at least one second and
    three and a half frames."""
    reach: float = 1.5
    """Plate widths that a plate may be away from where it is expected and still be taken for the same."""
    weak_after: float = 0.4
    """Seconds between two sights from which on the text counts more than the place."""
    clear_confidence: float = 0.8
    """A reading at least this confident, 0 to 1, can show that another plate has taken a track's place."""
    revisit: float = 45.0
    """Seconds within which the same plate at the same place is still the same pass."""
    revisit_distance: float = 5.0
    """Plate widths; nearer than this is the same place."""
    reread: float = 3.0
    """Seconds between two readings of a plate that stands still and has become no more legible for a while, or was
    given up. Once it is accepted it is not read again until it moves."""

    def __post_init__(self) -> None:
        for name in ("expiry", "reach", "weak_after", "revisit", "revisit_distance", "reread"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted 0 or more")
        if not 0.0 <= self.clear_confidence <= 1.0:
            raise ValueError(f"clear_confidence is {self.clear_confidence}, wanted 0 to 1")


class Look(NamedTuple):
    """One reading of a plate with all that it takes to let it vote."""

    ballot: Ballot
    refusal: Reason | None
    """Why it may not vote."""
    shot: Shot


@dataclass(frozen=True, slots=True, eq=False)
class TrackPlace:
    """Where a track stood when it ended, and what else is known of those that stood there."""

    box: PlateBox
    texts: tuple[str, ...] = ()
    """Different texts of clear readings there, a bounded number, those of the latest track first."""
    text: str = ""
    """What the latest track said."""
    times: int = 0
    """How many tracks in succession were accepted with it, each within an hour of the one before."""
    last_time: float = 0.0
    driven: bool = False
    """A car was seen to drive there: this is no place of a burnt-in text."""


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
    """It was there when the camera began to look."""
    anchor: PlateBox
    still_since: float
    """Since when it has stood still, at `anchor`."""
    moved: bool = False
    """It has left the place of its first sight, or looks as if; what stands trembles."""
    travelled: bool = False
    """It has certainly left it."""
    whole: PlateBox | None = None
    """Where all of it was seen last; what the edge of the frame cuts has another shape."""
    course: Course = field(default_factory=Course)
    """Where it goes."""
    widths: Widths = field(default_factory=Widths)
    last_read: float = 0.0
    objections: int = 0
    """Clear readings in a row that cannot be this plate."""
    held: Look | None = None
    """The first of those: it votes with the plate that the next reading shows it to be of."""
    gone: bool = False
    """Another plate stands in its place."""
    poll: Poll = field(default_factory=Poll)
    previewed: bool = False
    shot: Shot | None = None
    """The picture of `poll.best`, until the pass is decided."""
    final: PlateEvent | None = None
    place: TrackPlace | None = None
    """What was known of the place of its first sight then."""
    noted: bool = False
    """Its end was counted for its place."""
    second: bool = False
    """It is the second chance of a pass that was given up where it stands."""

    def expected(self, time: float, pace: float = 1.0) -> PlateBox:
        """Where the plate should be now if it went on as before, or at `pace` times its speed."""
        span = pace * min(time - self.last_time, _LONGEST_PREDICTION)
        return self.course.expected(self.last_time + span, self.whole or self.box) if self.course.known else self.box

    @property
    def still(self) -> bool:
        """Whether the plate stood where it was last seen for a while: half a second, and two sights."""
        return self.last_time - self.still_since >= _STANDING

    @property
    def stayed(self) -> bool:
        """Whether it stands where it was first seen, however the detector's boxes shake."""
        return overlap(self.first_box, self.anchor) >= STILL

    @property
    def static(self) -> bool:
        """Whether it was found to be part of the picture."""
        return self.final is not None and self.final.reason == "static_text"

    @property
    def given_up(self) -> bool:
        """Whether its pass is over without an answer, and another look may still bring one."""
        return self.final is not None and self.final.status != "accepted" and self.final.reason not in _SETTLED

    @property
    def hoped_for(self) -> bool:
        """Whether a reading may still bring an answer where it stands: it has none, and at most one chance was lost."""
        return self.final is None or (self.given_up and not self.second)

    @property
    def suspect(self) -> bool:
        """Whether it stands where it was first seen, and where others came and went without moving."""
        return self.stayed and self.place is not None and not self.place.driven

    @property
    def direction(self) -> Direction | None:
        """Whether its car comes nearer or goes away; of one that stands, boxes may grow without it."""
        return self.widths.direction if self.travelled else None

    def see(self, frame: Frame, box: PlateBox) -> None:
        """Take in where the plate is now."""
        height, width = frame.image.shape[:2]
        if not at_edge(box, width, height):
            self.course.add(frame.time, box)
            self.widths.add(box.width)
            self.whole = box
        elif self.course.stale(frame.time):
            self.course.clear()
        self.last_time, self.last_utc, self.box = frame.time, frame.utc, box
        if overlap(self.anchor, box) < STILL:
            self.anchor, self.still_since = box, frame.time
        self.moved = self.moved or overlap(self.first_box, box) < _SAME_PICTURE
        self.travelled = self.travelled or _is_elsewhere(self.first_box, box)


def _is_elsewhere(first: PlateBox, box: PlateBox) -> bool:
    """Whether both ends of a plate, or both its upper and its lower edge, are elsewhere than at first.

    Not its overlap: of a plate that stands, and from which a van before it drives away, an edge stays in its place.
    """
    far = _ELSEWHERE * max(first.height, box.height)
    across = min(abs(box.x1 - first.x1), abs(box.x2 - first.x2))
    along = min(abs(box.y1 - first.y1), abs(box.y2 - first.y2))
    return max(across, along) >= far
