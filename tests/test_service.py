"""The loop of the service, with fakes on all sides: order, watchdog, idling, signals, and that no pass is lost."""

import errno
import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from output_samples import event

from edge import service
from edge.config import Config
from edge.csv_log import CsvSettings
from edge.errors import SourceError
from edge.event_values import event_line
from edge.live import LiveSettings
from edge.motion_watch import FROZEN, FrozenMeter
from edge.privacy import PrivacySettings, VeiledPipeline
from edge.records import Frame, FrameResult, PlateEvent
from edge.service import Loop, Progress, Stop, _use
from edge.source import SourceSettings, SourceState
from edge.source_state import Cause


def frame(index: int) -> Frame:
    return Frame(np.zeros((4, 4, 3), np.uint8), float(index), datetime.now(UTC), index)


class FakePipeline:
    """Each frame in `ends` brings the final event of a pass; `open` passes end with finish()."""

    def __init__(
        self, ends: Iterable[int] = (), still_open: int = 0, idle_events: int = 0, rests: Iterable[int] = ()
    ) -> None:
        self.ends, self.rests = set(ends), set(rests)
        self.still_open, self.idle_events = still_open, idle_events
        self.idled: list[float] = []

    def process(self, frame: Frame) -> FrameResult:
        events = [event(kind="preview", track=frame.index)]
        if frame.index in self.ends:
            events.append(event(track=frame.index))
        return FrameResult(frame, (), (), tuple(events), resting=frame.index in self.rests)

    def idle(self, time: float) -> tuple[PlateEvent, ...]:
        self.idled.append(time)
        return tuple(event(track=100 + number) for number in range(self.idle_events))

    def finish(self) -> tuple[PlateEvent, ...]:
        return tuple(event(track=1000 + number) for number in range(self.still_open))


class FakeOutputs:
    """A CSV file and a page in one, so that the order between them shows."""

    error = ""
    watched = False

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.kinds: list[str] = []
        self.astray = False
        self.waiting = 0
        self.flushed = self.tidied = 0

    def __call__(self, event: PlateEvent) -> None:
        self.kinds.append(event.kind)
        if event.kind == "final":
            self.seen.append(f"row {event.track}")

    def flush(self) -> None:
        self.flushed += 1

    def tidy(self) -> None:
        self.tidied += 1

    def publish(self, result: FrameResult) -> None:
        self.seen.append(f"picture {result.frame.index} {[one.track for one in result.events if one.kind == 'final']}")


class FakeCamera:
    description = "a camera"
    online = True

    def state(self) -> SourceState:
        cause: Cause = "" if self.online else "unreachable"
        return SourceState(online=self.online, since=datetime.now(UTC), cause=cause, frames=3, dropped=2)


class Fakes:
    def __init__(self, pipeline: FakePipeline) -> None:
        self.outputs, self.camera = FakeOutputs(), FakeCamera()
        self.progress = Progress("gate", self.camera, self.outputs)
        self.loop = Loop(pipeline, self.outputs, self.outputs, self.progress)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What systemd would hear, with a clock that jumps a second and a half at each look."""
    messages: list[dict[str, object]] = []
    clock = iter(range(10_000))
    monkeypatch.setattr(service, "notify", lambda **states: messages.append(states))
    monkeypatch.setattr("edge.service.time.monotonic", lambda: 1.5 * next(clock))
    return messages


def test_the_row_is_written_before_the_page_shows_it_and_previews_are_no_rows() -> None:
    fakes = Fakes(FakePipeline(ends=[1]))
    fakes.loop.run([frame(0), frame(1)], Stop())
    assert fakes.outputs.seen == ["picture 0 []", "row 1", "picture 1 [1]"]
    assert (fakes.progress.frames, fakes.progress.passes) == (2, 1)


def test_passes_still_open_at_the_end_are_written_and_shown() -> None:
    fakes = Fakes(FakePipeline(still_open=2))
    fakes.loop.run([frame(0)], Stop())
    assert fakes.outputs.seen == ["picture 0 []", "row 1000", "row 1001", "picture 0 [1000, 1001]"]


def test_the_source_rests_where_nothing_moves_and_nobody_watches() -> None:
    pipeline = FakePipeline(rests=[1, 2, 3, 4])
    fakes, told = Fakes(pipeline), list[float]()
    fakes.loop.rest, fakes.loop.rest_fps = told.append, 5.0

    def source() -> Iterator[Frame | None]:
        yield from (frame(0), frame(1), None, frame(2))
        fakes.outputs.watched = True
        yield frame(3)
        fakes.outputs.watched = False
        yield frame(4)

    fakes.loop.run(source(), Stop())
    assert told == [0.0, 5.0, 5.0, 0.0, 5.0]


def test_a_source_that_fails_loses_no_pass() -> None:
    def source() -> Iterator[Frame]:
        yield frame(0)
        raise SourceError("the clip is damaged")

    fakes = Fakes(FakePipeline(still_open=1))
    with pytest.raises(SourceError):
        fakes.loop.run(source(), Stop())
    assert "row 1000" in fakes.outputs.seen


def test_silence_is_passed_on_as_time_of_the_frames(told: list[dict[str, object]]) -> None:
    pipeline = FakePipeline(idle_events=1)
    fakes = Fakes(pipeline)
    fakes.loop.run([None, frame(7), None, None], Stop())
    assert len(pipeline.idled) == 2  # before the first frame there is no time to pass
    assert 7.0 < pipeline.idled[0] < pipeline.idled[1]
    assert fakes.outputs.seen.count("row 100") == 2
    assert "picture 7 [100]" in fakes.outputs.seen


def test_systemd_hears_of_every_turn_also_without_a_picture(told: list[dict[str, object]]) -> None:
    fakes = Fakes(FakePipeline())
    fakes.camera.online = False
    fakes.loop.run([None, None], Stop())
    assert [message.get("WATCHDOG") for message in told] == [1, 1, None]
    assert told[0]["READY"] == 1
    assert told[0]["STATUS"] == "camera offline: unreachable"
    assert told[-1]["STOPPING"] == 1


def test_systemd_hears_nothing_before_the_first_frame_is_done(told: list[dict[str, object]]) -> None:
    class Broken(FakePipeline):
        def process(self, frame: Frame) -> FrameResult:
            assert not told
            return super().process(frame)

    Fakes(Broken()).loop.run([frame(0)], Stop())
    assert told[0]["READY"] == 1


def test_systemd_does_not_hear_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[object] = []
    monkeypatch.setattr(service, "notify", lambda **states: messages.append(states))
    Fakes(FakePipeline()).loop.run([frame(index) for index in range(50)], Stop())
    assert len(messages) == 2  # the first frame's and the end's


def test_rows_that_wait_for_the_disk_are_tried_again_and_told(told: list[dict[str, object]]) -> None:
    fakes = Fakes(FakePipeline())
    fakes.outputs.waiting, fakes.outputs.error = 3, "plates.csv: No space left on device"
    fakes.loop.run([frame(0), frame(1)], Stop())
    assert fakes.outputs.flushed == 2
    assert "3 rows wait for plates.csv: No space left on device" in cast(str, told[0]["STATUS"])


def test_what_is_not_written_is_told_without_rows_that_wait(told: list[dict[str, object]]) -> None:
    fakes = Fakes(FakePipeline())
    fakes.outputs.error = "pictures: No space left on device"
    fakes.loop.run([frame(0), frame(1)], Stop())
    assert fakes.outputs.flushed == 0
    assert cast(str, told[0]["STATUS"]).endswith("; not kept: pictures: No space left on device")
    status = fakes.progress.status()
    assert (status["not_written"], status["not_kept"]) == ("", ["pictures: No space left on device"])


def test_rows_that_go_to_another_disk_are_not_written_to_theirs(told: list[dict[str, object]]) -> None:
    fakes = Fakes(FakePipeline())
    fakes.outputs.error, fakes.outputs.astray = "plates.csv: its disk is gone; rows go to a new file in /srv", True
    fakes.loop.run([frame(0)], Stop())
    assert cast(str, told[0]["STATUS"]).endswith(f"passes; {fakes.outputs.error}")
    status = fakes.progress.status()
    assert (status["not_written"], status["not_kept"], status["rows_waiting"]) == (fakes.outputs.error, [], 0)


@pytest.mark.parametrize("full", [False, True])
def test_rows_that_are_lost_at_the_end_are_told_by_the_exit_status(
    full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cv2.imwrite(str(tmp_path / "still.png"), np.full((90, 160, 3), 90, np.uint8))
    config = Config(
        source=SourceSettings(source=str(tmp_path / "still.png"), realtime=False),
        csv=CsvSettings(path=str(tmp_path / "plates.csv")),
        live=LiveSettings(enabled=False),
    )

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def last_pass(self: VeiledPipeline) -> tuple[PlateEvent, ...]:
        if full:
            monkeypatch.setattr("edge.line_file.write_all", no_space)
        return (event(),)

    monkeypatch.setattr(VeiledPipeline, "finish", last_pass)
    assert service.run(config) is not full
    assert ("plates.csv: 1 rows could not be written and are lost" in caplog.text) is full


def test_a_picture_that_does_not_change_is_told_while_pictures_come(told: list[dict[str, object]]) -> None:
    fakes = Fakes(FakePipeline())
    fakes.progress.frozen = FrozenMeter()
    fakes.loop.run([frame(0), frame(299), frame(300)], Stop())
    assert [FROZEN in cast(str, message["STATUS"]) for message in told] == [False, False, True, False]
    assert cast(str, told[2]["STATUS"]).endswith("; the picture does not change")
    assert fakes.progress.status()["picture"] == FROZEN
    fakes.camera.online = False
    assert fakes.progress.status()["picture"] == "", "it is offline, and that is told"


def test_movements_without_a_plate_are_counted(told: list[dict[str, object]]) -> None:
    fakes = Fakes(FakePipeline(rests=[20, 40]))
    assert fakes.progress.status()["movements_without_plate"] is None
    fakes.loop.run([frame(index) for index in range(41)], Stop())
    assert fakes.progress.status()["movements_without_plate"] == 1


def test_early_answers_go_to_the_record_and_count_as_no_pass() -> None:
    fakes = Fakes(FakePipeline(ends=[1]))
    fakes.loop.run([frame(0), frame(1)], Stop())
    assert fakes.outputs.kinds == ["preview", "preview", "final"]
    assert fakes.progress.passes == 1


def test_the_status_has_what_the_page_shows() -> None:
    fakes = Fakes(FakePipeline(ends=[0]))
    assert fakes.progress.status()["last_frame_age"] is None
    fakes.loop.run([frame(0)], Stop())
    status = fakes.progress.status()
    assert (status["frames"], status["passes"], status["dropped"]) == (1, 1, 2)
    assert isinstance(status["loop_age"], float)
    camera = cast(dict[str, object], status["camera"])
    assert (camera["name"], camera["online"], camera["description"]) == ("gate", True, "a camera")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_loop_after_the_frame_in_hand(number: signal.Signals) -> None:
    def source() -> Iterator[Frame]:
        yield frame(0)
        os.kill(os.getpid(), number)
        yield frame(1)
        pytest.fail("the loop went on")

    fakes = Fakes(FakePipeline(still_open=1))
    with Stop() as stop:
        fakes.loop.run(source(), stop)
    assert stop.cause == number.name
    assert fakes.outputs.seen[-2:] == ["row 1000", "picture 1 [1000]"]


def test_the_second_interrupt_does_not_wait() -> None:
    with Stop() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.cause == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Stop():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_another_thread_can_run_the_service_without_signals() -> None:
    causes: list[str] = []

    def work() -> None:
        with Stop() as stop:
            causes.append(stop.cause)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(5)
    assert causes == [""]


def test_a_pass_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Fakes(FakePipeline(ends=[0])).loop.run([frame(0)], Stop())
    assert caplog.messages == [event_line(event())]
    assert caplog.messages[0] == "AB123CD accepted 0.97, 9 readings"


def test_a_plate_stays_out_of_the_log_if_the_owner_wishes() -> None:
    line = event_line(event(status="undecided", reason="no_consensus"), show_plate=False)
    assert "AB123CD" not in line
    assert line == "(plate) undecided 0.97, 9 readings, no_consensus"


@pytest.mark.parametrize(("unknown", "given"), [("keep", True), ("drop", False)])
def test_a_reload_that_keeps_strangers_plates_back_hands_out_no_whole_frames(
    unknown: Literal["keep", "drop"], given: bool
) -> None:
    page = Mock()
    config = Config(privacy=PrivacySettings(unknown=unknown))
    _use(Mock(config=config), Mock(), page)
    page.give_frames.assert_called_once_with(given)
    assert page.forget.called is not given
