"""Runs the real service, with its models, for many frames before a camera that is lost again and again.

    PYTHONPATH=. python tests/endurance.py 200000 --losses 50
    PYTHONPATH=. python tests/endurance.py --idle 60           # start, processor time and memory before an empty drive

The camera is a server of this program on loopback (MJPEG over HTTP): an empty drive, sent fast, and now and then a car
of the demo scene. It is lost in every way that a network camera knows, and what only other cameras know (busy, absent,
an unknown name) is played inside the service. Told: memory and its slope, how long each return took, passes, the
record's chain. Exit status 1 if a limit is missed.
"""

import argparse
import json
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import linear_regression
from typing import NamedTuple, TypeVar

import cv2
import numpy as np

from edge.address import Address
from edge.demo_scene import DemoScene
from edge.demo_schedule import Drive
from edge.doctor_service import ask_health
from edge.log_verify import verify_log
from edge.records import Image

SERVED = ("refused", "unauthorised", "no such stream", "silent", "no picture", "killed", "stalled", "broken", "ended")
"""What the server does; "silent" takes the connection and says nothing, "killed" resets it in the middle of a frame."""
PLAYED = ("unknown host", "busy", "no such device", "no permission")
"""What is raised where the service opens the camera."""
LOSSES = (*SERVED, *PLAYED)
SLOPE = 1.0
"""MB in 100,000 frames."""
GRACE = 3.0
"""Seconds beyond the service's own pause until pictures come again."""
_TIMEOUT = 1.0
"""open_timeout and read_timeout of the service."""
_CAR_RATE = 15.0
_CAR_SECONDS = 4.0
_NOTICED = 20.0
_TELLING = 20_000
"""Frames from which on a slope says something about 100,000."""

Found = TypeVar("Found")

SERVICE = """
import sys
from pathlib import Path
import edge.source
from edge.camera import CameraError
from edge.cli import main

control, real = Path(sys.argv[1]), edge.source.open_stream

def opened(url, *limits):
    if cause := control.read_text():
        raise CameraError(cause)
    return real(url, *limits)

edge.source.open_stream = opened
sys.exit(main(sys.argv[2:]))
"""


class EmptyScene(DemoScene):
    """The demo scene on a day on which nobody comes; of its own accord it is never without a car for long."""

    def drives(self, cycle: int) -> tuple[Drive, ...]:
        return ()


class Scene:
    """JPEGs of an empty drive, a little noisy as a camera's, and of cars that drive through it."""

    def __init__(self, cars: int = 4, seed: int = 0) -> None:
        scene, noise = DemoScene(seed), np.random.default_rng(seed)
        moments = [index / _CAR_RATE for index in range(round(60 * _CAR_RATE))]
        shown = [bool(scene.plates_at(moment)) for moment in moments]
        begins = [index for index in range(1, len(shown)) if shown[index] and not shown[index - 1]][:cars]
        self.cars: list[list[bytes]] = []
        for begin in begins:
            end = next((index for index in range(begin, len(shown)) if not shown[index]), len(shown))
            end = min(end, begin + round(_CAR_SECONDS * _CAR_RATE))
            self.cars.append([_jpeg(scene.frame_at(moments[index])[0]) for index in range(begin, end)])
        drive = EmptyScene(seed).frame_at(0.0)[0]
        self.empty = [_jpeg(_noisy(drive, noise)) for _ in range(4)]


def _noisy(image: Image, random: np.random.Generator) -> Image:
    return np.asarray(np.clip(image + random.normal(0, 2, image.shape), 0, 255), np.uint8)


def _jpeg(image: Image) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())


class Camera:
    """The server; `mode` is empty while all is well, else one of `SERVED`."""

    def __init__(self, scene: Scene, rate: float, every: float) -> None:
        self.mode = ""
        self._scene, self._rate, self._every = scene, rate, every
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._closing = False
        self._connections = set[socket.socket]()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, mode: str) -> None:
        """From now on, until `restore`."""
        self.mode = mode
        if mode == "refused":
            self._listener.close()
        if mode not in ("stalled", "broken"):
            self._drop()

    def restore(self) -> None:
        """All is well again for who asks anew."""
        if self.mode == "refused":
            self._listener = self._listen(self.port)
        self.mode = ""

    def close(self) -> None:
        """The end."""
        self._closing = True
        self._listener.close()
        self._drop()

    def drop(self) -> None:
        """Cuts every connection, without a goodbye."""
        self._drop()

    def _drop(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _listen(port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(8)
        listener.settimeout(0.2)
        return listener

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody yet, or closed for a while
                time.sleep(0.01)
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._connections.add(connection)
        with closing(connection), suppress(OSError):
            connection.settimeout(5)
            connection.recv(4096)
            if self.mode == "silent":
                self._wait_for_another_mode("silent")
            elif self.mode == "unauthorised":
                connection.sendall(b'HTTP/1.0 401 No\r\nWWW-Authenticate: Basic realm="camera"\r\n\r\n')
            elif self.mode == "no such stream":
                connection.sendall(b"HTTP/1.0 404 No\r\n\r\n")
            else:
                connection.sendall(
                    b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
                )
                self._send(connection)
        self._connections.discard(connection)

    def _send(self, connection: socket.socket) -> None:
        empty, cars = cycle(self._scene.empty), cycle(self._scene.cars)
        next_car, due = time.monotonic() + self._every, time.monotonic()
        car: list[bytes] = []
        while not self._closing:
            if self.mode == "stalled":
                self._wait_for_another_mode("stalled")
                return
            if self.mode == "no picture":
                connection.sendall(b"--frame\r\nContent-Type: text/plain\r\n\r\nno camera is connected\r\n")
                time.sleep(0.05)
                continue
            if self.mode == "killed":
                connection.sendall(_part(next(empty))[:2000])
                return
            if self.mode not in ("", "broken"):
                return
            if not car and time.monotonic() >= next_car:
                car = list(next(cars))
                next_car = time.monotonic() + self._every + len(car) / _CAR_RATE
            data = car.pop(0) if car else next(empty)
            if self.mode == "broken":
                data = b"\xff\xd8" + random.Random(0).randbytes(len(data) - 4) + b"\xff\xd9"
            connection.sendall(_part(data))
            due = max(due + 1 / (_CAR_RATE if car or self.mode else self._rate), time.monotonic() - 0.1)
            time.sleep(max(0.0, due - time.monotonic()))

    def _wait_for_another_mode(self, mode: str) -> None:
        while self.mode == mode and not self._closing:
            time.sleep(0.02)


def _part(jpeg: bytes) -> bytes:
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + b"\r\n"


class Service:
    """`gatereader run` in a process of its own."""

    def __init__(self, folder: Path, port: int, *settings: str) -> None:
        self.folder, self._control = folder, folder / "control"
        self._control.write_text("")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._address = Address("127.0.0.1", free.getsockname()[1])
        keys = [f"source.open_timeout={_TIMEOUT}", f"source.read_timeout={_TIMEOUT}", *settings]
        arguments = ["run", "--source", f"http://127.0.0.1:{port}/video", "--csv", str(folder / "plates.csv")]
        arguments += ["--listen", f"127.0.0.1:{self._address.port}"]
        for key in keys:
            arguments += ["--set", key]
        self._log = (folder / "log").open("wb")
        command = [sys.executable, "-c", SERVICE, str(self._control), *arguments]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log, env=environment)

    def play(self, cause: str) -> None:
        """What opening the camera raises from now on; empty for nothing."""
        self._control.write_text(cause)

    def health(self) -> dict[str, object]:
        """What the health check says; empty if nobody answers. RuntimeError if the process has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the service ended with {self.process.returncode}: {self.log()[-2000:]}")
        return dict(ask_health(self._address) or {})

    def frames(self) -> int:
        """Frames that were processed."""
        return int(str(self.health().get("frames", 0)))

    def cause(self) -> str:
        """Why no pictures come."""
        url = f"http://127.0.0.1:{self._address.port}/api/events"
        with urllib.request.urlopen(url, timeout=5) as answer:
            camera = json.loads(answer.read())["status"]["camera"]
        return "" if camera["online"] else str(camera["cause"])

    def resident(self) -> float:
        """MB in memory."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * resource.getpagesize() / 1e6

    def processor(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self) -> int:
        """Descriptors that it holds."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def threads(self) -> int:
        """Threads that it has."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def log(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Ends it as systemd would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            self.process.kill()
        self.process.wait()
        self._log.close()


@dataclass(frozen=True)
class Loss:
    """One loss of the camera and its end; seconds."""

    kind: str
    told: str
    """The cause that the service named; empty if it never noticed."""
    lasted: float
    """From the loss until all was well again."""
    back: float
    """From then until a new frame was processed."""

    @property
    def allowed(self) -> float:
        """The longest pause that the service can have come to by doubling, and the grace."""
        return min(30.0, max(1.0, self.lasted / 0.75 + 1.0)) + GRACE

    @property
    def good(self) -> bool:
        return bool(self.told) and self.back <= self.allowed


@dataclass
class Outcome:
    """What a run came to."""

    frames: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    losses: list[Loss] = field(default_factory=list)
    resident: list[tuple[int, float]] = field(default_factory=list)
    """Frames processed and MB, since the start."""
    files: tuple[int, int] = (0, 0)
    """Descriptors after the first frames, and at the end."""
    threads: tuple[int, int] = (0, 0)
    rows: int = 0
    chain_whole: bool = False
    status: int | None = None

    @property
    def slope(self) -> float:
        """MB in 100,000 frames, by the line through all samples but the first fifth."""
        points = self.resident[len(self.resident) // 5 :]
        return 1e5 * linear_regression(*zip(*points, strict=True)).slope

    def faults(self) -> list[str]:
        """Limits that were missed."""
        found = [
            f"{loss.kind}: {loss.told or 'not noticed'}, back after {loss.back:.1f} s"
            for loss in self.losses
            if not loss.good
        ]
        if self.frames >= _TELLING and self.slope > SLOPE:
            found.append(f"memory grows by {self.slope:.2f} MB in 100 000 frames")
        if self.files[1] > self.files[0] + 2 or self.threads[1] > self.threads[0] + 2:
            found.append(f"files {self.files[0]} → {self.files[1]}, threads {self.threads[0]} → {self.threads[1]}")
        if not self.chain_whole or not self.rows:
            found.append(f"{self.rows} rows, chain {'whole' if self.chain_whole else 'broken'}")
        if self.status != 0:
            found.append(f"it ended with {self.status}")
        return found


def endure(
    frames: int,
    losses: Sequence[str],
    folder: Path,
    *,
    rate: float = 150.0,
    every: float = 20.0,
    hold: float = 2.0,
    cars: int = 4,
    tell: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """So many processed frames and these losses, evenly among them; each lasts up to `hold` seconds more than it takes
    to be noticed. `rate` is how many frames of the empty drive come a second, `every` the seconds between cars."""
    outcome, luck = Outcome(), random.Random(1)
    with ExitStack() as stack:
        camera = stack.enter_context(closing(Camera(Scene(cars), rate, every)))
        # all frames count here, those of the empty drive as well
        service = stack.enter_context(closing(Service(folder, camera.port, "motion.rest_fps=0")))
        _until(lambda: service.frames() > 20, 60)
        outcome.files, outcome.threads = (service.open_files(), 0), (service.threads(), 0)
        begun, first, used = time.monotonic(), service.frames(), service.processor()
        due = [first + round((number + 0.5) * frames / max(1, len(losses))) for number in range(len(losses))]
        told_at = 0.0
        while (done := service.frames()) - first < frames or due:
            outcome.resident.append((done - first, service.resident()))
            if due and done >= due[0]:
                kind = losses[len(losses) - len(due)]
                due.pop(0)
                outcome.losses.append(_lose(kind, camera, service, luck.uniform(0.2, hold)))
            if time.monotonic() - told_at > 5:
                told_at = time.monotonic()
                tell(f"{done - first} frames, {service.resident():.0f} MB, {len(outcome.losses)} losses")
            time.sleep(0.5)
        outcome.frames, outcome.seconds = service.frames() - first, time.monotonic() - begun
        outcome.processor = service.processor() - used
        outcome.files = outcome.files[0], service.open_files()
        outcome.threads = outcome.threads[0], service.threads()
        service.close()
        outcome.status = service.process.returncode
        report = verify_log(folder / "plates.csv")
        outcome.rows, outcome.chain_whole = sum(one.rows for one in report.files), report.broken is None
    return outcome


def _lose(kind: str, camera: Camera, service: Service, hold: float) -> Loss:
    begun = time.monotonic()
    if kind in PLAYED:
        service.play(kind)
        camera.drop()
    else:
        camera.lose(kind)
    told = _until(service.cause, _NOTICED)
    time.sleep(hold)
    told = service.cause() or told
    service.play("")
    camera.restore()
    lasted, restored, before = time.monotonic() - begun, time.monotonic(), service.frames()
    _until(lambda: service.frames() > before, 45)
    return Loss(kind, told, lasted, time.monotonic() - restored)


def _until(wanted: Callable[[], Found], patience: float) -> Found:
    end = time.monotonic() + patience
    while not (found := wanted()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def text(outcome: Outcome) -> str:
    """The outcome for a terminal."""
    sizes = [size for _, size in outcome.resident]
    lines = [
        f"{outcome.frames} frames in {outcome.seconds:.0f} s ({outcome.frames / outcome.seconds:.0f}/s), "
        f"{1000 * outcome.processor / outcome.frames:.2f} ms of processor time a frame; {outcome.rows} passes",
        f"resident: {sizes[len(sizes) // 5]:.1f} MB after a fifth, {sizes[-1]:.1f} MB at the end, "
        f"at most {max(sizes):.1f} MB"
        + (f"; {outcome.slope:+.2f} MB in 100 000 frames" if outcome.frames >= _TELLING else ""),
        f"files {outcome.files[0]} → {outcome.files[1]}, threads {outcome.threads[0]} → {outcome.threads[1]}",
        f"{len(outcome.losses)} losses, longest return {max((loss.back for loss in outcome.losses), default=0):.1f} s",
    ]
    for kind in dict.fromkeys(loss.kind for loss in outcome.losses):
        mine = [loss for loss in outcome.losses if loss.kind == kind]
        causes = ", ".join(dict.fromkeys(loss.told or "not noticed" for loss in mine))
        worst = max(mine, key=lambda loss: loss.back - loss.allowed)
        lines.append(
            f"  {kind:15} ×{len(mine):<3} told: {causes}; back after {worst.back:.1f} s (allowed {worst.allowed:.1f})"
        )
    faults = outcome.faults()
    return "\n".join([*lines, *(f"MISSED: {fault}" for fault in faults), "" if faults else "all limits are kept"])


class Idle(NamedTuple):
    """What the service costs while nothing happens; seconds, MB."""

    start: tuple[float, float]
    """Wall and processor time from the start of the program to the first processed frame."""
    frames: int
    seconds: float
    processor: float
    resident: float

    def __str__(self) -> str:
        return (
            f"first frame {self.start[0]:.1f} s after the start, {self.start[1]:.1f} s of processor time\n"
            f"{self.frames} frames looked at in {self.seconds:.0f} s: {self.processor / self.seconds:.1%} of a core\n"
            f"resident: {self.resident:.1f} MB"
        )


def idle(seconds: float, folder: Path, source: str = "") -> Idle:
    """An empty drive at 15 frames/s before the service, nobody watching; or another `source`."""
    with ExitStack() as stack:
        camera = stack.enter_context(closing(Camera(Scene(0), _CAR_RATE, float("inf"))))
        begun = time.monotonic()
        settings = [f"source.source={source}"] if source else []
        service = stack.enter_context(closing(Service(folder, camera.port, *settings)))
        _until(lambda: service.frames() >= 1, 60)
        start = time.monotonic() - begun, service.processor()
        time.sleep(5)  # the gate settles
        frames, used, begun = service.frames(), service.processor(), time.monotonic()
        time.sleep(seconds)
        lasted = time.monotonic() - begun
        return Idle(start, service.frames() - frames, lasted, service.processor() - used, service.resident())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=int, nargs="?", default=200_000)
    parser.add_argument("--losses", type=int, default=50)
    parser.add_argument("--rate", type=float, default=150.0, help="frames of the empty drive a second")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two cars")
    parser.add_argument("--idle", type=float, metavar="SECONDS", help="only measure so long before an empty drive")
    parser.add_argument("--source", default="", help="with --idle: another source than the camera of this program")
    options = parser.parse_args()
    if options.idle:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(f"{idle(options.idle, Path(folder), options.source)}\n")
        return
    losses = [kind for kind, _ in zip(cycle(LOSSES), range(options.losses), strict=False)]
    show = sys.stderr.isatty()

    def tell(line: str) -> None:
        sys.stderr.write(f"\r\033[K{line}" if show else f"{line}\n")

    with tempfile.TemporaryDirectory() as folder:
        outcome = endure(
            options.frames,
            losses,
            Path(folder),
            rate=options.rate,
            every=options.every,
            hold=4.0,
            tell=tell,
        )
    sys.stdout.write(text(outcome) + "\n")
    sys.exit(bool(outcome.faults()))


if __name__ == "__main__":
    main()
