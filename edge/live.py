"""The live page: its settings, and the server that runs beside the processing loop in one thread."""

import asyncio
import logging
import re
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.address import Address, listen, parse_listen
from edge.errors import ConfigError
from edge.password import check_password_hash, read_password_file
from edge.recent import Veil, recent_passes
from edge.records import FrameResult

if TYPE_CHECKING:
    import uvicorn

log = logging.getLogger(__name__)

_CLOSE_SECONDS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
"""Seconds after which what broke down is run again; twice as many each time, so that it does not fill the log."""
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
MOST_VIEWERS = 12
"""Each has two connections, for the stream and for the list: half of what one address gets, such as a proxy's."""
_GRACE_SECONDS = 0.5
"""What viewers get to take their last picture before their connections are cut."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """The live page: what the camera sees, with the plates drawn on it, and the last passes."""

    enabled: bool = True
    """Serve the live page; false also switches off /healthz."""
    listen: str = "127.0.0.1:8080"
    """Address and port; "0.0.0.0:8080" for the whole network, which needs a password. Port 0 takes any free one."""
    user: str = "gate"
    """Name to sign in with, once there is a password."""
    password_hash: str = ""
    """What `gatereader password` prints; empty for no password."""
    password_file: str = ""
    """A file that holds what `gatereader password` prints instead, such as a systemd credential."""
    allow_anonymous: bool = False
    """Let everybody who can reach the address see the page without a password."""
    hosts: tuple[str, ...] = ()
    """Further names, without scheme and port, that the page without a password is asked for by, such as a proxy's."""
    max_fps: float = 8.0
    """Pictures a second that are drawn and sent, at most."""
    quality: int = 75
    """JPEG quality, 10 to 95."""
    max_viewers: int = 8
    """Viewers of the moving picture at one time, 1 to 12; the next one is turned away."""
    width: int = 960
    """Wider frames are made this wide before drawing; 0 leaves them as they are."""

    def __post_init__(self) -> None:
        address = parse_listen(self.listen)
        if not self.user or ":" in self.user or not self.user.isprintable():
            raise ConfigError("user must have at least one character, and neither a colon nor a control character")
        if not 0.1 <= self.max_fps <= 60:
            raise ConfigError(f"max_fps = {self.max_fps}: wanted 0.1 to 60")
        if not 10 <= self.quality <= 95:
            raise ConfigError(f"quality = {self.quality}: wanted 10 to 95")
        if not 1 <= self.max_viewers <= MOST_VIEWERS:
            raise ConfigError(f"max_viewers = {self.max_viewers}: wanted 1 to {MOST_VIEWERS}")
        for name in self.hosts:
            _host_name(name)
        if self.width and not 160 <= self.width <= 7680:
            raise ConfigError(f"width = {self.width}: wanted 160 to 7680, or 0 for the frame's own")
        if self.password_hash and self.password_file:
            raise ConfigError("password_hash and password_file are both given; keep one of them")
        if self.password_hash:
            _check_hash(self.password_hash, "password_hash")
        has_password = bool(self.password_hash or self.password_file)
        if self.enabled and not (address.is_loopback or has_password or self.allow_anonymous):
            raise ConfigError(
                f'listen = "{self.listen}" shows the page to the network, without a password: write '
                'password_hash = "…" with what `gatereader password` prints, or allow_anonymous = true, '
                f'or listen = "127.0.0.1:{address.port}"'
            )


def check_live_settings(settings: LiveSettings) -> str:
    """The password's hash, or an empty text without one; ConfigError if its file cannot be read or holds none.

    All else is checked when the settings are made.
    """
    if not settings.password_file:
        return settings.password_hash
    line = read_password_file(settings.password_file, "live.password_file").strip()
    line = re.sub(r'^password_hash\s*=\s*"([^"]*)"$', r"\1", line)  # as `gatereader password > FILE` leaves it
    _check_hash(line, f"live.password_file {Path(settings.password_file)}")
    return line


def _host_name(name: str) -> str:
    """A name of `live.hosts` as browsers send it, with IDNA's letters; ConfigError for what no Host header can be."""
    try:
        sent = name.encode("idna").decode().lower().rstrip(".")
    except UnicodeError:  # a part between two dots is empty, or too long
        sent = ""
    if not _HOST_NAME.fullmatch(sent):
        raise ConfigError(
            f'hosts has "{name}": wanted a whole name such as "gate.example.org", '
            "without scheme, port, path, blank or *; an address need not be named"
        )
    return sent


def _check_hash(line: str, where: str) -> None:
    try:
        check_password_hash(line)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


class LiveServer:
    """Serves the page from one daemon thread; the processing loop only ever leaves things for it.

    `status` is asked in that thread, a few times a second at most, and tells what it knows of: `version`, `loop_age`
    (seconds since the processing loop last turned; above 10 /healthz says 503), `camera` (a mapping: `name`, `online`,
    `since`, `cause`), `last_frame_age` (seconds), `frames`, `dropped`, `fps`, `passes`, `uptime` (seconds). `aim`
    measures a result for the page /aim, in that thread too and only while somebody looks at it; without it there is no
    such page. Until `show_crops` and `give_frames` say otherwise the list shows the plates' pictures, and no whole
    frames are handed out.
    """

    def __init__(
        self,
        settings: LiveSettings,
        status: Callable[[], Mapping[str, object]],
        aim: Callable[[FrameResult], Mapping[str, object]] | None = None,
    ) -> None:
        from edge.live_feed import EventBoard, PictureFeed  # noqa: PLC0415 - the settings must load without a font

        self.trouble = ""
        """What broke down, in one line, until it runs again; empty if nothing did."""
        self._settings = settings
        self._password_hash = check_live_settings(settings)
        self._status, self._aim = status, aim
        self._feed = PictureFeed(settings.width, settings.quality, settings.max_fps)
        self._board = EventBoard()
        self._address = parse_listen(settings.listen)
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        """Where the page is, after `start` with the port that it got; empty when it is switched off."""
        if not self._settings.enabled:
            return ""
        return f"http://{self._address.reachable}/"

    @property
    def watched(self) -> bool:
        """Whether somebody looks at the pictures."""
        return self._feed.viewers > 0

    def start(self) -> None:
        """Takes the port and starts serving, unless switched off; OutputError if the port cannot be had."""
        if not self._settings.enabled:
            return
        self._listener = listen(self._address)
        self._address = Address(self._address.host, self._listener.getsockname()[1])
        config = self._server_config()
        self._thread = threading.Thread(target=self._run, args=(config, self._listener), name="live", daemon=True)
        self._thread.start()
        self._ready.wait(10.0)

    def show_crops(self, wanted: bool) -> None:
        """Whether the list shows the plates' pictures from now on."""
        self._board.show_crops(wanted)

    def give_frames(self, wanted: bool) -> None:
        """Whether whole frames are handed out from now on."""
        self._feed.gives_frames = wanted

    def forget(self) -> None:
        """Empties the list."""
        self._board.forget()

    def recall(self, lines: Path | None, *, veil: Veil, pictures: Path | None) -> None:
        """Lists the passes from before the start, as `recent_passes` finds them."""
        from edge.live_feed import EVENTS_KEPT  # noqa: PLC0415 - as above

        if self._settings.enabled:
            self._board.recall(recent_passes(lines, EVENTS_KEPT, veil=veil, pictures=pictures))

    def publish(self, result: FrameResult) -> None:
        """Makes this the newest picture and keeps its events. Never waits."""
        if not self._settings.enabled:
            return
        self._board.add(result.events)
        self._feed.offer(result)

    def close(self) -> None:
        """Sends the viewers home and frees the port, within two seconds."""
        if self._thread is None or self._loop is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(_CLOSE_SECONDS)
            if self._thread.is_alive():
                log.warning("live page: the server did not stop within %.0f s", _CLOSE_SECONDS)
        self._thread = None

    def _server_config(self) -> "uvicorn.Config":
        import uvicorn  # noqa: PLC0415 - 15 MB and 0.3 s that only the live page needs

        from edge.live_app import LiveApp  # noqa: PLC0415
        from edge.live_connection import BoundedConnection  # noqa: PLC0415
        from edge.live_sign_in import Credentials  # noqa: PLC0415

        credentials = Credentials(self._settings.user, self._password_hash) if self._password_hash else None
        app = LiveApp(self._feed, self._board, self._status, self._settings.max_viewers, self._aim)
        return uvicorn.Config(
            app.guarded(credentials, [_host_name(name) for name in self._settings.hosts]),
            loop="asyncio",
            http=BoundedConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # each malformed request is a warning: anybody could fill the journal
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )

    def _run(self, config: "uvicorn.Config", listener: socket.socket) -> None:
        try:
            asyncio.run(self._run_parts(config, listener))
        finally:
            listener.close()
            self._ready.set()

    async def _run_parts(self, config: "uvicorn.Config", listener: socket.socket) -> None:
        """The pictures and the server until it is to close; what fails of them leaves the other alone."""
        self._loop = asyncio.get_running_loop()
        pictures = asyncio.create_task(self._keep("moving picture", self._feed.pump))
        server = asyncio.create_task(self._keep("server", lambda: self._serve(config, listener)))
        self._ready.set()
        await self._closing.wait()
        self._feed.close()
        await asyncio.gather(server, pictures)

    async def _keep(self, what: str, run: Callable[[], Coroutine[None, None, None]]) -> None:
        """Runs a part until the page closes: one that ends by an error of ours is told, and run again after a pause."""
        clock, pause = asyncio.get_running_loop().time, _FIRST_PAUSE
        while True:
            began, part = clock(), asyncio.create_task(run())
            await asyncio.wait({part})
            if self._closing.is_set():
                return await part
            error = part.exception()
            if clock() - began > _LONGEST_PAUSE:
                pause = _FIRST_PAUSE
            named = f" ({type(error).__name__})" if error else ""
            self.trouble = f"the live page's {what} ended by an error of ours{named}"
            log.error("%s; started again in %.0f s, recognition goes on", self.trouble, pause, exc_info=error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)
                return None
            self.trouble, pause = "", min(2 * pause, _LONGEST_PAUSE)

    async def _serve(self, config: "uvicorn.Config", listener: socket.socket) -> None:
        import uvicorn  # noqa: PLC0415 - as above

        server = uvicorn.Server(config)
        with listener.dup() as copy:  # for the server closes what it listens on: the port stays ours
            serving = asyncio.create_task(server.serve(sockets=[copy]))
            closing = asyncio.create_task(self._closing.wait())
            await asyncio.wait({closing, serving}, return_when=asyncio.FIRST_COMPLETED)
            closing.cancel()
            server.should_exit = True
            await asyncio.wait({serving}, timeout=_GRACE_SECONDS)
            for taking in getattr(server, "servers", ()):  # one that fell has not closed them
                taking.close()
            for connection in list(server.server_state.connections):  # a stalled viewer would keep it waiting
                if connection.transport is not None:
                    connection.transport.abort()
            await serving
