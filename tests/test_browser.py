"""The live page in a real browser: Debian's chromium, driven by Playwright."""

import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from output_samples import event, result

from edge.live import LiveServer, LiveSettings

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
        self.online = True
        self.troubles: dict[str, object] = {}
        self.server = LiveServer(LiveSettings(listen="127.0.0.1:0"), self.status)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def status(self) -> dict[str, object]:
        camera = {"name": "north", "online": self.online, "since": datetime.now(UTC), "cause": "no route to host"}
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


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    """Playwright's own wait_for_function evaluates text, which the page's Content-Security-Policy rightly forbids."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def open_page(browser: Any, gate: Gate, width: int = 1280) -> Any:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(gate.server.url, wait_until="domcontentloaded")
    return page


def test_the_picture_moves_and_an_event_appears(browser: Any, gate: Gate) -> None:
    page = open_page(browser, gate)
    wait_for(lambda: page.evaluate("document.getElementById('picture').naturalWidth") == 640)
    first = page.evaluate(DRAW_ON_CANVAS)
    wait_for(lambda: page.evaluate(DRAW_ON_CANVAS) != first)
    assert page.get_by_role("img", name=re.compile("Live picture")).is_visible()
    assert page.get_by_text("No car yet").is_visible()

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
        assert page.get_by_text("no route to host").is_visible()
    finally:
        gate.online = True
    page.get_by_role("status").get_by_text("camera online").wait_for()
    page.close()


def test_what_the_owner_should_mend_is_on_the_page(browser: Any, gate: Gate) -> None:
    page = open_page(browser, gate)
    page.get_by_role("status").get_by_text("camera online").wait_for()
    assert page.get_by_role("alert").count() == 0
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
    page.get_by_role("alert").wait_for(state="detached")
    assert page.complaints == []
    page.close()


def test_a_telephone_shows_one_column_without_scrolling_sideways(browser: Any, gate: Gate) -> None:
    page = open_page(browser, gate, width=360)
    page.get_by_role("status").get_by_text("camera online").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    picture, passes = page.locator("#screen").bounding_box(), page.locator(".passes").bounding_box()
    assert passes["y"] >= picture["y"] + picture["height"]
    page.close()


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
