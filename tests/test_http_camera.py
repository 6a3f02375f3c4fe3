"""A real MJPEG camera over HTTP on loopback."""

import base64
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from waiting import take_until

from edge.capture import open_stream
from edge.doctor import network
from edge.jpeg import decode_jpeg
from edge.source import SourceSettings, open_source

SIGN_IN = "Basic " + base64.b64encode(b"gate:s3c/ret").decode()


FLAWS: dict[str, Callable[[bytes, int], bytes]] = {
    "/video": lambda jpeg, _: jpeg,
    "/extraneous": lambda jpeg, _: jpeg[:-2] + bytes(3) + jpeg[-2:],
    "/torn": lambda jpeg, index: jpeg if index % 3 else jpeg[: len(jpeg) // 3] + b"\xff\xd9",
    "/noise": lambda _, index: b"\xff\xd8" + np.random.default_rng(index).bytes(900) + b"\xff\xd9",
}
"""What a path's JPEGs become, given their number."""
KINDS = {"/jpg": "Content-Type: image/jpg\r\n", "/charset": "Content-Type: image/jpeg; charset=utf-8\r\n", "/none": ""}
"""What the parts of a path say of their type, where it is not just `image/jpeg`."""


class Camera(BaseHTTPRequestHandler):
    """Sends 20 frames a second on the paths of FLAWS to who signs in, until `stop` is set."""

    stop = threading.Event()

    def do_GET(self) -> None:
        if self.headers["Authorization"] != SIGN_IN:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        if self.path == "/snapshot.jpg":
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.end_headers()
            self.wfile.write(cv2.imencode(".jpg", np.zeros((120, 160, 3), np.uint8))[1].tobytes())
            return
        flaw = FLAWS["/video"] if self.path in KINDS else FLAWS.get(self.path)
        if self.path in KINDS:
            self.protocol_version = "HTTP/1.1"  # FFmpeg then counts as opened what it found nothing in
        self.send_response(404 if flaw is None else 200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        index = 0
        while flaw is not None and not self.stop.wait(0.05):
            index += 1
            jpeg = flaw(cv2.imencode(".jpg", np.full((120, 160, 3), index % 200, np.uint8))[1].tobytes(), index)
            kind = KINDS.get(self.path, "Content-Type: image/jpeg\r\n")
            part = f"--frame\r\n{kind}Content-Length: {len(jpeg)}\r\n\r\n".encode()
            try:
                self.wfile.write(part + jpeg + b"\r\n")
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Camera.stop.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        Camera.stop.set()
        server.shutdown()


def test_mjpeg_comes_and_a_loss_is_noticed(port: int) -> None:
    with open_source(SourceSettings(source=f"http://gate:s3c%2Fret@127.0.0.1:{port}/video", open_timeout=5)) as source:
        take_until(source, lambda: source.state().frames >= 5)
        frame = next(frame for frame in source if frame is not None)
        assert frame.image.shape == (120, 160, 3)
        assert source.description == f"http://127.0.0.1:{port}/video"
        Camera.stop.set()
        take_until(source, lambda: not source.state().online)
        assert source.state().cause in ("lost", "no picture")


@pytest.mark.parametrize("path", KINDS)
def test_parts_of_another_type_than_ffmpeg_wants_come_as_in_every_browser(port: int, path: str) -> None:
    with open_source(SourceSettings(source=f"http://gate:s3c%2Fret@127.0.0.1:{port}{path}", open_timeout=5)) as source:
        take_until(source, lambda: source.state().frames >= 3)
        frame = next(frame for frame in source if frame is not None)
    assert frame.image.shape == (120, 160, 3)
    assert "OPENCV_FFMPEG_CAPTURE_OPTIONS" not in os.environ, "files must not get them"


@pytest.mark.parametrize("path", ["/extraneous", "/torn"])
def test_jpegs_that_are_not_quite_right_come_without_a_word(
    port: int, path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_source(SourceSettings(source=f"http://gate:s3c%2Fret@127.0.0.1:{port}{path}", open_timeout=5)) as source:
        grey = [frame.image[60, 80, 0] for frame in islice(filter(None, source), 8)]
        assert source.state().online
    assert np.all(np.diff(np.array(grey, int)) > 0)
    assert "JPEG" not in capfd.readouterr().err  # as libjpeg says of each: "Corrupt JPEG data: …"


def test_pictures_that_are_none_are_told(port: int) -> None:
    address = f"http://gate:s3c%2Fret@127.0.0.1:{port}/noise"
    with open_source(SourceSettings(source=address, open_timeout=2, read_timeout=0.5)) as source:
        take_until(source, lambda: source.state().cause not in ("", "connecting"))
        assert source.state().cause in ("no picture", "timeout")


def test_what_nobody_wants_is_not_decoded(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Mock(side_effect=decode_jpeg)
    monkeypatch.setattr("edge.capture.decode_jpeg", decoder)
    capture = open_stream(f"http://gate:s3c%2Fret@127.0.0.1:{port}/video", 5, 5)
    assert [capture.read(lambda: False) for _ in range(4)] == [None] * 4
    assert decoder.call_count == 0
    pictures = [capture.read(lambda: True) for _ in range(4)]
    capture.release()
    assert decoder.call_count == 4
    assert all(picture is not None and picture.shape == (120, 160, 3) for picture in pictures)


def test_the_address_of_a_single_picture_is_told(port: int, caplog: pytest.LogCaptureFixture) -> None:
    address = f"http://gate:s3c%2Fret@127.0.0.1:{port}/snapshot.jpg"
    with open_source(SourceSettings(source=address, open_timeout=2, read_timeout=1)) as source:
        take_until(source, lambda: source.state().cause not in ("", "connecting"))
        assert (source.state().cause, source.state().frames) == ("no picture", 0)
    assert "no picture; it gives a single picture; wanted is the address of its stream" in caplog.text
    finding = network(SourceSettings(source=address))
    assert finding is not None
    assert finding.state == "attention"
    assert "it gives a single picture" in finding.text


@pytest.mark.parametrize(
    ("sign_in", "path", "cause"), [("", "/video", "unauthorised"), ("gate:s3c%2Fret@", "/other", "no such stream")]
)
def test_what_is_wrong_is_named(port: int, sign_in: str, path: str, cause: str) -> None:
    with open_source(SourceSettings(source=f"http://{sign_in}127.0.0.1:{port}{path}", open_timeout=5)) as source:
        take_until(source, lambda: source.state().cause == cause)
