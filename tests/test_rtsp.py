"""A real RTSP camera on loopback: it comes, goes, comes back, and refuses strangers."""

import logging
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import pytest
from waiting import take_until

from edge.capture import open_stream
from edge.source import SourceSettings, open_source

PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
NEEDED = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


@pytest.fixture(scope="module", autouse=True)
def _gstreamer() -> None:
    try:
        found = subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, check=False, timeout=30).returncode == 0
    except FileNotFoundError:
        found = False
    if not found:
        pytest.skip(
            "no GStreamer RTSP server: apt install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-ugly"
        )


@contextmanager
def camera(port: int, *sign_in: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([PYTHON, SERVER, str(port), *sign_in], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == "ready\n"
            yield server
        finally:
            server.kill()


def test_frames_come_and_the_camera_is_found_again_after_a_loss(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings = SourceSettings(source=f"rtsp://127.0.0.1:{port}/gate", open_timeout=5, read_timeout=5)
    with open_source(settings) as source:
        take_until(source, lambda: source.state().cause == "refused", 5)
        with camera(port):
            take_until(source, lambda: source.state().frames >= 10, 20)
            frames = [frame for frame in islice(source, 8) if frame is not None]
            assert {frame.image.shape for frame in frames} == {(360, 640, 3)}
            assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)
            assert source.state().online
        take_until(source, lambda: not source.state().online, 10)
        assert source.state().cause in ("lost", "refused")
        with camera(port):
            take_until(source, lambda: source.state().online, 25)
    assert sum("refused" in message for message in caplog.messages) <= 2, "said once for each loss, not at each attempt"


def test_a_slow_reader_gets_the_newest_frame(port: int) -> None:
    with camera(port), open_source(SourceSettings(source=f"rtsp://127.0.0.1:{port}/gate")) as source:
        take_until(source, lambda: source.state().frames >= 5, 20)
        frames = iter(source)
        next(frames)
        time.sleep(0.6)
        frame = next(frames)
        assert frame is not None
        assert time.monotonic() - frame.time < 0.4, "one that waited would be 0.6 s old"
        assert source.state().dropped >= 4


@pytest.mark.slow
def test_a_wrong_password_is_named_and_never_shown(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with camera(port, "gate", "right"):
        for sign_in, cause in (("gate:wr0ng", "unauthorised"), ("gate:right", "")):
            with open_source(
                SourceSettings(source=f"rtsp://{sign_in}@127.0.0.1:{port}/gate", open_timeout=5)
            ) as source:
                take_until(source, lambda: source.state().cause == cause, 10)  # noqa: B023
                assert source.description == f"rtsp://127.0.0.1:{port}/gate"
    assert "wr0ng" not in caplog.text
    assert "unauthorised" in caplog.text


def test_an_unknown_path_is_named(port: int) -> None:
    with camera(port), open_source(SourceSettings(source=f"rtsp://127.0.0.1:{port}/other", open_timeout=5)) as source:
        take_until(source, lambda: source.state().cause == "no such stream", 10)


def test_jpegs_come_over_rtsp_too(port: int) -> None:
    with camera(port), ExitStack() as stack:
        capture = open_stream(f"rtsp://127.0.0.1:{port}/jpeg", 5, 5)
        stack.callback(capture.release)
        read = [capture.read(lambda: False), capture.read(lambda: True), capture.read(lambda: False)]
    assert [None if picture is None else picture.shape for picture in read] == [None, (360, 640, 3), None]


@pytest.mark.slow
def test_a_camera_that_falls_silent_is_a_timeout(port: int) -> None:
    settings = SourceSettings(source=f"rtsp://127.0.0.1:{port}/gate", open_timeout=5, read_timeout=1)
    with camera(port) as server, open_source(settings) as source:
        take_until(source, lambda: source.state().frames >= 5, 20)
        server.send_signal(signal.SIGSTOP)
        take_until(source, lambda: not source.state().online, 10)
        assert source.state().cause == "timeout"
