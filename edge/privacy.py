"""What is kept of plates that are on no list of known ones: all, a pseudonym, or no text at all.

One place decides for the whole program: the events are veiled as they leave the pipeline, so that the CSV file, the
JSON lines, the pictures, the crops for review, the log and the list on the live page cannot hold more than is left
here. docs/privacy.md says what that means at a gate.
"""

import base64
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from edge.ages import Ages, check_days
from edge.alphabet import plain
from edge.clock import Now, utc_now
from edge.errors import ConfigError, OutputError
from edge.records import Frame, FrameResult, PlateEvent
from edge.whole_file import write_whole

log = logging.getLogger(__name__)

KEY_FILE = "privacy.key"
_KEY_BYTES = 32
_PSEUDONYM_BYTES = 10
"""80 bits: two of a million plates share one with a chance of one in two million million."""


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What is kept of the plates of strangers: those that are not on the list of known plates."""

    unknown: Literal["keep", "pseudonym", "drop"] = "keep"
    """"keep" writes every plate down; "pseudonym" writes ~ and 16 characters in its place, the same for the same plate
    as long as the key lasts; "drop" writes the pass without any text. Without "keep" no picture of such a plate is
    kept either, and neither whole frames nor a recording can be asked for."""
    known: tuple[str, ...] = ()
    """Plates that are written as they are, such as ["AB123CD"]; blanks and dashes do not matter."""
    known_file: str = ""
    """A file with more of them: one a line, and what follows a # is a comment. Read at the start
    and at each reload."""
    key_file: str = ""
    """Where the key of the pseudonyms lies; empty for `privacy.key` beside the CSV file. Made at the first start,
    for its owner's eyes only: who has the key can try all plates and find the one behind a pseudonym."""
    key_days: float = 30.0
    """Days after which a new key takes the old one's place, and with it every plate gets another pseudonym; in another
    mode the key that is left is deleted then. 0 never."""

    def __post_init__(self) -> None:
        for number, plate in enumerate(self.known, start=1):
            _check_plate(plate, f"known: item {number}")
        check_days("key_days", self.key_days)


def key_path(settings: PrivacySettings, csv_path: str) -> Path:
    """Where the key of the pseudonyms lies."""
    return Path(settings.key_file) if settings.key_file else Path(csv_path or ".").parent / KEY_FILE


def known_plates(settings: PrivacySettings) -> frozenset[str]:
    """The known plates in capital letters and digits; ConfigError, with its line, for what is none."""
    plates = {plain(plate) for plate in settings.known}
    if settings.known_file:
        path = Path(settings.known_file)
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigError(f"privacy.known_file: cannot read {path}: {cause}") from None
        for number, line in enumerate(lines, start=1):
            if plate := line.partition("#")[0].strip():
                _check_plate(plate, f"{path}:{number}")
                plates.add(plain(plate))
    return frozenset(plates)


def known_in(plate: str, settings: PrivacySettings) -> list[str]:
    """Where the list of known plates has this one: `privacy.known`, the file, both or neither; ConfigError as
    `known_plates`."""
    lists = {"privacy.known": replace(settings, known_file=""), settings.known_file: replace(settings, known=())}
    return [place for place, one in lists.items() if plain(plate) in known_plates(one)]


def _check_plate(text: str, where: str) -> None:
    # a * or a ? must not be taken for nothing: here only whole plates are known
    if not re.fullmatch(r"[A-Za-z0-9]([ .-]*[A-Za-z0-9]){1,11}", text.strip()):
        # without the text itself: errors go into the journal
        raise ConfigError(f"{where}: wanted a plate of 2 to 12 letters and digits, such as AB123CD")


class PseudonymKey:
    """The key in a file, made where there is none, and made anew when it is too old.

    OutputError where it cannot be made, ConfigError where it is damaged or others may read it. A new key destroys the
    old one, so that nobody, the owner included, can tell which pseudonyms before and after are of one plate.
    """

    def __init__(self, path: Path, days: float, now: Now = utc_now) -> None:
        self._path, self._now = path, now
        self._failed = False
        found = read_key(path)
        self._ages = Ages(days, now, found[0] if found else None)
        self._made, self._key = found or self._make()

    def pseudonym(self, plate: str) -> str:
        """`~` and 16 letters and digits: HMAC-SHA256 of the plate, cut to 80 bits, in base 32."""
        self.tidy()
        digest = hmac.digest(self._key, plain(plate).encode(), hashlib.sha256)
        return "~" + base64.b32encode(digest[:_PSEUDONYM_BYTES]).decode()

    def tidy(self) -> None:
        """Makes the key anew if it is too old; by a clock that is known to be wrong none is."""
        if not self._ages.is_too_old(self._path, self._made):
            return
        try:
            self._made, self._key = self._make()
        except OutputError as error:
            if not self._failed:
                log.error("%s; the old key goes on, though it is older than privacy.key_days", error)
            self._failed = True
        else:
            self._failed = False
            log.info("the pseudonyms of unknown plates have a new key: a plate's pseudonym is another one from now on")

    def _make(self) -> tuple[datetime, bytes]:
        made, key = self._now().replace(microsecond=0), secrets.token_bytes(_KEY_BYTES)
        text = f"{made.isoformat()} {key.hex()}\n"
        try:
            self._path.absolute().parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            write_whole(self._path.absolute(), text.encode(), durable=True, mode=0o600)
        except OSError as error:
            raise OutputError(
                f"cannot write the pseudonyms' key {self._path}: {error.strerror}; set privacy.key_file"
            ) from None
        return made, key


class _LeftKey:
    """The key of a mode that is over: used for nothing, and deleted when it is too old."""

    def __init__(self, path: Path, days: float) -> None:
        self._path = path
        self._made: datetime | None = None
        try:
            if found := read_key(path):
                self._made = found[0]
        except ConfigError as error:
            log.warning("%s; so it is not deleted, though privacy.unknown wants no pseudonyms", error)
        self._ages = Ages(days, newest=self._made)

    def tidy(self) -> None:
        """Deletes it if it is too old."""
        if self._made is None or not self._ages.is_too_old(self._path, self._made):
            return
        self._made = None
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.error("%s is older than privacy.key_days and cannot be deleted: %s", self._path, error.strerror)
        else:
            log.info("%s is deleted: it is older than privacy.key_days, and its mode is over", self._path)


def read_key(path: Path) -> tuple[datetime, bytes] | None:
    """When the key in the file was made, and the key; None where there is no file. ConfigError as `PseudonymKey`."""
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"privacy.key_file: cannot read {path}: {error.strerror}") from None
    if mode & 0o077:
        raise ConfigError(f"privacy.key_file: others may read {path}, and so undo the pseudonyms; chmod 600 {path}")
    try:
        stamp, digits = text.split()
        made, key = datetime.fromisoformat(stamp), bytes.fromhex(digits)
    except ValueError:
        made, key = datetime.min, b""
    if len(key) != _KEY_BYTES or made.tzinfo is None:
        raise ConfigError(f"privacy.key_file: {path} is no key of pseudonyms; delete it, and a new one is made")
    return made, key


def pseudonym_of(plate: str, settings: PrivacySettings, csv_path: str) -> str:
    """What rows written with the key that lies there have in the place of a plate, also where the mode is another one
    by now; empty where there is no key."""
    path = key_path(settings, csv_path)
    if read_key(path) is None:
        return ""
    return PseudonymKey(path, 0).pseudonym(plate)


class Privacy:
    """Veils the events of unknown plates. Errors of the key and of the list are raised when it is made, none later."""

    def __init__(self, settings: PrivacySettings, csv_path: str) -> None:
        self._keeps_all = settings.unknown == "keep"
        self._known = known_plates(settings)
        self._key = None
        if settings.unknown == "pseudonym":
            self._key = PseudonymKey(key_path(settings, csv_path), settings.key_days)
        self._left: _LeftKey | None = None
        self._left_of = key_path(settings, csv_path), settings.key_days

    def tidy(self) -> None:
        """Makes a key that is too old anew, or deletes it where the mode is another one by now.

        For the service alone: whoever else veils may do it by another mode than the service's.
        """
        if self._key is not None:
            self._key.tidy()
            return
        if self._left is None:
            self._left = _LeftKey(*self._left_of)
        self._left.tidy()

    def veil(self, event: PlateEvent) -> PlateEvent:
        """The event as it may be kept, marked as that of a known plate or not where some are known.

        Only an accepted pass whose plate is exactly a known one stays as it is. One that is nearly so, or not sure,
        may be a stranger's: its best text, its second best and its picture would tell.
        """
        if self._known:
            event = replace(event, known=self._is_known(event.status, event.plate))
        if self._keeps_all or event.known:
            return event
        plate = self._key.pseudonym(event.plate) if self._key and event.status == "accepted" else ""
        return replace(event, plate=plate, plate_raw="", second="", unruled="", characters=(), shot=None, veiled=True)

    def veil_told(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """As `veil`, of a pass from before the start, as `event_values` told it: today's mode and list count."""
        told = {**values, "known": self._is_known(values["status"], values["plate"])}
        if self._keeps_all or told["known"] or told["veiled"]:
            return told
        return {**told, "plate": "", "plate_raw": "", "second": "", "unruled": "", "characters": [], "veiled": True}

    def _is_known(self, status: str, plate: str) -> bool | None:
        """Whether a pass was accepted as exactly one of the known plates; None where none are."""
        return status == "accepted" and plain(plate) in self._known if self._known else None


class Processor(Protocol):
    """What makes results of frames: the pipeline."""

    def process(self, frame: Frame) -> FrameResult:
        """One frame in, one result out."""

    def idle(self, time: float) -> tuple[PlateEvent, ...]:
        """Frame time has come to `time` without a frame."""

    def finish(self) -> tuple[PlateEvent, ...]:
        """End every track."""


class VeiledPipeline:
    """The pipeline as all that keeps anything sees it: its events are veiled, whatever way they come out.

    The tracks in a result keep their texts: they are drawn on the live picture, which shows the plates anyway, and are
    gone with it.
    """

    def __init__(self, pipeline: Processor, privacy: Privacy) -> None:
        self._pipeline, self._privacy = pipeline, privacy

    def process(self, frame: Frame) -> FrameResult:
        """One frame in, one result out."""
        result = self._pipeline.process(frame)
        return replace(result, events=self._veiled(result.events)) if result.events else result

    def idle(self, time: float) -> tuple[PlateEvent, ...]:
        """Frame time has come to `time` without a frame."""
        return self._veiled(self._pipeline.idle(time))

    def finish(self) -> tuple[PlateEvent, ...]:
        """End every track."""
        return self._veiled(self._pipeline.finish())

    def _veiled(self, events: tuple[PlateEvent, ...]) -> tuple[PlateEvent, ...]:
        return tuple(self._privacy.veil(event) for event in events)
