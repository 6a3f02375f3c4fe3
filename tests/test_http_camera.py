"""A real MJPEG camera over HTTP on loopback."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from edge.source import Source, SourceSettings, open_source

SIGN_IN = "Basic " + base64.b64encode(b"gate:s3c/ret").decode()


class Camera(BaseHTTPRequestHandler):
    """Sends 20 frames a second on /video to who signs in, until `stop` is set."""

    stop = threading.Event()

    def do_GET(self) -> None:
        if self.headers["Authorization"] != SIGN_IN:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200 if self.path == "/video" else 404)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        index = 0
        while self.path == "/video" and not self.stop.wait(0.05):
            index += 1
            jpeg = cv2.imencode(".jpg", np.full((120, 160, 3), index % 200, np.uint8))[1].tobytes()
            part = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
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


def wait_for(source: Source, wanted: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    for _ in source:
        if wanted():
            return
        assert time.monotonic() < end, source.state()


def test_mjpeg_comes_and_a_loss_is_noticed(port: int) -> None:
    with open_source(SourceSettings(source=f"http://gate:s3c%2Fret@127.0.0.1:{port}/video", open_timeout=5)) as source:
        wait_for(source, lambda: source.state().frames >= 5)
        frame = next(frame for frame in source if frame is not None)
        assert frame.image.shape == (120, 160, 3)
        assert source.description == f"http://127.0.0.1:{port}/video"
        Camera.stop.set()
        wait_for(source, lambda: not source.state().online)
        assert source.state().cause in ("lost", "no picture")


@pytest.mark.parametrize(
    ("sign_in", "path", "cause"), [("", "/video", "unauthorised"), ("gate:s3c%2Fret@", "/other", "no such stream")]
)
def test_what_is_wrong_is_named(port: int, sign_in: str, path: str, cause: str) -> None:
    with open_source(SourceSettings(source=f"http://{sign_in}127.0.0.1:{port}{path}", open_timeout=5)) as source:
        wait_for(source, lambda: source.state().cause == cause)
