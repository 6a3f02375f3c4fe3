"""Going on from weights with the owner's own crops, for a few steps: needs TensorFlow."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")

from test_reader_data import write_set

from edge.errors import ConfigError
from training.backend import use_threads
from training.dataset import Pool
from training.model import build_reader
from training.reader_settings import ReaderTrainSettings
from training.train import Batches, main, train

# TensorFlow and Keras warn of each other; that is not ours to mend.
pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

FEW = ["--steps", "2", "--batch", "4", "--threads", "1", "--synthetic", "30", "--real-times", "1", "--demo", "0"]
FEW += ["--validate-every", "1"]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    # as `train` does: TensorFlow takes no other number once it has begun
    use_threads(1)
    weights = tmp_path / "begun.weights.h5"
    build_reader(0.25, 2, 0.1).save_weights(weights)
    return weights


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four plates of the owner, and usual data of three."""
    write_set(tmp_path / "own", ["GH12", "IJ345", "KL6", "MN78"])
    write_set(tmp_path / "data" / "reader" / "home" / "train", ["AB12", "CD345"])
    write_set(tmp_path / "data" / "reader" / "home" / "val", ["EF67"])
    monkeypatch.setenv("GATEREADER_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("training.pools.OWN_VIEWS", 12)
    return tmp_path / "own"


def history(run: Path) -> list[dict[str, str]]:
    if not (run / "history.csv").exists():
        return []
    with (run / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_own_crops_are_learned_beside_the_usual_ones_and_both_are_judged(
    own: Path, begun: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "mine"
    assert main(["--from", str(begun), "--data", str(own), "--run", str(run), *FEW]) == 0
    rows = history(run)
    assert [row["step"] for row in rows] == ["0", "1", "2"]
    assert all(0 <= float(row["exact"]) <= 1 and 0 <= float(row["own"]) <= 1 for row in rows)
    assert (run / "best.weights.h5").is_file()
    settings = json.loads((run / "settings.json").read_text())
    assert (settings["own"], settings["learning_rate"]) == (str(own), 5e-4)
    assert (settings["width"], settings["architecture"]) == (0.25, "cnn")  # those of the weights gone on from
    table = capsys.readouterr().err.split("read without an error")[-1].split("\n")
    told = [line for line in table if "%" in line]
    assert [line.replace("│", " ").split()[:2] for line in told] == [["usual", "1"], ["own", "1"]]
    assert all(line.count("%") == 2 for line in told)
    assert len(list((tmp_path / "runs" / "pools").glob("own-*.npz"))) == 1


def test_without_usual_data_drawn_plates_stand_for_it(
    own: Path, begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEREADER_DATA", str(tmp_path / "none"))
    monkeypatch.setattr("training.train.JUDGES", 6)
    run = tmp_path / "runs" / "mine"
    assert main(["--from", str(begun), "--data", str(own), "--run", str(run), *FEW]) == 0
    assert len(history(run)) == 3
    assert not list((tmp_path / "runs" / "pools").glob("real-*.npz"))


def test_own_crops_get_their_share_of_a_batch() -> None:
    pools = {
        kind: Pool(np.full((3, 48, 160), 9, np.uint8), ("A" * (place + 1),) * 3)
        for place, kind in enumerate(("synthetic", "real", "own"))
    }
    settings = ReaderTrainSettings(batch=4000, mix=(0.25, 0.75), own_share=0.4)
    _, classes = Batches(pools, settings).batch(0)
    lengths = (classes != 0).sum(axis=1)
    shares = [float((lengths == length).mean()) for length in (1, 2, 3)]
    assert shares == pytest.approx([0.15, 0.45, 0.4], abs=0.04)


def test_weights_that_forget_the_usual_plates_are_not_kept(
    own: Path, begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = iter([0.9, 0.0, 0.7, 1.0, 0.895, 0.5])  # usual and own: as it began, forgetful, good
    monkeypatch.setattr("training.train.Trainer.exact", lambda *_: next(shares))
    monkeypatch.setattr("training.train._compare", lambda *_: None)
    saved: list[tuple[str, int]] = []
    monkeypatch.setattr(
        "keras.Model.save_weights", lambda _, path: saved.append((path.name, len(history(path.parent))))
    )
    main(["--from", str(begun), "--data", str(own), "--run", str(tmp_path / "runs" / "mine"), *FEW])
    assert saved == [("best.weights.h5", 0), ("best.weights.h5", 2), ("last.weights.h5", 3)]


def test_what_cannot_be_gone_on_from_is_told(own: Path, begun: Path, tmp_path: Path) -> None:
    run, data = tmp_path / "runs" / "mine", tmp_path / "data"
    with pytest.raises(ConfigError, match="go on from one with --from"):
        main(["--data", str(own), "--run", str(run), *FEW])
    with pytest.raises(ConfigError, match=r"none\.h5: no such file"):
        main(["--from", "none.h5", "--data", str(own), "--run", str(run), *FEW])
    with pytest.raises(ConfigError, match=r"not the weights of a reader of width 0\.125"):
        train(ReaderTrainSettings(init=str(begun), width=0.125, data=str(data)), run, resume=False)
    with pytest.raises(ConfigError, match=r"the weights of a cnn, and a crnn is wanted"):
        main(["--from", str(begun), "--architecture", "crnn", "--data", str(own), "--run", str(run), *FEW])
    (tmp_path / "text.weights.h5").write_text("no weights")
    with pytest.raises(ConfigError, match=r"text\.weights\.h5: not the weights of a reader"):
        main(["--from", str(tmp_path / "text.weights.h5"), "--data", str(own), "--run", str(run), *FEW])
    assert not (tmp_path / "runs" / "pools").exists()  # nothing was made before it was said
