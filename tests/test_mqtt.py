"""The script that sends passes to an MQTT broker, with jq, mosquitto_pub and a real broker."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

SCRIPT = Path(__file__).parents[1] / "systemd/gatereader-mqtt.sh"
TOOLS = ("curl", "jq", "mosquitto", "mosquitto_pub", "mosquitto_sub")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)} (Debian: curl jq mosquitto mosquitto-clients)"
)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def start_broker(port: int) -> "subprocess.Popen[bytes]":
    broker = subprocess.Popen(["mosquitto", "-p", str(port)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return broker
        time.sleep(0.05)
    raise AssertionError("the broker does not answer")


def start_sender(file: Path, port: int, **environment: str) -> "subprocess.Popen[bytes]":
    """Where summer time holds all year round."""
    file.touch()
    command = [str(SCRIPT), str(file), "gate/pass", "-h", "127.0.0.1", "-p", str(port)]
    variables = os.environ | {"TZ": "XST-1XDT-2,0,365"} | environment
    return subprocess.Popen(command, env=variables, start_new_session=True, stderr=subprocess.DEVNULL)


def stop_sender(sender: "subprocess.Popen[bytes]") -> None:
    os.killpg(sender.pid, signal.SIGTERM)
    sender.wait(10)


@pytest.fixture
def lines(tmp_path: Path, port: int) -> Iterator[Path]:
    """The file that the script follows."""
    file = tmp_path / "plates.jsonl"
    sender = start_sender(file, port)
    yield file
    stop_sender(sender)


def line(plate: str, age: float = 0.0, status: str = "accepted", kind: str = "final") -> str:
    recorded = (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps(
        {"type": kind, "status": status, "plate": plate, "known": True, "moved": True,
         "direction": "leaving", "confidence": 0.9,
         "event_id": f"id-{plate}", "camera": "gate", "time": {"last": recorded, "recorded": recorded}}
    ) + "\n"  # fmt: skip


def listener(port: int, topic: str, count: int) -> "subprocess.Popen[str]":
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-t", topic, "-C", str(count), "-W", "30"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_until_online(port: int) -> None:
    with listener(port, "gate/pass/online", 1) as there:
        assert there.communicate(timeout=30)[0] == "1\n"


def test_fresh_accepted_passes_reach_the_broker_and_nothing_else_does(lines: Path, port: int) -> None:
    time.sleep(0.5)  # the script waits for a broker that is not there yet
    broker = start_broker(port)
    try:
        wait_until_online(port)
        with listener(port, "gate/pass", 2) as passes:
            time.sleep(0.5)  # for it to be there
            wrong = [
                line("OLD1", 60),
                line("FUTURE1", -3600),
                line("UNSURE1", status="undecided"),
                line("P1", kind="preview"),
            ]
            with lines.open("a") as file:
                for one in ('{"type": "final", "status": "acc\n', *wrong, line("AB123CD"), line("XY987ZT")):
                    file.write(one)
            messages = [json.loads(text) for text in passes.communicate(timeout=30)[0].splitlines()]
        assert [message["plate"] for message in messages] == ["AB123CD", "XY987ZT"]
        told = {"known": True, "moved": True, "direction": "leaving", "event_id": "id-AB123CD"}
        assert {key: messages[0][key] for key in told} == told
        assert set(messages[0]) == {"plate", "known", "moved", "direction", "confidence", "event_id", "camera", "time"}
    finally:
        broker.terminate()
        broker.wait(10)


def test_a_pass_while_the_broker_is_away_does_not_come_later_and_the_next_one_does(lines: Path, port: int) -> None:
    broker = start_broker(port)
    wait_until_online(port)
    broker.terminate()
    broker.wait(10)
    with lines.open("a") as file:
        file.write(line("AWAY1"))
    time.sleep(1)  # it is tried, and given up
    broker = start_broker(port)
    try:
        with listener(port, "gate/pass", 1) as passes:
            wait_until_online(port)  # which this broker has to be told anew
            with lines.open("a") as file:
                file.write(line("BACK1"))
            assert json.loads(passes.communicate(timeout=30)[0])["plate"] == "BACK1"
    finally:
        broker.terminate()
        broker.wait(10)


class Readiness(ThreadingHTTPServer):
    """A live page of which only `/readyz` is asked; it says `status`, or breaks off without a word."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status: int | None = 200
        self.asked: set[str] = set()
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/readyz"


class Answer(BaseHTTPRequestHandler):
    server: Readiness

    def do_GET(self) -> None:
        self.server.asked.add(self.path)
        if self.server.status is not None:
            self.send_response(self.server.status)
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def page() -> Iterator[Readiness]:
    page = Readiness()
    yield page
    page.shutdown()
    page.server_close()


@pytest.fixture
def hasty(tmp_path: Path) -> str:
    """A PATH on which half a minute is the tenth of a second."""
    sleep = tmp_path / "bin" / "sleep"
    sleep.parent.mkdir()
    sleep.write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} 0.1\n")
    sleep.chmod(0o755)
    return f"{sleep.parent}:{os.environ['PATH']}"


def wait_for(state: str, states: "subprocess.Popen[str]") -> None:
    assert states.stdout is not None
    for told in states.stdout:
        if told == f"{state}\n":
            return
    raise AssertionError(f"the camera was never {state}")


def test_the_broker_knows_whether_pictures_come(tmp_path: Path, port: int, page: Readiness, hasty: str) -> None:
    broker = start_broker(port)
    sender = start_sender(tmp_path / "plates.jsonl", port, READY_URL=page.url, PATH=hasty)
    try:
        with listener(port, "gate/pass/camera", 10_000) as states:
            wait_for("online", states)
            page.status = 503  # the camera is gone
            wait_for("offline", states)
            page.status = 200
            wait_for("online", states)
            page.status = None  # the program is gone
            wait_for("offline", states)
            page.status = 200
            wait_for("online", states)
            stop_sender(sender)  # the bridge, or the whole board
            wait_for("offline", states)
            states.terminate()
        assert page.asked == {"/readyz"}
        with listener(port, "gate/pass/#", 2) as kept:
            assert sorted(kept.communicate(timeout=30)[0].split()) == ["0", "offline"], "for who asks later"
    finally:
        if sender.poll() is None:
            stop_sender(sender)
        broker.terminate()
        broker.wait(10)
