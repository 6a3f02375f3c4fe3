"""What holds for every test."""

import logging
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
