"""Whether the machine's clock is right: timesyncd's word, else the kernel's, else nobody's."""

from pathlib import Path

import pytest

from edge import clock
from edge.clock import clock_synced


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


def test_the_kernel_answers_or_forbids_it() -> None:
    assert -1 <= clock._kernel_state() <= 5
