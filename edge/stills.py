"""`gatereader read`: pictures, folders of pictures and clips; one result a picture, in the order given."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.candidates import StillDetector, find_plates, whole_plate
from edge.clip import PICTURES, Clip, Video, read_picture
from edge.errors import OutputError, SourceError
from edge.jpeg import encode_jpeg
from edge.nbest import alternatives
from edge.overlay import draw
from edge.picture_folder import DRAWN, find_pictures
from edge.pipeline import Reader
from edge.records import Frame, FrameResult, PlateBox, PlateReading, TrackedPlate
from edge.vote import VoteSettings, rule_reading, surely

STDIN = Path("-")
_STDIN_FILE = Path("/dev/stdin")
_ADDRESS = re.compile(r"https?:/", re.IGNORECASE)
"""With one slash, for a `Path` has no empty parts."""
_QUALITY = 95
_LONGEST_STEM = 220
"""Bytes of a drawing's name, of 255 that a file's may have: the frame's number and the ending follow."""


@dataclass(frozen=True, slots=True)
class Still:
    """One picture and the plates found on it, each with its reading, which may be empty."""

    path: Path
    frame: Frame
    of_clip: bool
    plates: tuple[tuple[PlateBox, PlateReading], ...]
    detect_seconds: float
    read_seconds: float
    ruled: tuple[tuple[str, str], ...] | None = None
    """For each plate the format that it fits and what was read before a format changed it; None without formats."""


def read_paths(
    paths: Sequence[Path],
    detector: StillDetector | None,
    reader: Reader,
    vote: VoteSettings,
    save: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """What `read --json` prints, a dictionary a picture; what cannot be read has an `error`, and the rest goes on.

    Without a detector each picture is one plate. With `save` the pictures are drawn into that folder. A clip gives one
    result for each frame, with its number (`frame`) and its `time` in seconds. The formats of
    `vote` have the same say in a single reading as in a vote, and so has what it wants of a single one.
    """
    album = None if save is None else _Album(save, paths)
    for path, frame in frames_of(paths):
        try:
            if isinstance(frame, SourceError):
                raise frame
            still = read_still(path, frame, detector, reader, vote.formats)
            if album is not None:
                album.add(still)
        except SourceError as error:
            yield failure_values(path, error)
        else:
            yield still_values(still, vote.needed(1))


def read_still(
    path: Path, frame: Frame, detector: StillDetector | None, reader: Reader, formats: tuple[str, ...] = ()
) -> Still:
    """Find and read all plates of one picture as the formats would have them; without a detector all of it is one."""
    image = frame.image
    found = whole_plate(image, reader.read) if detector is None else find_plates(image, detector, reader.read)
    return apply_formats(Still(path, frame, _is_clip(path), *found), formats)


def apply_formats(still: Still, formats: tuple[str, ...]) -> Still:
    """The same picture with each reading as the formats would have it."""
    if not formats:
        return still
    ruled = [(box, reading, *rule_reading(reading, formats)) for box, reading in still.plates]
    return replace(
        still,
        plates=tuple((box, after) for box, _, after, _ in ruled),
        ruled=tuple((fits, before.text if before.text != after.text else "") for _, before, after, fits in ruled),
    )


def still_values(still: Still, accept: float) -> dict[str, Any]:
    """The result as what JSON can hold; boxes in pixels, times in milliseconds. `plate` is the text with `?` for what
    is read with less than `accept`."""
    height, width = still.frame.image.shape[:2]
    place = {"frame": still.frame.index, "time": round(still.frame.time, 3)} if still.of_clip else {}
    return {
        "image": as_utf8(still.path),
        **place,
        "width": width,
        "height": height,
        "plates": [
            {
                "text": reading.text,
                "plate": surely(reading.characters, accept),
                "confidence": round(reading.confidence, 4),
                "characters": [[character, round(confidence, 4)] for character, confidence in reading.characters],
                "alternatives": [[text, round(odds, 4)] for text, odds in alternatives(reading)],
                "box": box.sides,
                "detection": round(box.confidence, 4),
                **({} if still.ruled is None else dict(zip(("format", "unruled"), still.ruled[index], strict=True))),
            }
            for index, (box, reading) in enumerate(still.plates)
        ],
        "ms": {"detect": round(1000 * still.detect_seconds, 2), "read": round(1000 * still.read_seconds, 2)},
    }


def failure_values(path: Path, error: SourceError) -> dict[str, Any]:
    """The result of what cannot be read: why, without the name that stands beside it."""
    return {"image": as_utf8(path), "error": as_utf8(error).removeprefix(f"{as_utf8(path)}: ")}


def still_line(values: Mapping[str, Any]) -> str:
    """One picture's plates for people: `gate.jpg: AB123CD 97 %`, or `AB12?CD (AB123CD 61 %)` where it is unsure."""
    name = f"{values['image']} {values['time']:.2f} s" if "time" in values else values["image"]
    return f"{name}: {', '.join(map(_plate_words, values['plates'])) or 'no plate'}"


def _plate_words(plate: Mapping[str, Any]) -> str:
    words = f"{plate['text'] or '(illegible)'} {100 * plate['confidence']:.0f} %"
    return words if plate["plate"] == plate["text"] else f"{plate['plate']} ({words})"


def frames_of(paths: Sequence[Path]) -> Iterator[tuple[Path, Frame | SourceError]]:
    """Each picture with its path, or with why there is none; `STDIN` is a picture on standard input."""
    for path in paths:
        try:
            if path.is_dir():
                for picture in find_pictures(path):
                    yield picture, _picture(picture)
            elif _is_clip(path):
                yield from _clip(path)
            else:
                yield path, _picture(path)
        except SourceError as error:
            yield path, error
        except OSError as error:  # of a name that is too long, or in a folder where one may not look
            yield path, SourceError(f"cannot be read: {error.strerror}")


def _is_clip(path: Path) -> bool:
    """A pipe, as of `<(curl …)`, is a picture: in most clips FFmpeg has to go back."""
    return path != STDIN and path.is_file() and path.suffix.lower() not in PICTURES


def _picture(path: Path) -> Frame | SourceError:
    file = _STDIN_FILE if path == STDIN else path
    try:
        if _ADDRESS.match(str(path)) and not path.exists():
            return SourceError("an address, no file; `curl -s ADDRESS | gatereader read -` reads its picture")
        if file.is_char_device() or file.is_block_device():
            return SourceError("a device or a terminal, no file; `gatereader run --source` is for cameras")
        image = read_picture(file)
        return Frame(image, 0.0, datetime.fromtimestamp(file.stat().st_mtime, UTC), 0, str(path))
    except SourceError as error:
        return error
    except OSError as error:
        return SourceError(f"cannot be read: {error.strerror}")


def _clip(path: Path) -> Iterator[tuple[Path, Frame | SourceError]]:
    with Clip(Video(path)) as source:
        yield from ((path, frame) for frame in source if frame is not None)
        yield from ((path, SourceError(reason)) for _, reason in source.skipped)


def as_utf8(what: object) -> str:
    """As text that is UTF-8: a byte of a file's name that is none becomes `\\xe9`, as in the shell's $'…'."""
    return str(what).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class _Album:
    """A folder of drawn pictures, in which none takes another's name, nor that of a picture that is read."""

    def __init__(self, folder: Path, read: Sequence[Path]) -> None:
        self._folder = folder
        self._names = {path.name for path in read}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write into {folder}: {error.strerror}; name another folder") from None

    def add(self, still: Still) -> None:
        """Draw the plates onto a copy and write it as `NAME.plates.jpg`; SourceError if it is too large for that."""
        tracks = tuple(_as_track(number, *plate) for number, plate in enumerate(still.plates, start=1))
        drawn = draw(FrameResult(still.frame, tuple(box for box, _ in still.plates), tracks, ()))
        try:
            data = encode_jpeg(drawn, _QUALITY)
        except OSError:
            raise SourceError("too large to be saved (a JPEG has 65,500 pixels a side); omit --save") from None
        path = self._folder / self._name(still)
        try:
            path.write_bytes(data)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from None

    def _name(self, still: Still) -> str:
        whole = (_STDIN_FILE if still.path == STDIN else still.path).stem
        raw = os.fsencode(whole)
        stem = whole if len(raw) <= _LONGEST_STEM else raw[:_LONGEST_STEM].decode(errors="ignore")
        if still.of_clip:
            stem += f"-{still.frame.index:06d}"
        name, number = f"{stem}{DRAWN}", 1
        while name in self._names:
            number += 1
            name = f"{stem}.{number}{DRAWN}"
        self._names.add(name)
        return name


def _as_track(number: int, box: PlateBox, reading: PlateReading) -> TrackedPlate:
    """As the drawing wants it; one look decides nothing, so the state is that of a plate being read."""
    return TrackedPlate(number, box, reading.text, reading.confidence, "reading", 1)
