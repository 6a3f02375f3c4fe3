"""Whether the machine's clock is right: timesyncd's word, else the kernel's, else nobody's."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge import clock
from edge.clock import ClockWatch, clock_synced


@pytest.mark.parametrize(
    ("kernel", "folder", "file", "synced"),
    [
        (5, False, False, False),
        (0, False, False, True),
        (1, False, False, True),
        (-1, False, False, None),
        (-1, True, False, False),
        (5, True, True, True),
        (-1, True, True, True),
        (0, True, False, True),
    ],
)
def test_who_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: int, folder: bool, file: bool, synced: bool | None
) -> None:
    place = tmp_path / "timesync"
    if folder:
        place.mkdir()
    if file:
        (place / "synchronized").touch()
    monkeypatch.setattr(clock, "_TIMESYNCD", place)
    monkeypatch.setattr(clock, "_kernel_state", lambda: kernel)
    assert clock_synced() is synced


@pytest.mark.parametrize(
    ("told", "agrees"),
    [("1795298888\n", True), ("86461\n", False), ("946684800\n", False), ("", False), ("9" * 30, False)],
)
def test_a_clock_with_a_battery_agrees_or_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, agrees: bool
) -> None:
    (tmp_path / "rtc0").mkdir()
    (tmp_path / "rtc0" / "since_epoch").write_text(told)
    monkeypatch.setattr(clock, "_RTCS", tmp_path)
    assert clock.battery_agrees(datetime.fromtimestamp(1795298900, UTC)) is agrees
    assert not clock.battery_agrees(datetime.fromtimestamp(1795299900, UTC))  # one of the two was set


def test_the_kernel_answers_or_forbids_it() -> None:
    assert -1 <= clock._kernel_state() <= 5


class Clocks:
    """A wall clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.wall, self.run = datetime(2026, 11, 20, 12, tzinfo=UTC), 1000.0

    def now(self) -> datetime:
        return self.wall

    def running(self) -> float:
        return self.run

    def wait(self, seconds: float, jump: timedelta = timedelta()) -> None:
        self.wall += timedelta(seconds=seconds) + jump
        self.run += seconds


def test_a_clock_that_is_set_is_told_for_an_hour_and_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "clock_synced", lambda: True)
    clocks = Clocks()
    watch = ClockWatch(clocks.now, clocks.running)
    for _ in range(100):
        clocks.wait(1.0, timedelta(milliseconds=5))  # slewed by the network's time
        watch.look()
    assert (watch.trouble, caplog.records) == ("", [])
    for jump, words in ((timedelta(hours=1), "set 60 min ahead"), (timedelta(days=-3), "set 3.0 days back")):
        caplog.clear()
        clocks.wait(1.0, jump)
        for _ in range(10):
            watch.look()
            assert words in watch.trouble
            clocks.wait(300)
        assert len(caplog.records) == 1
        clocks.wait(3600)
        watch.look()
        assert watch.trouble == ""


def test_a_time_zone_that_is_set_while_the_program_runs_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 11, 20, 12, tzinfo=UTC)
    try:
        with monkeypatch.context() as patched:
            patched.setenv("TZ", "AAA-1")
            watch = ClockWatch()
            watch.look()
            assert moment.astimezone().isoformat().endswith("+01:00")
            patched.setenv("TZ", "BBB-5:30")
            watch.look()
            assert moment.astimezone().isoformat().endswith("+05:30")
    finally:
        time.tzset()


@pytest.mark.parametrize("year", [1970, 2019, 2099])
def test_a_clock_that_cannot_be_right_is_told_as_long_as_it_lasts(year: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "clock_synced", lambda: True)
    clocks = Clocks()
    watch = ClockWatch(clocks.now, clocks.running)
    clocks.wall = clocks.wall.replace(year=year)
    for _ in range(5):
        watch.look()
        assert f"it says {year}-11-20" in watch.trouble
        clocks.wait(7200)
    clocks.wall = clocks.wall.replace(year=2026)
    watch.look()
    clocks.wait(7200)
    watch.look()
    assert watch.trouble == ""


@pytest.mark.parametrize(
    ("synced", "battery", "told"),
    [(False, False, True), (False, True, False), (True, False, False), (None, False, False)],
)
def test_a_clock_that_nobody_vouches_for_is_told_once_the_network_had_its_time(
    synced: bool | None, battery: bool, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There nothing gets old, so the owner must know; where a battery's clock is believed things do."""
    monkeypatch.setattr(clock, "clock_synced", lambda: synced)
    monkeypatch.setattr(clock, "battery_agrees", lambda _: battery)
    clocks = Clocks()
    watch = ClockWatch(clocks.now, clocks.running)
    clocks.wait(300)
    watch.look()
    assert watch.trouble == ""
    clocks.wait(400)
    watch.look()
    assert watch.trouble == ("no network time since the start; nothing is deleted by age" if told else "")
    monkeypatch.setattr(clock, "clock_synced", lambda: True)
    clocks.wait(120)
    watch.look()
    assert watch.trouble == ""
