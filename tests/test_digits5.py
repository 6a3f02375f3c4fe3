"""The classic exercise: drawing five digits, photographing them, and its data set; needs no TensorFlow but to train."""

import csv
import json
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from edge.errors import ConfigError
from training import digits5
from training.curves import draw_curves, read_history, record
from training.dataset import load_picture, read_samples
from training.digits5 import DIGITS, HEIGHT, WIDTH, digits, digits_chunk, digits_jobs, draw_digits, faces
from training.digits5_synth import main as synth
from training.plates import load_fonts
from training.profiles import run_profile


def test_22_faces_are_learned_and_ten_of_other_families_only_judged_by() -> None:
    family = {file: each.name for each in load_fonts() for file in each.files}
    learned, others = faces("learned"), faces("others")
    assert (len(learned), len(others)) == (22, 10)
    assert not {family[face] for face in learned} & {family[face] for face in others}
    assert len({family[face] for face in others}) == 10


def test_a_picture_shows_five_digits_with_ground_around_them() -> None:
    random_ = np.random.default_rng(5)
    heights, widths = set(), set()
    for _ in range(60):
        picture, text = draw_digits(random_)
        assert picture.shape == (HEIGHT, WIDTH)
        assert len(text) == DIGITS
        assert text.isdigit()
        ink = picture < (int(picture.max()) + int(picture.min())) / 2
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        assert rows[0] >= 5
        assert rows[-1] < HEIGHT - 5
        assert columns[0] >= 5
        assert columns[-1] < WIDTH - 5
        # five digits side by side are wider than high, and no two of them touch
        assert np.count_nonzero(np.diff(ink.any(axis=0).astype(int)) == 1) >= DIGITS
        heights.add(rows[-1] - rows[0] + 1)
        widths.add(columns[-1] - columns[0])
    assert min(heights) >= 10
    assert max(heights) <= 25
    assert len(heights) >= 5
    assert max(widths) > 1.5 * min(widths)


def test_the_same_seed_gives_the_same_pictures_in_any_number_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits5, "_CHUNK", 4)
    texts = [text for _, text in islice(digits(3, "learned"), 10)]
    pools = [digits_chunk(*arguments) for _, arguments in digits_jobs(3, 10)]  # type: ignore[arg-type]
    assert [len(pool) for pool in pools] == [4, 4, 2]
    assert [text for pool in pools for text in pool.texts] == texts
    assert len(set(texts)) == 10
    drawn, again = digits_chunk(7, 6, 0, "others"), digits_chunk(7, 6, 0, "others")
    first, second = digits_chunk(7, 6, 1, "others"), digits_chunk(7, 6, 2, "others")
    assert (drawn.views == again.views).all()
    assert drawn.texts == first.texts == second.texts
    assert (first.views == digits_chunk(7, 6, 1, "others").views).all()
    assert (first.views != drawn.views).any(axis=(1, 2)).all()
    assert (first.views != second.views).any(axis=(1, 2)).all()


def test_a_data_set_is_written_once(tmp_path: Path) -> None:
    folder, sheet = tmp_path / "set", tmp_path / "sheet.png"
    assert run_profile("synth", ["--profile", "digits5", "--output", str(folder), "--count", "6", "--seed", "4"]) == 0
    samples = read_samples(folder)
    expected = list(islice(digits(4, "learned"), 6))
    assert [sample.text for sample in samples] == [text for _, text in expected]
    assert (load_picture(samples[3].image)[..., 0] == expected[3][0]).all()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["seed"], len(manifest["faces"])) == (4, 22)
    assert all(font["licence"] and font["source"] for font in manifest["fonts"])
    with pytest.raises(ConfigError, match="holds a data set already"):
        synth(["--output", str(folder)])
    assert synth(["--preview", str(sheet)]) == 0
    assert load_picture(sheet).shape == (16 * HEIGHT, 10 * WIDTH, 3)
    with pytest.raises(ConfigError, match=r"--preview .*sheet\.nothing: not the name of a picture"):
        synth(["--preview", str(tmp_path / "sheet.nothing")])
    for wrong in (["--count", "0"], ["--seed", "-1"]):
        with pytest.raises(SystemExit):
            synth(["--output", str(tmp_path / "none"), *wrong])


def test_a_data_set_that_was_broken_off_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, _: object) -> None:
        if path.name == "000002.png":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("training.digits5_synth.write_picture", interrupted)
        with pytest.raises(KeyboardInterrupt):
            synth(["--output", str(tmp_path), "--count", "4"])
    assert not list(tmp_path.glob("*.csv"))
    assert synth(["--output", str(tmp_path), "--count", "4"]) == 0
    assert len(read_samples(tmp_path)) == 4


def test_a_profile_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_profile("train", ["--steps", "3"]) is None
    for arguments in (["--profile", "digits6"], ["--profile"], ["--steps", "3", "--profile=letters"]):
        with pytest.raises(SystemExit) as stopped:
            run_profile("train", arguments)
        assert stopped.value.code == 2
    assert "digits5" in capsys.readouterr().err


@pytest.mark.slow
def test_the_history_is_kept_and_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; it comes with the extra [training]")
    history = tmp_path / "history.csv"
    assert read_history(history) == []
    assert not draw_curves(history, tmp_path / "none.png")
    for step, loss in ((1, 3.0), (2, 1.5)):
        record(history, ("step", "loss", "exact", "own"), [step, loss, step / 4])
    assert read_history(history) == [
        {"step": 1.0, "loss": 3.0, "exact": 0.25},
        {"step": 2.0, "loss": 1.5, "exact": 0.5},
    ]
    assert draw_curves(history, tmp_path / "curves.png")
    curves = load_picture(tmp_path / "curves.png")
    assert len(np.unique(curves.reshape(-1, 3), axis=0)) > 10


FEW = ["--count", "48", "--batch", "16", "--judged", "6", "--final", "6", "--augmentations", "1", "--width", "0.1"]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws in this process: another one has to import everything first."""
    from training.dataset import Pool

    def make_pool(jobs: list[tuple[object, tuple[object, ...]]], processes: int, title: str) -> Pool:
        return digits_chunk(*jobs[0][1])  # type: ignore[arg-type]

    monkeypatch.setattr("training.digits5_train.make_pool", make_pool)


@pytest.mark.training
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("in_process")
def test_a_run_is_trained_judged_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")
    from training import digits5_train

    run = tmp_path / "runs" / "one"

    def train(*more: str) -> int | None:
        return run_profile("train", ["--profile", "digits5", "--run", str(run), *FEW, *more])

    with pytest.raises(ConfigError, match="nothing to resume"):
        train("--resume")
    assert train("--epochs", "1") == 0
    assert (run / "best.weights.h5").is_file()
    with pytest.raises(ConfigError, match="holds a run already"):
        train("--epochs", "2")
    rates = list[float]()
    judge = digits5_train.Judge.on_epoch_end

    def noted(self: Any, epoch: int, logs: Any = None) -> None:
        rates.append(float(self.model.optimizer.learning_rate))
        judge(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(digits5_train.Judge, "on_epoch_end", noted)
        assert train("--epochs", "2", "--resume", "--learning-rate", "1e-5") == 0
    assert rates == [pytest.approx(1e-5)], "not that of the state"
    with (run / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["epoch"]) for row in rows] == [1, 2]
    assert all(float(row["loss"]) > 0 for row in rows)
    scores = json.loads((run / "scores.json").read_text())
    assert list(scores) == [
        "fresh, drawn",
        "fresh, photographed",
        "other fonts, drawn",
        "other fonts, photographed",
    ]
    shares = iter([0.5, 0.5, 0.4, 0.5, 0.4, 0.4, *[0.0] * 20])
    monkeypatch.setattr("training.digits5_train.exact_of", lambda *_: next(shares))
    run = tmp_path / "runs" / "patient"
    assert train("--epochs", "9", "--patience", "2") == 0
    assert len(read_history(run / "history.csv")) == 3  # the first was the best, and two brought nothing


@pytest.mark.training
@pytest.mark.filterwarnings("default")
def test_a_resumed_run_keeps_its_settings_but_for_what_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")
    from dataclasses import asdict, replace

    from training.digits5_train import DigitsSettings, main

    begun = DigitsSettings(count=48, epochs=9, batch=16, learning_rate=0.01, seed=7)
    (tmp_path / "settings.json").write_text(json.dumps(asdict(begun)))
    told: list[tuple[DigitsSettings, Path, bool]] = []
    monkeypatch.setattr("training.digits5_train.train_digits", lambda *given: told.append(given))
    assert main(["--run", str(tmp_path), "--resume"]) == 0
    assert main(["--run", str(tmp_path), "--resume", "--epochs", "60", "--seed", "1"]) == 0
    assert main(["--run", str(tmp_path), "--epochs", "60"]) == 0
    with pytest.raises(ConfigError, match="--resume goes on from the run's own state: leave --from out"):
        main(["--run", str(tmp_path), "--resume", "--from", "other.weights.h5"])
    assert main(["--run", str(tmp_path), "--width", "0.5", "--from", "other.weights.h5"]) == 0
    assert told == [
        (begun, tmp_path, True),
        (replace(begun, epochs=60, seed=1), tmp_path, True),
        (DigitsSettings(epochs=60), tmp_path, False),
        (DigitsSettings(width=0.5, init="other.weights.h5"), tmp_path, False),
    ]
    (tmp_path / "settings.json").write_text('{"steps": 3}')
    with pytest.raises(ConfigError, match=r"settings\.json: not the settings of a run of digits5 \(.*steps"):
        main(["--run", str(tmp_path), "--resume"])


@pytest.mark.training
@pytest.mark.filterwarnings("default")
def test_settings_that_cannot_be_are_told_at_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")
    from training.digits5_train import main

    wrong = {"--batch 0": "wanted 1 or more", "--count 3": "wanted as many as a batch, 256", "--seed -1": "wanted 0 or"}
    for given, told in wrong.items():
        with pytest.raises(ConfigError, match=f"{given}: {told}"):
            main(["--run", str(tmp_path / "run"), *given.split()])
    assert not (tmp_path / "run").exists()


@pytest.mark.training
@pytest.mark.filterwarnings("default")
def test_patience_begins_where_the_first_text_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CTC says nothing at all for epochs on end; its loss falls meanwhile."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")
    from training.dataset import Pool
    from training.digits5_train import DigitsSettings, Judge

    saved = list[Path]()
    model = SimpleNamespace(save_weights=saved.append, stop_training=False)
    nothing = Pool(np.zeros((0, 64, 128), np.uint8), ())
    judge = Judge(tmp_path, DigitsSettings(patience=2), nothing, nothing)
    judge.set_model(model)
    told = []
    for epoch, (loss, share) in enumerate(
        [(40, 0), (20, 0), (15, 0), (14, 0), (13, 0.5), (12, 0.6), (11, 0.6), (14, 0.4)]
    ):
        monkeypatch.setattr("training.digits5_train.exact_of", lambda *_, share=share: share)
        judge.on_epoch_end(epoch, {"loss": float(loss)})
        told.append((len(saved), model.stop_training))
    assert told == [*((n, False) for n in range(1, 7)), (6, False), (6, True)]


@pytest.mark.training
@pytest.mark.filterwarnings("default")
def test_a_wider_network_begins_where_a_narrower_one_is(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")
    from training.model import build_reader
    from training.widen import load_weights

    narrow, wide = (build_reader(width, shape=(HEIGHT, WIDTH)) for width in (0.1, 0.25))
    narrow.save_weights(tmp_path / "narrow.weights.h5")
    load_weights(wide, tmp_path / "narrow.weights.h5", architecture="cnn", width=0.25, context=2, seed=1)
    pixels = np.random.default_rng(1).normal(0, 50, (2, HEIGHT, WIDTH, 1)).astype(np.float32)
    assert np.asarray(wide(pixels)) == pytest.approx(np.asarray(narrow(pixels)), abs=1e-3)
    with pytest.raises(ConfigError, match=r"none\.h5: no such file"):
        load_weights(wide, tmp_path / "none.h5", architecture="cnn", width=0.25, context=2, seed=1)


@pytest.mark.training
@pytest.mark.filterwarnings("default")
def test_the_learning_rate_falls_when_two_epochs_brought_nothing() -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")
    from training.digits5_train import rate_share

    silent, read = [(0.0, -9.0), (0.0, -8.0)], [(0.5, 0.0), (0.4, 0.0)]
    assert [rate_share(scores) for scores in ([], silent, [*silent, *read])] == [1.0, 1.0, 1.0]
    assert rate_share([*read, (0.5, 0.0)]) == 0.3, "as good is no better"
    assert rate_share([*read, (0.6, 0.0), (0.5, 0.0)]) == 1.0
    assert rate_share([*read, *read, read[1]]) == pytest.approx(0.3**2)


@pytest.mark.training
@pytest.mark.filterwarnings("default")
def test_weights_that_are_not_there_are_told_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")
    from training.digits5_train import main

    monkeypatch.setattr("training.digits5_train.make_pool", lambda *_: pytest.fail("drawn before the weights"))
    with pytest.raises(ConfigError, match="--from typo: no such file"):
        main(["--run", str(tmp_path / "run"), *FEW, "--from", "typo"])
    assert not (tmp_path / "run").exists()


@pytest.mark.training
@pytest.mark.filterwarnings("default")
def test_a_run_is_not_resumed_with_another_network(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed; it comes with the extra [training]")
    from training.digits5_train import DigitsSettings, main
    from training.run_folder import write_settings

    write_settings(tmp_path, DigitsSettings())
    (tmp_path / "history.csv").write_text("epoch,loss,exact,photographed\n1,9.0,0.0,0.0\n")
    told = (tmp_path / "settings.json").read_text()
    for option in ("--width", "--context"):
        with pytest.raises(
            ConfigError, match=rf"{option} 1\S*: the run in .* has .*; begin another --run, --from .*h5$"
        ):
            main(["--run", str(tmp_path), "--resume", option, "1"])
    assert (tmp_path / "settings.json").read_text() == told
