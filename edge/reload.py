"""SIGHUP: the configuration is read anew. What can change without a restart does, what cannot is named.

A configuration that is wrong, or that asks for what cannot be had, changes nothing: the old one goes on.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import NamedTuple, Protocol

from edge.config import Config
from edge.errors import GateReaderError
from edge.live import check_live_settings
from edge.notify import notify

log = logging.getLogger(__name__)

_LIVE = (
    "detector",
    "region",
    "motion",
    "reader",
    "tracker",
    "vote",
    "csv",
    "json",
    "pictures",
    "review",
    "recording",
    "privacy",
)
"""Sections that change while the service runs. All others want a restart: the camera and the page are open."""
_LIVE_KEYS = ("service.log_plates",)


class Changes(NamedTuple):
    """What differs between two configurations, as `section.key`."""

    live: tuple[str, ...]
    restart: tuple[str, ...]


class Changeable(Protocol):
    """What can go on with another configuration."""

    config: Config

    def change(self, config: Config) -> Sequence[str]:
        """Go on with another one; GateReaderError, and all stays as it is, where that cannot be.

        Told are the keys whose files are others now though the keys are not.
        """


def changes(old: Config, new: Config) -> Changes:
    """Which keys differ, in the order of the file."""
    live, restart = list[str](), list[str]()
    for section in fields(Config):
        before, after = getattr(old, section.name), getattr(new, section.name)
        for key in fields(before):
            if getattr(before, key.name) != getattr(after, key.name):
                name = f"{section.name}.{key.name}"
                (live if section.name in _LIVE or name in _LIVE_KEYS else restart).append(name)
    return Changes(tuple(live), tuple(restart))


def merged(old: Config, new: Config) -> Config:
    """The new configuration as far as it can hold without a restart."""
    service = replace(old.service, log_plates=new.service.log_plates)
    return replace(old, **{name: getattr(new, name) for name in _LIVE}, service=service)


class Reload:
    """Call it between two frames when the owner asked for it; nothing is raised. Made when the page is.

    `load` reads and checks the configuration, `changed` is called once the parts have changed. `trouble` says
    in one line what the owner should know until the next time; empty if nothing.
    """

    def __init__(self, load: Callable[[], Config], parts: Changeable, changed: Callable[[], None]) -> None:
        self.trouble = ""
        self._load, self._parts, self._changed = load, parts, changed
        self._page_password = check_live_settings(parts.config.live)

    def __call__(self) -> None:
        """Read the configuration, and go on with it."""
        notify(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000, STATUS="reading the configuration")
        try:
            new = self._load()
            page_password = check_live_settings(new.live)
            new.source.sign_in().password()  # the next start wants it
            found = changes(self._parts.config, new)
            if page_password != self._page_password and not any("live.password" in key for key in found.restart):
                found = found._replace(restart=(*found.restart, "live.password_file"))  # the path is the same
            replaced = self._parts.change(merged(self._parts.config, new))
        except (GateReaderError, OSError, ValueError, OverflowError) as error:  # a running gate outlives any mistake
            self.trouble = f"configuration not changed: {error}"
            log.error("%s; the old one goes on", self.trouble)
        else:
            self._changed()
            self.trouble = f"{', '.join(found.restart)} will change with a restart" if found.restart else ""
            live = [*found.live, *(f"{key} (another file)" for key in replaced)]
            told = f"now in force: {', '.join(live)}" if live else "nothing new is in force"
            log.info("configuration read: %s", "; ".join(part for part in (told, self.trouble) if part))
        notify(READY=1, STATUS=self.trouble or "configuration read")
