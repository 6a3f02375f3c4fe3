"""One track for each plate, from first to last sight.

A box belongs to the track whose place it is near and whose text it repeats. At 10 frames a second and more the place
decides; at one frame a second a car jumps, another may stand where it stood, and the text decides. Tracks end by time.
A pass that is over stays known for a while, so that a parked car whose plate the detector lost for some seconds, or a
waiting one that somebody walked past, goes on as the same pass.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from edge.alignment import contradict, related, similar
from edge.geometry import closeness, gap_in_widths, overlap, same_size
from edge.poll import Poll
from edge.records import Frame, PlateBox, PlateReading
from edge.track import STILL, Track

_INTERVALS = 9
_PLACE_TAKEN = 0.7
_FOLLOWS = 0.3
_DORMANT = 64
_OBJECTIONS = 2
_HALF = 0.5
_TELLING = 5
"""Characters that a text must have to tell one plate from another."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """When a box is the plate of the frame before, and when a pass is over."""

    expiry: float = 1.5
    """Seconds without a sight of the plate after which its pass is over (at least 2.5 frames at slow cameras)."""
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
    """Seconds between two readings of a plate that stands still and whose pass is already decided."""

    def __post_init__(self) -> None:
        for name in ("expiry", "reach", "weak_after", "revisit", "revisit_distance", "reread"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, wanted 0 or more")
        if not 0.0 <= self.clear_confidence <= 1.0:
            raise ValueError(f"clear_confidence is {self.clear_confidence}, wanted 0 to 1")


class Tracker:
    """Gives every box of every frame to a track. `active` are those of plates in view, oldest first."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self.active: list[Track] = []
        self.started = 0
        self._dormant: deque[Track] = deque(maxlen=_DORMANT)
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)
        self._first_frame: float | None = None
        self._last_frame: float | None = None

    def advance(self, time: float) -> list[Track]:
        """Let time pass up to a new frame (or a moment without one); the tracks that are over by now."""
        slowest = 2.5 * median(self._intervals) if self._intervals else 0.0
        limit = max(self._settings.expiry, slowest)
        return self._retire(track for track in self.active if track.gone or time - track.last_time > limit)

    def finish(self) -> list[Track]:
        """End all tracks, and forget the passes before: what comes next is another recording."""
        ended = self._retire(self.active)
        self._dormant.clear()
        self._intervals.clear()
        self._first_frame = self._last_frame = None
        return ended

    def unread(self, time: float, boxes: Sequence[PlateBox]) -> set[int]:
        """Which of the boxes need no reading now: plates that stand still and whose pass is decided."""
        spared = set()
        for track in self.active:
            recent = time - track.last_time <= self._settings.weak_after
            if track.final is None or not recent or time - track.last_read >= self._settings.reread:
                continue
            here = [index for index, box in enumerate(boxes) if overlap(track.box, box) >= STILL]
            if len(here) == 1 and not track.objections:
                spared.add(here[0])
        return spared

    def follows(self, time: float, box: PlateBox) -> bool:
        """Whether a plate in view is expected where this box is."""
        return any(overlap(track.expected(time), box) >= _FOLLOWS for track in self.active)

    def update(self, frame: Frame, boxes: Sequence[PlateBox], readings: Sequence[PlateReading | None]) -> list[Track]:
        """The track of each box of this frame, one for each; a reading of None was spared."""
        if self._first_frame is None:
            self._first_frame = frame.time
        if self._last_frame is not None and frame.time > self._last_frame:
            self._intervals.append(frame.time - self._last_frame)
        self._last_frame = frame.time
        taken = self._associate(frame.time, boxes, readings)
        tracks = []
        for index, (box, reading) in enumerate(zip(boxes, readings, strict=True)):
            track = taken.get(index) or self._wake(frame, box, reading) or self._start(frame, box)
            track.see(frame, box)
            if reading is not None:
                track.last_read = frame.time
            tracks.append(track)
        return tracks

    def same_pass(self, track: Track) -> Track | None:
        """An accepted pass at the same place, shortly before or still going on, whose plate `track` shows again."""
        for other in (*self._dormant, *self.active):
            if other is track or other.final is None or other.final.status != "accepted":
                continue
            near = gap_in_widths(other.box, track.first_box) <= self._settings.revisit_distance
            recent = track.first_time - other.last_time <= self._settings.revisit
            if near and recent and _repeats(other.final.plate, track.poll):
                return other
        return None

    def _associate(
        self, time: float, boxes: Sequence[PlateBox], readings: Sequence[PlateReading | None]
    ) -> dict[int, Track]:
        """Box → track, best pairs first, one to one."""
        pairs = [
            (score, index, track)
            for track in self.active
            for index, (box, reading) in enumerate(zip(boxes, readings, strict=True))
            if (score := self._score(track, time, box, reading)) > 0
        ]
        taken: dict[int, Track] = {}
        for _, index, track in sorted(pairs, key=lambda pair: pair[0], reverse=True):
            if index not in taken and track not in taken.values():
                taken[index] = track
        for index, track in list(taken.items()):
            if self._objects(track, readings[index]):
                track.objections += 1
                track.gone = track.objections >= _OBJECTIONS
                if track.gone:
                    del taken[index]
            elif readings[index] is not None:
                track.objections = 0
        return taken

    def _score(self, track: Track, time: float, box: PlateBox, reading: PlateReading | None) -> float:
        """How well a box fits a track; 0 where it cannot be the same plate."""
        if track.gone:
            return 0.0
        known, text = track.poll.text, reading.text if reading is not None else ""
        weak = time - track.last_time > self._settings.weak_after
        sure = min(track.poll.confidence, reading.confidence if reading is not None else 0.0) >= _HALF
        fits = same_size(track.box, box)
        # at a slow camera a plate that nobody can read yet may have come a long way
        reach = self._settings.reach * (2.0 if weak and not sure else 1.0)
        place = max(closeness(track.expected(time), box, reach), closeness(track.box, box, reach)) if fits else 0.0
        if not known or not text:
            return place
        if text == known and len(text) >= _TELLING:
            return place + 1.0
        # … and a plate that can be read may be anywhere, a character or two misread
        if (similar(known, text) and (weak or place > 0)) or (weak and related(known, text)):
            return place + 0.5
        return 0.0 if weak and sure and contradict(known, text) else place

    def _objects(self, track: Track, reading: PlateReading | None) -> bool:
        """Whether a clear reading shows another plate than the track's, or a chance for one that was given up."""
        if reading is None or reading.confidence < self._settings.clear_confidence or len(reading.text) < _TELLING:
            return False
        final, known = track.final, track.poll.text
        if final is not None and final.reason == "static_text":
            return False
        if final is not None and final.status != "accepted" and track.still_since > final.last_seen:
            return True  # illegible where it stood when it was given up, and since then it has come nearer
        if len(known) < 3:
            return final is not None
        return (final is not None or track.poll.confidence >= _HALF) and contradict(known, reading.text)

    def _wake(self, frame: Frame, box: PlateBox, reading: PlateReading | None) -> Track | None:
        """The pass that goes on with this box, if it was thought to be over."""
        while self._dormant and frame.time - self._dormant[0].last_time > self._settings.revisit:
            self._dormant.popleft()
        if reading is None:
            return None
        for track in reversed(self._dormant):
            if frame.time - track.last_time <= self._settings.revisit and self._continues(track, box, reading):
                self._dormant.remove(track)
                self.active.append(track)
                track.velocity, track.objections = (0.0, 0.0), 0
                return track
        return None

    def _continues(self, track: Track, box: PlateBox, reading: PlateReading) -> bool:
        """Whether a box goes on with a pass that is over: by its text or, if neither is legible, by its place."""
        assert track.final is not None
        clear = reading.confidence >= self._settings.clear_confidence
        if track.final.status == "accepted":
            near = gap_in_widths(track.box, box) <= self._settings.revisit_distance
            plate = track.final.plate
            return near and (reading.text == plate or (not clear and similar(plate, reading.text)))
        legible = clear and len(reading.text) >= _TELLING
        static = track.final.reason == "static_text"
        return (static or not legible) and overlap(track.box, box) >= _PLACE_TAKEN

    def _start(self, frame: Frame, box: PlateBox) -> Track:
        self.started += 1
        track = Track(
            number=self.started,
            first_time=frame.time,
            first_utc=frame.utc,
            last_time=frame.time,
            last_utc=frame.utc,
            box=box,
            first_box=box,
            opening=frame.time == self._first_frame,
            anchor=box,
            still_since=frame.time,
        )
        self.active.append(track)
        return track

    def _retire(self, tracks: Iterable[Track]) -> list[Track]:
        ended = list(tracks)
        self.active = [track for track in self.active if track not in ended]
        self._dormant.extend(ended)
        return ended


def _repeats(plate: str, poll: Poll) -> bool:
    """Whether a pass shows `plate` again. A clear answer must be the same to the letter: the second of two cars of one
    fleet, a character apart, deserves its own row. One that only lacks characters at an end is the plate, cut by a
    pillar or by the detector's box."""
    vote = poll.vote
    if "?" not in vote.plate and vote.plate:
        return plate.startswith(vote.plate) or plate.endswith(vote.plate)
    text = vote.answer or (poll.boldest.text if poll.boldest else "")
    return similar(plate, text)
