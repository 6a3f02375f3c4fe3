"""Recordings of the demo scene for tests: pictures with a known plate, folders of frames, videos, and broken ones."""

from pathlib import Path

import cv2

from edge.demo import FPS, DemoPass, demo_truth
from edge.demo_scene import DemoPlate, DemoScene
from edge.records import Image

SCENE = DemoScene(0)


def largest_pass() -> DemoPass:
    """The one-line plate of the first minute that comes nearest."""
    return max((one for one in demo_truth(0) if one.lines == 1), key=lambda one: one.width)


def picture_at(time: float) -> Image:
    return SCENE.frame_at(time)[0]


def best_moment(one: DemoPass) -> float:
    """When the plate of a pass is widest."""
    moments = [index / FPS for index in range(round(one.first_seen * FPS), round(one.last_seen * FPS) + 1)]
    return max(moments, key=lambda moment: width_at(one, moment))


def width_at(one: DemoPass, moment: float) -> float:
    return max((plate.x2 - plate.x1 for plate in SCENE.plates_at(moment) if plate.text == one.plate), default=0.0)


def plate_at(one: DemoPass, moment: float) -> DemoPlate:
    """Where the plate of a pass is in the picture of that moment."""
    return next(plate for plate in SCENE.plates_at(moment) if plate.text == one.plate)


def write_picture(path: Path, image: Image) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def write_frames(folder: Path, one: DemoPass, fps: float = 5.0) -> Path:
    """A folder of frames of one pass, from its first to its last sight and a little beyond."""
    folder.mkdir()
    count = round((one.last_seen - one.first_seen + 1.0) * fps)
    for index in range(count):
        write_picture(folder / f"{index:04d}.jpg", picture_at(one.first_seen - 0.2 + index / fps))
    return folder


def write_video(path: Path, one: DemoPass, fps: float = 3.0) -> Path:
    """The same as an AVI of JPEGs, which needs no encoder from elsewhere and is readable up to where it is cut off."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (1280, 720))
    for index in range(round((one.last_seen - one.first_seen + 1.0) * fps)):
        writer.write(picture_at(one.first_seen - 0.2 + index / fps))
    writer.release()
    return path
