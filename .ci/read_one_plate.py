"""Draws a picture of the demo scene with a known plate, lets the installed `gatereader` read it, and compares.

usage: read_one_plate.py GATEREADER
"""

import json
import subprocess
import sys
from pathlib import Path

import cv2

from edge.demo import FPS, demo_truth
from edge.demo_scene import DemoScene

PICTURES = 1


def main() -> int:
    """Read the largest plates of the scene's first minute; exit status 1 unless every one is right."""
    sys.stdout.write(f"program: {Path(sys.modules['edge.demo'].__file__ or '').parent}\n")
    scene = DemoScene(0)
    wanted = {}
    largest = sorted(demo_truth(0, 0), key=lambda one: one.width, reverse=True)[:PICTURES]
    for number, one in enumerate(largest):
        moments = range(round(one.first_seen * FPS), round(one.last_seen * FPS) + 1)
        best = max(moments, key=lambda index: _width(scene, index / FPS, one.plate))
        picture = Path(f"picture{number}.png")
        cv2.imwrite(str(picture), scene.frame_at(best / FPS)[0])
        wanted[str(picture)] = one.plate
    command = [sys.argv[1], "read", "--json", *wanted]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    wrong = 0
    for line in output.splitlines():
        found = json.loads(line)
        texts = [plate["text"] for plate in found["plates"]]
        wish = wanted[found["image"]]
        sys.stdout.write(f"{found['image']}: wanted {wish}, read {', '.join(texts) or 'nothing'}\n")
        wrong += wish not in texts
    return 1 if wrong or len(output.splitlines()) != len(wanted) else 0


def _width(scene: DemoScene, time: float, text: str) -> float:
    return max((plate.x2 - plate.x1 for plate in scene.plates_at(time) if plate.text == text), default=0.0)


if __name__ == "__main__":
    sys.exit(main())
