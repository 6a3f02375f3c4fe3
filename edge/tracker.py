"""One track for each plate, from first to last sight.

A box belongs to the track whose place it is near and whose text it repeats. At 10 frames a second and more the place
decides; at one frame a second a car jumps, another may stand where it stood, and the text decides. Tracks end by time.
A pass that is over stays known for a while, so that a parked car whose plate the detector lost for some seconds, or a
waiting one that somebody walked past, goes on as the same pass.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from statistics import median

from edge.alignment import similar
from edge.geometry import gap_in_widths, overlap
from edge.matching import SHORTLY, continues, is_end, is_part, objects, score
from edge.places import Places
from edge.poll import Poll
from edge.records import Frame, PlateBox, PlateReading
from edge.track import STILL, Track, TrackerSettings

__all__ = ["Tracker", "TrackerSettings"]

_INTERVALS = 9
_OCCLUSION = 1.0
"""Seconds for which a pillar or a person may hide a plate, however slow the camera is."""
_MISSED_FRAMES = 3.5
_SWAP = 1.0
_ON_TIME = 2.5
_OPENING = 1.0
_FOLLOWS = 0.3
_DORMANT = 64
_FIXTURES = 16
_OBJECTIONS = 2
_PATIENCE = 10.0


class Tracker:
    """Gives every box of every frame to a track. `active` are those of plates in view, oldest first."""

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self.active: list[Track] = []
        self.started = 0
        self._dormant: deque[Track] = deque(maxlen=_DORMANT)
        self._fixtures: deque[Track] = deque(maxlen=_FIXTURES)
        """Texts that are part of the picture: they may be lost for hours, and are still there."""
        self._places = Places()
        self._ended: list[Track] = []
        """Tracks that are over since the last frame, and are decided by the next one."""
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)
        self._first_frame: float | None = None
        self._last_frame: float | None = None

    def use(self, settings: TrackerSettings) -> None:
        """Go on with other settings; the plates in view stay the tracks that they are."""
        self._settings = settings

    def advance(self, time: float) -> list[Track]:
        """Let time pass up to a new frame (or a moment without one); the tracks that are over by now."""
        limit = max(self._settings.expiry, _OCCLUSION + _MISSED_FRAMES * self._interval)
        return self._retire(track for track in self.active if track.gone or time - track.last_time > limit)

    def finish(self) -> list[Track]:
        """End all tracks; `same_pass` still knows those before."""
        return self._retire(self.active)

    def forget(self) -> None:
        """Nothing of before counts any more: what comes next is another recording."""
        self._dormant.clear()
        self._fixtures.clear()
        self._places.clear()
        self._ended.clear()
        self._intervals.clear()
        self._first_frame = self._last_frame = None

    def unread(self, time: float, boxes: Sequence[PlateBox]) -> set[int]:
        """Which of the boxes need no reading now: plates that stand still and whose pass has its answer, or that were
        read often enough in the place where they stand to wait for the next reading."""
        spared = set()
        for track in self.active:
            if not track.still or track.objections or time - track.last_time > self._next_sight:
                continue
            if track.hoped_for and not self._waits(track, time):
                continue
            here = [index for index, box in enumerate(boxes) if overlap(track.box, box) >= STILL]
            if len(here) == 1:
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
        self._settle()
        taken = self._associate(frame, boxes, readings)
        tracks = []
        for index, (box, reading) in enumerate(zip(boxes, readings, strict=True)):
            track = taken.get(index)
            if track is None or track.gone:
                track = self._wake(frame, box, reading) or self._start(frame, box, track)
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
            since = track.first_time - other.last_time
            recent = since <= self._settings.revisit
            if near and recent and _repeats(other.final.plate, track.poll, cut=since <= SHORTLY):
                return other
        return None

    @property
    def _interval(self) -> float:
        """Seconds from frame to frame, 0 before the second one."""
        return median(self._intervals) if self._intervals else 0.0

    @property
    def _next_sight(self) -> float:
        """Seconds within which no other plate can have come to a stand where one stood still."""
        return max(_SWAP, _ON_TIME * self._interval)

    def _waits(self, track: Track, time: float) -> bool:
        """Whether a plate has stood still without becoming more legible, or was given up, and was read a moment ago."""
        idle = track.given_up or time - max(track.poll.improved, track.still_since) >= _PATIENCE
        return idle and time - track.last_read < self._settings.reread

    def _associate(
        self, frame: Frame, boxes: Sequence[PlateBox], readings: Sequence[PlateReading | None]
    ) -> dict[int, Track]:
        """Box → track, best pairs first, one to one."""
        pairs = [
            (fit, index, track)
            for track in self.active
            for index, (box, reading) in enumerate(zip(boxes, readings, strict=True))
            if (fit := score(track, frame, box, reading, self._settings)) > 0
        ]
        taken: dict[int, Track] = {}
        for _, index, track in sorted(pairs, key=lambda pair: pair[0], reverse=True):
            if index not in taken and track not in taken.values():
                taken[index] = track
        for index, track in list(taken.items()):
            if objects(track, boxes[index], readings[index], self._settings):
                track.objections += 1
                track.gone = track.objections >= _OBJECTIONS
            elif readings[index] is not None:
                track.objections = 0
        return taken

    def _wake(self, frame: Frame, box: PlateBox, reading: PlateReading | None) -> Track | None:
        """The pass that goes on with this box, if it was thought to be over."""
        while self._dormant and frame.time - self._dormant[0].last_time > self._settings.revisit:
            self._dormant.popleft()
        if reading is None:
            return None
        for known in (self._dormant, self._fixtures):
            for track in reversed(known):
                if continues(track, frame.time, box, reading, self._settings):
                    known.remove(track)
                    self.active.append(track)
                    track.course.clear()
                    track.objections, track.gone = 0, False
                    return track
        return None

    def _start(self, frame: Frame, box: PlateBox, before: Track | None) -> Track:
        """A new track; of the plate that was taken for the one `before`, with the reading that told of it first."""
        self.started += 1
        track = Track(
            number=self.started,
            first_time=frame.time,
            first_utc=frame.utc,
            last_time=frame.time,
            last_utc=frame.utc,
            box=box,
            first_box=box,
            opening=self._first_frame is not None and frame.time - self._first_frame <= _OPENING,
            anchor=box,
            still_since=frame.time,
        )
        if before is not None:
            track.second = before.given_up
            track.travelled = before.given_up and before.travelled
            if not before.static:
                self._places.note(before)
            if before.held is not None:
                track.held, before.held = before.held, None
                first = track.held.ballot
                track.first_time, track.first_utc, track.first_box = first.time, first.utc, first.box
        track.place = self._places.at(track)
        self.active.append(track)
        return track

    def _retire(self, tracks: Iterable[Track]) -> list[Track]:
        ended = list(tracks)
        self.active = [track for track in self.active if track not in ended]
        self._dormant += ended
        self._ended += ended
        return ended

    def _settle(self) -> None:
        """What the tracks that are over were, and what they tell of their places."""
        for track in self._ended:
            if not track.static:
                self._places.note(track)
                continue
            if track in self._dormant:
                self._dormant.remove(track)
                self._fixtures.append(track)
            if track.place is not None:
                self._places.forget(track.place)
        self._ended.clear()


def _repeats(plate: str, poll: Poll, *, cut: bool) -> bool:
    """Whether a pass shows `plate` again. A clear answer must be the same to the letter: the second of two cars of one
    fleet, a character apart, deserves its own row. Where it may be `cut`, one that only lacks characters at an end is
    the plate, cut by a pillar or by the detector's box, and so is what the edge of the frame leaves of it."""
    vote = poll.vote
    if "?" not in vote.plate and vote.plate:
        return plate == vote.plate or (cut and is_end(vote.plate, plate))
    text = vote.answer or (poll.boldest.text if poll.boldest else "")
    return similar(plate, text) or (cut and not vote.voters and is_part(text, plate))
