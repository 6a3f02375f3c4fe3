"""The script that sends passes to an MQTT broker, with jq, mosquitto_pub and a real broker."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import IO

import pytest

SCRIPT = Path(__file__).parents[1] / "systemd/gatereader-mqtt.sh"
TOOLS = ("curl", "jq", "mosquitto", "mosquitto_pub", "mosquitto_sub")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)} (Debian: curl jq mosquitto mosquitto-clients)"
)


def start_broker(port: int) -> "subprocess.Popen[bytes]":
    broker = subprocess.Popen(["mosquitto", "-p", str(port)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return broker
        time.sleep(0.05)
    raise AssertionError("the broker does not answer")


def start_sender(
    file: Path, port: int, errors: IO[str] | int = subprocess.DEVNULL, **environment: str
) -> "subprocess.Popen[bytes]":
    """Where summer time holds all year round."""
    file.touch()
    command = [str(SCRIPT), str(file), "gate/pass", "-h", "127.0.0.1", "-p", str(port)]
    variables = os.environ | {"TZ": "XST-1XDT-2,0,365"} | environment
    return subprocess.Popen(command, env=variables, start_new_session=True, stderr=errors)


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
        file.write(line("AWAY1", age=14))
    time.sleep(2.2)  # it is tried, and given up
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


def on_path(folder: Path, **programs: str) -> str:
    """A PATH on which these programs do what is said of them; `$self` is the one that they stand for."""
    folder.mkdir()
    for name, does in programs.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\nself={shutil.which(name)}\n{does}\n")
        program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def wait_until(file: Path, holds: str, times: int = 1) -> str:
    """What the file says, once it holds the words so often."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        if text.count(holds) >= times:
            return text
        time.sleep(0.05)
    raise AssertionError(f"{holds!r} is not in {text!r}")


@contextmanager
def sending(folder: Path, path: str) -> Iterator[Path]:
    """The sender with that PATH, and a pass for it; the file of what it complains of."""
    log = folder / "log"
    with log.open("w") as errors:
        sender = start_sender(folder / "plates.jsonl", 1, errors, PATH=path)
        with (folder / "plates.jsonl").open("a") as file:
            file.write(line("AB123CD"))
        try:
            yield log
        finally:
            stop_sender(sender)


@pytest.mark.parametrize(("waited", "patience"), [(0, "10 "), (9, "[56] "), (16, None)])
def test_a_pass_that_waited_for_others_is_tried_for_less_and_not_at_all_once_it_is_old(
    waited: int, patience: str | None, tmp_path: Path
) -> None:
    """The clock jumps between the two looks at its age, as if others had been tried; no argument is a plate."""
    path = on_path(
        tmp_path / "bin",
        date=f'echo $(($($self "$@") + {waited}))',
        timeout=f'echo "$@" "$(cat)" >>{tmp_path}/tried',
        mosquitto_pub="case $* in *-l*) cat >/dev/null ;; esac",
    )
    with sending(tmp_path, path) as log:
        if patience is None:
            assert "a pass did not reach the broker in time" in wait_until(log, "\n")
            assert not (tmp_path / "tried").exists()
        else:
            tried = wait_until(tmp_path / "tried", "\n")
            assert re.match(patience + "mosquitto_pub .*-t gate/pass -q 1 -s {", tried)
            assert json.loads(tried[tried.index("{") :])["plate"] == "AB123CD"


def test_a_pass_waits_for_a_broker_that_starts_again(tmp_path: Path) -> None:
    tried, got = tmp_path / "tried", tmp_path / "got"
    again = f'echo >>{tried}; [ "$(wc -l <{tried})" -gt 2 ] || {{ echo "Error: Connection refused"; exit 1; }}'
    path = on_path(
        tmp_path / "bin",
        mosquitto_pub=f'case "$*" in *gate/pass/*) cat >/dev/null ;; *) {again}; cat >>{got} ;; esac',
        sleep="exec $self 0.02",
    )
    with sending(tmp_path, path) as log:
        assert json.loads(wait_until(got, "}"))["plate"] == "AB123CD"
    assert log.read_text() == ""


def test_a_broker_that_refuses_is_not_asked_again_and_again(tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    refused = "Connection error: Connection Refused: not authorised."
    again = f'echo >>{tried}; echo "{refused}"; exit 5'
    path = on_path(tmp_path / "bin", mosquitto_pub=f'case "$*" in *gate/pass/*) cat >/dev/null ;; *) {again} ;; esac')
    with sending(tmp_path, path) as log:
        assert f"did not reach the broker in time ({refused})" in wait_until(log, "\n")
    assert tried.read_text() == "\n"


def test_why_the_broker_does_not_let_it_in_is_told_once_for_each_cause(tmp_path: Path) -> None:
    cause, tried, log = tmp_path / "cause", tmp_path / "tried", tmp_path / "log"
    cause.write_text("Connection Refused: not authorised.")
    path = on_path(
        tmp_path / "bin",
        mosquitto_pub=f"cat {cause} >&2; echo >>{tried}; exit 5",
        sleep="exec $self 0.02",
    )
    with log.open("w") as errors:
        sender = start_sender(tmp_path / "plates.jsonl", 1, errors, PATH=path)
        try:
            wait_until(tried, "\n", 4)
            cause.write_text("Connection refused")
            text = wait_until(log, "gate/pass/online: Connection refused")
        finally:
            stop_sender(sender)
    assert text.count("gate/pass/online: Connection Refused: not authorised.\n") == 1


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


def wait_for(state: str, states: "subprocess.Popen[str]") -> None:
    assert states.stdout is not None
    for told in states.stdout:
        if told == f"{state}\n":
            return
    raise AssertionError(f"the camera was never {state}")


def test_the_broker_knows_whether_pictures_come(tmp_path: Path, port: int, page: Readiness) -> None:
    hasty = on_path(tmp_path / "bin", sleep="exec $self 0.1")
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
