import asyncio
import base64
import http.client
import inspect
import json
import logging
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args
from unittest.mock import AsyncMock

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from output_samples import event, result
from starlette.types import Scope
from test_service import FakeCamera, FakeOutputs
from waiting import wait_for

from edge import live, live_app, live_connection, live_feed, live_guard, live_sign_in, overlay
from edge.address import is_here
from edge.errors import ConfigError, OutputError
from edge.live import LiveServer, LiveSettings, check_live_settings
from edge.live_sign_in import Credentials, SignIns
from edge.password import hash_password
from edge.records import Reason
from edge.service import Progress

HASH = hash_password("sesame")
WEB = Path(live_feed.__file__).parent / "web"
STATUS: dict[str, object] = {
    "version": "1.2.3",
    "uptime": 60.0,
    "loop_age": 0.1,
    "last_frame_age": 0.2,
    "frames": 100,
    "dropped": 0,
    "fps": 12.5,
    "passes": 3,
    "last_plate": "SECRET1",
    "camera": {
        "name": "gate",
        "description": "rtsp://user:secret@10.0.0.7/stream",
        "online": True,
        "since": datetime(2026, 11, 20, tzinfo=UTC),
        "cause": "10.0.0.7 refused",
    },
}
Start = Callable[..., LiveServer]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[LiveServer] = []

    def make(status: Callable[[], Any] = lambda: STATUS, *, frames: bool = False, **settings: Any) -> LiveServer:
        wanted: dict[str, Any] = {"listen": "127.0.0.1:0", "max_fps": 50.0} | settings
        server = LiveServer(LiveSettings(**wanted), status)
        server.give_frames(frames)
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.close()


def port_of(server: LiveServer) -> int:
    return int(server.url.rstrip("/").rpartition(":")[2])


def sign_in(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Viewer:
    """Reads pictures off the stream, as a browser does."""

    def __init__(self, server: LiveServer, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port_of(server)))
        self.socket.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.answer: http.client.HTTPResponse | None = None

    def status(self) -> int:
        self.answer = http.client.HTTPResponse(self.socket)
        self.answer.begin()
        return self.answer.status

    def picture(self) -> np.ndarray[Any, Any]:
        if self.answer is None:
            assert self.status() == 200
        assert self.answer is not None
        while not (line := self.answer.readline()).startswith(b"Content-Length"):
            assert line, "the stream ended"
        self.answer.readline()
        jpeg = self.answer.read(int(line.split(b":")[1]))
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        return image

    def close(self) -> None:
        if self.answer is not None:
            self.answer.close()
        self.socket.close()


# --- settings ---


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "127.8.9.1:1", "[::1]:8080", "localhost:0", "LOCALHOST:80"])
def test_this_machine_alone_needs_no_password(listen: str) -> None:
    assert check_live_settings(LiveSettings(listen=listen)) == ""


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:80", "gate.lan:80", "[::ffff:1.2.3.4]:1"])
def test_the_network_needs_a_password_or_a_clear_word(listen: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gatereader password") as raised:
        LiveSettings(listen=listen)
    for remedy in ("password_hash", "allow_anonymous = true", '"127.0.0.1:'):
        assert remedy in str(raised.value)
    assert "\n" not in str(raised.value)
    file = tmp_path / "hash"
    assert check_live_settings(LiveSettings(listen=listen, password_hash=HASH)) == HASH
    for line in (HASH, HASH + "\n", f'password_hash = "{HASH}"\n'):
        file.write_text(line)
        assert check_live_settings(LiveSettings(listen=listen, password_file=str(file))) == HASH
    assert check_live_settings(LiveSettings(listen=listen, allow_anonymous=True)) == ""
    assert check_live_settings(LiveSettings(listen=listen, enabled=False)) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        *({"listen": text} for text in ("", "8080", ":8080", "::1:8080", "a:b", "h:99999", "h:-1", "[h]:1", "a b:1")),
        {"user": ""},
        {"user": "a:b"},
        {"max_fps": 0.0},
        {"quality": 101},
        {"max_viewers": 0},
        {"max_viewers": 13},
        *(
            {"hosts": (name,)}
            for name in ("https://gate.example.org", "gate2:8443", "*.lan", " gate5.lan", "a/b", "", "a..b")
        ),
        {"width": 5},
        {"password_hash": "sesame"},
        {"password_hash": HASH, "password_file": "x"},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as raised:
        LiveSettings(**wrong)
    assert next(iter(wrong)) in str(raised.value), "the message names the key, so that its line can be found"
    assert "sesame" not in str(raised.value)


@pytest.mark.parametrize("content", [None, b"sesame\n", b"", b"\xff\xfe"])
def test_a_password_file_that_holds_none(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "hash"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"live\.password_file") as raised:
        LiveServer(LiveSettings(password_file=str(file)), dict)
    assert "sesame" not in str(raised.value)


# --- start and end ---


def test_a_port_in_use_is_one_line(start: Start) -> None:
    port = port_of(start())
    with pytest.raises(OutputError) as raised:
        start(listen=f"127.0.0.1:{port}")
    assert str(raised.value) == f"port {port} on 127.0.0.1 is in use; set live.listen or stop the other program"


@pytest.mark.parametrize("listen", ["192.0.2.1:8080", "no-such-host.invalid:8080"])
def test_an_address_that_is_not_here_is_one_line(listen: str) -> None:
    server = LiveServer(LiveSettings(listen=listen, allow_anonymous=True), dict)
    with pytest.raises(OutputError, match=r"^cannot listen on .*live\.listen") as raised:
        server.start()
    assert "\n" not in str(raised.value)


def test_it_listens_on_ipv6(start: Start) -> None:
    try:
        server = start(listen="[::1]:0")
    except OutputError:
        pytest.skip("no IPv6 here")
    assert server.url.startswith("http://[::1]:")
    assert httpx.get(server.url).status_code == 200


def test_publishing_and_closing_are_harmless_at_any_time() -> None:
    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), dict)
    server.publish(result())
    server.close()
    server.start()
    server.publish(result())
    server.close()
    server.publish(result())
    server.close()


def test_switched_off_it_takes_no_port() -> None:
    server = LiveServer(LiveSettings(enabled=False), dict)
    server.start()
    server.publish(result())
    assert server.url == ""
    server.close()


def test_the_port_is_free_after_close(start: Start) -> None:
    server = start()
    port = port_of(server)
    assert httpx.get(server.url).status_code == 200
    server.close()
    assert port_of(start(listen=f"127.0.0.1:{port}")) == port


def test_it_closes_within_two_seconds_whoever_watches(start: Start) -> None:
    server = start()
    watching, stalled = Viewer(server), Viewer(server, receive_buffer=4096)
    idle = socket.create_connection(("127.0.0.1", port_of(server)))
    half = socket.create_connection(("127.0.0.1", port_of(server)))
    half.sendall(b"GET /frame.jpg HTTP/1.1\r\n")
    noise = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    wait_for(lambda: server._feed.viewers == 2)
    for index in range(20):
        server.publish(result(noise, index=index))
        watching.picture()
    begun = time.monotonic()
    server.close()
    assert time.monotonic() - begun < 2.0
    assert not any(thread.name == "live" for thread in threading.enumerate())
    for connection in (watching, stalled, idle, half):
        connection.close()


# --- what breaks down ---


def test_the_picture_goes_on_after_errors_in_it(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "_FIRST_PAUSE", 0.05)
    errors = [ZeroDivisionError("of ours"), ZeroDivisionError("again")]
    pump = live_feed.PictureFeed.pump

    async def broken(feed: live_feed.PictureFeed) -> None:
        if errors:
            raise errors.pop()
        await pump(feed)

    monkeypatch.setattr(live_feed.PictureFeed, "pump", broken)
    server = start()
    wait_for(lambda: not errors and not server.trouble)
    viewer = Viewer(server)
    wait_for(lambda: server._feed.viewers == 1)
    server.publish(result(np.full((540, 960, 3), 50, np.uint8)))
    assert abs(float(viewer.picture()[200, 400].mean()) - 50) < 3
    viewer.close()
    told = "the live page's moving picture ended by an error of ours (ZeroDivisionError); started again in 0 s"
    assert [told in record.message for record in caplog.records] == [True, True]


def test_the_server_goes_on_after_an_error_in_it_on_the_same_port(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "_FIRST_PAUSE", 0.05)
    errors = list[Exception]()
    tick = uvicorn.Server.on_tick

    async def broken(server: uvicorn.Server, counter: int) -> bool:
        if errors:
            raise errors.pop()
        return await tick(server, counter)

    monkeypatch.setattr(uvicorn.Server, "on_tick", broken)
    server = start()
    url = server.url
    assert httpx.get(url).status_code == 200
    watching = Viewer(server)
    wait_for(lambda: server._feed.viewers == 1)
    errors.append(ZeroDivisionError("of ours"))
    wait_for(lambda: "server ended by an error of ours" in caplog.text)
    wait_for(lambda: not server.trouble)
    assert httpx.get(url + "healthz", timeout=5).status_code == 200
    watching.close()
    server.close()
    assert port_of(start(listen=f"127.0.0.1:{url.rstrip('/').rpartition(':')[2]}")) > 0, "the port is free"


def test_what_broke_down_is_told_the_rest_of_the_page_stays_and_it_closes_while_it_waits(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(feed: live_feed.PictureFeed) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(live_feed.PictureFeed, "pump", broken)
    server = start()
    wait_for(lambda: server.trouble == "the live page's moving picture ended by an error of ours (ZeroDivisionError)")
    assert httpx.get(server.url + "healthz").status_code == 200
    server.close()
    assert not any(thread.name == "live" for thread in threading.enumerate())


def test_systemd_is_told_what_broke_down(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[dict[str, object]]()
    monkeypatch.setattr("edge.service.notify", lambda **states: told.append(states))
    progress = Progress("gate", FakeCamera(), FakeOutputs())
    progress.page = LiveServer(LiveSettings(), dict)
    progress.page.trouble = "the live page's server ended by an error of ours"
    progress.turn()
    assert "; the live page's server ended by an error of ours" in str(told[0]["STATUS"])


def test_what_is_no_request_leaves_no_line_in_the_log_and_an_error_of_ours_does(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> dict[str, object]:
        raise ZeroDivisionError("of ours")

    server = start(broken)
    upgrade = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    for garbage, code in ((b"HELO\r\n\r\n", b"400"), (b"\x16\x03\x01\r\n\r\n", b"400"), (upgrade, b"200")):
        with socket.create_connection(("127.0.0.1", port_of(server)), 5) as client:
            client.sendall(garbage)
            assert client.recv(100).split()[1] == code
    assert caplog.messages == []
    assert httpx.get(server.url + "api/events").status_code == 500
    wait_for(lambda: "ZeroDivisionError: of ours" in caplog.text)  # it is told after the answer


# --- the picture ---


def test_the_stream_shows_the_newest_frame(start: Start) -> None:
    server = start()
    server.publish(result(np.full((540, 960, 3), 50, np.uint8)))
    viewer = Viewer(server)
    assert abs(float(viewer.picture()[200, 400].mean()) - 50) < 3
    server.publish(result(np.full((540, 960, 3), 150, np.uint8)))
    assert abs(float(viewer.picture()[200, 400].mean()) - 150) < 3
    assert viewer.answer is not None
    assert viewer.answer.headers["Cache-Control"] == "no-store"
    viewer.close()
    wait_for(lambda: server._feed.viewers == 0)


def test_a_picture_is_whole_as_soon_as_it_is_sent(start: Start) -> None:
    """A browser shows a part when it has seen the boundary behind it: that must not wait for the next picture."""
    server = start()
    server.publish(result())
    viewer = Viewer(server)
    viewer.picture()
    assert viewer.answer is not None
    assert viewer.answer.readline() == b"\r\n"
    boundary = viewer.answer.headers["Content-Type"].partition("boundary=")[2]
    assert viewer.answer.readline() == f"--{boundary}\r\n".encode()
    viewer.close()


def test_a_stalled_viewer_holds_up_nobody(start: Start) -> None:
    server = start(width=0)
    stalled, watching = Viewer(server, receive_buffer=4096), Viewer(server)
    wait_for(lambda: server._feed.viewers == 2)
    noise = np.random.default_rng(1).integers(0, 256, (540, 960, 3), dtype=np.uint8)
    slowest = 0.0
    for index in range(40):  # 40 pictures of 300 kB, far more than the buffers between hold
        noise[:200, :200] = 6 * index
        begun = time.monotonic()
        server.publish(result(noise.copy(), index=index))
        slowest = max(slowest, time.monotonic() - begun)
        assert abs(float(watching.picture()[100, 100].mean()) - 6 * index) < 30
    assert slowest < 0.1
    shown = [float(stalled.picture()[100, 100].mean()) for _ in range(3)]
    assert shown[0] < 50, "what was on its way when it stalled"
    assert max(shown) > 200, "then the newest, and not all those between"
    stalled.close()
    watching.close()


def test_nothing_is_drawn_while_nobody_watches(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def counting(shown: Any, width: int) -> Any:
        drawn.append(shown.frame.index)
        return overlay.draw(shown, width)

    monkeypatch.setattr(live_feed, "draw", counting)
    server = start(max_fps=5.0)
    for index in range(50):
        server.publish(result(index=index))
    time.sleep(0.1)
    assert drawn == []
    assert httpx.get(server.url + "frame.jpg").status_code == 200
    assert drawn == [49], "the newest one"
    viewer = Viewer(server)
    wait_for(lambda: server._feed.viewers == 1)
    begun = time.monotonic()
    while time.monotonic() - begun < 1.0:
        server.publish(result(index=len(drawn) + 100))
        time.sleep(0.01)
    assert 3 <= len(drawn) - 1 <= 7, "about five a second"
    viewer.close()


def test_a_single_picture(start: Start) -> None:
    server = start()
    assert httpx.get(server.url + "frame.jpg").status_code == 503, "before the first frame"
    server.publish(result(np.full((1080, 1920, 3), 70, np.uint8)))
    answer = httpx.get(server.url + "frame.jpg")
    assert answer.headers["Content-Type"] == "image/jpeg"
    image = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (540, 960, 3)


def test_a_plain_picture_is_the_cameras_own(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be read again must not be smaller, nor have boxes and the time on it."""
    monkeypatch.setattr(live_feed, "_PLAIN_SECONDS", 3600.0)
    server = start(frames=True)
    assert httpx.get(server.url + "frame.jpg?plain").status_code == 503, "before the first frame"
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), dtype=np.uint8), (0, 0), 5)
    server.publish(result(np.asarray(image, np.uint8), boxes=[event().box]))
    answer = httpx.get(server.url + "frame.jpg?plain")
    assert answer.headers["Content-Type"] == "image/jpeg"
    plain = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert plain is not None
    assert plain.shape == image.shape
    assert int(cv2.absdiff(plain, np.asarray(image, np.uint8)).max()) < 20
    server.publish(result(np.zeros((1080, 1920, 3), np.uint8)))
    assert httpx.get(server.url + "frame.jpg?plain").content == answer.content, "not made for each who asks"


def test_no_plain_picture_where_privacy_forbids_frames(start: Start) -> None:
    server = start()
    server.publish(result())
    answer = httpx.get(server.url + "frame.jpg?plain")
    assert (answer.status_code, "privacy.unknown" in answer.text) == (403, True)
    server.give_frames(True)
    assert httpx.get(server.url + "frame.jpg?plain").status_code == 200
    server.give_frames(False)
    assert httpx.get(server.url + "frame.jpg?plain=1").status_code == 403
    assert httpx.get(server.url + "frame.jpg").status_code == 200, "the page's own picture"


@pytest.mark.parametrize("frames", [False, True])
def test_where_strangers_are_kept_back_no_picture_outlasts_its_car(
    start: Start, monkeypatch: pytest.MonkeyPatch, frames: bool
) -> None:
    now = 1000.0
    monkeypatch.setattr(live_feed, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(live_app, "_REPEAT_SECONDS", 0.02)
    server = start(frames=frames)

    def shows(shade: int) -> bool:
        return abs(float(viewer.picture()[200, 400].mean()) - shade) < 3

    car = result(np.full((540, 960, 3), 150, np.uint8))
    server.publish(car)
    viewer = Viewer(server)
    assert shows(150)
    assert httpx.get(server.url + "api/events").json()["old_picture"] is frames
    now += 9.0
    server.publish(replace(car, events=(event(),)))  # its pass ends without a new frame
    assert httpx.get(server.url + "frame.jpg").status_code == 200
    now += 2.0
    answer = httpx.get(server.url + "frame.jpg")
    if frames:
        assert answer.status_code == 200
        assert all(shows(150) for _ in range(3))
    else:
        assert (answer.status_code, "privacy.unknown" in answer.text) == (503, True)
        wait_for(lambda: shows(0))
        assert all(shows(0) for _ in range(3))
    server.publish(result(np.full((540, 960, 3), 80, np.uint8)))
    wait_for(lambda: shows(80))
    assert httpx.get(server.url + "frame.jpg").status_code == 200
    viewer.close()


def test_one_viewer_too_many_is_told_so(start: Start) -> None:
    server = start(max_viewers=2)
    viewers = [Viewer(server), Viewer(server)]
    wait_for(lambda: server._feed.viewers == 2)
    third = Viewer(server)
    assert third.status() == 503
    third.close()
    viewers.pop().close()
    wait_for(lambda: server._feed.viewers == 1)
    again = Viewer(server)
    assert again.status() == 200
    for viewer in (*viewers, again):
        viewer.close()


# --- events and health ---


def test_the_last_events_newest_first(start: Start) -> None:
    server = start()
    for track in range(60):
        server.publish(result(events=[event(track=track, event_id=str(track))]))
    told = httpx.get(server.url + "api/events").json()
    assert [entry["track"] for entry in told["events"]] == list(range(59, 9, -1))
    first = told["events"][0]
    assert (first["plate"], first["status"], first["confidence"], first["readings"]) == ("AB123CD", "accepted", 0.97, 9)
    assert first["first_seen"] == "2026-11-20T14:03:22.123Z"
    assert datetime.fromisoformat(first["local_time"]).utcoffset() is not None
    assert told["status"]["camera"]["online"] is True


def test_events_are_sent_again_only_when_there_are_new_ones(start: Start) -> None:
    server = start()
    server.publish(result(events=[event(track=1)]))
    token = httpx.get(server.url + "api/events").json()["token"]
    assert httpx.get(server.url + f"api/events?since={token}").json()["events"] is None
    server.publish(result(events=[event(track=2)]))
    assert len(httpx.get(server.url + f"api/events?since={token}").json()["events"]) == 2
    assert httpx.get(start().url + f"api/events?since={token}").json()["events"] == [], "another start, another list"


def test_events_can_be_chosen_and_tell_how_old_they_are(start: Start) -> None:
    server = start()
    shown = [("accepted", "final"), ("rejected", "final"), ("accepted", "preview"), ("accepted", "final")]
    for track, (status, kind) in enumerate(shown):
        server.publish(result(events=[event(track=track, status=status, kind=kind)]))
    told = httpx.get(server.url + "api/events?kind=final&status=accepted").json()
    assert [entry["track"] for entry in told["events"]] == [3, 0]
    assert all(0 <= entry["age"] < 5 for entry in told["events"]), "though they were seen long ago"
    assert abs((datetime.now(UTC) - datetime.fromisoformat(told["now"])).total_seconds()) < 5
    told = httpx.get(server.url + "api/events?status=accepted&status=rejected&limit=2").json()
    assert [entry["track"] for entry in told["events"]] == [3, 2]
    assert httpx.get(server.url + "api/events?limit=some").status_code == 400


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("status=foo", "status: wanted accepted or undecided or rejected.\n"),
        ("kind=final&kind=last", "kind: wanted preview or final.\n"),
        ("kind=", "kind: wanted preview or final.\n"),
        ("earlier=1", "earlier: wanted true or false.\n"),
        ("state=accepted", "state: not known; wanted kind, status, limit, earlier, since, wait, stream.\n"),
    ],
)
def test_what_no_event_is_cannot_be_chosen(start: Start, asked: str, told: str) -> None:
    answer = httpx.get(f"{start().url}api/events?{asked}")
    assert (answer.status_code, answer.text) == (400, told)


def test_one_can_wait_for_the_next_event(start: Start) -> None:
    server = start()
    token = httpx.get(server.url + "api/events").json()["token"]
    later = threading.Timer(0.3, lambda: server.publish(result(events=[event(track=7)])))
    later.start()
    told = httpx.get(server.url + f"api/events?since={token}&wait=20", timeout=30).json()
    later.join()
    assert [entry["track"] for entry in told["events"]] == [7]
    token = told["token"]
    assert httpx.get(server.url + f"api/events?since={token}&wait=0.2").json()["events"] is None


def test_the_final_event_takes_the_place_of_its_preview(start: Start) -> None:
    server = start()
    server.publish(result(events=[event(track=1, kind="preview", plate="AB1"), event(track=2)]))
    server.publish(result(events=[event(track=1, plate="AB123CD")]))
    told = httpx.get(server.url + "api/events").json()["events"]
    assert [(entry["track"], entry["kind"]) for entry in told] == [(1, "final"), (2, "final")]


def test_health_tells_no_plate_and_no_address_and_asks_for_no_password(start: Start) -> None:
    server = start(password_hash=HASH)
    server.publish(result(events=[event()]))
    answer = httpx.get(server.url + "healthz", headers={"Host": "monitor.example"})
    assert answer.status_code == 200
    assert answer.json()["alive"] is True
    assert (answer.json()["fps"], answer.json()["camera"]["online"]) == (12.5, True)
    for secret in ("SECRET1", "AB123CD", "10.0.0.7", "rtsp", "refused"):
        assert secret not in answer.text


COUNTS = {"frames", "passes", "movements_without_plate", "fps", "dropped", "last_frame_age", "written_mb"}


@pytest.mark.parametrize(
    ("headers", "all_of_it"),
    [
        ({}, True),
        ({"X-Forwarded-For": "192.168.1.7"}, False),
        ({"Forwarded": "for=192.168.1.7"}, False),
        ({"X-Real-IP": "192.168.1.7", **sign_in("gate", "Sesame")}, False),
        ({"X-Real-IP": "192.168.1.7", **sign_in("gate", "sesame")}, True),
    ],
)
def test_how_much_passes_by_is_told_to_the_machine_itself_and_to_who_signs_in(
    start: Start, headers: dict[str, str], all_of_it: bool
) -> None:
    counted = dict.fromkeys(COUNTS, 1)
    answer = httpx.get(start(lambda: STATUS | counted, password_hash=HASH).url + "healthz", headers=headers)
    assert answer.status_code == 200
    assert (COUNTS & set(answer.json())) == (COUNTS if all_of_it else set())
    assert {"alive", "uptime", "loop_age", "writes_ok", "camera"} <= set(answer.json())


@pytest.mark.parametrize(
    ("client", "all_of_it"), [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("10.0.0.5", True), ("10.0.0.6", False)]
)
@pytest.mark.parametrize("credentials", [Credentials("gate", HASH), None])
def test_a_neighbour_is_told_no_counts(client: str, all_of_it: bool, credentials: Credentials | None) -> None:
    told = list[bool]()

    async def app(scope: Scope, _receive: object, _send: object) -> None:
        told.append(scope.get(live_guard.COUNTS, True))

    address = {"client": (client, 4), "server": ("10.0.0.5", 8080)}
    scope = {"type": "http", "path": "/healthz", "headers": [], **address}
    asyncio.run(live_guard.Guard(app, credentials, [])(scope, AsyncMock(), AsyncMock()))
    assert told == [all_of_it or credentials is None]


@pytest.mark.parametrize(("age", "code"), [(0.0, 200), (9.9, 200), (10.1, 503), (3600, 503)])
def test_health_fails_when_the_loop_stands_still(start: Start, age: float, code: int) -> None:
    answer = httpx.get(start(lambda: STATUS | {"loop_age": age}).url + "healthz")
    assert answer.status_code == code
    assert answer.json()["alive"] == (code == 200)


def test_an_offline_camera_is_no_reason_to_restart_the_program(start: Start) -> None:
    offline = STATUS | {"last_frame_age": 1e5, "camera": {"online": False, "since": datetime.now(UTC)}}
    assert httpx.get(start(lambda: offline).url + "healthz").status_code == 200


def ready(start: Start, **status: object) -> tuple[int, dict[str, Any]]:
    answer = httpx.get(start(lambda: STATUS | status, password_hash=HASH).url + "readyz")
    assert "10.0.0.7" not in answer.text
    return answer.status_code, answer.json()


def test_it_is_ready_while_frames_come_and_tells_so_without_a_password(start: Start) -> None:
    code, told = ready(start)
    assert (code, told) == (200, {"ready": True, "since": "2026-11-20T00:00:00+00:00"})


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ({"camera": {"online": False, "cause": "unauthorised"}}, "unauthorised"),
        ({"camera": {"online": False, "cause": "connecting"}, "last_frame_age": None}, "connecting"),
        ({"camera": {"online": False, "cause": "10.0.0.7 refused"}}, "camera offline"),
        ({"last_frame_age": None}, "no frame yet"),
        ({"last_frame_age": 10.1}, "no new frame"),
        ({"loop_age": 10.1}, "the processing loop stands still"),
        ({"camera": None}, "camera offline"),
    ],
)
def test_it_is_not_ready_and_says_why(start: Start, status: dict[str, object], cause: str) -> None:
    code, told = ready(start, **status)
    assert (code, told["ready"], told["cause"]) == (503, False, cause)


# --- who may see it ---

PRIVATE = [
    *("", "gate.js", "live.js", "live.css", "icon.svg", "stream.mjpg", "frame.jpg", "api/events", "nothing-here"),
    *("aim", "aim.js", "aim.css", "api/aim", "frame.jpg?plain"),
]


@pytest.mark.parametrize("path", PRIVATE)
def test_nothing_but_health_without_the_password(start: Start, path: str) -> None:
    server = start(password_hash=HASH)
    answer = httpx.get(server.url + path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="gatereader", charset="UTF-8"'


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (sign_in("gate", "sesame"), 200),
        (sign_in("gate", "Sesame"), 401),
        (sign_in("gate", ""), 401),
        (sign_in("Gate", "sesame"), 401),
        (sign_in("", "sesame"), 401),
        (sign_in("gate", HASH), 401),
        ({"Authorization": "Basic"}, 401),
        ({"Authorization": "Basic !!!!"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"no colon").decode()}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, 401),
        ({"Authorization": "Bearer " + base64.b64encode(b"gate:sesame").decode()}, 401),
        ({"Authorization": "Basic " + base64.b64encode("gate:säsäme".encode("latin-1")).decode()}, 401),
        ({"Authorization": "BASIC " + base64.b64encode(b"gate:sesame").decode()}, 200),
    ],
)
def test_who_may_enter(start: Start, headers: dict[str, str], code: int) -> None:
    assert httpx.get(start(password_hash=HASH).url, headers=headers).status_code == code


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])  # as browsers and curl send it; as requests and aiohttp do
def test_a_password_may_have_any_letters(start: Start, encoding: str) -> None:
    server = start(password_hash=hash_password("Schlüssel"))
    sent = base64.b64encode("gate:Schlüssel".encode(encoding)).decode()
    assert httpx.get(server.url, headers={"Authorization": f"Basic {sent}"}).status_code == 200


def test_the_slow_check_is_made_once_for_each_viewer_and_guesses_are_slow(start: Start) -> None:
    server = start(password_hash=HASH)
    with httpx.Client() as client:
        client.get(server.url, headers=sign_in("gate", "sesame"))
        begun = time.monotonic()
        for _ in range(20):
            assert client.get(server.url, headers=sign_in("gate", "sesame")).status_code == 200
        assert time.monotonic() - begun < 0.6
        begun = time.monotonic()
        assert client.get(server.url, headers=sign_in("gate", "guess")).status_code == 401
        assert time.monotonic() - begun > 0.5


def test_guesses_do_not_lock_out_who_has_signed_in(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_sign_in, "_MOST_WAITING", 2)
    server = start(password_hash=HASH)
    assert httpx.get(server.url, headers=sign_in("gate", "sesame")).status_code == 200
    answers: list[int] = []

    def guess(number: int) -> None:
        answers.append(httpx.get(server.url, headers=sign_in("gate", str(number)), timeout=20).status_code)

    guesses = [threading.Thread(target=guess, args=(number,)) for number in range(8)]
    for thread in guesses:
        thread.start()
    wait_for(lambda: 429 in answers)
    assert httpx.get(server.url, headers=sign_in("gate", "sesame")).status_code == 200
    assert any(thread.is_alive() for thread in guesses), "it did not wait for them"
    for thread in guesses:
        thread.join()
    assert set(answers) == {401, 429}


@pytest.fixture
def sign_ins(monkeypatch: pytest.MonkeyPatch) -> Callable[[], SignIns]:
    """Sign-ins whose passwords are checked at once."""
    monkeypatch.setattr(live_sign_in, "verify_password", lambda password, _: password == "sesame")
    monkeypatch.setattr(live_sign_in, "_WRONG_PASSWORD_PAUSE", 0.005)
    return lambda: SignIns(Credentials("gate", HASH))


@pytest.mark.parametrize("addresses", [1, 5, 40])
def test_guesses_from_however_many_addresses_keep_no_newcomer_waiting(
    sign_ins: Callable[[], SignIns], addresses: int
) -> None:
    async def attack() -> None:
        door, guessed, known, done = sign_ins(), list[bool | None](), set[str](), asyncio.Event()

        async def guess(address: str) -> None:
            while not done.is_set():
                guessed.append(await door.check("gate", "guess", address))
                if guessed[-1] is False:
                    known.add(address)
                await asyncio.sleep(0.005)

        guesses = asyncio.gather(*(guess(f"10.0.0.{number % addresses}") for number in range(200)))
        while len(known) < addresses:
            await asyncio.sleep(0.005)
        before = guessed.count(False)
        assert await door.check("gate", "sesame", "10.0.1.1") is True
        assert guessed.count(False) <= before + 1, "its turn was the next"
        done.set()
        await guesses
        assert set(guessed) == {False, None}, "and not all of them find room"

    asyncio.run(attack())


@pytest.mark.usefixtures("sign_ins")
def test_among_ever_new_addresses_the_newest_is_not_always_the_one_that_finds_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The owner comes when all the room is taken, and has guessed as often as they: never."""
    monkeypatch.setattr(live_sign_in, "_MOST_WAITING", 4)

    async def attack(place: int) -> bool | None:
        door = SignIns(Credentials("gate", HASH), choose=lambda equals: equals[place])
        guesses = [asyncio.create_task(door.check("gate", "guess", f"10.0.0.{number}")) for number in range(5)]
        await asyncio.sleep(0)
        owner = await door.check("gate", "sesame", "10.0.1.1")
        assert (await asyncio.gather(*guesses)).count(None) == (0 if owner is None else 1)
        return owner

    assert [asyncio.run(attack(place)) for place in (0, -1)] == [True, None]
    assert inspect.signature(SignIns).parameters["choose"].default is secrets.choice


def test_behind_a_proxy_who_signs_in_gets_a_turn_among_those_who_guess(sign_ins: Callable[[], SignIns]) -> None:
    async def attack() -> None:
        door, done = sign_ins(), asyncio.Event()

        async def guess() -> None:
            while not done.is_set():
                assert await door.check("gate", "guess", "127.0.0.1") is False

        guesses = asyncio.gather(*(guess() for _ in range(20)))
        await asyncio.sleep(0.02)
        assert await door.check("gate", "sesame", "127.0.0.1") is True
        done.set()
        await guesses

    asyncio.run(attack())


def test_who_guesses_is_logged_once_a_minute_and_what_was_tried_never(
    sign_ins: Callable[[], SignIns], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1000.0
    monkeypatch.setattr(live_sign_in, "time", SimpleNamespace(monotonic=lambda: now))  # but the event loop's own
    door = sign_ins()

    async def guess(address: str) -> None:
        for _ in range(3):
            await door.check("gate", "Secret7", address)

    for address in ("10.0.0.1", "10.0.0.2"):
        asyncio.run(guess(address))
    now += 61
    asyncio.run(guess("10.0.0.1"))
    asyncio.run(door.check("gate", "sesame", "10.0.0.3"))
    line = "live page: sign-in refused, wrong user or password: "
    assert [record.message.removeprefix(line) for record in caplog.records if record.levelno >= logging.WARNING] == [
        "1 from 10.0.0.1",
        "1 from 10.0.0.2",
        "3 from 10.0.0.1",
    ]


def test_the_page_closes_while_passwords_wait(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    server = start(password_hash=HASH)

    def guess(number: int) -> None:
        with suppress(httpx.TransportError):
            httpx.get(server.url, headers=sign_in("gate", str(number)), timeout=20)

    guesses = [threading.Thread(target=guess, args=(number,)) for number in range(6)]
    for thread in guesses:
        thread.start()
    wait_for(lambda: "sign-in refused" in caplog.text)
    server.close()
    for thread in guesses:
        thread.join()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def test_one_password_asked_for_many_times_at_once_is_checked_once(start: Start) -> None:
    server = start(password_hash=HASH)
    answers: list[int] = []

    def ask() -> None:
        answers.append(httpx.get(server.url, headers=sign_in("gate", "sesame"), timeout=20).status_code)

    asking = [threading.Thread(target=ask) for _ in range(12)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert answers == [200] * 12


def test_half_a_request_is_not_waited_for_and_a_patient_viewer_stays(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_connection, "PATIENCE", 0.3)
    server = start()
    server.publish(result())
    viewer = Viewer(server)
    viewer.picture()
    with socket.create_connection(("127.0.0.1", port_of(server)), 5) as half, httpx.Client() as client:
        half.sendall(b"GET / HTTP/1.1\r\nHost: local")
        begun = time.monotonic()
        while time.monotonic() - begun < 1.0:
            assert client.get(server.url + "healthz").status_code == 200
            time.sleep(0.05)
        with suppress(ConnectionResetError):
            assert half.recv(100) == b""
    server.publish(result())
    viewer.picture()
    viewer.close()


def test_too_many_connections_are_turned_away_and_those_there_are_served(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_connection, "MOST_CONNECTIONS", 5)
    server = start()
    with httpx.Client() as client, ExitStack() as stack:
        assert client.get(server.url + "healthz").status_code == 200
        for _ in range(20):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(server)), 5))
            half.sendall(b"GET / HTTP/1.1\r\n")
        assert client.get(server.url + "healthz").status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(server.url + "healthz")
    wait_for(lambda: _answers(server))


def test_one_address_cannot_take_all_connections_nor_all_of_them_the_machines_own(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_connection.BoundedConnection, "told_at", float("-inf"))
    monkeypatch.setattr(live_connection, "MOST_CONNECTIONS", 6)
    monkeypatch.setattr(live_connection, "MOST_FROM_ONE", 2)
    monkeypatch.setattr(live_connection, "KEPT_HERE", 2)
    monkeypatch.setattr(live_connection, "is_here", lambda address: address == "127.0.0.1")
    server = start()

    def connect(address: str) -> bool:
        """Whether it stays open."""
        client = stack.enter_context(
            socket.create_connection(("127.0.0.1", port_of(server)), 5, source_address=(address, 0))
        )
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            return client.recv(100).startswith(b"HTTP/1.1 200")
        except ConnectionResetError:
            return False

    with ExitStack() as stack:
        assert [connect("127.0.0.2") for _ in range(4)] == [True, True, False, False]
        assert [connect("127.0.0.3") for _ in range(2)] == [True, True]
        assert not connect("127.0.0.4"), "the rest is the machine's own"
        assert [connect("127.0.0.1") for _ in range(3)] == [True, True, False]
    told = "live page: a connection from 127.0.0.2 was turned away, as 2 are open already"
    assert caplog.messages == [told], "of the four once an hour"


def test_all_viewers_can_come_from_one_address_with_a_stream_and_a_list_each() -> None:
    assert 2 * live.MOST_VIEWERS <= live_connection.MOST_FROM_ONE
    assert LiveSettings(max_viewers=live.MOST_VIEWERS).max_viewers == live.MOST_VIEWERS


@pytest.mark.parametrize(
    ("address", "here"),
    [
        *((address, True) for address in ("127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1")),
        *((address, False) for address in ("192.168.1.7", "::ffff:192.168.1.7", "fe80::1", "")),
    ],
)
def test_who_asks_from_the_machine_itself(address: str, here: bool) -> None:
    assert is_here(address) is here


def _answers(server: LiveServer) -> bool:
    try:
        return httpx.get(server.url + "healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_sign_in_that_is_no_ascii_is_refused_like_any_other(start: Start) -> None:
    server = start(password_hash=HASH)
    with socket.create_connection(("127.0.0.1", port_of(server)), 5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic \xe9\xe9\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8080", 200),
        ("192.168.1.5:8080", 200),
        (socket.gethostname(), 200),
        (f"{socket.gethostname()}.local:8080", 200),
        ("gate.example.org", 200),
        ("xn--gte-qla.lan:8443", 200),
        ("gate7.lan", 200),
        ("evil.example.org", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ],
)
def test_another_sites_name_is_refused(start: Start, host: str, code: int) -> None:
    server = start(hosts=("Gate.example.org", "gäte.lan", "gate7.lan."))
    assert httpx.get(server.url + "api/events", headers={"Host": host}).status_code == code


def test_with_a_password_any_name_will_do(start: Start) -> None:
    headers = {"Host": "gate.example.org"} | sign_in("gate", "sesame")
    assert httpx.get(start(password_hash=HASH).url, headers=headers).status_code == 200


@pytest.mark.parametrize("path", [*PRIVATE[:4], "api/events", "healthz", "readyz", "frame.jpg", "nothing-here"])
def test_every_answer_carries_the_strict_headers(start: Start, path: str) -> None:
    headers = httpx.get(start().url + path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


def test_nothing_can_be_sent_to_it(start: Start) -> None:
    server = start()
    for method in ("POST", "PUT", "DELETE"):
        assert httpx.request(method, server.url + "api/events").status_code == 405
    assert httpx.head(server.url + "stream.mjpg").status_code == 200


@pytest.mark.parametrize("path", ["aim/", "healthz/"])
def test_nobody_is_led_to_an_address_that_the_host_header_names(start: Start, path: str) -> None:
    """Behind a proxy it would be another one: without the proxy's path, and without TLS."""
    assert httpx.get(start().url + path).status_code == 404


# --- the page's files ---


def test_the_page_needs_nothing_from_elsewhere() -> None:
    for file in WEB.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[\w.]+\.\w+|@import|url\(", text), file.name
    for page in WEB.glob("*.html"):
        assert not re.search(r"<script>|<style|\sstyle=|\son\w+=", page.read_text(encoding="utf-8")), page.name


def test_the_page_has_words_for_every_reason() -> None:
    script = (WEB / "live.js").read_text(encoding="utf-8")
    table = script.partition("REASONS = {")[2].partition("};")[0]
    assert tuple(re.findall(r"^\s*(\w+):", table, re.MULTILINE)) == get_args(Reason)


def test_the_answers_are_json_whatever_the_status_holds(start: Start) -> None:
    told = httpx.get(start(lambda: {"camera": {"since": datetime(2026, 1, 2, tzinfo=UTC)}}).url + "api/events").text
    assert json.loads(told)["status"]["camera"]["since"] == "2026-01-02T00:00:00+00:00"
