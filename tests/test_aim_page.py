"""The page for aiming in a real browser, as on a telephone in portrait."""

from collections.abc import Iterator
from typing import Any

import pytest
from aim_scenes import BY_NAME, scene
from output_samples import MOMENT
from test_browser import ARGUMENTS, CHROMIUM
from waiting import wait_for

from edge.aim import AimMeter, AimSettings
from edge.aim_words import aim_values
from edge.live import LiveServer, LiveSettings
from edge.records import Frame, FrameResult, TrackedPlate

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}; apt install chromium")


def seen(index: int, width: float, slope: float = 0.0) -> FrameResult:
    one = scene(2, width, style=BY_NAME["dutch"], slope=slope)
    track = TrackedPlate(1, one.box, one.text, 0.9, "reading", 3)
    return FrameResult(Frame(one.image, float(index), MOMENT, index), (one.box,), (track,), ())


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    meter = AimMeter(lambda _: 0.4)
    status = {"camera": {"name": "north", "online": True}, "last_frame_age": 0.1}
    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), lambda: status, aim_values(meter, AimSettings(), 0.0))
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def page(server: LiveServer) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright; pip install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 360, "height": 740})
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        yield page
        browser.close()


def test_the_figures_change_with_the_plate_and_nothing_overflows(server: LiveServer, page: Any) -> None:
    server.publish(FrameResult(seen(0, 80).frame, (), (), ()))
    page.goto(server.url, wait_until="domcontentloaded")
    page.get_by_role("link", name="Place the camera").click()
    page.wait_for_url("**/aim")
    page.get_by_text("hold a plate, or park a car, at the stop line").wait_for()
    assert page.locator("#figures").is_hidden()
    assert page.title() == "Place the camera – north – gatereader", "unlike the live page's tab"

    server.publish(seen(1, 80, slope=9.0))
    large = page.locator("#width")
    wait_for(lambda: large.inner_text().endswith(" px"))
    first = large.inner_text()
    assert page.locator("#word").inner_text() == "It will do"
    assert page.locator("#advice").get_by_text("zoom ×").is_visible()
    assert page.locator("#advice").get_by_text("turn the camera 9° clockwise").is_visible()
    rotation = page.locator('.figure[data-key="slope"]')
    assert rotation.locator(".word").inner_text() == "fair", "a word, not a colour alone"
    assert page.locator(".figure").count() == 10
    assert_nothing_overflows(page)

    server.publish(seen(4, 190))
    wait_for(lambda: large.inner_text() != first)
    wait_for(lambda: page.locator("#word").inner_text() == "Well placed")
    assert rotation.locator(".word").inner_text() == "good"
    assert page.locator("#advice").get_by_text("for 20 km/h: shutter 1/500 s or shorter; it is not known").is_visible()
    assert page.locator('.figure[data-key="shutter"] .word').inner_text() == "no value"
    assert page.locator('.figure[data-key="width"] .fill').bounding_box()["width"] > 150
    assert page.locator("#picture").is_visible()
    assert page.evaluate("parseFloat(getComputedStyle(document.getElementById('width')).fontSize)") >= 40

    server.publish(FrameResult(seen(8, 190).frame, (), (), ()))
    page.get_by_text("best of the last 10 s, seen 4 s ago").wait_for()
    assert large.inner_text().endswith(" px"), "whoever walks to the camera still reads it"
    assert_nothing_overflows(page)
    assert page.complaints == []


def test_a_slow_shutter_is_red_though_the_plate_stands(page: Any) -> None:
    aim = aim_values(AimMeter(lambda _: 0.4), AimSettings(), 20.0)
    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), lambda: {"camera": {"online": True}}, aim)
    server.start()
    try:
        server.publish(seen(1, 190))
        page.goto(f"{server.url}aim", wait_until="domcontentloaded")
        page.locator("#advice").get_by_text("for 20 km/h: shutter 1/500 s or shorter; it is 1/50 s").wait_for()
        assert page.locator("#word").inner_text() == "Not yet"
        shutter = page.locator('.figure[data-key="shutter"]')
        assert shutter.locator(".word").inner_text() == "poor"
        assert (shutter.locator(".value").inner_text(), shutter.locator(".wanted").inner_text()) == (
            "20.0 ms",
            "at most 3.3 ms",
        )
        assert_nothing_overflows(page)
    finally:
        server.close()


def test_a_picture_that_does_not_change_is_said(page: Any) -> None:
    status = {"camera": {"online": True}, "last_frame_age": 0.1, "picture": "the picture does not change"}
    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), lambda: status, lambda _: {})
    server.start()
    try:
        page.goto(server.url, wait_until="domcontentloaded")
        page.get_by_role("status").get_by_text("the picture does not change").wait_for()
        assert "has the camera, or its recorder, frozen?" in page.locator("#notice").inner_text()
        assert page.title().startswith("⚠")
    finally:
        server.close()


def test_nothing_is_measured_while_the_page_is_hidden(page: Any) -> None:
    asked, values = list[int](), aim_values(AimMeter(lambda _: 0.4), AimSettings(), 0.0)
    status = {"camera": {"online": True}, "last_frame_age": 0.1}
    hide = "hidden => { Object.defineProperty(document, 'hidden', { get: () => hidden, configurable: true }); }"
    turn = "document.dispatchEvent(new Event('visibilitychange'))"

    def aim(result: FrameResult) -> Any:
        asked.append(1)
        return values(result)

    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), lambda: status, aim)
    server.start()
    tab = page.context.browser.new_page()
    try:
        tab.clock.install()
        server.publish(seen(1, 190))
        tab.goto(f"{server.url}aim", wait_until="domcontentloaded")
        wait_for(lambda: len(asked) > 1)
        tab.evaluate(hide, True)
        tab.evaluate(turn)
        tab.wait_for_timeout(600)  # what was asked is answered
        before = len(asked)
        tab.clock.fast_forward(10000)
        tab.wait_for_timeout(200)
        assert len(asked) == before
        tab.evaluate(hide, False)
        tab.evaluate(turn)
        wait_for(lambda: len(asked) > before)
    finally:
        tab.close()
        server.close()


@pytest.mark.parametrize("online", [True, False])
def test_a_long_name_leaves_the_state_its_room(page: Any, online: bool) -> None:
    name = "thegateofahousewithaverylongnameandnotasingleblankinit"
    status = {"camera": {"name": name, "online": online, "since": MOMENT.astimezone()}, "last_frame_age": 0.1}
    aim = aim_values(AimMeter(lambda _: 0.4), AimSettings(), 0.0)
    server = LiveServer(LiveSettings(listen="127.0.0.1:0"), lambda: status, aim)
    server.start()
    try:
        server.publish(seen(1, 190))
        page.goto(f"{server.url}aim", wait_until="domcontentloaded")
        page.get_by_text(name).wait_for()
        text, pill = page.locator("#state-text").bounding_box(), page.locator("#state").bounding_box()
        assert text["x"] + text["width"] <= pill["x"] + pill["width"]
        assert pill["x"] + pill["width"] <= 360
        assert online is False or text["height"] < 25, "in one line"
        assert_nothing_overflows(page)
    finally:
        server.close()


def assert_nothing_overflows(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    cut = page.evaluate(
        "[...document.querySelectorAll('.meter *')].filter(e => e.getBoundingClientRect().right > 360.5).length"
    )
    assert cut == 0
