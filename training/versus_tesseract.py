"""The `tesseract` program as a plate reader, set up as one who reads plates with it would."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.alphabet import ALPHABET
from edge.errors import ConfigError, ModelError
from edge.records import Image

HEIGHT = 128
"""Pixels that a line of a plate is enlarged to. Of 36, 48, 64, 96, 128 and 200 the best on 250 real `train` crops."""
TWO_LINES = 2.0
"""What is narrower than this times its height is told to it as two lines."""

TRIMMED = (0.08, 0.02)
"""Shares of the height and of the width that are cut off at each side: a frame or a bumper would be read as I and 1.
Half as much again, and nothing, were worse on the same crops."""


def tesseract_version(program: str = "tesseract") -> str:
    """Name and version of the program; ConfigError if there is none."""
    if shutil.which(program) is None:
        raise ConfigError(f"--versus tesseract: no program {program!r} here; apt install tesseract-ocr")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return (told.stdout or told.stderr).split("\n")[0].strip() or program


def tesseract_picture(crop: Image) -> Image:
    """A crop as tesseract likes it, (H, W) grey: trimmed, enlarged, smoothed with its edges kept, dark on light.

    Tried on 250 real `train` crops too, and each cost it plates: Otsu's threshold (its recognizer takes grey pictures),
    a plain margin, CLAHE, and the page modes 6, 8 and 13 for a single line.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    scale = HEIGHT * (2 if may_have_two_lines(crop) else 1) / grey.shape[0]
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    grey = cv2.bilateralFilter(grey, 11, 17, 17)
    down, across = (int(share * size) for share, size in zip(TRIMMED, grey.shape, strict=True))
    grey = grey[down : grey.shape[0] - down, across : grey.shape[1] - across]
    middle = grey[grey.shape[0] // 4 : -(grey.shape[0] // 4)]
    _, light = cv2.threshold(middle, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(255 - grey if light.mean() < 0.5 else grey, dtype=np.uint8)


def may_have_two_lines(crop: Image) -> bool:
    """By its shape; nobody is told how many lines a plate has."""
    return bool(crop.shape[1] < TWO_LINES * crop.shape[0])


def read_with_tesseract(crops: Sequence[Image], program: str = "tesseract") -> list[str]:
    """What it says of N crops, (H, W, 3) BGR each, spaces and line ends included.

    One process reads all crops of a kind, in tesseract's favour: to start it for each would cost more than to read.
    """
    texts = [""] * len(crops)
    with tempfile.TemporaryDirectory() as folder:
        for mode, two_lines in (("7", False), ("6", True)):  # a single line; one block of lines
            rows = [row for row, crop in enumerate(crops) if may_have_two_lines(crop) == two_lines]
            paths = [str(Path(folder) / f"{row}.png") for row in rows]
            for row, path in zip(rows, paths, strict=True):
                cv2.imwrite(path, tesseract_picture(crops[row]))
            for row, page in zip(rows, _pages(program, mode, paths), strict=True):
                texts[row] = page
    return texts


def _pages(program: str, mode: str, paths: list[str]) -> list[str]:
    """What tesseract says of each picture."""
    if not paths:
        return []
    listed = Path(paths[0]).with_name(f"mode{mode}.txt")
    listed.write_text("\n".join(paths) + "\n", encoding="utf-8")
    command = [
        program,
        str(listed),
        "stdout",
        "--psm",
        mode,
        "--dpi",
        "300",
        "-c",
        f"tessedit_char_whitelist={ALPHABET}",
    ]
    # one thread, so that its processor time is what it needs and not what its threads wait for each other
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        raise ModelError(f"{program} ended with status {done.returncode} and said: {said}")
    pages = done.stdout.split("\f")
    if len(pages) == len(paths) + 1 and not pages[-1]:  # whether a form feed ends the last page depends on the version
        pages.pop()
    if len(pages) != len(paths):
        raise ModelError(
            f"{program} answered {len(pages)} pages for {len(paths)} pictures; is it tesseract 4 or newer?"
        )
    return pages
