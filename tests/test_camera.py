"""The thread that drains a live camera: newest wins, a loss is named, it comes back, a hang is left behind."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from core_fakes import IMAGE, Gate, box, reading

from edge.camera import CameraError, LiveCamera
from edge.errors import SourceError
from edge.records import Frame, Image, PlateEvent
from edge.service import Loop, Progress, Stop
from edge.source import Source, arriving, starting

SECONDS = 5.0
"""A test that waits this long has failed."""


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class FakeCamera:
    """Gives what a test puts in: a picture, an exception to raise, or a function that blocks."""

    def __init__(self) -> None:
        self.script: queue.Queue[Image | Exception | Callable[[], Image]] = queue.Queue()
        self.opened = self.released = self.spared = 0
        self.refuse: list[CameraError] = []
        self.small: Image | None = None

    def open(self) -> "FakeCamera":
        self.opened += 1
        if self.refuse:
            raise self.refuse.pop(0)
        return self

    def read(self, wanted: Callable[[], bool]) -> Image | None:
        image = self._next()
        if not wanted():
            self.spared += 1
            return None
        return image

    def _next(self) -> Image:
        while True:
            try:
                item = self.script.get(timeout=0.05)
            except queue.Empty:
                if self.released < 0:
                    raise CameraError("lost") from None
                continue
            if isinstance(item, Exception):
                raise item
            return item() if callable(item) else item

    def release(self) -> None:
        self.released += 1

    def end(self) -> None:
        self.script.put(CameraError("lost"))


def picture(value: int) -> Image:
    return np.full((4, 6, 3), value, np.uint8)


def until(wanted: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not wanted():
        assert time.monotonic() < end
        time.sleep(0.002)


def live(fake: FakeCamera, **options: object) -> LiveCamera:
    options = {"wait": 0.02, "pause": lambda seconds: time.sleep(0.001)} | options
    return LiveCamera(fake.open, "fake", **options)  # type: ignore[arg-type]


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    fake, clock = FakeCamera(), Clock()
    with live(fake, now=clock) as source:
        for value in range(5):
            fake.script.put(picture(value))
        until(lambda: source.state().frames == 5)
        frame = next(iter(source))
        assert frame is not None
        assert (frame.image[0, 0, 0], frame.index, frame.time, frame.name) == (4, 4, 100.0, "fake")
        assert source.state().dropped == 4
        assert source.state().online
        fake.end()


def test_a_size_that_changes_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fake, clock = FakeCamera(), Clock()
    large = np.zeros((8, 12, 3), np.uint8)
    with live(fake, now=clock) as source:
        for number, (seconds, image) in enumerate(
            [(0, picture(1)), (20, large), (1, picture(1)), (1, large), (20, large)]
        ):
            clock.seconds += seconds
            fake.script.put(image)
            until(lambda wanted=number + 1: source.state().frames == wanted)  # type: ignore[misc]
        fake.end()
    told = [message for message in caplog.messages if "×" in message]
    assert told == ["fake: pictures of 6×4", "fake: its pictures are 12×8 now, no more 6×4"]


def test_why_no_pictures_come_is_known_with_the_advice() -> None:
    fake = FakeCamera()
    fake.refuse = [CameraError("busy", "/dev/video0 is in use by motion (7)")]
    with live(fake) as source:
        until(lambda: source.trouble != "")
        assert source.trouble == "busy; /dev/video0 is in use by motion (7)"
        fake.script.put(picture(1))
        until(lambda: source.state().online)
        assert source.trouble == ""
        fake.end()


class SlowCamera(LiveCamera):
    """Gives no picture for so many half seconds, in no time, while `fake` does what a test says."""

    def __init__(self, fake: FakeCamera, **options: object) -> None:
        super().__init__(fake.open, "slow", wait=0.001, pause=lambda _: time.sleep(0.001), **options)  # type: ignore[arg-type]
        self.asked = 0

    def _take(self) -> Frame | None:
        self.asked += 1
        return super()._take()


def test_a_camera_that_has_not_failed_yet_may_take_what_its_settings_say() -> None:
    fake = FakeCamera()
    with (
        SlowCamera(fake, longest_silence=60.0) as source,
        pytest.raises(SourceError, match="slow: no picture yet: conn"),
    ):
        next(arriving(source))
    assert source.asked == 121
    fake.end()


@pytest.mark.parametrize("wait", [arriving, starting])
def test_one_that_fails_gets_ten_seconds_and_its_advice_is_told(
    wait: Callable[[Source], Iterator[Frame | None]],
) -> None:
    fake = FakeCamera()
    fake.refuse = [CameraError("no such device", "/dev/video9 is not there; cameras: none")] * 10_000
    with SlowCamera(fake, longest_silence=60.0) as source:
        until(lambda: source.trouble != "")
        with pytest.raises(
            SourceError, match="no picture yet: no such device; /dev/video9 is not there; cameras: none"
        ):
            list(wait(source))
    assert source.asked == 21


def test_only_the_first_frame_is_waited_for_at_the_start() -> None:
    fake = FakeCamera()
    with SlowCamera(fake) as source:
        fake.script.put(picture(1))
        until(lambda: source.state().frames == 1)
        frames = starting(source)
        assert next(frames) is not None
        assert [next(frames) for _ in range(40)] == [None] * 40
        fake.end()


def test_without_a_new_frame_there_is_none() -> None:
    fake = FakeCamera()
    with live(fake) as source:
        frames = iter(source)
        assert next(frames) is None
        fake.script.put(picture(1))
        until(lambda: source.state().frames == 1)
        assert next(frames) is not None
        assert next(frames) is None
        fake.end()


def test_while_it_rests_what_is_not_wanted_is_not_decoded() -> None:
    fake, clock = FakeCamera(), Clock()
    with live(fake, now=clock, fps=30.0) as source:

        def seen(times: list[float]) -> list[float]:
            got = list[float]()
            for seconds in times:
                clock.seconds, before = seconds, source.state().frames
                fake.script.put(picture(0))
                until(lambda before=before: source.state().frames > before)  # type: ignore[misc]
                frame = next(iter(source))
                if frame is not None:
                    got.append(frame.time)
            return got

        assert seen([0.0, 0.125, 0.25]) == [0.0, 0.125, 0.25]
        source.rest(2.0)
        assert seen([0.375, 0.5, 0.625, 0.75, 0.875, 1.0]) == [0.375, 0.875]
        assert fake.spared == 4
        assert source.state().dropped == 0, "what nobody wanted is not lost"
        source.rest(0.0)
        assert seen([1.125, 1.25]) == [1.125, 1.25], "the very next one"
        source.rest(2.0)
        assert seen([1.375, 1.5]) == [1.375]
        fake.end()
        until(lambda: not source.state().online)
        assert seen([1.625]) == [1.625], "the first one of a camera that is back"
        fake.end()


def test_time_never_goes_back() -> None:
    fake, clock = FakeCamera(), Clock()
    with live(fake, now=clock) as source:
        times = list[float]()
        for seconds in (10.0, 12.0, 11.0, 13.0):
            clock.seconds = seconds
            fake.script.put(picture(0))
            until(lambda: source.state().frames > len(times))
            frame = next(iter(source))
            assert frame is not None
            times.append(frame.time)
        assert times == [10, 12, 12, 13]
        fake.end()


def test_a_lost_camera_is_opened_again_with_longer_pauses_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fake, clock, pauses = FakeCamera(), Clock(), list[float]()
    fake.refuse = [CameraError("refused", "nothing listens")] * 7
    with live(fake, now=clock, pause=pauses.append) as source:
        fake.script.put(picture(1))
        until(lambda: source.state().online)
        assert fake.opened == 8
        for longest, pause in zip([1, 2, 4, 8, 16, 30, 30], pauses, strict=True):
            assert 0.75 * longest <= pause <= longest
        assert caplog.messages == [
            "fake: refused; nothing listens; trying again until it is there",
            "fake: pictures of 6×4",
        ]
        pauses.clear()
        clock.seconds += 10
        fake.script.put(picture(1))
        fake.refuse = [CameraError("refused")] * 3
        fake.end()
        until(lambda: len(pauses) == 4)
        for longest, pause in zip([1, 2, 4, 8], pauses, strict=True):
            assert 0.75 * longest <= pause <= longest, "after ten seconds of pictures the pauses start anew, once"
        assert "fake: lost" in caplog.text
        fake.end()


def test_a_camera_that_comes_and_goes_gets_longer_pauses() -> None:
    """Two pictures, then silence until it counts as lost: what it was silent does not count as steady."""
    fake, clock, pauses = FakeCamera(), Clock(), list[float]()

    def silent() -> Image:
        clock.seconds += 20
        raise CameraError("timeout")

    for _ in range(7):
        for item in (picture(1), picture(2), silent):
            fake.script.put(item)
    with live(fake, now=clock, pause=pauses.append):
        until(lambda: len(pauses) == 7)
        for longest, pause in zip([1, 2, 4, 8, 16, 30, 30], pauses, strict=True):
            assert 0.75 * longest <= pause <= longest
        fake.end()


def test_the_cause_is_in_the_state_until_pictures_come() -> None:
    fake = FakeCamera()
    with live(fake) as source:
        fake.script.put(picture(1))
        until(lambda: source.state().online)
        since = source.state().since
        fake.refuse = [CameraError("unauthorised")] * 1_000_000
        fake.script.put(CameraError("timeout"))
        until(lambda: source.state().cause == "unauthorised")
        assert not source.state().online
        assert source.state().since >= since
        assert source.state().frames == 1
        assert fake.released == 1
        fake.refuse = []
        fake.script.put(picture(1))
        until(lambda: source.state().online)
        assert source.state().cause == ""
        fake.end()


def test_an_error_of_opencv_is_a_loss() -> None:
    fake = FakeCamera()
    with live(fake, pause=lambda _: time.sleep(0.05)) as source:
        fake.script.put(cv2.error("decoder"))
        until(lambda: source.state().cause == "no picture")
        fake.end()


def test_a_hung_driver_is_left_behind() -> None:
    fake, clock, stuck = FakeCamera(), Clock(), threading.Event()

    def hang() -> Image:
        stuck.wait(SECONDS)
        return picture(99)

    with live(fake, now=clock, patience=10) as source:
        frames = iter(source)
        fake.script.put(hang)
        until(fake.script.empty)
        assert next(frames) is None
        assert source.state().cause == "connecting"
        clock.seconds += 11
        assert next(frames) is None
        assert source.state().cause == "timeout"
        fake.script.put(picture(7))
        until(lambda: source.state().online)
        frame = next(frames)
        assert frame is not None
        assert frame.image[0, 0, 0] == 7
        stuck.set()
        until(lambda: fake.released == 1)
        assert next(frames) is None, "a picture of the abandoned thread is not taken"
        assert fake.opened == 2
        fake.end()


def test_a_driver_that_hangs_again_and_again_ends_the_program_and_no_threads_pile_up() -> None:
    fake, clock, stuck = FakeCamera(), Clock(), threading.Event()

    def hang() -> Image:
        stuck.wait(SECONDS)
        raise CameraError("lost")

    with live(fake, now=clock, patience=10, wait=0.005) as source:
        frames = iter(source)
        for _ in range(12):
            fake.script.put(hang)
        for _ in range(3):
            until(lambda: source._busy_since is not None)
            clock.seconds += 11
            assert next(frames) is None
            assert not source.state().online
        with pytest.raises(SourceError, match="the driver hung 4 times"):  # noqa: PT012 - at which look is the threads'
            for _ in range(12):
                until(lambda: source._busy_since is not None)
                clock.seconds += 11
                next(frames)
        assert fake.opened <= 5
        stuck.set()


@pytest.mark.parametrize(("ends", "comes"), [(False, False), (True, False), (False, True)])
def test_a_hung_driver_that_keeps_the_device_ends_the_program(ends: bool, comes: bool) -> None:
    """Nobody else can open it, at once and without hanging; unless pictures came, or it came back after all."""
    fake, clock, stuck, next_try = FakeCamera(), Clock(), threading.Event(), threading.Semaphore(0)

    def hang() -> Image:
        stuck.wait(SECONDS)
        raise CameraError("lost")

    def pause(_: float) -> None:
        next_try.acquire(timeout=SECONDS)

    with live(fake, now=clock, patience=10, pause=pause) as source:
        frames, first = iter(source), source._threads[0]
        fake.script.put(hang)
        until(fake.script.empty)
        fake.refuse = [CameraError("busy")]
        clock.seconds += 11
        assert next(frames) is None
        until(lambda: source.state().cause == "busy" and source._busy_since is None)
        clock.seconds += 29
        assert next(frames) is None, "it may come back by itself"
        if comes:
            fake.refuse = []
            fake.script.put(picture(1))
            next_try.release()
            until(lambda: source.state().online)
            assert next(frames) is not None
            fake.end()
            until(lambda: not source.state().online and source._busy_since is None)
        if ends:
            stuck.set()
            first.join(SECONDS)
        clock.seconds += 2
        if ends or comes:
            assert next(frames) is None
        else:
            with pytest.raises(SourceError, match=r"hung for 41 s.*only a new start of the program"):
                next(frames)
        stuck.set()
        next_try.release(9)


def test_a_thread_that_died_is_an_error_not_an_empty_road(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    fake = FakeCamera()
    with live(fake) as source:
        fake.script.put(ZeroDivisionError())
        with pytest.raises(SourceError, match="its thread ended"):
            for _ in source:
                pass


def test_closing_does_not_wait_for_a_hung_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.camera._CLOSE_SECONDS", 0.05)
    fake, stuck = FakeCamera(), threading.Event()

    def hang() -> Image:
        stuck.wait(SECONDS)
        return picture(0)

    source = live(fake)
    fake.script.put(hang)
    until(fake.script.empty)
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < 1
    assert list(source) == []
    stuck.set()
    until(lambda: fake.released == 1)


def test_closing_ends_a_pause_and_the_iteration() -> None:
    fake = FakeCamera()
    fake.refuse = [CameraError("refused")] * 100
    source = LiveCamera(fake.open, "fake", wait=0.02)
    until(lambda: source.state().cause == "refused")
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < 0.5
    assert list(source) == []
    assert fake.opened == 1


def test_fewer_frames_a_second_are_taken_evenly() -> None:
    fake, clock = FakeCamera(), Clock()
    with live(fake, now=clock, fps=5.0) as source:
        taken = []
        for index in range(30):
            clock.seconds = 100 + index / 30 + (0.004 if index % 2 else 0)
            fake.script.put(picture(index))
            until(lambda: source.state().frames == index + 1)  # noqa: B023
            with source._changed:
                if source._box is not None:
                    taken.append(source._box.index)
                    source._box = None
        assert 5 <= len(taken) <= 6
        assert source.state().dropped == 0, "what is not wanted is not dropped"
        fake.end()


def test_pictures_are_turned_clockwise() -> None:
    fake = FakeCamera()
    with live(fake, rotate=90) as source:
        image = picture(0)
        image[0, 0] = 255
        fake.script.put(image)
        until(lambda: source.state().frames == 1)
        frame = next(iter(source))
        assert frame is not None
        assert frame.image.shape == (6, 4, 3)
        assert frame.image[0, 3, 0] == 255
        fake.end()


def test_a_second_smaller_picture_is_turned_as_the_first() -> None:
    fake = FakeCamera()
    fake.small = np.zeros((2, 3, 3), np.uint8)
    with live(fake, rotate=90) as source:
        fake.script.put(picture(0))
        until(lambda: source.state().frames == 1)
        frame = next(iter(source))
        assert frame is not None
        assert frame.small is not None
        assert frame.small.shape == (3, 2, 3)
        fake.end()


def _offers(fake: FakeCamera) -> bool:
    """Has a picture ready for whoever reads next: the one before may have gone to a read that took a minute."""
    if fake.script.empty():
        fake.script.put(IMAGE)
    return False


def test_a_camera_that_is_lost_ends_the_passes_and_begins_new_ones_when_it_is_back() -> None:
    """Through the loop of the service: a car is in view as the camera goes, and another as it comes back."""
    fake, clock, gate, rows = FakeCamera(), Clock(), Gate(), list[PlateEvent]()
    gate.script.sights = [(box(500), reading("AB123CD"))]
    outputs = Outputs(rows)

    def frames(source: LiveCamera) -> Iterator[Frame | None]:
        """What the loop sees of a second of pictures, a minute without, and another second."""
        for index, frame in enumerate(source):
            yield frame
            if index < 10 or 15 < index < 30:
                if source.state().online or index < 10:
                    fake.script.put(IMAGE)
                clock.seconds += 0.1
            elif index == 10:
                fake.end()
                until(lambda: not source.state().online)
                clock.seconds += 60.0
                assert rows == [], "the car is in view, its pass is not over"
            elif index == 15:
                assert [event.plate for event in rows] == ["AB123CD"], "the minute ended it"
                gate.script.sights = [(box(500), reading("XY987ZW"))]
                until(lambda: source.state().online or _offers(fake))
            elif index >= 40:
                return

    with live(fake, now=clock) as source, pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.service.time.monotonic", clock)
        progress = Progress("gate", source, outputs)
        fake.script.put(IMAGE)
        until(lambda: source.state().online)
        Loop(gate.pipeline, outputs, outputs, progress).run(frames(source), Stop())
        fake.end()
    assert [event.plate for event in rows] == ["AB123CD", "XY987ZW"]
    assert gate.pipeline.started == 2


class Outputs:
    """A record that keeps final events only, and a page that shows nothing."""

    error, astray, waiting, watched = "", False, 0, False

    def __init__(self, rows: list[PlateEvent]) -> None:
        self.rows = rows

    def __call__(self, event: PlateEvent) -> None:
        if event.kind == "final":
            self.rows.append(event)

    def tidy(self) -> None:
        pass

    def flush(self) -> None:
        pass

    def publish(self, result: object) -> None:
        pass
