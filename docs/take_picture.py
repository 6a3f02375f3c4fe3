"""Takes docs/live-page.png (`make picture`): `gatereader run` on its demo scene, in a real browser."""

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("live-page.png")
ADDRESS = "127.0.0.1:8099"
PASSES = 6
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]


def main() -> None:
    """Start the program, wait for the passes, take the picture, stop the program."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "edge", "run", "--csv", f"{folder}/plates.csv", "--listen", ADDRESS]
        program = subprocess.Popen(command, cwd=PICTURE.parents[1])
        try:
            wait_until_it_listens()
            photograph()
        finally:
            program.terminate()
            program.wait(10)


def wait_until_it_listens() -> None:
    """Return when the page's port takes connections; OSError after half a minute."""
    host, port = ADDRESS.split(":")
    for attempt in range(60):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except ConnectionRefusedError:
            if attempt == 59:
                raise
            time.sleep(0.5)


def photograph() -> None:
    """The page, 1280×720, once the list shows enough passes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"http://{ADDRESS}/", wait_until="domcontentloaded")
        page.locator("#events > li").nth(PASSES - 1).wait_for(timeout=120_000)
        page.wait_for_timeout(2500)
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
