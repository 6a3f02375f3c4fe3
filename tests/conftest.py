"""What holds for every test."""

import logging
import os
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("gatereader", deadline=None)  # how long an example takes is the machine's business
settings.load_profile("gatereader")


@pytest.fixture(autouse=True)
def _the_log_as_it_was() -> Iterator[None]:
    """A command that a test runs sends the log to a stream that ends with the test; the next must not write there."""
    root, clip = logging.getLogger(), logging.getLogger("edge.clip")
    handlers, level = root.handlers[:], root.level
    yield
    clip.setLevel(logging.NOTSET)  # `read` silences it
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cut by hand need not reach the disk, which takes milliseconds each time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr("edge.line_file._synchronise", lambda _: None)


@pytest.fixture
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's time zone is that of Berlin."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
