"""A recording has frames around passes only. A plate that is there before and after a gap was there all the while, and
the gate went on seeing it.

Nothing is detected or read meanwhile: the boxes of before are given again, in steps that grow, so that a night costs
a tenth of a second.
"""

from collections import deque
from dataclasses import replace
from datetime import timedelta

from edge.alignment import contradict, similar
from edge.config import Config
from edge.geometry import gap_in_widths, overlap
from edge.motion import AnyDetector
from edge.pipeline import Pipeline, Reader
from edge.preprocess import crop_plate
from edge.records import Frame, FrameResult, Image, PlateBox, PlateEvent, PlateReading, TrackedPlate
from edge.track import STILL

_STEP = 0.5
_GROWTH = 1.2
"""The tracker takes the steps for the camera's pace, and lets a plate miss three of them: they may grow by so much."""
_SIGHTS = 3
"""Frames before the gap, in one of which a plate is seen that is there: the tracker lets it miss so many."""
_NOTHING = PlateReading("", 0.0, ())


class GapPipeline:
    """The pipeline of a replay, in which a plate that stayed before the camera while nothing was recorded stays the
    same pass."""

    def __init__(self, detector: AnyDetector, reader: Reader, config: Config) -> None:
        self._models = _Models(detector, reader)
        self._pipeline = Pipeline(self._models, self._models, config.tracker, config.vote, config.service.camera)
        self._settings = config.tracker
        self._longest = max(config.tracker.revisit / 2, _STEP)
        self._last: FrameResult | None = None
        self._tracks: deque[tuple[TrackedPlate, ...]] = deque(maxlen=_SIGHTS)
        self._session = ""

    def process(self, frame: Frame, session: str) -> tuple[PlateEvent, ...]:
        """The events of a frame, and of the gap before it; `session` is the recording's, empty where it has none."""
        if session != self._session:
            self._session, self._last = session, None
            self._tracks.clear()
        last = self._last
        gap: tuple[PlateEvent, ...] = ()
        if last is not None and frame.time - last.frame.time > self._longest:
            gap = self._hold(last, frame)
        result = self._pipeline.process(frame)
        if session:
            self._last = result
            self._tracks.append(result.tracks)
        return gap + result.events

    def finish(self) -> tuple[PlateEvent, ...]:
        """The events of all passes still in view at the end."""
        return self._pipeline.finish()

    def _hold(self, last: FrameResult, after: Frame) -> tuple[PlateEvent, ...]:
        """Goes on with the plates that were decided before the gap and are there after it."""
        boxes = self._models.look_ahead(after.image)
        known = {track.track: track for tracks in self._tracks for track in tracks}
        decided = [track for track in known.values() if track.decided]
        seen = [(box, self._models.read(crop_plate(after.image, box))) for box in boxes if decided]
        self._models.held = tuple(
            track.box for track in decided if any(self._stayed(track, box, reading) for box, reading in seen)
        )
        events: tuple[PlateEvent, ...] = ()
        step = since = _STEP
        while self._models.held and last.frame.time + since < after.time:
            moment, utc = last.frame.time + since, last.frame.utc + timedelta(seconds=since)
            events += self._pipeline.process(replace(last.frame, time=moment, utc=utc)).events
            step = min(step * _GROWTH, self._longest)
            since += step
        self._models.held = ()
        return events

    def _stayed(self, track: TrackedPlate, box: PlateBox, reading: PlateReading) -> bool:
        """Whether the plate of `track` is this one: where it was, unless a clear text tells of another car, or near
        that, as a car goes on to where it parks, with its text."""
        clear = reading.confidence >= self._settings.clear_confidence
        if overlap(track.box, box) >= STILL:
            return not (clear and contradict(track.text.replace("?", ""), reading.text))
        near = gap_in_widths(track.box, box) <= self._settings.revisit_distance
        return (
            bool(track.text) and near and (track.text == reading.text if clear else similar(track.text, reading.text))
        )


class _Models:
    """Detector and reader. Neither is asked while boxes are `held`; of nothing read, the tracker goes by the place."""

    def __init__(self, detector: AnyDetector, reader: Reader) -> None:
        self.threshold = detector.threshold
        self.held: tuple[PlateBox, ...] = ()
        self._detector, self._reader = detector, reader
        self._ahead: tuple[PlateBox, ...] | None = None

    def look_ahead(self, image: Image) -> tuple[PlateBox, ...]:
        """The boxes of the image that will be asked for next; the detector, which may go by motion, sees it once."""
        self._ahead = self._detector.detect(image)
        return self._ahead

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        """(H, W, 3) BGR → the plates in it, or those held."""
        if self.held:
            return self.held
        ahead, self._ahead = self._ahead, None
        return self._detector.detect(image) if ahead is None else ahead

    def read(self, crop: Image) -> PlateReading:
        """(H, W, 3) BGR → the text; nothing while boxes are held."""
        return _NOTHING if self.held else self._reader.read(crop)
