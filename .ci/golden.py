"""Shows whether the installed gatereader computes on another processor what it computes on this one.

usage: golden.py draw PICTURES                    crops, whole pictures and the frames of a pass, of the demo scene
       golden.py compute PICTURES RESULT [GIVEN]  through both models; with GIVEN, a RESULT, also its very inputs
       golden.py compare RESULT OTHER             what differs; exit status 1 if anything does that must not

Both sides are computed when it is asked, nothing is recorded: a new model needs nothing here.
"""

import hashlib
import json
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import cv2
import numpy as np
import numpy.typing as npt

from edge.clip import read_picture
from edge.demo import demo_truth
from edge.demo_scene import DemoScene
from edge.detector import DetectorSettings, PlateDetector
from edge.doctor import versions
from edge.reader import PlateReader
from edge.records import Frame, PlateReading
from edge.runtime import Int8Array, Int8Model
from edge.stills import read_still

PASS_FPS = 3.0
"""Frames a second of the recorded pass; `gatereader replay --fps` must say the same."""
NEARLY = {"reading": 0.1, "confidence": 0.1, "x1": 2.5, "y1": 2.5, "x2": 2.5, "y2": 2.5}
"""Most by which a reading's confidence, a box's and its sides may differ (one pixel of the detector's canvas in a
frame of 1280): OpenCV scales whole pictures in another arithmetic on ARM, which moves grey values by a step or two
(docs/arm64.md), and boxes with them."""
SURE = 0.9
"""A reading this confident on either side must be the same text on both; an unsure one may turn, and is told."""
_DARK, _BLUR = 0.25, 1.2
_KINDS = ("reader", "detector")
_DOCTOR = ("detector", "reader", "detector's kernels", "reader's kernels")
_READ = ("text",)
_REPLAY = ("plate", "status", "reason", "readings", "track")


class Run(NamedTuple):
    """One call of a model: which, what it got, and all its outputs one after the other, as stored."""

    kind: str
    tensor: Int8Array
    output: Int8Array


def draw(folder: Path) -> None:
    """Writes `crops/` (PNG), `scenes/` (JPEG, one for each light) and `pass/` (JPEG) into `folder`."""
    from demo_clips import best_moment, picture_at, width_at, write_frames, write_picture  # noqa: PLC0415 - of tests/

    for name in ("crops", "scenes"):
        (folder / name).mkdir(parents=True)
    scene, scenes = DemoScene(0), dict[int, tuple[float, float]]()
    for number, one in enumerate(demo_truth(0)):
        best = best_moment(one)
        widest = width_at(one, best), best
        scenes[scene.light_at(best)] = max(scenes.get(scene.light_at(best), widest), widest)
        for moment in (best, (one.first_seen + best) / 2):
            x1, y1, x2, y2 = next(
                (plate.x1, plate.y1, plate.x2, plate.y2) for plate in scene.plates_at(moment) if plate.text == one.plate
            )
            rows = slice(max(0, int(y1) - 2), int(y2) + 3)
            crop = picture_at(moment)[rows, max(0, int(x1) - 3) : int(x2) + 4]
            far = moment != best
            if number % 3 == 1 and not far:
                crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), _BLUR), np.uint8)
            elif number % 3 == 2 and not far:
                crop = np.asarray(crop * _DARK, np.uint8)
            write_picture(folder / f"crops/{number:02d}-{'far' if far else 'near'}-{one.plate}.png", crop)
    for light, (_, moment) in scenes.items():
        write_picture(folder / f"scenes/{light}.jpg", picture_at(moment))
    whole = (one for one in demo_truth(0) if one.first_seen >= 1.0)
    write_frames(folder / "pass", min(whole, key=lambda one: one.last_seen - one.first_seen), PASS_FPS)


def compute(pictures: Path, result: Path, given: Path | None = None) -> None:
    """Reads the crops and the scenes as `gatereader read` does, and writes every call of a model into `result`.

    With `given` each call is made again with the input that it had there, where that is another.
    """
    detector, reader = PlateDetector(DetectorSettings("large")), PlateReader()
    arrays: dict[str, npt.NDArray[Any]] = {}
    plates: dict[str, list[dict[str, Any]]] = {}
    models: dict[str, Int8Model] = {}
    there = read_runs(given) if given else {}
    for path in sorted([*pictures.glob("crops/*"), *pictures.glob("scenes/*")]):
        name, image = str(path.relative_to(pictures)), read_picture(path)
        with _watched(models) as runs:
            if name.startswith("crops"):
                plates[name] = [_plate(reader.read(image))]
            else:
                still = read_still(path, Frame(image, 0.0, datetime.now(UTC), 0), detector, reader)
                plates[name] = [_plate(reading) | asdict(box) for box, reading in still.plates]
                # what is read follows from where it is found: only crops compare, which are the same on both sides
                runs[:] = [run for run in runs if run.kind == "detector"]
        for number, run in enumerate(runs):
            arrays |= {f"{name} {number} {run.kind}.{part}": getattr(run, part) for part in ("tensor", "output")}
    for name, run in there.items():
        own = arrays.get(f"{name}.tensor")
        if own is not None and np.array_equal(own, run.tensor):
            arrays[f"{name}.again"] = arrays[f"{name}.output"]
        else:
            arrays[f"{name}.again"] = _joined(models[run.kind].run(run.tensor))
    result.mkdir(parents=True, exist_ok=True)
    np.savez(result / "runs.npz", **arrays)  # type: ignore[arg-type]
    machine = ", ".join([platform.machine(), *(f"{name} {number}" for name, number in versions().items())])
    told = {"machine": machine, "plates": plates}
    (result / "told.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _plate(reading: PlateReading) -> dict[str, Any]:
    return {"text": reading.text, "reading": reading.confidence}


@contextmanager
def _watched(models: dict[str, Int8Model]) -> Iterator[list[Run]]:
    """All calls of models meanwhile; the models themselves by their kind."""
    runs: list[Run] = []
    real = Int8Model.run

    def run(model: Int8Model, array: Int8Array) -> list[Int8Array]:
        outputs = real(model, array)
        models[model.card.kind] = model
        runs.append(Run(model.card.kind, array.copy(), _joined(outputs)))
        return outputs

    with patch.object(Int8Model, "run", run):
        yield runs


def _joined(outputs: Sequence[Int8Array]) -> Int8Array:
    return np.concatenate([output.ravel() for output in outputs])


def read_runs(result: Path, output: str = "output") -> dict[str, Run]:
    """The calls in a result, by picture, number and kind; `again` for those with the given inputs."""
    with np.load(result / "runs.npz") as file:
        names = [name.rpartition(".")[0] for name in file.files if name.endswith(f".{output}")]
        empty = np.zeros(0, np.int8)
        tensors = {name: file[f"{name}.tensor"] if f"{name}.tensor" in file.files else empty for name in names}
        return {name: Run(name.rpartition(" ")[2], tensors[name], file[f"{name}.{output}"]) for name in names}


def compare(here: Path, there: Path) -> int:
    """Tells what two results have in common; 1 if something differs that must not."""
    ours, theirs = _told(here), _told(there)
    sys.stdout.write(f"here:  {ours['machine']}\nthere: {theirs['machine']}\n")
    faults = [*_same_inputs(here, there), *_same_pictures(here, there), *_same_plates(ours["plates"], theirs["plates"])]
    for name, keys in (("read.jsonl", _READ), ("replay.jsonl", _REPLAY)):
        if (there / name).exists():
            faults += _same_lines(name, *(_lines(folder / name, keys) for folder in (here, there)))
    if (there / "doctor.json").exists():
        faults += _healthy(*(_findings(folder) for folder in (here, there)))
    for fault in faults:
        sys.stdout.write(f"WRONG  {fault}\n")
    return int(bool(faults))


def _told(result: Path) -> Any:
    return json.loads((result / "told.json").read_text(encoding="utf-8"))


def _same_inputs(here: Path, there: Path) -> Iterator[str]:
    """The same tensors must give the same bytes."""
    ours, theirs = read_runs(here), read_runs(there, "again")
    for kind in _KINDS:
        names = [name for name, run in ours.items() if run.kind == kind]
        same = [name for name in names if name in theirs and np.array_equal(theirs[name].output, ours[name].output)]
        digest = hashlib.sha256(b"".join(ours[name].output.tobytes() for name in names)).hexdigest()
        sys.stdout.write(
            f"{kind}, the same inputs: {len(same)} of {len(names)} outputs are the same bytes"
            f" (sha256 of all {digest[:16]}…)\n"
        )
        if not names:
            yield f"{kind}: was never called"
        for name in sorted(set(names) - set(same)):
            yield f"{name}: {_apart(ours[name].output, theirs.get(name))}"


def _apart(output: Int8Array, other: Run | None) -> str:
    if other is None or other.output.shape != output.shape:
        return "not computed there, or another shape"
    steps = np.abs(output.astype(int) - other.output)
    return f"{np.count_nonzero(steps)} of {steps.size} values differ, by up to {steps.max()}"


def _same_pictures(here: Path, there: Path) -> Iterator[str]:
    """The reader's crops must come out the same; how far whole pictures do is told, no fault in itself."""
    ours, theirs = read_runs(here), read_runs(there)
    if set(ours) != set(theirs):
        yield f"not the same calls of models: {', '.join(sorted(set(ours) ^ set(theirs))[:4])}"
    for kind in _KINDS:
        names = [name for name, run in ours.items() if run.kind == kind and name in theirs]
        steps = {name: np.abs(ours[name].tensor.astype(int) - theirs[name].tensor) for name in names}
        differ = [step for step in steps.values() if step.any()]
        same = sum(np.array_equal(ours[name].output, theirs[name].output) for name in names)
        told = ""
        if differ:
            share = sum(map(np.count_nonzero, differ)) / sum(step.size for step in differ)
            told = f"; in the others {100 * share:.2g} % of the pixels differ, by up to {max(map(np.max, differ))}"
        sys.stdout.write(
            f"{kind}, the same pictures: {len(names) - len(differ)} of {len(names)} inputs and {same} outputs are the"
            f" same bytes{told}\n"
        )
        if kind == "reader" and differ:
            yield f"{kind}: {len(differ)} inputs of the same crops differ"


def _same_plates(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    """Sure texts must be equal, confidences and boxes nearly."""
    texts, same, apart = 0, 0, dict.fromkeys(NEARLY, 0.0)
    for picture in sorted(set(ours) | set(theirs)):
        here, there = ours.get(picture, []), theirs.get(picture, [])
        texts += sum(bool(plate["text"]) for plate in here)
        if len(here) != len(there):
            yield f"{picture}: {len(there)} plates there, {len(here)} here"
            continue
        for one, other in zip(here, there, strict=True):
            if one["text"] != other["text"]:
                reads = f"{picture}: reads {_reads(other)} there, {_reads(one)} here"
                if max(one["reading"], other["reading"]) >= SURE:
                    yield reads
                else:
                    sys.stdout.write(f"unsure: {reads}\n")
                continue
            same += bool(one["text"])
            steps = {key: abs(one[key] - other[key]) for key in NEARLY if key in one}
            apart |= {key: max(apart[key], step) for key, step in steps.items()}
            for key in (key for key, step in steps.items() if step > NEARLY[key]):
                yield f"{picture}: {one['text']}: {key} is {other[key]:.4f} there, {one[key]:.4f} here"
    furthest = ", ".join(f"{key} by up to {step:.2g}" for key, step in apart.items())
    sys.stdout.write(f"plates: {same} of {texts} texts are the same; of those differ: {furthest}\n")
    if not texts:
        yield "nothing was read at all"


def _reads(plate: Mapping[str, Any]) -> str:
    return f"{plate['text'] or 'nothing'} ({plate['reading']:.2f})"


def _lines(path: Path, keys: Sequence[str]) -> list[dict[str, Any]]:
    """What counts of a command's JSON lines: the pictures' plates one after the other, or the events."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    plates = [line | plate for line in lines for plate in line.get("plates", [{}])]
    return [{key: plate.get(key) for key in keys} for plate in plates]


def _same_lines(name: str, ours: Sequence[Any], theirs: Sequence[Any]) -> Iterator[str]:
    sys.stdout.write(f"{name}: {json.dumps(theirs)}\n")
    if ours != theirs or not ours:
        yield f"{name}: {json.dumps(ours)} here"


def _findings(result: Path) -> dict[str, tuple[str, str]]:
    text = (result / "doctor.json").read_text(encoding="utf-8")
    found = {one["what"]: (one["state"], one["text"]) for one in json.loads(text)["findings"]} if text else {}
    return {what: found.get(what, ("missing", "")) for what in _DOCTOR}


def _healthy(ours: Mapping[str, tuple[str, str]], theirs: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """The doctor there must find both models sound, to the last bit, and the fast kernels in use, as here."""
    for what, (state, text) in theirs.items():
        sys.stdout.write(f"doctor: {state}: {what}: {text}\n")
        if state != "ok" or (state, text) != ours[what]:
            yield f"doctor: {what}: {': '.join(ours[what])} here"


def main(arguments: Sequence[str]) -> int:
    """One of the three commands; 2 for anything else."""
    command, folders = (arguments[0], [Path(argument) for argument in arguments[1:]]) if arguments else ("", [])
    if command == "draw" and len(folders) == 1:
        draw(folders[0])
    elif command == "compute" and len(folders) in (2, 3):
        compute(*folders)
    elif command == "compare" and len(folders) == 2:
        return compare(*folders)
    else:
        sys.stderr.write(__doc__ or "")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
