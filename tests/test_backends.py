"""The reader's training on each of Keras' backends, and on two virtual devices: the same losses, the same state."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
STEPS = 8
TWO_DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}

pytestmark = [
    pytest.mark.training,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not importlib.util.find_spec("tensorflow"), reason="TensorFlow is not installed; it comes with [training]"
    ),
]


def steps(folder: Path, backend: str, count: int, devices: int = 1, **more: str) -> dict[str, Any]:
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "backend_steps.py", folder, str(count), str(devices)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert result["backend"] == backend
    return result


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A folder with first weights and the state after eight steps of TensorFlow; their losses and those of two more."""
    folder = tmp_path_factory.mktemp("begun")
    losses = steps(folder, "tensorflow", STEPS)["losses"]
    ahead = tmp_path_factory.mktemp("ahead") / "run"
    shutil.copytree(folder, ahead)
    return folder, losses + steps(ahead, "tensorflow", 2)["losses"]


@pytest.mark.parametrize(("backend", "devices"), [("jax", 1), ("jax", 2), ("torch", 1)])
def test_every_backend_takes_the_same_steps(
    begun: tuple[Path, list[float]], tmp_path: Path, backend: str, devices: int
) -> None:
    folder, losses = begun
    shutil.copy(folder / "begun.weights.h5", tmp_path)
    more = TWO_DEVICES if devices == 2 else {}
    result = steps(tmp_path, backend, STEPS, devices, **more)
    assert result["devices"] == devices
    assert losses[-1] < 0.9 * losses[0]
    assert result["losses"] == pytest.approx(losses[:STEPS], rel=0.01)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_run_that_tensorflow_began_goes_on_with_another_backend(
    begun: tuple[Path, list[float]], tmp_path: Path, backend: str
) -> None:
    folder, losses = begun
    shutil.copytree(folder, tmp_path / "run")
    assert steps(tmp_path / "run", backend, 2)["losses"] == pytest.approx(losses[STEPS:], rel=0.01)
