"""The commands' first and last moments: a signal that comes early, an input that ends, a camera that never comes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import main
from edge.config import Config
from edge.source_state import ClosedByWith


def test_a_hangup_before_the_service_listens_to_it_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    heard = list[object]()

    def load(*_: object) -> Config:
        heard.append(signal.getsignal(signal.SIGHUP))
        return Config()

    monkeypatch.setattr("edge.config.load_config", load)
    monkeypatch.setattr("edge.service.run", lambda *_: True)
    monkeypatch.setattr(os, "isatty", lambda _: False)
    before = signal.getsignal(signal.SIGHUP)
    for file in ([], ["--config", str(tmp_path / "any.toml")]):
        assert main(["run", *file]) == 0
        assert signal.getsignal(signal.SIGHUP) == before
    assert heard == [before, signal.SIG_IGN]


def test_a_password_that_does_not_come_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", ended)
    assert main(["password"]) == 78
    assert capsys.readouterr().err == ("gatereader: no password came, as the input has ended; type it in a terminal\n")


class NoCamera(ClosedByWith):
    live, description, skipped = True, "rtsp://camera/s", ()

    def close(self) -> None:
        pass

    def state(self) -> object:
        class State:
            cause = "refused"

        return State()

    def __iter__(self) -> Iterator[None]:
        yield from [None] * 1000


def test_a_replay_of_a_camera_that_never_comes_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edge.replay.open_recording", lambda *_: NoCamera())
    assert main(["replay", "rtsp://camera/s"]) == 1
    assert "rtsp://camera/s: no picture yet: refused" in capsys.readouterr().err


@pytest.mark.parametrize("hangs", [True, False])
def test_a_camera_that_hangs_in_its_driver_does_not_break_the_end(hangs: bool) -> None:
    """FFmpeg aborts the process when it comes back to a Python that is taking itself down, so nothing is taken down."""
    text = f"""
import atexit, threading, time
import edge.__main__ as program

def command():
    if {hangs}:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    print("rows are written", end="")
    return 3

atexit.register(print, ", and Python is taken down", end="")
program.main = command
program.program()
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    told = "rows are written" if hangs else "rows are written, and Python is taken down"
    assert (done.returncode, done.stdout, done.stderr) == (3, told, "")


@pytest.mark.parametrize("stream", [">&-", "2>&-"])
def test_a_stream_that_is_closed_is_no_fault(stream: str) -> None:
    command = f'"{sys.executable}" -m edge config show {stream}'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
