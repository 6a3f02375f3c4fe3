"""The comparison that `.ci/arm64` makes: of this machine with itself, and with one that computes a little wrong.

The emulated processors are `.ci/arm64`'s own affair (`make test-arm64`), minutes and as root.
"""

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from demo_clips import best_moment, largest_pass, picture_at, write_picture

CI = Path(__file__).resolve().parent.parent / ".ci"


@pytest.fixture(scope="module")
def golden() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden", CI / "golden.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pictures(golden: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole picture and one crop."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "scenes").mkdir()
    (folder / "crops").mkdir()
    picture = picture_at(best_moment(largest_pass()))
    write_picture(folder / "scenes/0.jpg", picture)
    golden.compute(folder, folder / "found")
    box = json.loads((folder / "found/told.json").read_text())["plates"]["scenes/0.jpg"][0]
    x1, y1, x2, y2 = (int(box[side]) for side in ("x1", "y1", "x2", "y2"))
    write_picture(folder / "crops/0.png", picture[y1:y2, x1:x2])
    return folder


@pytest.fixture
def results(golden: ModuleType, pictures: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The same twice, the second with the first one's inputs."""
    golden.compute(pictures, tmp_path / "here")
    golden.compute(pictures, tmp_path / "there", tmp_path / "here")
    return tmp_path / "here", tmp_path / "there"


def change(result: Path, part: str, step: int = 1) -> None:
    """Another value in the first array of this kind."""
    with np.load(result / "runs.npz") as file:
        arrays = {name: file[name].copy() for name in file.files}
    name = next(name for name in arrays if name.endswith(part))
    flat = arrays[name].reshape(-1)
    flat[7] = np.clip(int(flat[7]) + step, -128, 127) if flat[7] < 127 else flat[7] - step
    np.savez(result / "runs.npz", **arrays)


def test_the_same_machine_computes_the_same(
    golden: ModuleType, results: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert golden.compare(*results) == 0
    told = capsys.readouterr().out
    assert "detector, the same inputs: 1 of 1 outputs are the same bytes" in told
    assert "detector, the same pictures: 1 of 1 inputs and 1 outputs" in told
    assert "WRONG" not in told


@pytest.mark.parametrize("kind", ["reader", "detector"])
def test_one_step_of_one_value_is_wrong(
    golden: ModuleType, results: tuple[Path, Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(results[1], f"{kind}.again")
    assert golden.compare(*results) == 1
    told = capsys.readouterr().out
    assert told.count("WRONG") == 1
    assert "1 of " in told
    assert "values differ, by up to 1" in told


def test_a_picture_prepared_otherwise_is_told_and_no_fault(
    golden: ModuleType, results: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    change(results[1], "detector.tensor", 2)
    assert golden.compare(*results) == 0
    assert "0 of 1 inputs and 1 outputs are the same bytes; in the others" in capsys.readouterr().out


def test_an_input_that_differs_is_computed_again(
    golden: ModuleType, results: tuple[Path, Path], pictures: Path, tmp_path: Path
) -> None:
    here, _ = results
    change(here, "detector.tensor", 100)
    golden.compute(pictures, tmp_path / "again", here)
    ours, again = golden.read_runs(tmp_path / "again"), golden.read_runs(tmp_path / "again", "again")
    assert len(again) == len(ours) >= 2
    differ = [name for name in ours if not np.array_equal(ours[name].output, again[name].output)]
    assert [ours[name].kind for name in differ] == ["detector"]


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("text", "WR0NG", "reads WR0NG"),
        ("reading", 0.123, "reading is 0.1230 there"),
        ("confidence", 0.123, "confidence is 0.1230 there"),
        ("x1", 0.5, "x1 is 0.5000 there"),
    ],
)
def test_another_reading_is_wrong(
    golden: ModuleType, results: tuple[Path, Path], capsys: pytest.CaptureFixture[str],
    key: str, value: object, fault: str,
) -> None:  # fmt: skip
    told = json.loads((results[1] / "told.json").read_text())
    told["plates"]["scenes/0.jpg"][0][key] = value
    (results[1] / "told.json").write_text(json.dumps(told))
    assert golden.compare(*results) == 1
    faults = [line for line in capsys.readouterr().out.splitlines() if line.startswith("WRONG  scenes/0.jpg: ")]
    assert len(faults) == 1
    assert fault in faults[0]


def test_an_unsure_reading_may_turn_and_is_told(
    golden: ModuleType, results: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for result, text in zip(results, ("OB123", "0B123"), strict=True):
        told = json.loads((result / "told.json").read_text())
        told["plates"]["crops/0.png"][0] = {"text": text, "reading": 0.6}
        (result / "told.json").write_text(json.dumps(told))
    assert golden.compare(*results) == 0
    assert "unsure: crops/0.png: reads 0B123 (0.60) there, OB123 (0.60) here" in capsys.readouterr().out


def test_a_picture_that_was_not_read_is_wrong(golden: ModuleType, results: tuple[Path, Path]) -> None:
    told = json.loads((results[1] / "told.json").read_text())
    del told["plates"]["crops/0.png"]
    (results[1] / "told.json").write_text(json.dumps(told))
    assert golden.compare(*results) == 1


def test_the_doctor_there_must_find_the_fast_kernels(
    golden: ModuleType, results: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("detector", "reader", "detector's kernels", "reader's kernels")
    sound = {"findings": [{"what": name, "state": "ok", "text": "with a delegate"} for name in names]}
    for folder in results:
        (folder / "doctor.json").write_text(json.dumps(sound))
    assert golden.compare(*results) == 0
    sound["findings"][3] |= {"state": "attention", "text": "without a delegate"}
    (results[1] / "doctor.json").write_text(json.dumps(sound))
    assert golden.compare(*results) == 1
    (results[1] / "doctor.json").write_text("")  # it crashed
    assert golden.compare(*results) == 1
    assert "WRONG  doctor: reader's kernels" in capsys.readouterr().out


def test_a_command_that_says_otherwise_there_is_wrong(golden: ModuleType, results: tuple[Path, Path]) -> None:
    event = {"plate": "AB123", "status": "accepted", "reason": None, "readings": 4, "track": 1, "first_seen": 1.0}
    for folder in results:
        (folder / "replay.jsonl").write_text(json.dumps(event) + "\n")
        (folder / "read.jsonl").write_text(json.dumps({"image": str(folder), "plates": [{"text": "AB123"}]}) + "\n")
    assert golden.compare(*results) == 0
    (results[1] / "replay.jsonl").write_text(json.dumps(event | {"readings": 3}) + "\n")
    assert golden.compare(*results) == 1
    (results[1] / "replay.jsonl").write_text("")
    assert golden.compare(*results) == 1


def test_who_is_not_root_is_told_so(tmp_path: Path) -> None:
    fake = tmp_path / "id"
    fake.write_text("#!/bin/sh\necho 1000\n")
    fake.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run([CI / "arm64"], capture_output=True, text=True, env={"PATH": path}, check=False)
    assert done.returncode == 1
    assert done.stderr == ".ci/arm64: only root can change into another system's tree: sudo .ci/arm64\n"
