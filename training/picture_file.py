"""Pictures that a command writes where it is told to: what cannot be written is said before the work, not after it."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from edge.errors import ConfigError, OutputError
from edge.records import Image


def prepare_picture(path: Path, option: str) -> None:
    """Make the folder of a picture that an `option` of the command line names.

    ConfigError if OpenCV writes no pictures of such a name, OutputError if there can be no such folder.
    """
    if not cv2.haveImageWriter(str(path)):
        raise ConfigError(f"{option} {path}: not the name of a picture; wanted one such as {path.stem}.png")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{option} {path}: its folder cannot be made: {error.strerror}") from None


def write_picture(path: Path, picture: Image, options: Sequence[int] = ()) -> None:
    """(H, W, 3) BGR, or (H, W) grey, into a file whose folder is there; OutputError if it cannot be written.

    `options` are OpenCV's: the kind of one and its value, and so on.
    """
    if not cv2.imwrite(str(path), picture, options):
        raise OutputError(f"{path}: cannot be written; name a place where you may write, with room")
