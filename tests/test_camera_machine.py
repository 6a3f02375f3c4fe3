"""Cameras through a system's own software, in Debian 13: picamera2 on a virtual camera, GStreamer through its OpenCV.

Only where it is asked for: `make test-install`. What runs in there are modules of these tests.
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from debian_trees import DEVICE, WHERE_ASKED_FOR, System, copy_checkout, pip_for, run_in, unpack
from systemd_machine import why_not

pytestmark = WHERE_ASKED_FOR

SYSTEM = System("trixie")
PICAMERA = "python3,python3-libcamera,libcamera-ipa,libcap2,libgl1,libglib2.0-0t64"
GSTREAMER = "python3,python3-opencv,gstreamer1.0-plugins-base"
NEEDS = ("piexif", "pillow", "videodev2", "av", "tqdm", "jsonschema")
"""picamera2's own, but for those that there are no wheels of."""
TESTS = ("pytest", "pytest-timeout", "hypothesis")
WITH_OPENCV = ("camera", "demo", "detector", "looks", "motion", "overlay", "pipeline", "preprocess", "reader", "stills")
STAND_INS = ("pykms", "prctl", "pidng", "pidng.core", "pidng.camdefs", "libarchive")
"""Previews and raw files, which nobody asks for here."""
STAND_IN = "from unittest.mock import MagicMock\n\n\ndef __getattr__(name):\n    return MagicMock()\n"
CAMERA = """"Virtual0":
  supported_formats:
  - {width: 1920, height: 1080, frame_rates: [15, 30]}
  - {width: 640, height: 480, frame_rates: [30]}
  test_pattern: "lines"
  location: "CameraLocationFront"
  model: "Virtual Video Device"
"""


def make_tree(root: Path, packages: str, needs: Sequence[str]) -> None:
    """A Debian 13 with those packages, with a copy of the checkout, and in /opt/packages with wheels and theirs."""
    if reason := why_not() or SYSTEM.why_not():
        pytest.skip(reason)
    unpack(SYSTEM, packages, root)
    copy_checkout(root, "edge", "models", "tests", "pyproject.toml")
    add_wheels(root, *needs, *TESTS)


def add_wheels(root: Path, *wanted: str) -> None:
    subprocess.run([*pip_for(SYSTEM, "install"), f"--target={root / 'opt/packages'}", *wanted], check=True)


def add_virtual_camera(root: Path) -> None:
    """picamera2 and a camera for it, of 1920x1080 pixels."""
    add_wheels(root, "--no-deps", "picamera2")
    camera = root / "usr/share/libcamera/pipeline/virtual/virtual.yaml"
    camera.parent.mkdir(parents=True)
    camera.write_text(CAMERA)
    for name in STAND_INS:
        path = root.joinpath("opt/packages", *name.split("."))
        path.mkdir(exist_ok=True)
        (path / "__init__.py").write_text(STAND_IN)


def pytest_there(root: Path, modules: Sequence[str]) -> str:
    """What pytest says of some modules of these tests there."""
    command = ["python3", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    command += [f"/src/tests/test_{module}.py" for module in modules]
    told = run_in(root, command, environment={"PYTHONPATH": "/src:/opt/packages"})
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "root"
    shutil.rmtree(tmp_path / "root", ignore_errors=True)  # 1 GB


def test_what_is_asked_of_picamera2_works_on_a_virtual_camera(root: Path) -> None:
    make_tree(root, PICAMERA, [*DEVICE, *NEEDS])
    add_virtual_camera(root)
    told = pytest_there(root, ["picamera"])
    assert "SKIPPED" not in told, told


def test_pipelines_and_all_the_rest_run_through_debians_opencv(root: Path) -> None:
    """OpenCV 4 lacks some of what 5 has."""
    make_tree(root, GSTREAMER, [name for name in DEVICE if not name.startswith("opencv")])
    told = pytest_there(root, ["gstreamer", *WITH_OPENCV])
    assert "built without GStreamer" not in told, told
