"""One string names any source; recordings; what is wrong with a source is said, and passwords never are."""

import errno
import itertools
import logging
import math
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from waiting import FakeClock

from edge import capture, interlaced
from edge.camera import CameraError, LiveCamera
from edge.capture import open_v4l2
from edge.clip import PICTURES, Clip, PictureSequence, Video, read_picture
from edge.demo import DemoSource
from edge.errors import ConfigError, SourceError
from edge.network import Asked, check_url, find_cause, public_url
from edge.picture_folder import find_pictures
from edge.picture_kind import is_heic
from edge.recorded import APART, EVENTS, MARKER, SIGHTS, TimedPictures, find_frames
from edge.source import Source, SourceSettings, SourceState, open_source
from edge.source_name import parse_source


@pytest.fixture
def no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CameraError("refused")

    monkeypatch.setattr("edge.source.open_stream", refuse)
    monkeypatch.setattr("edge.source.open_v4l2", refuse)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """40 frames, 10 a second; frame k is grey 5·k."""
    path = tmp_path / "gate.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for index in range(40):
        writer.write(np.full((48, 64, 3), 5 * index, np.uint8))
    writer.release()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "frames"
    path.mkdir()
    for index in range(4):
        cv2.imwrite(str(path / f"{index:03}.png"), np.full((20, 30, 3), 10 * index, np.uint8))
    os.utime(path / "000.png", (1_700_000_000, 1_700_000_000))
    return path


def fast(source: str | Path, **wishes: object) -> Source:
    return open_source(SourceSettings(source=str(source), realtime=False, **wishes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "kind", "description"),
    [
        ("demo:", DemoSource, "demo scene 0"),
        ("demo:7", DemoSource, "demo scene 7"),
        ("v4l2:/dev/video3", LiveCamera, "/dev/video3"),
        ("/dev/v4l/by-id/usb-cam", LiveCamera, "/dev/v4l/by-id/usb-cam"),
        ("2", LiveCamera, "/dev/video2"),
        ("rtsp://me:secret@10.0.0.1/live?key=secret", LiveCamera, "rtsp://10.0.0.1/live?…"),
        ("RTSPS://10.0.0.1:322/live", LiveCamera, "rtsps://10.0.0.1:322/live"),
        ("http://me:secret@cam.local:8081/video", LiveCamera, "http://cam.local:8081/video"),
        ("Http://cam.local/video", LiveCamera, "http://cam.local/video"),
    ],
)
@pytest.mark.usefixtures("no_camera")
def test_a_string_names_any_source(spec: str, kind: type[Source], description: str) -> None:
    with open_source(SourceSettings(source=spec)) as source:
        assert isinstance(source, kind)
        assert source.live
        assert source.description == description
        assert isinstance(source.state(), SourceState)
        assert source.skipped == ()


@pytest.mark.parametrize(
    ("spec", "address"),
    [
        ("RTSP://Me:S3c@Cam/Live", "rtsp://Me:S3c@Cam/Live"),
        ("Http://cam/v", "http://cam/v"),
        ("rtsp://c/s", "rtsp://c/s"),
    ],
)
def test_a_scheme_is_written_small_as_ffmpeg_wants_it(spec: str, address: str) -> None:
    assert parse_source(spec) == ("network", address)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "source is empty; wanted demo:"),
        ("demo:first", "wants a whole number after demo:"),
        ("picamera:left", "wants a whole number after picamera:"),
        ("picamera:", "wants a whole number after picamera:"),
        ("jetson:", "wants a whole number after jetson:"),
        ("v4l2:", "wants a device after v4l2:"),
        ("v4l2:camera", "wants a device after v4l2:"),
        ("gstreamer: ", "wants a pipeline after gstreamer:"),
        ("ftp://host/clip", "begins with ftp://, which is no source; wanted demo:"),
        ("usb:0", "begins with usb:, which is no source; wanted demo:"),
        ("gate:frames", "./NAME where its name has a colon"),
        ("://", "no known scheme"),
        ("gate:s3c@cam/live", "no known scheme"),
        ("rtsp://", "needs a host"),
        ("rtps://cam/live", "begins with rtps://, .* did you mean rtsp://?"),
        ("rtps:/gate:s3c@cam/live", "begins with rtps:/, .* did you mean rtsp://?"),
        ("rstp//gate:s3c@cam", "begins with rstp//, .* did you mean rtsp://?"),
        ("htps://cam/live", "did you mean https://?"),
        ("picamra:0", "did you mean picamera:?"),
        ("v4l:/dev/video0", "did you mean v4l2:?"),
        ("gstremer:rtspsrc location=rtsp://me:s3c@cam/ ! x", "begins with gstremer:, .* did you mean gstreamer:?"),
        ("Demo:", "begins with Demo:, wanted demo:"),
        ("rtsp:/cam/live", "begins with rtsp:/, wanted rtsp://"),
        ("rtsp:/gate:s3c@cam/live", "begins with rtsp:/, wanted rtsp://"),
        ("RTSP:gate:s3c@cam/live", "begins with RTSP:, wanted rtsp://"),
        ("rtsp//gate:s3c@cam", "begins with rtsp//, wanted rtsp://"),
        ("rtsp;//gate:s3c@cam", "begins with rtsp;//, wanted rtsp://"),
    ],
)
def test_what_can_be_no_source_is_refused_by_the_settings(spec: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")) as error:
        SourceSettings(source=spec)
    assert "s3c" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "spec",
    [
        *("nowhere.mp4", "demo", "picamera/", "frames//nowhere", "~/nowhere", "//server/share", "http/nowhere"),
        *("gate:7.mp4", "cam1-14:03:22", "14:03", "./gate:frames", "/srv/gate:frames", "C:\\nowhere.mp4", "a@b.mp4"),
    ],
)
def test_what_has_no_scheme_is_a_path_that_only_the_start_looks_for(spec: str) -> None:
    settings = SourceSettings(source=spec)
    with pytest.raises(SourceError, match="no such file") as error:
        open_source(settings)
    assert repr(spec) in str(error.value)
    assert "rtsp://" in str(error.value)


@pytest.mark.parametrize("spec", ["gate-1:s3c@cam/live", "rtsp/gate:s3c@cam/live", "cam.lan:554/gate:s3c@x"])
def test_a_path_that_may_be_an_address_is_told_without_its_password(spec: str) -> None:
    with pytest.raises(SourceError, match="no such file") as error:
        open_source(SourceSettings(source=spec))
    assert "s3c" not in str(error.value)


@pytest.mark.parametrize("spec", ["rtsp://[::1/x", "http://cam]/x", "rtsp://192.168.1..20/x", "rtsp://cam..local/x"])
def test_a_mistyped_host_is_told(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"^source: .*no valid host"):
        SourceSettings(source=spec)


@pytest.mark.parametrize(
    "url", ["rtsp://me:s3c/ret@host/x", "rtsp://me:12#3s3c@host/x", "rtsp://me:12?s3c@h/x", "rtsp://h o/s3c"]
)
def test_a_password_that_breaks_the_url_is_not_shown(url: str) -> None:
    with pytest.raises(SourceError) as error:
        check_url(url)
    assert "s3c" not in str(error.value)


def test_a_password_in_the_path_is_not_shown() -> None:
    assert (
        public_url("rtsp://10.0.0.2:554/user=admin_password=s3c_channel=1.sdp?real") == "rtsp://10.0.0.2:554/user=…?…"
    )
    assert public_url("rtsp://u:p@[fe80::1]:554/a") == "rtsp://[fe80::1]:554/a"


@pytest.mark.parametrize(
    "wrong",
    [
        {"fps": -1},
        {"width": 10, "height": 10},
        {"width": 640},
        {"rotate": 45},
        {"open_timeout": 0},
        {"read_timeout": 1e9},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SourceSettings(**wrong)  # type: ignore[arg-type]


# Recordings


def test_a_video_frame_by_frame(video: Path) -> None:
    with fast(video) as source:
        frames = [frame for frame in source if frame is not None]
        assert [frame.time for frame in frames] == [index / 10 for index in range(40)]
        assert [frame.index for frame in frames] == list(range(40))
        assert abs(int(frames[20].image.mean()) - 100) < 4
        assert (frames[10].utc - frames[0].utc).total_seconds() == 1
        assert frames[0].utc.timestamp() == pytest.approx(video.stat().st_mtime)
        assert not source.live
        assert source.state().frames == 40
        assert source.state().cause == "ended"
        assert not source.skipped


def test_fewer_frames_of_a_video(video: Path) -> None:
    assert [frame.time for frame in fast(video, fps=5) if frame] == pytest.approx([index / 5 for index in range(20)])
    assert len([*fast(video, fps=4)]) == 16, "three tenths, two tenths, and so on"


@pytest.mark.parametrize(("realtime", "fps"), [(True, 0.0), (True, 10.0), (False, 0.0)])
def test_a_video_rests_if_it_comes_by_the_clock(video: Path, realtime: bool, fps: float) -> None:
    clock = FakeClock()
    clip = Clip(Video(video, fps), realtime=realtime, now=clock.now, sleep=clock.sleep)
    clip.rest(2.5)
    times = list[float]()
    for frame in clip:
        if frame is not None:
            times.append(frame.time)
            if frame.time > 0.35:
                clip.rest(0.0)
    rested = [0.0] if realtime else [0.0, 0.1, 0.2, 0.3]
    assert times == pytest.approx([*rested, *(index / 10 for index in range(4, 40))])


def test_a_video_over_and_over(video: Path) -> None:
    with fast(video, loop=True) as source:
        times = []
        for frame in source:
            assert frame is not None
            times.append(frame.time)
            if len(times) == 100:
                source.close()
    assert times == pytest.approx([index / 10 for index in range(100)])


def test_a_video_at_its_own_speed(video: Path) -> None:
    clock = FakeClock()
    clip = Clip(Video(video), realtime=True, now=clock.now, sleep=clock.sleep)
    assert clip.live
    assert len(list(clip)) == 40
    assert sum(clock.slept) == pytest.approx(3.9)


def write_gif(path: Path, milliseconds: list[int]) -> Path:
    """A video whose frames last as long as said, in hundredths of a second."""
    film = cv2.Animation()
    film.frames = [np.full((48, 64, 3), 60 * index, np.uint8) for index in range(len(milliseconds))]
    film.durations = milliseconds
    assert cv2.imwriteanimation(str(path), film)
    return path


def test_a_video_has_its_own_times(tmp_path: Path) -> None:
    path = write_gif(tmp_path / "gate.gif", [100, 1000, 50, 200])
    with fast(path) as source:
        assert [frame.time for frame in source if frame] == [0.0, 0.1, 1.1, 1.15]
        assert not source.skipped
    assert [frame.time for frame in fast(path, fps=5) if frame] == [0.0, 1.1]
    with fast(path, loop=True) as source:
        times = [frame.time for frame in itertools.islice(source, 8) if frame]
    assert times[4] > 1.15
    assert [time - times[4] for time in times[4:]] == pytest.approx([0.0, 0.1, 1.1, 1.15])


def film(told: list[float], count: int, **known: float) -> type:
    """A VideoCapture of 10 frames a second that tells these milliseconds, and that there are so many frames.

    `known` is what else it tells, by the ends of OpenCV's names: CAP_PROP_PTS is PTS.
    """
    told_of = {getattr(cv2, f"CAP_PROP_{name}"): value for name, value in known.items()}
    told_of |= {cv2.CAP_PROP_FPS: 10.0, cv2.CAP_PROP_FRAME_COUNT: float(count)}

    class Film:
        def __init__(self, *_: object) -> None:
            self.now = -1

        def isOpened(self) -> bool:  # noqa: N802
            return True

        def get(self, wish: int) -> float:
            return told[self.now] if wish == cv2.CAP_PROP_POS_MSEC else told_of.get(wish, 0.0)

        def grab(self) -> bool:
            self.now += 1
            return self.now < len(told)

        def retrieve(self, _spare: object = None) -> tuple[bool, np.ndarray[Any, Any]]:
            return True, np.full((4, 4, 3), self.now + 1, np.uint8)

        def release(self) -> None:
            pass

    return Film


@pytest.mark.parametrize(
    ("told", "times"),
    [
        ([0, 0, 0, 0], [0.0, 0.1, 0.2, 0.3]),
        ([0, 500, 0, 100, 700], [0.0, 0.5, 0.6, 0.7, 0.8]),  # begins anew
        ([0, 40, 40, 900], [0.0, 0.04, 0.14, 0.9]),
        ([math.nan, math.inf, -5, 1e15, 1e15 + 40], [0.0, 0.1, 0.2, 0.3, 0.4]),
    ],
)
def test_times_that_make_no_sense_are_those_of_the_frames_a_second(
    told: list[float], times: list[float], video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", film(told, len(told)))
    recording = Video(video)
    assert [frame.time for frame in Clip(recording) if frame] == pytest.approx(times)
    assert recording.length == pytest.approx(times[-1] + 0.1)


def test_a_video_with_a_gap_is_not_cut_off_and_nobody_waits_for_it(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", film([0, 100, 20_100], 202))
    clock = FakeClock()
    clip = Clip(Video(video), realtime=True, now=clock.now, sleep=clock.sleep)
    assert [frame.time for frame in clip if frame] == [0.0, 0.1, 20.1]
    assert clock.seconds == pytest.approx(0.1 + 10)
    assert not clip.skipped


def test_a_video_that_is_cut_off_gives_what_it_has(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = video.read_bytes()
    video.write_bytes(whole[: len(whole) // 2])
    with fast(video) as source:
        frames = [*source]
        assert 3 < len(frames) < 30
        assert [name for name, _ in source.skipped] == ["gate.avi"]
        assert f"ends after {len(frames)} of 40 frames" in caplog.text


def begin(path: Path, head: bytes) -> Path:
    """A file of a kind that FFmpeg counts the frames of, or guesses; what is in it comes from a `film`."""
    path.write_bytes(head)
    return path


MATROSKA, MP4 = b"\x1a\x45\xdf\xa3", b"\0\0\0\x20ftypisom"
TENTHS = [100.0 * index for index in range(70)]


@pytest.mark.parametrize(
    ("head", "count", "first", "notes", "skipped"),
    [
        (MATROSKA, 120, 50, 0, 0),  # begins at five seconds
        (MATROSKA, 91, 0, 1, 0),  # the sound is longer, or it is cut off
        (b"G" + bytes(187), 91, 1, 1, 0),
        (MP4, 70, 50, 0, 0),
        (MP4, 91, 0, 0, 1),
        (MP4, 120, 50, 0, 1),
    ],
)
def test_a_whole_video_is_not_called_cut_off(
    head: bytes,
    count: int,
    first: float,
    notes: int,
    skipped: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", film(TENTHS, count, PTS=first))
    clip = Clip(Video(begin(tmp_path / "gate", head)), realtime=False)
    assert len(list(clip)) == 70
    assert [name for name, _ in clip.skipped] == ["gate"] * skipped
    assert sum("gate may end early: its pictures end after 7.0 of 9." in text for text in caplog.messages) == notes
    assert len(caplog.messages) == notes + skipped


def test_a_video_with_all_its_frames_is_whole_however_long_the_last_one_is_held(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", film([40.0 * index for index in range(70)], 70))
    clip = Clip(Video(video))
    assert len(list(clip)) == 70
    assert not clip.skipped


def test_a_video_that_may_end_early_is_told_once_however_often_it_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", film(TENTHS, 91))
    recording = Video(begin(tmp_path / "gate.mkv", MATROSKA))
    assert len([*recording.read(), *recording.read()]) == 140
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(("times", "notes"), [([0.0, 0.0, 0.0], 1), ([0.0, 0.0, 200.0], 0), ([0.0], 0)])
def test_a_video_without_times_is_told(
    times: list[float], notes: int, video: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", film(times, len(times)))
    assert len(list(Video(video).read())) == len(times)
    told = "gate.avi does not tell when its frames were taken; played at 10 a second"
    assert caplog.messages == [told] * notes


@pytest.mark.parametrize(
    ("code", "said"),
    [("AV01", "AV1 cannot be decoded here; convert it to H.264"), ("xyz1", r"not one frame .* \(xyz1\): damaged, or")],
)
def test_a_video_of_a_kind_that_is_not_known_here(
    code: str, said: str, video: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", film([], 35, FOURCC=cv2.VideoWriter.fourcc(*code)))
    with pytest.raises(SourceError, match=f"gate.avi: {said}"):
        Video(video)
    assert caplog.messages == []


def write_interlaced(path: Path) -> Path:
    """MPEG-2 of ten frames, with the two bits turned that call the sequence and its frames progressive."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mpg2"), 25.0, (64, 64))
    random = np.random.default_rng(0)
    for _ in range(10):
        writer.write(random.integers(0, 255, (64, 64, 3)).astype(np.uint8))
    writer.release()
    film = bytearray(path.read_bytes())
    for extension in re.finditer(b"\x00\x00\x01\xb5", bytes(film)):
        kind = extension.end()
        if film[kind] >> 4 == 1:
            film[kind + 1] &= ~0x08
        if film[kind] >> 4 == 8:
            film[kind + 4] &= ~0x80
    path.write_bytes(film)
    return path


def test_an_interlaced_video_is_converted_or_refused_and_never_black(tmp_path: Path) -> None:
    path = write_interlaced(tmp_path / "two fields.mpg")
    try:
        source = fast(path)
    except SourceError as error:
        told = f"{path}: interlaced, which this OpenCV cannot convert: ffmpeg -i '{path}' -vf yadif out.mp4"
        assert str(error) == told  # noqa: PT017 - an OpenCV that converts it is welcome
    else:
        frames = [frame.image for frame in source if frame is not None]
        assert all(not np.array_equal(one, other) for one, other in itertools.pairwise(frames))


def test_a_video_is_asked_about_only_if_its_first_pictures_may_be_unwritten(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    def refused(address: str, _seconds: float) -> bool:
        asked.append(address)
        return True

    monkeypatch.setattr("edge.clip.is_refused", refused)
    Video(video)
    assert asked == []
    for colour in (0, 90):  # fresh memory, and what was in it before
        still = film([0.0, 100.0], 2)
        monkeypatch.setattr(still, "retrieve", lambda *_, grey=colour: (True, np.full((4, 4, 3), grey, np.uint8)))
        monkeypatch.setattr(cv2, "VideoCapture", still)
        with pytest.raises(SourceError, match="interlaced, which this OpenCV cannot convert"):
            Video(video)
    assert asked == [str(video)] * 2


def test_a_dark_video_is_not_called_interlaced(tmp_path: Path) -> None:
    path = tmp_path / "night.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for _ in range(5):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    frames = [frame.image for frame in fast(path) if frame is not None]
    assert [int(image.max()) for image in frames] == [0] * 5


def test_who_looks_for_an_interlaced_stream_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    url, options = "rtsp://me:s3cret@camera/live", "rtsp_transport;tcp"
    answers = iter([b"[OPENCV:FFMPEG:16] Cannot convert interlaced to progressive frames or vice versa.\n", b""])

    def run(command: list[str], **given: Any) -> subprocess.CompletedProcess[bytes]:
        assert url not in " ".join(command)
        assert given["input"] == url.encode()
        assert given["env"]["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == options
        return subprocess.CompletedProcess(command, 0, next(answers))

    monkeypatch.setattr(subprocess, "run", run)
    assert interlaced.is_refused(url, 3, options)
    assert not interlaced.is_refused(url, 3, options)

    def fail(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", 3)

    monkeypatch.setattr(subprocess, "run", fail)
    assert not interlaced.is_refused(url, 3, options), "a covered lens keeps its camera"


def test_a_camera_that_sends_interlaced_video_has_no_picture_and_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers = list[tuple[object, ...]](), iter([True, False])

    def refused(*question: object) -> bool:
        asked.append(question)
        return next(answers)

    still = film([0.0] * 5, 0)  # what was in the memory before
    monkeypatch.setattr(still, "retrieve", lambda *_: (True, np.full((4, 4, 3), 200, np.uint8)))
    monkeypatch.setattr(cv2, "VideoCapture", still)
    monkeypatch.setattr(capture, "is_refused", refused)
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", raising=False)
    with pytest.raises(CameraError, match="interlaced video, which this OpenCV cannot convert") as error:
        capture.open_stream("rtsp://h/", 3, 4).read(lambda: True)
    assert error.value.cause == "no picture"
    covered = capture.open_stream("rtsp://h/", 3, 4)
    assert covered.read(lambda: True) is not None
    assert covered.read(lambda: True) is not None
    assert asked == [("rtsp://h/", 3, "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay")] * 2, "once an opening"


def test_a_video_that_may_not_be_read_is_told(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(SourceError, match=r"gate\.avi: cannot be read: Permission denied"):
        fast(video)


def test_a_file_whose_name_begins_with_a_tilde(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(video.parent)
    video.rename("~clip.avi")
    assert len(list(fast("~clip.avi"))) == 40


def test_a_name_that_is_too_long_is_told() -> None:
    with pytest.raises(SourceError, match="x': cannot be read: File name too long"):
        fast("x" * 300)


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_1.jpg"])
@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic"])
def test_a_phones_heic_is_refused(tmp_path: Path, name: str, brands: bytes) -> None:
    head = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands
    path = begin(tmp_path / name, head + bytes(4) + b"meta avif")
    with pytest.raises(SourceError, match="HEIC cannot be decoded; convert it to JPEG"):
        read_picture(path) if path.suffix == ".jpg" else fast(path)


@pytest.mark.parametrize("brands", [b"mif1\0\0\0\0mif1avif", b"avif\0\0\0\0mif1", b"isom\0\0\0\0avc1"])
def test_avif_and_mp4_are_no_heic(brands: bytes) -> None:
    assert not is_heic((8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands)


def test_what_is_behind_the_first_of_several_pictures_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pages = [np.full((20, 30, 3), 60 * index, np.uint8) for index in range(3)]
    moving = cv2.Animation()
    moving.frames, moving.durations = pages, [100] * 3
    assert cv2.imwriteanimation(str(tmp_path / "moving.webp"), moving)
    assert cv2.imwritemulti(str(tmp_path / "pages.tif"), pages)
    cv2.imwrite(str(tmp_path / "one.webp"), pages[1])
    cv2.imwrite(str(tmp_path / "one.tif"), pages[1])
    logging.getLogger("edge.clip").setLevel(logging.ERROR)  # as `read` does
    for path in sorted(tmp_path.iterdir()):
        assert read_picture(path).shape == (20, 30, 3)
    several = [tmp_path / "moving.webp", tmp_path / "pages.tif"]
    assert caplog.messages == [f"{path} holds more than one picture; only the first is looked at" for path in several]


@pytest.mark.parametrize("suffix", [".bmp", ".jp2", ".ppm", ".tif", ".png", ".webp"])
def test_a_broken_picture_makes_no_lines_but_ours(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if not cv2.haveImageWriter(f"x{suffix}"):
        pytest.skip("this OpenCV was built without it")
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    data = cv2.imencode(suffix, noise)[1].tobytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"cut off|not a picture that can be decoded"):
        read_picture(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [b"", b"not a video at all", bytes(5000)])
def test_a_file_without_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="no video in it"):
        fast(path)


def test_a_folder_in_the_order_of_names(folder: Path) -> None:
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    frames = [frame for frame in fast(folder) if frame is not None]
    assert [frame.name for frame in frames] == ["000.png", "001.png", "002.png", "003.png"]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.2, 0.4, 0.6])
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 10, 20, 30]
    assert frames[0].utc.timestamp() == 1_700_000_000
    assert [frame.time for frame in fast(folder, fps=2) if frame] == [0, 0.5, 1, 1.5]


def test_broken_pictures_are_named_and_the_others_still_come(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "001.png").write_bytes(b"no picture")
    (folder / "002.png").write_bytes(b"")
    good = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8))[1].tobytes()
    (folder / "004.jpg").write_bytes(good[: len(good) // 2])
    (folder / "005.jpg").write_bytes(good + bytes(10_000))  # some phones append a film
    thumbnail = b"\xff\xe1" + (2 + len(good[:9000])).to_bytes(2, "big") + good[:8998] + b"\xff\xd9"
    (folder / "006.jpg").write_bytes(good[:2] + thumbnail + good[2:-5000])
    with fast(folder) as source:
        frames = [frame for frame in source if frame is not None]
        assert [frame.name for frame in frames] == ["000.png", "003.png", "005.jpg"]
        assert frames[1].time == pytest.approx(0.6), "a gap stays a gap"
        assert [name for name, _ in source.skipped] == ["001.png", "002.png", "004.jpg", "006.jpg"]
        assert "cut off" in dict(source.skipped)["004.jpg"]
        assert len(caplog.messages) == 4


def test_a_folder_of_only_broken_pictures_ends_even_when_looped(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_bytes(b"")
    with fast(folder, loop=True) as source:
        assert list(source) == []
        assert len(source.skipped) == 4


def test_what_a_folder_has_beside_its_pictures_is_named_in_one_line(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "sub").mkdir()
    for name in ("clip10.mp4", "clip9.mp4", "IMG_4711.HEIC", "000.plates.jpg", ".hidden.mp4", "labels.csv", MARKER):
        (folder / name).touch()
    find_pictures(folder)
    left = "000.plates.jpg, IMG_4711.HEIC, clip9.mp4 and 2 more"
    assert caplog.messages == [f"{folder}: not looked at: {left}; name one itself to read it"]
    (folder / MARKER).unlink()
    assert len([*fast(folder)]) == 4
    assert len(caplog.messages) == 2


@pytest.mark.parametrize("suffix", [".avif", ".jp2", ".pbm", ".DIB"])
def test_all_that_the_picture_reader_decodes_is_a_picture_of_a_folder(tmp_path: Path, suffix: str) -> None:
    if not cv2.haveImageWriter(f"x{suffix}"):
        pytest.skip("this OpenCV was built without it")
    assert suffix.lower() in PICTURES
    picture = np.zeros((40, 60) if suffix == ".pbm" else (40, 60, 3), np.uint8)
    (tmp_path / f"x{suffix}").write_bytes(cv2.imencode(suffix, picture)[1].tobytes())
    assert [frame.image.shape for frame in fast(tmp_path) if frame is not None] == [(40, 60, 3)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["b.mp4", "a.HEIC"], "no pictures in this folder, only a.HEIC, b.mp4: name a clip or a folder itself; wanted"),
        ([".hidden.jpg"], "no pictures in this folder; wanted files that end in .jpg, "),
    ],
)
def test_a_folder_without_pictures_says_what_it_has(tmp_path: Path, names: list[str], told: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(SourceError, match=f"^{re.escape(f'{tmp_path}: {told}')}"):
        fast(tmp_path)


def test_a_recording_does_not_name_its_own_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cv2.imwrite(str(tmp_path / "20261120T140301Z_t0000000.000.jpg"), np.zeros((40, 60, 3), np.uint8))
    (tmp_path / MARKER).write_text("{}")
    (tmp_path / EVENTS).touch()
    (tmp_path / SIGHTS).touch()
    assert len([*fast(tmp_path)]) == 1
    assert caplog.messages == []
    (tmp_path / "mine.png").touch()
    fast(tmp_path)
    assert caplog.messages == [f"{tmp_path}: not looked at: mine.png; name one itself to read it"]


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no pictures in this folder"):
        fast(tmp_path)


def test_a_recording_is_not_turned_again(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "20261120T140301Z_t0000000.000.jpg"), np.zeros((40, 60, 3), np.uint8))
    assert [frame.image.shape for frame in fast(tmp_path, rotate=90) if frame is not None] == [(60, 40, 3)]
    (tmp_path / MARKER).write_text("{}")
    assert [frame.image.shape for frame in fast(tmp_path, rotate=90) if frame is not None] == [(40, 60, 3)]


def test_one_picture(folder: Path) -> None:
    frames = [frame for frame in fast(folder / "003.png", rotate=270) if frame is not None]
    assert [frame.image.shape for frame in frames] == [(30, 20, 3)]


def test_reading_a_folder_again_names_what_is_broken_once(folder: Path) -> None:
    (folder / "001.png").write_bytes(b"no picture")
    pictures = PictureSequence(sorted(folder.iterdir()), "folder")
    assert len([*pictures.read(), *pictures.read()]) == 6
    assert len(pictures.skipped) == 1


# Cameras without a camera


@pytest.fixture
def server() -> Iterator[tuple[int, list[bytes]]]:
    """A listener that answers one request with what is in the list, or nothing."""
    answers = list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                answers.append(connection.recv(2000))
                connection.sendall(answers[0])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], answers
    thread.join(1)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"RTSP/1.0 401 Unauthorized\r\n", "unauthorised"),
        (b"RTSP/1.0 404 Not Found\r\n", "no such stream"),
        (b"RTSP/1.0 200 OK\r\n", "no picture"),
        (b"what?", "no picture"),
    ],
)
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_the_camera_is_asked_why(server: tuple[int, list[bytes]], answer: bytes, cause: str, scheme: str) -> None:
    port, answers = server
    answers.append(answer)
    found, advice = find_cause(f"{scheme}://me:s3c%2Fret@127.0.0.1:{port}/live", 2)
    assert found == cause
    assert "s3c" not in advice
    assert b"Authorization" not in answers[1], "nobody asked for it"
    assert b"s3c" not in answers[1]


def test_a_camera_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert find_cause(f"rtsp://127.0.0.1:{port}/", 1)[0] == "refused"
    errors: list[tuple[OSError, str]] = [
        (socket.gaierror(-2, "Name or service not known"), "unknown host"),
        (TimeoutError(), "timeout"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "unreachable"),
    ]
    for error, cause in errors:

        def fail(*_: object, error: OSError = error) -> None:
            raise error

        monkeypatch.setattr(socket, "create_connection", fail)
        assert find_cause("rtsp://camera/live", 1)[0] == cause


def test_streams_get_our_options_and_files_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    name, seen = "OPENCV_FFMPEG_CAPTURE_OPTIONS", list[tuple[str | None, list[int]]]()

    class Closed:
        def __init__(self, _url: str, _backend: int, limits: list[int]) -> None:
            seen.append((os.environ.get(name), limits))

        def isOpened(self) -> bool:  # noqa: N802
            return False

        def release(self) -> None:
            pass

    monkeypatch.setattr(cv2, "VideoCapture", Closed)
    monkeypatch.setattr(capture, "ask_camera", lambda *_: Asked("refused", ""))
    monkeypatch.delenv(name, raising=False)
    for _ in range(2):
        with pytest.raises(CameraError, match="refused"):
            capture.open_stream("rtsp://h/", 3, 4)
        monkeypatch.setenv(name, "rtsp_transport;udp")
    assert seen[0] == (
        "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay",
        [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 3000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 4000],
    )
    assert seen[1][0] == os.environ[name] == "rtsp_transport;udp"
    monkeypatch.setattr(capture, "ask_camera", lambda *_: Asked("no picture", "", 200, "multipart/x-mixed-replace"))
    with pytest.raises(CameraError, match="no picture"):
        capture.open_stream("http://h/", 3, 4)
    assert [options for options, _ in seen[2:]] == ["rtsp_transport;udp", "rtsp_transport;udp|input_format;mjpeg"]
    assert os.environ[name] == "rtsp_transport;udp"


def test_a_device_that_is_not_there_or_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CameraError, match="is not there") as error:
        open_v4l2(tmp_path / "video9", (0, 0), 0, 3)
    assert error.value.cause == "no such device"
    for number, cause in ((errno.EACCES, "no permission"), (errno.EBUSY, "busy"), (errno.ENODEV, "no such device")):

        def fail(*_: object, number: int = number) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("edge.capture.os.open", fail)
        with pytest.raises(CameraError) as error:
            open_v4l2(Path("/dev/video0"), (0, 0), 0, 3)
        assert error.value.cause == cause


def test_a_device_that_is_no_camera(tmp_path: Path) -> None:
    path = tmp_path / "video0"
    path.touch()
    with pytest.raises(CameraError, match="no camera") as error:
        open_v4l2(path, (640, 480), 0, 3)
    assert error.value.cause == "no picture"


def test_wishes_to_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    class Camera:
        """Takes every wish but the size."""

        def __init__(self, _: str, backend: int) -> None:
            assert backend == cv2.CAP_V4L2
            self.wishes = dict[int, float]()

        def isOpened(self) -> bool:  # noqa: N802
            return True

        def set(self, wish: int, value: float) -> bool:
            self.wishes[wish] = value
            return True

        def get(self, wish: int) -> float:
            return {cv2.CAP_PROP_FRAME_WIDTH: 800.0, cv2.CAP_PROP_FRAME_HEIGHT: 600.0}.get(wish) or self.wishes[wish]

        def grab(self) -> bool:
            return False

        def release(self) -> None:
            pass

    caplog.set_level("INFO")
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    path = tmp_path / "video0"
    path.touch()
    opened = open_v4l2(path, (1280, 720), 15, 3)
    assert opened._capture.wishes == {  # type: ignore[attr-defined]
        cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        cv2.CAP_PROP_FRAME_WIDTH: 1280,
        cv2.CAP_PROP_FRAME_HEIGHT: 720,
        cv2.CAP_PROP_FPS: 15,
        cv2.CAP_PROP_CONVERT_RGB: 0,
    }
    assert "gives 800×600 instead of 1280×720" in caplog.text
    with pytest.raises(CameraError, match="no picture; it opens, and ends before its first picture"):
        opened.read(lambda: True)


class Webcam:
    """Calls what it sends `kind`, and what is retrieved is OpenCV's picture or, unconverted, what it sent."""

    kind = "MJPG"
    sent: tuple[bytes, ...] = ()
    picture = np.full((40, 60, 3), 7, np.uint8)

    def __init__(self, *_: object) -> None:
        self.converts, self.left = True, list(self.sent)

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, wish: int, value: float) -> bool:
        if wish == cv2.CAP_PROP_CONVERT_RGB:
            self.converts = bool(value)
        return True

    def get(self, wish: int) -> float:
        sizes = {cv2.CAP_PROP_FRAME_WIDTH: 1280.0, cv2.CAP_PROP_FRAME_HEIGHT: 720.0}
        return cv2.VideoWriter.fourcc(*self.kind) if wish == cv2.CAP_PROP_FOURCC else sizes[wish]

    def grab(self) -> bool:
        return bool(self.left)

    def retrieve(self, _spare: object = None) -> tuple[bool, np.ndarray[Any, Any]]:
        sent = self.left.pop(0)
        return True, self.picture if self.converts else np.frombuffer(sent, np.uint8).reshape(1, -1)

    def release(self) -> None:
        pass


@pytest.mark.parametrize(
    ("kind", "torn", "grey"),
    [
        ("MJPG", 0, 99),
        ("MJPG", 4, 99),  # the first ones of many cameras
        ("MJPG", 5, 7),  # it is no JPEG, whatever the driver says
        ("YUYV", 0, 7),
    ],
)
def test_a_webcams_jpegs_are_decoded_here_unless_they_are_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    kind: str,
    torn: int,
    grey: int,
) -> None:
    jpeg = cv2.imencode(".jpg", np.full((40, 60, 3), 99, np.uint8))[1].tobytes()
    jpeg = jpeg[:-2] + bytes(3) + jpeg[-2:] + bytes(5000)  # some bytes too many, in a buffer that is too large
    camera = type("Camera", (Webcam,), {"kind": kind, "sent": (*[b"torn"] * torn, jpeg, jpeg)})
    monkeypatch.setattr(cv2, "VideoCapture", camera)
    path = tmp_path / "video0"
    path.touch()
    opened = open_v4l2(path, (1280, 720), 0, 3)
    for _ in range(2):
        picture = opened.read(lambda: True)
        assert picture is not None
        assert picture.shape == (40, 60, 3)
        assert abs(int(picture[20, 30, 0]) - grey) <= 1
    assert capfd.readouterr().err == ""


def test_a_name_that_nobody_answers_for_is_no_hung_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    patiences = list[float]()
    monkeypatch.setattr("edge.source.LiveCamera", lambda *_, patience, **__: patiences.append(patience))
    for host in ("192.168.1.20", "[fe80::1]", "camera.fritz.box"):
        open_source(SourceSettings(source=f"rtsp://me:s3cret@{host}:554/live"))
    open_source(SourceSettings(source="rtsp://camera/live", user="me"))
    assert patiences == [25, 25, 105, 105]


def test_nobody_waits_for_a_night_between_two_passes_nor_without_a_word(tmp_path: Path) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    for name in ("20261120T200000Z_t5.jpg", "20261120T200000Z_t7.jpg", "20261121T060000Z_t0.5.jpg"):
        cv2.imwrite(str(tmp_path / name), picture)
    clock = FakeClock()
    clip = Clip(TimedPictures(tmp_path), realtime=True, now=clock.now, sleep=clock.sleep)
    seen = list(clip)
    times = [frame.time for frame in seen if frame is not None]
    assert times == [5.0, 7.0, 7.0 + APART], "time goes on as it did"
    assert sum(clock.slept) == pytest.approx(5 + 2 + 10)
    assert max(clock.slept) <= 0.5, "whoever asks to stop is heard"
    assert seen.count(None) >= 2 * 15


def test_a_recording_that_waits_can_be_closed(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "20261120T200000Z_t9.jpg"), np.zeros((40, 60, 3), np.uint8))
    clip = Clip(TimedPictures(tmp_path), realtime=True, now=lambda: 0.0, sleep=lambda _: clip.close())
    assert list(clip) == []


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        find_pictures(tmp_path)
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        find_frames(tmp_path)


def test_numbered_pictures_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """As ffmpeg numbers them with %d."""
    names = ["a.jpg", "frame1.jpg", "frame02.jpg", "frame2.jpg", "frame10.jpg", "frame10b.jpg", "z9_1.jpg", "z10_0.jpg"]
    for name in reversed(names):
        (tmp_path / name).touch()
    assert [path.name for path in find_pictures(tmp_path)] == names
