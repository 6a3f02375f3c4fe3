"""The live page's endpoints, as a Starlette application."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from edge.live_feed import EVENTS_KEPT, STALL_SECONDS, EventBoard, PictureFeed
from edge.live_guard import COUNTS, HEALTH_PATH, READY_PATH, Guard
from edge.live_sign_in import Credentials
from edge.records import FrameResult, Status
from edge.source_state import Cause

_HEALTH_KEYS = (
    *("version", "uptime", "loop_age", "last_frame_age", "frames", "dropped", "fps", "passes", "clock"),
    *("movements_without_plate", "picture", "written_mb", "written_mb_a_day"),
)
_COUNT_KEYS = (
    *("last_frame_age", "frames", "dropped", "fps", "passes", "movements_without_plate"),
    *("written_mb", "written_mb_a_day"),
)
"""Those that tell how much passes by: the rate and age of frames too, as fewer are taken while nothing moves."""
_CAMERA_KEYS = ("online", "since")
_CAUSES = get_args(Cause)
_CHOICES = {"kind": ("preview", "final"), "status": get_args(Status)}
"""By what events can be chosen."""
_EVENT_KEYS = (*_CHOICES, "limit", "earlier", "since", "wait", "stream")
_REPEAT_SECONDS = 5.0
"""A stream repeats its last picture after this long, so that proxies keep it open and a viewer who left is noticed."""

_WEB = Path(__file__).parent / "web"
_FILES = {
    "/": ("index.html", "text/html"),
    "/live.css": ("live.css", "text/css"),
    "/live.js": ("live.js", "text/javascript"),
    "/gate.js": ("gate.js", "text/javascript"),
    "/aim": ("aim.html", "text/html"),
    "/aim.css": ("aim.css", "text/css"),
    "/aim.js": ("aim.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_BOUNDARY = "gatereader-frame"
_LONGEST_NAME = 40
_LONGEST_WAIT, _LOOK_SECONDS = 30.0, 0.1
"""How long one may wait for news of passes, and how often it is looked whether there are some."""
_AIM_SECONDS = 0.15
"""Plates are measured for the page /aim no more often than this, however many look at it."""
_IN_VIEW_SECONDS = 2.0
"""A plate in a frame older than this is not in view; cameras at rest give a frame a second at least."""


class MjpegResponse(StreamingResponse):
    """An endless picture (multipart/x-mixed-replace) for one viewer, who counts as one as long as it lasts."""

    def __init__(self, feed: PictureFeed, name: str = "") -> None:
        self._feed, self._name = feed, name
        headers = {"X-Accel-Buffering": "no"}  # nginx would collect pictures otherwise
        super().__init__(self._parts(), headers=headers, media_type=f"multipart/x-mixed-replace; boundary={_BOUNDARY}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the viewer leaves or the feed closes."""
        self._feed.viewers += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.viewers -= 1
            self._feed.handed.pop(self._name, None)

    async def _parts(self) -> AsyncIterator[bytes]:
        # The boundary follows its picture at once, for a browser shows a part only when it has seen the part's end.
        yield f"--{_BOUNDARY}\r\n".encode()
        self._feed.snapshot()
        number = 0
        while not self._feed.closing:
            yield b""  # returns when the viewer can take more; only then is the newest picture chosen
            if self._name:
                self._feed.handed[self._name] = time.monotonic()
            number, jpeg = await self._feed.newer_than(number, _REPEAT_SECONDS)
            if jpeg and not self._feed.closing:
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                yield head.encode() + jpeg + f"\r\n--{_BOUNDARY}\r\n".encode()


class LiveApp:
    """The endpoints, over one feed, one board and the service's status."""

    def __init__(
        self,
        feed: PictureFeed,
        board: EventBoard,
        status: Callable[[], Mapping[str, object]],
        max_viewers: int,
        aim: Callable[[FrameResult], Mapping[str, object]] | None = None,
    ) -> None:
        self._feed, self._board, self._status, self._max_viewers = feed, board, status, max_viewers
        self._aim = aim
        self._aimed: Mapping[str, object] | None = None
        self._aimed_at = float("-inf")
        self._files = {path: ((_WEB / name).read_bytes(), kind) for path, (name, kind) in _FILES.items()}

    def guarded(self, credentials: Credentials | None, hosts: Sequence[str]) -> Starlette:
        """The application behind its guard."""
        routes = [Route(path, self._file) for path in self._files]
        routes += [
            Route("/stream.mjpg", self._stream),
            Route("/frame.jpg", self._frame),
            Route("/api/events", self._events),
            Route("/crop/{event_id}.jpg", self._crop),
            Route("/api/aim", self._measured),
            Route(HEALTH_PATH, self._health),
            Route(READY_PATH, self._ready),
        ]
        app = Starlette(routes=routes, middleware=[Middleware(Guard, credentials=credentials, hosts=hosts)])
        app.router.redirect_slashes = False  # it would lead away from a proxy's path, and from https
        return app

    async def _file(self, request: Request) -> Response:
        content, kind = self._files[request.url.path]
        return Response(content, media_type=kind)

    async def _stream(self, request: Request) -> Response:
        if self._feed.viewers >= self._max_viewers:
            return PlainTextResponse("As many viewers as live.max_viewers allows.\n", 503, {"Retry-After": "10"})
        if request.method == "HEAD":
            return Response(media_type="multipart/x-mixed-replace")
        return MjpegResponse(self._feed, request.url.query[:_LONGEST_NAME])

    async def _frame(self, request: Request) -> Response:
        plain = "plain" in request.query_params
        if plain and not self._feed.gives_frames:
            return PlainTextResponse("privacy.unknown keeps strangers' plates back, so whole frames too.\n", 403)
        jpeg = self._feed.plain() if plain else self._feed.snapshot()
        if not jpeg:
            told = (
                "No new picture; privacy.unknown keeps the last one back."
                if self._feed.withholds
                else "No picture yet."
            )
            return PlainTextResponse(f"{told}\n", 503, {"Retry-After": "1"})
        return Response(jpeg, media_type="image/jpeg")

    async def _events(self, request: Request) -> Response:
        """The list, or what of it is asked for, unless the asker has it already; and the status, always."""
        asked = request.query_params
        if unknown := [key for key in asked if key not in _EVENT_KEYS]:
            return PlainTextResponse(f"{unknown[0]}: not known; wanted {', '.join(_EVENT_KEYS)}.\n", 400)
        try:
            most, patience = int(asked.get("limit", EVENTS_KEPT)), min(float(asked.get("wait", 0)), _LONGEST_WAIT)
        except ValueError:
            return PlainTextResponse("limit: wanted a number of events; wait: seconds.\n", 400)
        for key, values in (*_CHOICES.items(), ("earlier", ("true", "false"))):
            if not set(asked.getlist(key)) <= set(values):
                return PlainTextResponse(f"{key}: wanted {' or '.join(values)}.\n", 400)
        until = time.monotonic() + patience
        while asked.get("since") == self._board.token and time.monotonic() < until and not self._feed.closing:
            await asyncio.sleep(_LOOK_SECONDS)
        token = self._board.token
        events = None
        if asked.get("since") != token:
            wanted = {key: set(asked.getlist(key)) for key in _CHOICES if key in asked}
            listed = self._board.listed(earlier=asked.get("earlier") == "true")
            chosen = [event for event in listed if all(event[key] in values for key, values in wanted.items())]
            events = chosen[: max(0, most)]
        return _json(
            {
                "now": datetime.now(UTC),
                "token": token,
                "events": events,
                "status": dict(self._status()),
                **self._watched(asked.get("stream", "")),
            }
        )

    def _watched(self, stream: str) -> dict[str, object]:
        """How many watch, how the stream fares that the asker shows, and whether its last picture may stay.

        A browser does not notice that a stream stalls.
        """
        viewers = {"now": self._feed.viewers, "most": self._max_viewers}
        kept = self._feed.gives_frames
        return {"viewers": viewers, "stream_age": self._feed.stream_age(stream), "old_picture": kept}

    async def _crop(self, request: Request) -> Response:
        """The plate's picture of a pass in the list."""
        crop = self._board.crop(request.path_params["event_id"])
        return Response(crop, media_type="image/jpeg") if crop else PlainTextResponse("No such picture.\n", 404)

    async def _measured(self, request: Request) -> Response:
        """The widest plate in view against the thresholds, or of the last seconds; null before the first frame."""
        if self._aim is None:
            return PlainTextResponse("Nothing is measured here.\n", 404)
        now, newest = time.monotonic(), self._feed.newest
        if newest is not None and now - self._aimed_at >= _AIM_SECONDS:
            self._aimed, self._aimed_at = self._aim(_in_view(newest, self._feed.frame_age)), now
        watched = self._watched(request.query_params.get("stream", ""))
        return _json({"aim": self._aimed, "status": dict(self._status()), **watched})

    async def _ready(self, _request: Request) -> Response:
        """Whether plates are being read: 503 while no frames come, though the program is well and tries."""
        status = self._status()
        camera = status.get("camera")
        camera = camera if isinstance(camera, Mapping) else {}
        cause = _not_ready(status, camera)
        told: dict[str, object] = {"ready": not cause}
        if cause:
            told["cause"] = cause
        if "since" in camera:
            told["since"] = camera["since"]
        return _json(told, 503 if cause else 200)

    async def _health(self, request: Request) -> Response:
        status = self._status()
        alive = not _is_old(status.get("loop_age"))
        told: dict[str, object] = {"alive": alive, "writes_ok": not status.get("not_written")}
        hidden = () if request.scope.get(COUNTS, True) else _COUNT_KEYS
        told |= {key: status[key] for key in _HEALTH_KEYS if key in status and key not in hidden}
        camera = status.get("camera")
        if isinstance(camera, Mapping):  # its cause or description may hold an address
            told["camera"] = {key: camera[key] for key in _CAMERA_KEYS if key in camera}
        return _json(told, 200 if alive else 503)


def _in_view(newest: FrameResult, age: float) -> FrameResult:
    """The newest result, or, where its frame is too old to tell what is in view, an empty one of now."""
    if age <= _IN_VIEW_SECONDS:
        return newest
    return FrameResult(replace(newest.frame, time=newest.frame.time + age), (), (), ())


def _not_ready(status: Mapping[str, object], camera: Mapping[str, object]) -> str:
    """Why no plate can be read at the moment, in words that anybody may know; empty if one can."""
    if _is_old(status.get("loop_age")):
        return "the processing loop stands still"
    if not camera.get("online"):
        cause = camera.get("cause")
        return str(cause) if cause and cause in _CAUSES else "camera offline"
    if status.get("last_frame_age") is None:
        return "no frame yet"
    return "no new frame" if _is_old(status["last_frame_age"]) else str(status.get("picture") or "")


def _is_old(age: object) -> bool:
    return isinstance(age, int | float) and age > STALL_SECONDS


def _json(value: object, status_code: int = 200) -> Response:
    return Response(json.dumps(value, default=_plain), status_code, media_type="application/json")


def _plain(value: object) -> Any:
    """What json does not know: a moment as ISO 8601, a mapping as a dictionary."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be told in JSON")
