"""USB cameras: which there are, their lasting names, and which program holds one."""

import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from edge import capture
from edge.camera import CameraError
from edge.capture import OpenCvCapture, open_v4l2
from edge.v4l2 import Holder, holders, is_busy, video_devices


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Two cameras of two nodes each, of which the second gives metadata; the first has a lasting name."""
    dev, about = tmp_path / "dev", tmp_path / "sys/class/video4linux"
    for number, name, index in ((0, "HD Webcam", 0), (1, "HD Webcam", 1), (2, "Capture Card", 0), (10, "", 0)):
        (about / f"video{number}").mkdir(parents=True)
        (about / f"video{number}/index").write_text(f"{index}\n")
        if name:
            (about / f"video{number}/name").write_text(f"{name}\n")
        dev.mkdir(exist_ok=True)
        (dev / f"video{number}").touch()
    for folder, link, target in (
        ("by-id", "usb-046d_HD_Webcam-video-index0", "video0"),
        ("by-path", "pci-0000:00:14.0-usb-0:2:1.0-video-index0", "video0"),
        ("by-path", "platform-capture-video-index0", "video2"),
    ):
        (dev / "v4l" / folder).mkdir(parents=True, exist_ok=True)
        (dev / "v4l" / folder / link).symlink_to(f"../../{target}")
    return tmp_path


def test_cameras_are_listed_by_their_lasting_names_without_their_metadata_nodes(machine: Path) -> None:
    dev = machine / "dev"
    assert [str(device) for device in video_devices(dev, machine / "sys")] == [
        f"{dev}/v4l/by-id/usb-046d_HD_Webcam-video-index0 (HD Webcam)",
        f"{dev}/v4l/by-path/platform-capture-video-index0 (Capture Card)",
        f"{dev}/video10",
    ]
    assert [device.path.name for device in video_devices(dev, machine / "sys")] == ["video0", "video2", "video10"]


def test_a_camera_that_is_not_there_is_answered_with_those_that_are(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "video_devices", lambda: video_devices(machine / "dev", machine / "sys"))
    with pytest.raises(CameraError, match=r"is not there; cameras: .*usb-046d_HD_Webcam-video-index0 \(HD Webcam\)"):
        open_v4l2(machine / "dev/v4l/by-id/usb-other", (0, 0), 0, 3)


def test_a_program_that_has_the_device_open_is_named(tmp_path: Path) -> None:
    device, link = tmp_path / "video0", tmp_path / "by-id"
    device.touch()
    link.symlink_to(device)
    hold = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(device)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        name = Path(f"/proc/{other.pid}/comm").read_text().strip()
        assert holders(link, os.getpid()) == [Holder(other.pid, name)], "by its lasting name, too"
        assert str(holders(device, os.getpid())[0]) == f"{name} (process {other.pid})"
        with device.open():
            assert len(holders(device, os.getpid())) == 1, "what we have open ourselves is not in our way"
        other.communicate()
    assert holders(device, os.getpid()) == []


@pytest.mark.parametrize(
    ("seen", "busy", "cause", "said"),
    [
        ([Holder(7, "motion")], False, "busy", r"motion \(process 7\)"),
        ([], True, "busy", "another program; `sudo fuser -v /dev/video0` names it"),
        ([], False, "no picture", "ends before its first picture"),
    ],
)
def test_a_camera_that_opens_and_gives_nothing_is_another_programs(
    monkeypatch: pytest.MonkeyPatch, seen: list[Holder], busy: bool, cause: str, said: str
) -> None:
    class Silent:
        released = False

        def grab(self) -> bool:
            return False

        def release(self) -> None:
            self.released = True

    def ask(_: Path) -> bool:
        assert silent.released, "or it would be us who have it"
        return busy

    silent = Silent()
    monkeypatch.setattr(capture, "holders", lambda device, own_pid: seen)
    monkeypatch.setattr(capture, "is_busy", ask)
    with pytest.raises(CameraError, match=said) as error:
        OpenCvCapture(silent, 3, Path("/dev/video0")).read(lambda: True)  # type: ignore[arg-type]
    assert error.value.cause == cause


@pytest.mark.parametrize(("busy", "cause"), [(True, "busy"), (False, "no picture")])
def test_a_camera_that_does_not_open_is_asked_whether_it_is_another_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, busy: bool, cause: str
) -> None:
    device = tmp_path / "video0"
    device.touch()
    monkeypatch.setattr(capture, "holders", lambda device, own_pid: [])
    monkeypatch.setattr(capture, "is_busy", lambda _: busy)
    with pytest.raises(CameraError, match=cause) as error:
        open_v4l2(device, (0, 0), 0, 3)
    assert error.value.cause == cause


def test_a_device_says_itself_that_it_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device, asked = tmp_path / "video0", list[tuple[int, bytes]]()
    assert not is_busy(device), "it is not there"
    device.touch()
    assert not is_busy(device), "the kernel knows of no such wish to a file"

    def answer(_: int, request: int, wish: bytes) -> bytes:
        asked.append((request, wish))
        return wish

    monkeypatch.setattr("edge.v4l2.fcntl.ioctl", answer)
    assert not is_busy(device)
    assert asked == [
        (0xC0145608, struct.pack("=5I", 1, 1, 1, 0, 0)),
        (0xC0145608, struct.pack("=5I", 0, 1, 1, 0, 0)),  # and given back
    ]
    for number, busy in ((errno.EBUSY, True), (errno.EINVAL, False), (errno.ENODEV, False)):

        def refuse(*_: object, number: int = number) -> bytes:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("edge.v4l2.fcntl.ioctl", refuse)
        assert is_busy(device) == busy
    assert device not in [link.resolve() for link in Path("/proc/self/fd").iterdir()], "closed each time"
