"""The live page in a real browser: Debian's chromium, driven by Playwright."""

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from output_samples import EVENT, event, result
from waiting import wait_for

from edge.live import LiveServer, LiveSettings
from edge.live_app import MjpegResponse
from edge.password import hash_password
from edge.records import PlateReading, Shot

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

DRAW_ON_CANVAS = """() => {
    const picture = document.getElementById("picture");
    const canvas = document.createElement("canvas");
    canvas.width = 16; canvas.height = 9;
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0, 16, 9);
    return [...context.getImageData(0, 0, 16, 9).data].join(",");
}"""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}; apt install chromium")


class Gate:
    """A live page over a camera whose picture grows brighter, until somebody pulls its cable."""

    def __init__(self) -> None:
        self.online, self.name = True, "north"
        self.troubles: dict[str, object] = {}
        self.server = LiveServer(LiveSettings(listen="127.0.0.1:0"), self.status)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def status(self) -> dict[str, object]:
        since = datetime.now().astimezone()
        camera = {"name": self.name, "online": self.online, "since": since, "cause": "unreachable"}
        return {"camera": camera, "last_frame_age": 0.1, "fps": 12.5, "passes": 1, "uptime": 60} | self.troubles

    def _run(self) -> None:
        index = 0
        while not self._stop.wait(0.05):
            index += 1
            image = np.full((360, 640, 3), 5 * index % 250, dtype=np.uint8)
            self.server.publish(result(image, index=index))

    def __enter__(self) -> "Gate":
        self.server.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.server.close()


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright; pip install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


def open_page(browser: Any, gate: Gate, width: int = 1280) -> Any:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(gate.server.url, wait_until="domcontentloaded")
    return page


def test_the_picture_moves_and_an_event_appears(browser: Any, gate: Gate) -> None:
    page = open_page(browser, gate)
    # not by wait_for_function, which evaluates text: the page's Content-Security-Policy rightly forbids that
    wait_for(lambda: page.evaluate("document.getElementById('picture').naturalWidth") == 640)
    first = page.evaluate(DRAW_ON_CANVAS)
    wait_for(lambda: page.evaluate(DRAW_ON_CANVAS) != first)
    assert page.get_by_role("img", name=re.compile("Live picture")).is_visible()
    assert page.get_by_text("No car since the start").is_visible()

    gate.server.publish(result(events=[event(track=1, kind="preview", plate="AB1")]))
    page.get_by_role("listitem").filter(has_text="AB1").filter(has_text="preview").wait_for()
    gate.server.publish(result(events=[event(track=1, plate="AB123CD")]))
    accepted = page.get_by_role("listitem").filter(has_text="AB123CD")
    accepted.wait_for()
    assert accepted.get_by_text("accepted").is_visible()
    assert accepted.get_by_text("97%").is_visible()
    assert accepted.get_by_text("9 readings").is_visible()
    undecided = event(track=2, event_id="2", status="undecided", reason="no_consensus", plate="<b>?", characters=())
    gate.server.publish(result(events=[undecided]))
    page.locator("#events").get_by_text("The readings did not agree").wait_for()
    assert page.locator("#events > li").count() == 2, "the final event took its preview's place"
    assert page.locator("#events > li").first.locator(".plate").inner_text() == "<b>?"
    assert "unknown, undecided, 97%" in page.locator("#announcer").inner_text(), "for those who listen"
    assert page.complaints == []
    page.close()


def test_an_offline_camera_is_said_in_words(browser: Any, gate: Gate) -> None:
    page = open_page(browser, gate)
    page.get_by_role("status").get_by_text("camera online").wait_for()
    gate.online = False
    try:
        page.get_by_role("status").get_by_text("camera offline since").wait_for()
        assert page.get_by_text("look at the cable, the network and the address").is_visible()
        assert page.title() == "⚠ north – gatereader"
    finally:
        gate.online = True
    page.get_by_role("status").get_by_text("camera online").wait_for()
    page.close()


def test_an_old_picture_is_taken_away_where_strangers_are_kept_back(browser: Any, gate: Gate) -> None:
    page = open_page(browser, gate)
    picture, state = page.locator("#picture"), page.get_by_role("status")
    picture.wait_for()
    gate.troubles = {"last_frame_age": 11.0}
    try:
        state.get_by_text("no new picture").wait_for()
        assert picture.is_hidden()
        assert picture.get_attribute("src") is None
        gate.troubles = {}
        picture.wait_for()
        gate.server.give_frames(True)
        gate.troubles = {"last_frame_age": 11.0}
        state.get_by_text("no new picture").wait_for()
        assert picture.is_visible()
    finally:
        gate.troubles = {}
        gate.server.give_frames(False)
    page.close()


def test_a_refusal_is_named_and_a_password_that_is_wrong_is_not_sent_again(browser: Any, gate: Gate) -> None:
    page, status, asked = browser.new_page(), 429, []

    def refuse(route: Any) -> None:
        asked.append(status)
        route.fulfill(status=status, body="refused")

    page.clock.install()
    page.route("**/api/events*", refuse)
    page.goto(gate.server.url, wait_until="domcontentloaded")
    page.get_by_role("status").get_by_text("refused (429) since").wait_for()
    assert page.get_by_text("Too many attempts to sign in").is_visible()
    status = 502
    page.clock.fast_forward(3000)
    page.get_by_text("gatereader, or a proxy before it, answers 502").wait_for()
    status = 401
    page.clock.fast_forward(3000)
    page.get_by_text("Sign in again: reload the page.").wait_for()
    assert page.locator("#picture").get_attribute("src") is None
    page.clock.fast_forward(20000)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert asked.count(401) == 1
    assert page.locator("#picture").get_attribute("src") is None
    page.close()


@pytest.mark.parametrize("path", ["", "aim"])
def test_without_javascript_the_picture_moves_and_nothing_untrue_is_said(browser: Any, gate: Gate, path: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(gate.server.url + path, wait_until="domcontentloaded")
    note = page.locator("noscript p")
    assert "This page needs JavaScript" in note.inner_text()
    assert note.bounding_box()["y"] < 200
    page.locator("noscript img").wait_for()  # it has no size before its first picture
    wait_for(lambda: gate.server.watched)
    told = page.locator("body").inner_text()
    assert not re.search("connecting|waiting|No car|no plate", told)
    context.close()


def test_what_the_owner_should_mend_is_on_the_page(browser: Any, gate: Gate) -> None:
    page = open_page(browser, gate)
    page.get_by_role("status").get_by_text("camera online").wait_for()
    assert page.get_by_role("alert").get_by_role("listitem").count() == 0
    gate.troubles = {
        "not_written": "plates.csv: No space left on device",
        "rows_waiting": 3,
        "not_kept": ["recording: <i>disk</i> full"],
        "clock": "the clock was set 3.0 h ahead, to 2026-06-01 12:00 UTC",
    }
    try:
        page.get_by_role("alert").get_by_text("No space left on device. 3 rows wait").wait_for()
        assert page.get_by_role("alert").get_by_text("<i>disk</i> full").is_visible()
        assert page.get_by_role("alert").get_by_text("The clock was set 3.0 h ahead").is_visible()
    finally:
        gate.troubles = {}
    page.locator("#troubles").wait_for(state="hidden")
    assert page.locator("#movements").is_hidden()
    gate.troubles = {"movements_without_plate": 12}
    try:
        page.locator("#movements dd", has_text="12").wait_for()
    finally:
        gate.troubles = {}
    assert page.complaints == []
    page.close()


def test_a_telephone_shows_one_column_without_scrolling_sideways(browser: Any, gate: Gate) -> None:
    page = open_page(browser, gate, width=360)
    page.get_by_role("status").get_by_text("camera online").wait_for()
    gate.name = "thegateofahousewithaverylongnameandnotasingleblankinit"
    try:
        page.get_by_text(gate.name).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    finally:
        gate.name = "north"
    picture, passes = page.locator("#screen").bounding_box(), page.locator(".passes").bounding_box()
    assert passes["y"] >= picture["y"] + picture["height"]
    page.close()


@pytest.mark.parametrize("width", [320, 360, 700])
def test_a_long_plate_stands_in_one_line(browser: Any, gate: Gate, width: int) -> None:
    """A plate that is broken in two looks like one of two lines; 700 pixels is where two rows stand side by side."""
    crop = np.full((40, 160, 3), 200, np.uint8)
    shot = Shot(None, crop, EVENT.box, PlateReading("AB123CD", 0.9, (), (), 1, 100.0), (640, 360))
    texts = ["NIN123456", "TEN1234567"]
    for number, text in enumerate(texts):
        sure = tuple((character, 1.0) for character in text)
        told = {"plate": text, "characters": sure, "confidence": 1.0, "status": "undecided", "reason": "no_consensus"}
        gate.server.publish(result(events=[event(track=60 + number, event_id=f"long{number}", shot=shot, **told)]))
    page = open_page(browser, gate, width)
    for text in texts:
        row = page.locator("#events > li").filter(has_text=text)
        row.wait_for()
        characters = row.locator(".plate > span")
        tops = characters.evaluate_all("parts => parts.map((part) => part.getBoundingClientRect().top)")
        assert len(tops) == len(text)
        assert len(set(tops)) == 1, text
        sticks_out = """row => [...row.querySelectorAll("*")].filter(
            (part) => part.getBoundingClientRect().right > row.getBoundingClientRect().right + 0.5).length"""
        assert row.evaluate(sticks_out) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_nothing_lies_over_the_first_picture_though_no_answer_has_come(browser: Any, gate: Gate) -> None:
    page = browser.new_page()
    page.route("**/api/events*", lambda _: None)  # a busy board
    page.goto(gate.server.url, wait_until="domcontentloaded")
    page.locator("#picture").wait_for()
    assert page.locator("#state-text").inner_text() == "connecting…"
    assert page.locator("#notice").inner_text() == ""
    page.close()


@pytest.mark.parametrize("fault", ["ends", pytest.param("stalls", marks=pytest.mark.slow)])
def test_a_stream_that_breaks_unseen_is_started_again(
    browser: Any, gate: Gate, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its first picture no browser tells that a stream has ended, or that it stalls: the program does."""
    whole, streams = MjpegResponse._parts, []

    async def broken(self: MjpegResponse) -> AsyncIterator[bytes]:
        streams.append(self)
        count = 0
        async for part in whole(self):
            yield part
            count += 1
            if len(streams) == 1 and count > 8:
                if fault == "ends":
                    return
                self._feed.handed[self._name] = time.monotonic() - 11.0  # as if the viewer took nothing for so long
                await asyncio.sleep(30)

    monkeypatch.setattr(MjpegResponse, "_parts", broken)
    page = open_page(browser, gate)
    wait_for(lambda: len(streams) == 2, 15)
    wait_for(lambda: page.evaluate("document.getElementById('picture').naturalWidth") == 640)
    first = page.evaluate(DRAW_ON_CANVAS)
    wait_for(lambda: page.evaluate(DRAW_ON_CANVAS) != first)
    time.sleep(4)
    assert len(streams) == 2, "and a whole one is left alone"
    page.close()


def test_a_pass_shows_its_picture_unless_its_text_is_kept_back(browser: Any, gate: Gate) -> None:
    crop = np.full((40, 500, 3), (0, 200, 0), np.uint8)
    shot = Shot(None, crop, EVENT.box, PlateReading("AB123CD", 0.9, (), (), 1, 100.0), (640, 360))
    gate.server.publish(result(events=[event(track=21, event_id="with-picture", plate="PIC1", shot=shot)]))
    gate.server.publish(result(events=[event(track=22, event_id="veiled", plate="", characters=(), veiled=True)]))
    page = open_page(browser, gate)
    row = page.locator("#events > li").filter(has_text="PIC1")
    row.wait_for()
    wait_for(lambda: row.locator("img").evaluate("picture => picture.naturalWidth") == 320)
    veiled = page.locator("#events > li").filter(has_text="kept back")
    assert veiled.get_by_text("Not one of the known plates").is_visible()
    assert veiled.locator("img").count() == 0
    assert page.locator("#announcer").inner_text() == "", "what was there before is not read out"
    events = [event(track=23 + number, event_id=f"n{number}", plate=f"NEW{number}") for number in range(2)]
    gate.server.publish(result(events=events))
    page.locator("#events > li").filter(has_text="NEW1").wait_for()
    wait_for(lambda: "N E W 0" in page.locator("#announcer").inner_text())
    assert "N E W 1" in page.locator("#announcer").inner_text(), "and of two at once, both are"
    assert page.complaints == []
    page.close()


@pytest.mark.parametrize("month", [1, pytest.param(7, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("zone", "said"), [("Europe/Rome", False), ("America/New_York", True)])
def test_the_gates_zone_is_named_to_those_in_another_only(
    browser: Any, gate: Gate, month: int, zone: str, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a pass from before the clocks were changed."""
    moment = datetime(2026, month, 15, 12, tzinfo=UTC)
    try:
        with monkeypatch.context() as patched:
            patched.setenv("TZ", "Europe/Rome")
            time.tzset()
            gate.server.publish(result(events=[event(track=40, event_id="zone", plate="ZONE1", first_utc=moment)]))
            page = browser.new_page(timezone_id=zone)
            page.goto(gate.server.url, wait_until="domcontentloaded")
            page.locator("#events > li").filter(has_text="ZONE1").wait_for()
            offset = "+01:00" if month == 1 else "+02:00"
            assert page.locator("#zone").inner_text() == (f"in the gate's time, UTC{offset}" if said else "")
            page.close()
    finally:
        time.tzset()


def test_an_address_with_the_password_in_it_works(browser: Any) -> None:
    settings = LiveSettings(listen="127.0.0.1:0", password_hash=hash_password("sesame"))
    server = LiveServer(settings, lambda: {"camera": {"name": "north", "online": True}, "last_frame_age": 0.1})
    server.start()
    page = browser.new_page()
    page.goto(server.url.replace("//", "//gate:sesame@"), wait_until="domcontentloaded")
    page.get_by_role("status").get_by_text("camera online").wait_for()
    page.close()
    server.close()


def test_the_page_survives_a_restart_of_the_program(browser: Any) -> None:
    with Gate() as gate:
        page = open_page(browser, gate)
        page.get_by_role("status").get_by_text("camera online").wait_for()
        port = int(gate.server.url.rstrip("/").rpartition(":")[2])
    page.get_by_role("status").get_by_text("no answer from gatereader since").wait_for()
    with Gate() as gate:
        gate.server.close()
        gate.server = LiveServer(LiveSettings(listen=f"127.0.0.1:{port}"), gate.status)
        gate.server.start()
        page.get_by_role("status").get_by_text("camera online").wait_for()
        wait_for(lambda: gate.server._feed.viewers == 1)
        first = page.evaluate(DRAW_ON_CANVAS)
        wait_for(lambda: page.evaluate(DRAW_ON_CANVAS) != first)
        page.close()
        wait_for(lambda: gate.server._feed.viewers == 0)
