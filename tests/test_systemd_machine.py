"""The service under a real systemd: it starts, is killed, hangs, reads its configuration anew, refuses a wrong one."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from systemd_machine import CONFIGURATION, UNIT, Machine, wait_until, why_not

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

FRAMES = "/var/lib/gatereader/frames"
GOOD = f"""[source]
source = "{FRAMES}"
fps = 4.0
loop = true
"""
SECONDS = 60.0
"""What a loaded machine may take for one step."""


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if reason := why_not():
        pytest.skip(reason)
    machine = Machine(tmp_path_factory.mktemp("machine") / "root")
    try:
        if reason := machine.start():
            pytest.skip(reason)
        yield machine
    finally:
        machine.close()


@pytest.fixture
def machine(booted: Machine) -> Machine:
    """The service is up, with the good configuration; a test before this one may have left it so."""
    pictures = [booted.root / FRAMES.lstrip("/") / name for name in ("000.png", "001.png")]
    as_it_was = booted.configured() == GOOD and all(picture.is_file() for picture in pictures)
    if as_it_was and booted.show("ActiveState") == "active":
        return booted
    booted.run("systemctl", "stop", UNIT)
    booted.run("systemctl", "reset-failed", UNIT)
    for picture in pictures:
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.unlink(missing_ok=True)
        cv2.imwrite(str(picture), np.zeros((120, 160, 3), np.uint8))
    booted.configure(GOOD)
    started = booted.run("systemctl", "start", UNIT)
    assert started.returncode == 0, booted.journal()
    return booted


def is_back(machine: Machine, before: str) -> bool:
    return machine.show("ActiveState") == "active" and machine.show("MainPID") not in ("0", before)


def test_it_starts_and_says_what_it_does(machine: Machine) -> None:
    wait_until(lambda: "frames/s" in machine.show("StatusText"), SECONDS)
    assert machine.show("ActiveState") == "active"
    status = (Path("/proc") / outer_pid(machine) / "status").read_text()
    uid = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
    assert f"gatereader:x:{uid}:" in (machine.root / "etc/passwd").read_text()
    assert int(uid) != 0
    wait_until(lambda: machine.ask("/readyz")[0] == 200, SECONDS)
    assert machine.ask("/healthz")[0] == 200


def outer_pid(machine: Machine) -> str:
    """The service's process as this system numbers it."""
    inner = machine.show("MainPID")
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            numbers = next(line for line in status.read_text().splitlines() if line.startswith("NSpid:")).split()[1:]
        except OSError:
            continue
        if len(numbers) == 2 and numbers[1] == inner:
            return numbers[0]
    raise AssertionError(f"no process {inner} in the container")


def test_a_crash_is_followed_by_a_start(machine: Machine) -> None:
    before, restarts = machine.show("MainPID"), int(machine.show("NRestarts"))
    machine.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", UNIT)
    wait_until(lambda: is_back(machine, before), SECONDS)
    assert machine.show("NRestarts") == str(restarts + 1)


def test_a_loop_that_hangs_is_noticed_though_its_threads_go_on(machine: Machine) -> None:
    wait_until(lambda: machine.ask("/readyz")[0] == 200, SECONDS)
    before, picture = machine.show("MainPID"), machine.root / FRAMES.lstrip("/") / "001.png"
    picture.unlink()
    os.mkfifo(picture)  # the next look at it never returns; the live page's thread does not care
    picture.chmod(0o666)
    wait_until(lambda: is_back(machine, before), SECONDS)
    assert f"{UNIT}: Watchdog timeout" in machine.journal()


def test_a_new_configuration_is_taken_without_a_restart(machine: Machine) -> None:
    before = machine.show("MainPID")
    new = '[vote]\naccept_confidence = 0.9\n[csv]\npath = "other.csv"\n[live]\nlisten = "127.0.0.1:8081"\n'
    machine.configure(GOOD + new)
    reloaded = machine.run("systemctl", "reload", UNIT)
    assert reloaded.returncode == 0, reloaded.stderr
    told = "configuration read: now in force: vote.accept_confidence, csv.path; live.listen will change with a restart"
    wait_until(lambda: told in machine.journal(), SECONDS)
    wait_until(lambda: machine.show("StatusText").endswith("; live.listen will change with a restart"), SECONDS)
    assert (machine.root / "var/lib/gatereader/other.csv").is_file()
    assert (machine.show("ActiveState"), machine.show("MainPID")) == ("active", before)


def test_a_wrong_configuration_is_refused_and_the_old_one_goes_on(machine: Machine) -> None:
    before = machine.show("MainPID")
    machine.configure(GOOD + "[vote]\nacept_confidence = 0.9\n")
    assert machine.run("systemctl", "reload", UNIT).returncode != 0, "who asked is told"
    wrong = f"{CONFIGURATION}:6: unknown key `acept_confidence` in [vote]; did you mean `accept_confidence`?"
    assert wrong in machine.journal()
    machine.run("systemctl", "kill", "--signal=HUP", "--kill-who=main", UNIT)
    wait_until(lambda: f"configuration not changed: {wrong}; the old one goes on" in machine.journal(), SECONDS)
    wait_until(lambda: "configuration not changed" in machine.show("StatusText"), SECONDS)
    assert (machine.show("ActiveState"), machine.show("MainPID")) == ("active", before)


def test_a_start_with_a_wrong_configuration_is_not_tried_twice(machine: Machine) -> None:
    machine.configure(GOOD + "wrong = 1\n")
    assert machine.run("systemctl", "restart", UNIT).returncode != 0
    wait_until(lambda: machine.show("ActiveState") == "failed", SECONDS)
    time.sleep(1.0)  # RestartSec is a fifth of that
    assert machine.show("ActiveState") == "failed"
    assert (machine.show("ExecMainStatus"), machine.show("NRestarts")) == ("78", "0"), "systemctl starts the count anew"
    assert f"{CONFIGURATION}:5: unknown key `wrong`" in machine.journal()


def test_it_stops_when_it_is_told_to(machine: Machine) -> None:
    wait_until(lambda: machine.ask("/readyz")[0] == 200, SECONDS)
    assert machine.run("systemctl", "stop", UNIT).returncode == 0
    assert (machine.show("ActiveState"), machine.show("Result"), machine.show("ExecMainStatus")) == (
        "inactive",
        "success",
        "0",
    )
    assert "SIGTERM after " in machine.journal()
    assert (machine.root / "var/lib/gatereader/plates.csv").is_file()
