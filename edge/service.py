"""The service: source → pipeline → CSV and live page, until the source ends or a signal comes.

The loop here is the one that systemd's watchdog watches: it says "alive" after each frame, and after each wait for a
camera that is offline, because a camera without power must not restart the program.
"""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from types import FrameType
from typing import Protocol, Self
from urllib.parse import urlsplit

from edge import __version__
from edge.address import parse_listen
from edge.aim import AimMeter
from edge.aim_words import aim_values
from edge.camera import LiveCamera
from edge.clock import ClockWatch
from edge.config import Config, kept_folders
from edge.detector_choice import choice_text
from edge.event_values import event_line
from edge.json_log import json_path
from edge.live import LiveServer
from edge.motion_watch import FrozenMeter, MotionCount
from edge.notify import notify
from edge.parts import Extra, Parts
from edge.privacy import Privacy, Processor
from edge.records import Frame, FrameResult, PlateEvent
from edge.reload import Reload
from edge.source import SourceState, open_source
from edge.written import ROWS_WAIT, UNWRITTEN, written_bytes, written_values

log = logging.getLogger(__name__)
_TIDY_EVERY = 3600.0
"""Seconds from one look for what is too old to the next."""
_ALIVE_EVERY = 1.0
"""Seconds between two signs of life; far below any sensible WatchdogSec, far above the time of a frame."""


class Log(Protocol):
    """What the loop asks of what is written down: rows, JSON lines, pictures."""

    @property
    def error(self) -> str:
        """What is wrong, in one line; empty if nothing is."""

    @property
    def astray(self) -> bool:
        """Whether rows go to another disk than before."""

    @property
    def waiting(self) -> int:
        """Rows that the disk does not take at the moment."""

    def __call__(self, event: PlateEvent) -> None:
        """There is an answer, early or final."""

    def tidy(self) -> None:
        """An hour is over: time to delete what is too old."""

    def flush(self) -> None:
        """Try the waiting rows again."""


class Page(Protocol):
    """What the loop asks of the live page."""

    @property
    def watched(self) -> bool:
        """Whether somebody looks at the pictures."""

    def publish(self, result: FrameResult) -> None:
        """A new picture, and its events."""


class Camera(Protocol):
    """What the status tells of a source."""

    @property
    def description(self) -> str:
        """The source in words, without its password."""

    def state(self) -> SourceState:
        """How it is now."""


class Stop:
    """SIGINT and SIGTERM ask the loop to end; a second one does not wait for it.

    SIGHUP asks for the configuration to be read anew where `reloads`, else also for the end, unless it is ignored
    (nohup).
    """

    def __init__(self, *, reloads: bool = False) -> None:
        self.cause = ""
        self.reload_asked = False
        self._reloads = reloads
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
            if self._reloads:
                self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._ask_reload)
            elif signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
                self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        if self.cause:
            raise KeyboardInterrupt
        self.cause = signal.Signals(number).name

    def _ask_reload(self, number: int, _: FrameType | None) -> None:  # noqa: ARG002
        self.reload_asked = True


class Progress:
    """How far the loop has come; written by the loop, read by the live page's thread."""

    def __init__(self, name: str, camera: Camera, log: Log, extras: Sequence[Extra] = ()) -> None:
        self.frames = 0
        self.passes = 0
        self.rate = 0.0
        self.started_at = self.turned_at = self.frame_at = time.monotonic()
        self.reload: Reload | None = None
        self.page: LiveServer | None = None
        self.motion = MotionCount()
        self.frozen: FrozenMeter | None = None
        self._clock = ClockWatch()
        self._name, self._camera, self._rows, self._extras = name, camera, log, extras
        self._privacy: Privacy | None = None
        self._told_at, self._told_frames = float("-inf"), 0
        self._tidied_at = self.started_at

    def use(self, log: Log, extras: Sequence[Extra], privacy: Privacy) -> None:
        """Tell of these from now on."""
        self._rows, self._extras, self._privacy = log, extras, privacy

    def saw(self, result: FrameResult) -> None:
        """A frame went all the way."""
        self.frames += 1
        self.frame_at = time.monotonic()
        self.motion.look(result)
        if self.frozen is not None:
            self.frozen.look(result.frame)

    def _tidy(self) -> None:
        self._rows.tidy()
        for extra in self._extras:
            extra.tidy()
        if self._privacy is not None:
            self._privacy.tidy()

    def turn(self) -> None:
        """The loop went round: once a second, try what the disk did not take, and tell systemd."""
        self.turned_at = now = time.monotonic()
        if now - self._told_at < _ALIVE_EVERY:
            return
        self.rate = (self.frames - self._told_frames) / (now - self._told_at)
        self._told_at, self._told_frames = now, self.frames
        if self._rows.waiting:
            self._rows.flush()
        if now - self._tidied_at >= _TIDY_EVERY:
            self._tidied_at = now
            self._tidy()
        self._clock.look()
        seen = self._camera.state()
        status = f"{self.rate:.1f} frames/s, {self.passes} passes" if seen.online else f"camera offline: {seen.cause}"
        unwritten, not_kept = self._troubles()
        if unwritten:
            waiting = f"{self._rows.waiting} {ROWS_WAIT} " if self._rows.waiting else ""
            status += f"; {waiting}{unwritten}"
        status += "".join(f"; {UNWRITTEN} {cause}" for cause in not_kept)
        if self.reload is not None and self.reload.trouble:
            status += f"; {self.reload.trouble}"
        if self.page is not None and self.page.trouble:
            status += f"; {self.page.trouble}"
        if self._clock.trouble:
            status += f"; {self._clock.trouble}"
        if picture := self._picture(seen):
            status += f"; {picture}"
        # READY is repeated, which systemd allows: the first one goes out after the first frame went all the way
        notify(READY=1, STATUS=status, WATCHDOG=1)

    def _picture(self, seen: SourceState) -> str:
        """What is wrong with the pictures that come; empty if nothing is, or none come."""
        return self.frozen.trouble if self.frozen is not None and seen.online else ""

    def _troubles(self) -> tuple[str, list[str]]:
        """Why rows are not on their disk, if so; and what else is not kept, such as pictures without room."""
        rows, extras = self._rows.error, [extra.error for extra in self._extras if extra.error]
        if self._rows.waiting or self._rows.astray:
            return rows, extras
        return "", [*([rows] if rows else []), *extras]

    def status(self) -> dict[str, object]:
        """What the live page and its health check tell."""
        now, seen = time.monotonic(), self._camera.state()
        unwritten, not_kept = self._troubles()
        return {
            "version": __version__,
            "uptime": round(now - self.started_at, 1),
            "loop_age": round(now - self.turned_at, 1),
            "last_frame_age": round(now - self.frame_at, 1) if self.frames else None,
            "frames": self.frames,
            "dropped": seen.dropped,
            "fps": round(self.rate, 1),
            "passes": self.passes,
            "movements_without_plate": self.motion.without_plate,
            "picture": self._picture(seen),
            "rows_waiting": self._rows.waiting,
            "not_written": unwritten,
            **written_values(written_bytes(), now - self.started_at),
            "reload": self.reload.trouble if self.reload is not None else "",
            "clock": self._clock.trouble,
            "not_kept": not_kept,
            "camera": {
                "name": self._name,
                "description": self._camera.description,
                "online": seen.online,
                "since": seen.since.astimezone(),
                "cause": seen.cause,
            },
        }


class Loop:
    """Takes frames as they come and hands out what they became: an event goes to the CSV file before the page.

    While nothing moves and nobody watches, `rest` is told that `rest_fps` frames a second are enough; 0 ends that.
    """

    def __init__(
        self,
        pipeline: Processor,
        log: Log,
        page: Page,
        progress: Progress,
        log_plates: bool = True,
        *,
        extras: Sequence[Extra] = (),
    ) -> None:
        self._pipeline, self._rows, self._page = pipeline, log, page
        self._progress, self._log_plates, self._extras = progress, log_plates, extras
        self.reload: Callable[[], None] | None = None
        self.rest: Callable[[float], None] | None = None
        self.rest_fps = 0.0
        self._last: FrameResult | None = None

    def use(self, parts: Parts) -> None:
        """Go on with the parts as they are now."""
        self._pipeline, self._rows, self._extras = parts.pipeline, parts.ledger, parts.extras
        self._log_plates, self.rest_fps = parts.config.service.log_plates, parts.rest_fps
        self._progress.use(parts.ledger, parts.extras, parts.privacy)
        parts.privacy.tidy()
        self._progress.motion.use(parts.config.motion)

    def run(self, source: Iterable[Frame | None], stop: Stop) -> None:
        """Until the source ends or `stop` has a cause; however it ends, every open track becomes one written event."""
        try:
            for frame in source:
                if frame is None:
                    self._idle()
                else:
                    self._process(frame)
                self._progress.turn()
                if stop.cause:
                    break
                if stop.reload_asked and self.reload is not None:
                    stop.reload_asked = False
                    self.reload()
        finally:
            notify(STOPPING=1, STATUS="writing the last passes")
            self._hand_out(self._pipeline.finish())

    def _process(self, frame: Frame) -> None:
        result = self._pipeline.process(frame)
        self._last = result
        self._progress.saw(result)
        self._record(result.events)
        self._show(result)
        if self.rest is not None:
            self.rest(self.rest_fps if result.resting and not self._page.watched else 0.0)

    def _idle(self) -> None:
        if self._last is not None:
            waited = time.monotonic() - self._progress.frame_at
            self._hand_out(self._pipeline.idle(self._last.frame.time + waited))

    def _hand_out(self, events: tuple[PlateEvent, ...]) -> None:
        """Events that came without a frame: the page gets them with the last frame, without boxes."""
        self._record(events)
        if events and self._last is not None:
            self._show(FrameResult(self._last.frame, (), (), events, region=self._last.region))

    def _show(self, result: FrameResult) -> None:
        self._page.publish(result)
        for extra in self._extras:
            extra(result)

    def _record(self, events: tuple[PlateEvent, ...]) -> None:
        for event in events:
            self._rows(event)
            if event.kind == "final":
                self._progress.passes += 1
                log.info("%s", event_line(event, self._log_plates))


def _use(parts: Parts, loop: Loop, page: LiveServer) -> None:
    """Go on with the parts as they are now."""
    loop.use(parts)
    page.show_crops(parts.config.pictures.keep != "off")
    page.give_frames(parts.config.privacy.unknown == "keep")
    if parts.config.privacy.unknown != "keep":
        page.forget()  # it may list what nobody is to see any more


def page_place(url: str, listen: str) -> str:
    """Where the page is, in words; where it listens on all addresses, also by this machine's name, as others see it."""
    if not url:
        return "no live page"
    # the name alone: whether NAME.local is this machine, or any other, only the network knows
    others = f", for other machines http://{socket.gethostname()}:{urlsplit(url).port}/"
    return f"live page on {url}{others if parse_listen(listen).is_everywhere else ''}"


def run(config: Config, load: Callable[[], Config] | None = None) -> bool:
    """Run the service as `config` says, until its source ends or a signal comes.

    Returns whether all of the source was read, and no row waited for the disk at the end, which is then lost.
    `load` reads the configuration anew at each SIGHUP; without it SIGHUP, which a closing terminal sends, is an end.
    """
    with Stop(reloads=load is not None) as stop, ExitStack() as stack:
        # Models first: a wrong one is the owner's to mend, and is told before any device is opened.
        parts = stack.enter_context(closing(Parts(config)))
        source = stack.enter_context(open_source(config.source))
        parts.watch(source.description)
        progress = Progress(config.service.camera, source, parts.ledger, parts.extras)
        if isinstance(source, LiveCamera):  # a recording may well hold one picture for long
            progress.frozen = FrozenMeter()
        meter = AimMeter(parts.scale, lambda: parts.config.vote.edge_margin)
        aim = aim_values(meter, config.aim, config.source.shutter)
        progress.page = page = stack.enter_context(closing(LiveServer(config.live, progress.status, aim)))
        loop = Loop(parts.pipeline, parts.ledger, page, progress)
        loop.rest = source.rest
        _use(parts, loop, page)  # before the passes of earlier runs are listed: it may empty the list
        lines, pictures = json_path(config.json, config.csv.path), kept_folders(config).get("pictures")
        page.recall(lines, veil=parts.privacy.veil_told, pictures=pictures)
        page.start()
        place = page_place(page.url, config.live.listen)
        log.info("watching %s; %s; passes go to %s", source.description, place, config.csv.path or "no file")
        if told := choice_text(config.detector, config.region):
            log.info("%s", told)
        if load is not None:
            loop.reload = progress.reload = Reload(load, parts, lambda: _use(parts, loop, page))
        loop.run(source, stop)
        log.info("%s after %d frames, %d passes", stop.cause or "source ended", progress.frames, progress.passes)
    return not (source.skipped or parts.ledger.waiting)  # by now it tried its last, and the log says what is lost
