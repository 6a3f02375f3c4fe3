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
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "systemd/gatereader-mqtt.sh"
TOOLS = ("jq", "mosquitto", "mosquitto_pub", "mosquitto_sub")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)} (Debian: jq mosquitto mosquitto-clients)"
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


@pytest.fixture
def lines(tmp_path: Path, port: int) -> Iterator[Path]:
    """The file that the script follows, where summer time holds all year round."""
    file = tmp_path / "plates.jsonl"
    file.touch()
    command = [str(SCRIPT), str(file), "gate/pass", "-h", "127.0.0.1", "-p", str(port)]
    sender = subprocess.Popen(
        command, env=os.environ | {"TZ": "XST-1XDT-2,0,365"}, start_new_session=True, stderr=subprocess.DEVNULL
    )
    yield file
    os.killpg(sender.pid, signal.SIGTERM)
    sender.wait(10)


def line(plate: str, age: float = 0.0, status: str = "accepted", kind: str = "final") -> str:
    recorded = (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps(
        {"type": kind, "status": status, "plate": plate, "known": True, "confidence": 0.9, "event_id": f"id-{plate}",
         "camera": "gate", "time": {"last": recorded, "recorded": recorded}}
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
        assert {key: messages[0][key] for key in ("known", "event_id")} == {"known": True, "event_id": "id-AB123CD"}
        assert set(messages[0]) == {"plate", "known", "confidence", "event_id", "camera", "time"}
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
