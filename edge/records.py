"""What flows through the pipeline, one way: Frame → PlateBox → PlateReading → TrackedPlate → PlateEvent.

All records are frozen. An array inside a frozen record is not: whoever draws, copies.
Positions are half-open pixels `x1 y1 x2 y2` in the frame, origin at the top left. Confidences run from 0 to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge.region import RegionSettings

Image = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 in BGR, as OpenCV delivers it; (H, W) where a function says grey."""

Status = Literal["accepted", "undecided", "rejected"]
Reason = Literal[
    "too_small", "blurred", "edge_cut", "low_confidence", "no_consensus", "format", "static_text", "duplicate"
]
Direction = Literal["approaching", "leaving"]
"""Of a car, seen from the camera."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from a source.

    `time` is the only clock of the pipeline: seconds, never going back within one source (a live camera's
    monotonic clock, a clip's position). `utc` is the moment the picture was taken, for what people read.
    """

    image: Image
    time: float
    utc: datetime
    index: int
    name: str = ""
    """The file or camera that it came from, for messages."""
    small: Image | None = None
    """The same picture, smaller, where the camera made it beside the other: plates are looked for in it."""


@dataclass(frozen=True, slots=True)
class PlateBox:
    """A plate found by the detector."""

    x1: float
    y1: float
    x2: float
    y2: float
    confidence: float

    @property
    def width(self) -> float:
        """Pixels from the left to the right edge."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Pixels from the upper to the lower edge."""
        return self.y2 - self.y1

    @property
    def sides(self) -> list[float]:
        """`x1 y1 x2 y2` to a tenth of a pixel, as it is told in JSON."""
        return [round(side, 1) for side in (self.x1, self.y1, self.x2, self.y2)]


@dataclass(frozen=True, slots=True)
class PlateReading:
    """What the reader made of one crop in one frame.

    `confidence` is that of the weakest character (0 for an empty text). `characters` pairs each character of
    `text` with its confidence, `runners_up` holds the second best character for each position with its own.
    """

    text: str
    confidence: float
    characters: tuple[tuple[str, float], ...]
    runners_up: tuple[tuple[str, float], ...] = ()
    lines: int = 1
    sharpness: float = 0.0
    """Variance of the Laplacian of the prepared crop; comparable because those share size and contrast."""
    rivals: tuple[tuple[str, float], ...] = ()
    """What other looks at the same crop read, and their vote by that for `text`, best first (`looks.py`)."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Shot:
    """What the camera and the reader saw when a pass was most legible: the evidence for a row."""

    image: Image | None
    """The whole frame, if the pipeline was told to keep frames."""
    crop: Image
    """What the reader got of it; pixels of its own."""
    box: PlateBox
    reading: PlateReading
    frame_size: tuple[int, int]
    """(width, height) in pixels."""


@dataclass(frozen=True, slots=True)
class TrackedPlate:
    """A plate as the live view shows it: its box in this frame and what the vote says so far."""

    track: int
    box: PlateBox
    text: str
    confidence: float
    state: Literal["reading", "preview", "accepted", "undecided", "rejected"]
    readings: int
    lines: int = 1
    """Lines of characters on it."""

    @property
    def decided(self) -> bool:
        """Whether the vote has its final answer."""
        return self.state not in ("reading", "preview")


@dataclass(frozen=True, slots=True)
class PlateEvent:
    """One pass, from first to last sight of one plate.

    A pass ends as exactly one event with `kind` "final"; "preview" events before it are for the impatient and
    never reach the CSV file. Undecided positions of `plate` show as `?`. `reason` is None when accepted.
    """

    event_id: str
    track: int
    kind: Literal["preview", "final"]
    status: Status
    reason: Reason | None
    plate: str
    plate_raw: str
    """The text of the most confident single reading, before voting."""
    second: str
    """The second best answer of the vote, or an empty string."""
    margin: float
    """How much more of the vote the answer has than the second best, at its weakest position, 0 to 1."""
    confidence: float
    characters: tuple[tuple[str, float], ...]
    readings: int
    """Frames of the pass in which the plate was read."""
    votes: int
    """Readings that took part in the vote."""
    agreement: float
    """Share of the voting readings whose text equals the answer."""
    rejected_readings: Mapping[str, int]
    """Readings that did not vote, counted by reason."""
    first_seen: float
    last_seen: float
    best_seen: float
    """Frame times in seconds; `best_seen` is that of the most legible reading, whose box and sharpness follow."""
    first_utc: datetime
    last_utc: datetime
    best_utc: datetime
    box: PlateBox
    sharpness: float
    camera: str = ""
    shot: Shot | None = field(default=None, compare=False, repr=False)
    """The picture at `best_seen`. It goes to whoever is called with the event; nobody keeps it for long."""
    unruled: str = ""
    """The answer before a format rule changed it; empty if none did."""
    format: str = ""
    """Name of the format that the answer fits; empty if it fits none, or none is given."""
    known: bool | None = None
    """Whether the pass is accepted and its plate one of privacy.known, to the letter; None without such a list."""
    veiled: bool = False
    """Whether privacy.unknown has kept the plate's text back."""
    moved: bool = False
    """Whether the plate left the place of its first sight before this was told; that of a parked car did not."""
    direction: Direction | None = None
    """Whether it came nearer or went away until then; None if it stood, crossed, or was not seen for long enough."""


@dataclass(frozen=True, slots=True)
class FrameResult:
    """All that the pipeline made of one frame."""

    frame: Frame
    boxes: tuple[PlateBox, ...]
    tracks: tuple[TrackedPlate, ...]
    events: tuple[PlateEvent, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall time of each stage ("letterbox", "detect", "crop", "read", "vote"), for the status and the bench."""
    resting: bool = False
    """Whether nothing has moved for a while."""
    region: RegionSettings | None = None
    """Where plates were looked for; None for everywhere."""
