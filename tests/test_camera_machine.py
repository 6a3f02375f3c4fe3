"""Cameras through a system's own software, in Debian 13: picamera2 on a virtual camera, GStreamer through its OpenCV.

Only where it is asked for: `make test-install`. What runs in there are tests/test_picamera.py and test_gstreamer.py.
"""

import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from debian_trees import WHERE_ASKED_FOR, System, pip_for, run_in, unpack
from systemd_machine import CHECKOUT, why_not

pytestmark = WHERE_ASKED_FOR

PICAMERA = "python3,python3-libcamera,libcamera-ipa,libcap2,libgl1,libglib2.0-0t64"
GSTREAMER = "python3,python3-opencv,gstreamer1.0-plugins-base"
DEVICE = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
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


def pytest_there(
    modules: Sequence[str], packages: str, root: Path, needs: Sequence[str], alone: Sequence[str] = ()
) -> str:
    """What pytest says of some modules of these tests in a Debian 13 with those packages, and with those of the device.

    `needs` are wheels that come with theirs, `alone` those without.
    """
    system = System("trixie")
    if reason := why_not() or system.why_not():
        pytest.skip(reason)
    unpack(system, packages, root)
    for name in ("edge", "models", "tests"):
        shutil.copytree(CHECKOUT / name, root / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", root / "src")
    install = [*pip_for(system, "install"), f"--target={root / 'opt/packages'}"]
    subprocess.run([*install, *needs, *TESTS], check=True)
    if alone:
        subprocess.run([*install, "--no-deps", *alone], check=True)
    camera = root / "usr/share/libcamera/pipeline/virtual/virtual.yaml"
    camera.parent.mkdir(parents=True)
    camera.write_text(CAMERA)
    for name in STAND_INS:
        path = root.joinpath("opt/packages", *name.split("."))
        path.mkdir(exist_ok=True)
        (path / "__init__.py").write_text(STAND_IN)
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
    told = pytest_there(["picamera"], PICAMERA, root, [*DEVICE, *NEEDS], alone=["picamera2"])
    assert "SKIPPED" not in told, told


def test_pipelines_and_all_the_rest_run_through_debians_opencv(root: Path) -> None:
    """OpenCV 4 lacks some of what 5 has."""
    needs = [name for name in DEVICE if not name.startswith("opencv")]
    told = pytest_there(["gstreamer", *WITH_OPENCV], GSTREAMER, root, needs)
    assert "built without GStreamer" not in told, told
