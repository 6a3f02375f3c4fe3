"""`gatereader check`: would the service run with this configuration? One finding for each part, nothing is changed."""

import base64
import binascii
import math
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge.address import listen, parse_listen
from edge.alphabet import decode_greedy
from edge.card import ModelCard
from edge.config import Config
from edge.detector import FINDABLE_WIDTH, PlateDetector, golden_hashes
from edge.detector_choice import settled
from edge.errors import GateReaderError, ModelError, OutputError, SourceError
from edge.json_log import json_path
from edge.kept_crops import crops_folder
from edge.live import LiveSettings, check_live_settings
from edge.pictures import pictures_folder
from edge.preprocess import READER_HEIGHT, READER_WIDTH, PlateView
from edge.privacy import key_path, known_plates, read_key
from edge.reader import PlateReader
from edge.recording import RecordingSettings
from edge.region import windows
from edge.review import read_items
from edge.source import arriving, open_source
from edge.whole_file import existing


class Finding(NamedTuple):
    """What is known of one part; `status` is the exit status that it alone would give."""

    what: str
    text: str
    status: int = 0


def check(config: Config, without: Collection[str] = ()) -> Iterator[Finding]:
    """All findings, the quick ones first, but for the parts that are named in `without`."""
    yield Finding("configuration", "every key is known and in range")
    detector = cache(lambda: PlateDetector(settled(config.detector, config.region), config.region))
    parts: tuple[tuple[str, Callable[[], str]], ...] = (
        ("detector", lambda: _detector(detector())),
        ("reader", lambda: _reader(PlateReader(config.reader))),
        ("csv", lambda: _file(config.csv.path, "csv.path")),
        ("json", lambda: _file(str(json_path(config.json, config.csv.path) or ""), "json.path")),
        ("pictures", lambda: _pictures(config)),
        ("review", lambda: _review(config)),
        ("recording", lambda: _recording(config.recording)),
        ("privacy", lambda: _privacy(config)),
        ("live page", lambda: _live(config.live)),
        ("source", lambda: _source(config, detector)),
    )
    for what, look in parts:
        if what in without:
            continue
        try:
            yield Finding(what, look())
        except GateReaderError as error:
            yield Finding(what, str(error), error.exit_status)


def _detector(detector: PlateDetector) -> str:
    blank = np.zeros((480, 640, 3), dtype=np.uint8)
    found = len(detector.detect(blank))
    if found:
        raise ModelError(f"{detector.card.name}: finds {found} plates in a black picture; the model is not usable")
    if not detector.card.golden:
        return _named(detector.card)
    same = detector.card.golden[0].get("sha256") == golden_hashes(detector.model)
    # Another kernel rounds the last bit of some values differently, which costs nothing and is no fault.
    told = "computes to the last bit" if same else "computes nearly, not to the last bit,"
    return f"{_named(detector.card)}; {told} what it did where it was made"


def _reader(reader: PlateReader) -> str:
    """Also reads the pictures in the card, and compares with what was read where the model was made."""
    identical = 0
    for number, golden in enumerate(reader.card.golden, start=1):
        pixels, text, digest = _golden(reader.card, golden)
        view = PlateView(pixels, 1)
        read = decode_greedy(reader.logits(view)).text
        if read != text:
            raise ModelError(
                f"{reader.card.name}: reads {read or 'nothing'} on the card's picture {number}, which holds {text}; "
                f"{reader.backend} does not compute on this machine what it should"
            )
        identical += sha256(reader.stored_logits(view).tobytes()).hexdigest() == digest
    count = len(reader.card.golden)
    told = f"; {count} test pictures read right, {identical} to the last bit" if count else ""
    return f"{_named(reader.card)}{told}"


def _golden(card: ModelCard, golden: Mapping[str, Any]) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], str, str]:
    try:
        raw = zlib.decompress(base64.b64decode(golden["pixels"]))
        pixels = np.frombuffer(raw, dtype=np.uint8).reshape(READER_HEIGHT, READER_WIDTH)
        return pixels, str(golden["text"]), str(golden["sha256"])
    except (KeyError, ValueError, zlib.error, binascii.Error) as error:
        raise ModelError(f"{card.name}: a test picture in its card is damaged ({error!r})") from None


def _named(card: ModelCard) -> str:
    shape = "×".join(str(size) for size in card.input.shape[1:])
    return f"{card.name}, input {shape}, hash and tensors agree with the card ({card.sha256[:12]}…)"


def _file(name: str, key: str) -> str:
    """Tries without leaving anything behind."""
    if not name:
        return "switched off"
    path = Path(name).absolute()
    try:
        if path.exists():
            with path.open("ab"):
                return f"{path} can be written"
        with tempfile.TemporaryFile(dir=existing(path.parent)):
            return f"{path} can be made"
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; set {key}") from None


def _pictures(config: Config) -> str:
    if config.pictures.keep == "off":
        return "switched off"
    what = "crops" if config.pictures.keep == "crops" else "crops and frames"
    folder = pictures_folder(config.pictures, config.csv.path).absolute()
    return f"{what} are kept; {_folder(folder, 'pictures.folder')}"


def _review(config: Config) -> str:
    if config.review.keep == "off":
        return "switched off"
    folder = crops_folder(config.review, config.csv.path).absolute()
    waiting = sum(item.answer is None for item in read_items(folder)[0])
    return f"{_folder(folder, 'review.folder')}, {waiting} crops wait in it"


def _recording(settings: RecordingSettings) -> str:
    return _folder(Path(settings.folder).absolute(), "recording.folder") if settings.folder else "switched off"


def _privacy(config: Config) -> str:
    known = len(known_plates(config.privacy))
    if config.privacy.unknown == "keep":
        return "every plate is written down (privacy.unknown)"
    if config.privacy.unknown == "drop":
        return f"known plates: {known}; of all others no text is kept"
    path = key_path(config.privacy, config.csv.path).absolute()
    found = read_key(path)
    key = f"key {path} of {found[0]:%Y-%m-%d}" if found else f"key {_file(str(path), 'privacy.key_file')}"
    return f"known plates: {known}; all others get a pseudonym; {key}"


def _folder(folder: Path, key: str) -> str:
    """Whether files can be made in the folder; one that is not there yet is not made."""
    try:
        there = existing(folder)
        with tempfile.TemporaryFile(dir=there):
            return f"{folder} can be {'written' if there == folder else 'made'}"
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror}; set {key}") from None


def _live(settings: LiveSettings) -> str:
    if not settings.enabled:
        return "switched off"
    password = "with" if check_live_settings(settings) else "without"
    listen(parse_listen(settings.listen)).close()
    return f"{settings.listen} is free, {password} a password"


def _source(config: Config, detector: Callable[[], PlateDetector]) -> str:
    with open_source(config.source) as source:
        for frame in arriving(source):
            height, width = frame.image.shape[:2]
            told = f"{source.description} gives pictures of {width}×{height}"
            least, (whole, *_) = config.vote.min_plate_width, windows(config.region, width, height)
            if (across := whole.x2 - whole.x1) < least:
                raise SourceError(
                    f"{told}, of which [region] leaves {across} px across, less than a plate (vote.min_plate_width = "
                    f"{least}): draw it around the drive"
                )
            scale = detector().canvas_scale(width, height)
            return f"{told}; {_plate_pixels(least, scale, config.region.tiles)}"
        raise SourceError(f"{source.description}: no picture in it")


def _plate_pixels(least: int, scale: float, tiles: int) -> str:
    """How large the smallest plate that may vote is for the detector, and what to do if that is too small."""
    pixels = math.floor(least * scale)
    told = f"a plate {least} px wide there (vote.min_plate_width) is {pixels} px wide in the detector"
    if pixels >= FINDABLE_WIDTH:
        return told
    cure = f"draw [region] look around the drive, or {'raise' if tiles > 1 else 'set'} region.tiles"
    return f"{told}, where it is seldom found below {FINDABLE_WIDTH}: {cure}"
