"""What the service wrote to its disk is counted, and told by health check, status and doctor."""

import os
from pathlib import Path

import pytest
from test_service import FakeCamera, FakeOutputs

from edge.doctor_service import running_page
from edge.live import LiveSettings
from edge.service import Progress
from edge.written import written_bytes, written_text, written_values

IO = "rchar: 9\nwchar: 8\nsyscr: 7\nsyscw: 6\nread_bytes: 5\nwrite_bytes: 3000000\ncancelled_write_bytes: 500000\n"


def test_the_kernels_count_without_what_never_reached_the_disk(tmp_path: Path) -> None:
    (tmp_path / "io").write_text(IO)
    assert written_bytes(tmp_path / "io") == 2_500_000
    assert written_bytes(tmp_path / "none") is None
    (tmp_path / "io").write_text("rchar: 9\n")
    assert written_bytes(tmp_path / "io") is None


def test_a_day_is_told_after_an_hour() -> None:
    assert written_values(2_500_000, 3599) == {"written_mb": 2.5, "written_mb_a_day": None}
    assert written_values(2_500_000, 7200) == {"written_mb": 2.5, "written_mb_a_day": 30.0}
    assert written_values(None, 7200) == {"written_mb": None, "written_mb_a_day": None}


def test_what_is_written_to_a_real_disk_is_counted(tmp_path: Path) -> None:
    before = written_bytes()
    file = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    os.write(file, os.urandom(1_000_000))
    os.fsync(file)
    os.close(file)
    after = written_bytes()
    if before is None or after is None or after == before:
        pytest.skip("this kernel or this file system does not count")
    assert 1_000_000 <= after - before < 1_300_000


def test_status_and_doctor_tell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.service.written_bytes", lambda: 2_500_000)
    progress = Progress("gate", FakeCamera(), FakeOutputs())
    progress.started_at -= 7200
    status = progress.status()
    assert (status["written_mb"], status["written_mb_a_day"]) == (2.5, 30.0)
    health = {"alive": True, "fps": 5, "passes": 3, "camera": {"online": True}, **status}
    assert "3 passes, 2.5 MB written (30 a day)" in running_page(LiveSettings(), lambda _: health | {"passes": 3}).text
    assert written_text({}) == ""


def test_the_doctor_says_that_the_picture_has_frozen() -> None:
    frozen = "the picture does not change"
    health = {"alive": True, "fps": 5, "passes": 3, "camera": {"online": True}, "picture": frozen}
    found = running_page(LiveSettings(), lambda _: health)
    assert (found.state, frozen in found.text) == ("attention", True)


def test_the_doctor_says_that_the_clock_is_wrong() -> None:
    health = {"alive": True, "fps": 5, "passes": 3, "camera": {"online": True}, "clock": "the clock cannot be right"}
    found = running_page(LiveSettings(), lambda _: health)
    assert (found.state, "the clock cannot be right" in found.text) == ("attention", True)
