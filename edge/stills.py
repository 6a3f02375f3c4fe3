"""`gatereader read`: pictures, folders of pictures and clips, one result a picture, in the order in which they are given."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.errors import SourceError
from edge.pictures import (
    PICTURE_SUFFIXES,
    PictureResult,
    expand_paths,
    picture_json,
    read_image,
    read_picture,
    save_annotated,
)
from edge.pipeline import Detector, Reader
from edge.source import SourceSettings, open_source


def read_paths(
    paths: Sequence[Path], detector: Detector | None, reader: Reader, save: Path | None = None
) -> Iterator[dict[str, Any]]:
    """What `read --json` prints, a dictionary a picture; what cannot be read has an `error`, and the rest goes on.

    Without a detector each picture is one plate. With `save` the pictures are drawn into that folder. A clip gives one
    result for each frame, with its number (`frame`) and its `time` in seconds.
    """
    for path in paths:
        try:
            files = expand_paths([path])
        except SourceError as error:
            yield _failed(path, error)
            continue
        for file in files:
            try:
                yield from _read_file(file, detector, reader, save)
            except SourceError as error:
                yield _failed(file, error)


def _read_file(file: Path, detector: Detector | None, reader: Reader, save: Path | None) -> Iterator[dict[str, Any]]:
    if file.suffix.lower() in PICTURE_SUFFIXES or not file.exists():
        result = read_picture(file, detector, reader)
        if save is not None:
            save_annotated(result, save)
        yield picture_json(result)
        return
    with open_source(SourceSettings(source=str(file), realtime=False)) as source:
        for frame in source:
            if frame is not None:
                result = read_image(file, frame.image, detector, reader)
                if save is not None:
                    save_annotated(result, save, f"{file.stem}-{frame.index:06d}", frame.utc)
                values = picture_json(result)
                yield {"image": values.pop("image"), "frame": frame.index, "time": round(frame.time, 3), **values}


def _failed(path: Path, error: SourceError) -> dict[str, Any]:
    return {"image": str(path), "error": str(error).removeprefix(f"{path}: ")}


def still_line(values: Mapping[str, Any]) -> str:
    """One picture's plates for people: `gate.jpg: AB123CD 97 %`."""
    name = f"{values['image']} {values['time']:.2f} s" if "time" in values else values["image"]
    plates = [f"{plate['text'] or '(illegible)'} {100 * plate['confidence']:.0f} %" for plate in values["plates"]]
    return f"{name}: {', '.join(plates) or 'no plate'}"
