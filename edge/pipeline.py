"""Frame in, result out: detect, crop, read, track, vote. No threads, no files, no wall clock.

Every track that starts ends as exactly one final event. The frame's time is the only clock, so that a recorded clip
gives the same events as it would have given live.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Literal, Protocol

from edge.candidates import is_plate
from edge.events import make_event, recording_of
from edge.poll import refusal_of, weigh
from edge.preprocess import crop_plate
from edge.records import Frame, FrameResult, Image, PlateBox, PlateEvent, PlateReading, Shot, TrackedPlate
from edge.track import Look, Track
from edge.tracker import Tracker, TrackerSettings
from edge.verdict import Verdict, is_due, judge, may_be_static, worth_a_preview
from edge.vote import Ballot, VoteSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


class Detector(Protocol):
    """Whatever finds plates.

    One that has `stage_seconds` (stage → seconds of the last call) is asked for them; one that has a `threshold` may
    give boxes below it, which count only if a plate's text is in them; one that is `resting` has seen nothing
    move for a while; one that has a `region` looks only there.
    """

    def detect(self, image: Image) -> tuple[PlateBox, ...]:
        """(H, W, 3) BGR → the plates in it, boxes in its pixels."""
        ...


class Reader(Protocol):
    """Whatever reads a plate.

    One that can `read_again` is asked to, with the crop and its first reading, where a reading is to vote on a pass
    that has no answer yet.
    """

    def read(self, crop: Image) -> PlateReading:
        """(H, W, 3) BGR, one plate and little around it → its text."""
        ...


class Pipeline:
    """The way of the data from a frame to the events. Not safe to call from two threads at once.

    With `keep_frames`, a pass's event carries the whole frame of its best reading, else only the plate's crop: a frame
    for every plate in view is what the process would be largest by.
    """

    def __init__(
        self,
        detector: Detector,
        reader: Reader,
        tracker: TrackerSettings | None = None,
        vote: VoteSettings | None = None,
        camera: str = "gate",
        *,
        keep_frames: bool = False,
    ) -> None:
        self._detector = detector
        self._reader = reader
        self._tracker = Tracker(tracker)
        self._settings = vote or VoteSettings()
        self._camera = camera
        self._keep_frames = keep_frames
        self._recording = ""
        """What tells the source from others, once its first frame was there."""
        self._seconds: dict[str, float] = {}
        self._small_boxes: tuple[tuple[PlateBox, ...], tuple[PlateBox, ...]] = (), ()
        """Those of the second, smaller stream as found last, and in the frame's own pixels."""
        self._nothing: list[PlateBox] = []
        """Boxes of the last frame in which no plate's text was found."""

    def use(
        self, detector: Detector, reader: Reader, tracker: TrackerSettings, vote: VoteSettings, *, keep_frames: bool
    ) -> None:
        """Go on with other models and settings, between two frames; passes under way go on with their readings, which
        are counted anew."""
        self._detector, self._reader = detector, reader
        self._tracker.use(tracker)
        self._settings, self._keep_frames = vote, keep_frames
        for track in self._tracker.active:
            if track.final is None:
                track.poll.recount(vote)

    @property
    def started(self) -> int:
        """Tracks started so far; each ends, or has ended, as one final event."""
        return self._tracker.started

    def process(self, frame: Frame) -> FrameResult:
        """All that one frame gives; its time must not be before that of the last one."""
        self._seconds = {}
        self._recording = self._recording or recording_of(frame)
        with self._measured("vote"):
            events = self._close(self._tracker.advance(frame.time))
        with self._measured("detect"):
            boxes = self._find(frame)
        self._seconds.update(getattr(self._detector, "stage_seconds", {}))
        boxes, readings, crops = self._read(frame, boxes)
        with self._measured("vote"):
            tracks = self._tracker.update(frame, boxes, readings)
        for track, reading, crop in zip(tracks, readings, crops, strict=True):
            if reading is not None and crop is not None:
                closer = self._look_again(frame, track, reading, crop)
                with self._measured("vote"):
                    self._poll(frame, track, closer, crop)
        with self._measured("vote"):
            events = _in_order([*events, *self._announce(frame.time)])
            shown = tuple(self._show(track) for track in tracks)
        resting, region = getattr(self._detector, "resting", False), getattr(self._detector, "region", None)
        return FrameResult(frame, boxes, shown, tuple(events), self._seconds, resting, region)

    def idle(self, time: float) -> tuple[PlateEvent, ...]:
        """Time passed up to `time` without a frame; what ended meanwhile."""
        return tuple(_in_order([*self._close(self._tracker.advance(time)), *self._announce(time)]))

    def finish(self) -> tuple[PlateEvent, ...]:
        """End of the stream: the events of all passes still in view."""
        events = tuple(self._close(self._tracker.finish()))
        self._tracker.forget()
        self._recording = ""
        return events

    def _find(self, frame: Frame) -> tuple[PlateBox, ...]:
        """The boxes in the frame's own pixels, wherever the detector looks for them."""
        if frame.small is None:
            return self._detector.detect(frame.image)
        boxes = self._detector.detect(frame.small)
        if boxes is not self._small_boxes[0]:  # else the gate rests, and the boxes must be the same ones here, too
            (height, width), (small_height, small_width) = frame.image.shape[:2], frame.small.shape[:2]
            x, y = width / small_width, height / small_height
            scaled = (PlateBox(box.x1 * x, box.y1 * y, box.x2 * x, box.y2 * y, box.confidence) for box in boxes)
            self._small_boxes = boxes, tuple(scaled)
        return self._small_boxes[1]

    def _read(
        self, frame: Frame, boxes: Sequence[PlateBox]
    ) -> tuple[tuple[PlateBox, ...], tuple[PlateReading | None, ...], tuple[Image | None, ...]]:
        """The boxes that count, their readings and what was read; None where reading was spared."""
        threshold = getattr(self._detector, "threshold", 0.0)
        spared = self._tracker.unread(frame.time, boxes)
        counted: list[tuple[PlateBox, PlateReading | None, Image | None]] = []
        nothing: list[PlateBox] = []
        for index, box in enumerate(boxes):
            if index in spared:
                counted.append((box, None, None))
                continue
            if any(box is known for known in self._nothing):  # the gate rests and gives its last boxes again
                nothing.append(box)
                continue
            with self._measured("crop"):
                crop = crop_plate(frame.image, box)
            with self._measured("read"):
                reading = self._reader.read(crop)
            if is_plate(box, reading, threshold) or self._tracker.follows(frame.time, box):
                counted.append((box, reading, crop))
            else:
                nothing.append(box)
        self._nothing = nothing
        return tuple(one[0] for one in counted), tuple(one[1] for one in counted), tuple(one[2] for one in counted)

    def _look_again(self, frame: Frame, track: Track, first: PlateReading, crop: Image) -> PlateReading:
        """The reading; of one that may vote on a pass without an answer, what several looks make of it."""
        again = getattr(self._reader, "read_again", None)
        height, width = frame.image.shape[:2]
        if again is None or track.final is not None or refusal_of(first, track.box, (width, height), self._settings):
            return first
        with self._measured("read"):
            closer: PlateReading = again(crop, first)
        return closer

    def _poll(self, frame: Frame, track: Track, reading: PlateReading, crop: Image) -> None:
        """Let a reading vote, or hold it back until the next one tells which plate it is of."""
        height, width = frame.image.shape[:2]
        refusal = refusal_of(reading, track.box, (width, height), self._settings)
        ballot = Ballot(reading, weigh(reading, track.box), track.box, frame.time, frame.utc)
        image = frame.image if self._keep_frames else None
        shot = Shot(image, crop.copy(), track.box, reading, (width, height))
        look = Look(ballot, refusal, shot)
        held, track.held = track.held, look if track.objections else None
        if track.final is None:
            for each in (held, None if track.objections else look):
                if each is not None:
                    self._take(track, each)

    def _take(self, track: Track, look: Look) -> None:
        track.poll.add(look.ballot, look.refusal, self._settings)
        if track.poll.best is look.ballot:
            track.shot = look.shot

    def _announce(self, time: float) -> list[PlateEvent]:
        """Previews and early finals of the plates in view."""
        events = []
        for track in self._tracker.active:
            if track.final is not None:
                continue
            verdict = judge(track, self._settings)
            if is_due(track, time, verdict, self._settings):
                events.append(self._decide(track, verdict))
            elif (
                not track.previewed
                and worth_a_preview(track.poll.vote, verdict)
                and not may_be_static(track, time, self._settings)
            ):
                track.previewed = True
                events.append(self._event(track, "preview", verdict))
        return events

    def _close(self, ended: Sequence[Track]) -> list[PlateEvent]:
        """Final events of tracks that are over, in the order in which their plates were last seen."""
        for track in ended:
            if track.held is not None and track.final is None:
                # seen once, at the end: nobody knows whether it was this plate misread, or another
                self._take(track, track.held._replace(refusal="no_consensus"))
            track.held = None
        undecided = sorted((track for track in ended if track.final is None), key=lambda t: (t.last_time, t.number))
        return [self._decide(track, judge(track, self._settings)) for track in undecided]

    def _decide(self, track: Track, verdict: Verdict) -> PlateEvent:
        if self._tracker.same_pass(track) is not None:
            verdict = Verdict("rejected", "duplicate")
        event = replace(self._event(track, "final", verdict), shot=track.shot)
        track.final, track.shot = replace(event, shot=None), None  # a pass that is over keeps no frame in memory
        return event

    def _event(self, track: Track, kind: Literal["preview", "final"], verdict: Verdict) -> PlateEvent:
        return make_event(track, kind, verdict, self._settings, camera=self._camera, recording=self._recording)

    def _show(self, track: Track) -> TrackedPlate:
        lines = track.poll.best.reading.lines if track.poll.best else 1
        if track.final is not None:
            final = track.final
            told = (final.plate, final.confidence, final.status, final.readings)
            return TrackedPlate(track.number, track.box, *told, lines)
        vote = track.poll.vote
        state: Literal["reading", "preview"] = "preview" if track.previewed else "reading"
        return TrackedPlate(track.number, track.box, vote.plate, vote.confidence, state, track.poll.readings, lines)

    @contextmanager
    def _measured(self, stage: str) -> "Iterator[None]":
        start = perf_counter()
        yield
        self._seconds[stage] = self._seconds.get(stage, 0.0) + perf_counter() - start


def _in_order(events: list[PlateEvent]) -> list[PlateEvent]:
    """The events of one moment in the order in which their plates were last seen."""
    return sorted(events, key=lambda event: (event.last_seen, event.track))
