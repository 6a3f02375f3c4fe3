"""Other readers on the same crops: tesseract, ONNX models, our own, and the comparison; needs no TensorFlow."""

import json
import shutil
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from test_reader_data import write_set

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from edge.errors import ConfigError, ModelError
from edge.records import Image
from training import evaluate, versus_onnx
from training.dataset import Sample
from training.versus import Outcome, compare, comparison_lines, difference, plain, run
from training.versus_onnx import OnnxReader, SlotConfig, slot_picture, slot_text
from training.versus_readers import Contender, contender
from training.versus_tesseract import HEIGHT, TRIMMED, read_with_tesseract, tesseract_picture, tesseract_version

WIDE: Image = np.full((30, 120, 3), 200, dtype=np.uint8)
SQUARE: Image = np.full((60, 100, 3), 200, dtype=np.uint8)
CONFIG = SlotConfig(max_plate_slots=4, alphabet="01AB_", pad_char="_", img_height=8, img_width=16)


def program(folder: Path, script: str) -> str:
    path = folder / "tesseract"
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def sample(text: str, place: str = "home") -> Sample:
    return Sample(Path(f"{text}.png"), text, "XX", 1, place)


# The picture's number and the page mode, as a stand-in for tesseract's reading of it.
ECHO = """
import pathlib, sys
paths = pathlib.Path(sys.argv[1]).read_text().split()
mode = sys.argv[sys.argv.index("--psm") + 1]
print("\\f".join(f" no{pathlib.Path(path).stem}-m{mode}\\n" for path in paths), end="")
"""


def test_tesseract_reads_all_crops_of_a_kind_in_one_go(tmp_path: Path) -> None:
    texts = read_with_tesseract([WIDE, SQUARE, WIDE], program(tmp_path, ECHO))
    assert [text.strip() for text in texts] == ["no0-m7", "no1-m6", "no2-m7"]


def test_a_form_feed_behind_the_last_page_is_no_page(tmp_path: Path) -> None:
    assert len(read_with_tesseract([WIDE, WIDE], program(tmp_path, ECHO + 'print("\\f", end="")'))) == 2


def test_a_last_page_without_text_is_a_page(tmp_path: Path) -> None:
    ends = {"closed": 'print("AB\\n\\f\\f", end="")', "parted": 'print("AB\\n\\f", end="")'}
    for name, script in ends.items():
        (tmp_path / name).mkdir()
        assert read_with_tesseract([WIDE, WIDE], program(tmp_path / name, script)) == ["AB\n", ""]


def test_what_tesseract_does_not_say_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="answered 1 pages for 2 pictures"):
        read_with_tesseract([WIDE, WIDE], program(tmp_path, 'print("AB")'))
    script = 'import sys; print("Error opening data file", file=sys.stderr); sys.exit(1)'
    with pytest.raises(ModelError, match="status 1 and said: Error opening data file"):
        read_with_tesseract([WIDE], program(tmp_path, script))
    with pytest.raises(ConfigError, match="apt install tesseract-ocr"):
        tesseract_version(str(tmp_path / "none"))


def test_tesseract_gets_dark_characters_on_light_of_its_size() -> None:
    light = np.full((40, 160, 3), 220, dtype=np.uint8)
    cv2.putText(light, "AB123", (20, 31), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (10, 10, 10), 2)
    dark = np.asarray(255 - light, dtype=np.uint8)
    height = HEIGHT - 2 * int(TRIMMED[0] * HEIGHT)
    for crop in (light, dark):
        picture = tesseract_picture(crop)
        assert picture.shape[0] == height
        assert np.median(picture) > 150
    assert tesseract_picture(SQUARE).shape[0] == 2 * HEIGHT - 2 * int(TRIMMED[0] * 2 * HEIGHT)
    assert tesseract_picture(np.full((1, 2, 3), 7, dtype=np.uint8)).size


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="no tesseract; apt install tesseract-ocr")
def test_the_real_tesseract_reads_a_clean_plate() -> None:
    crop = np.full((60, 260, 3), 255, dtype=np.uint8)
    cv2.putText(crop, "KH472", (30, 46), cv2.FONT_HERSHEY_DUPLEX, 1.6, (0, 0, 0), 3, cv2.LINE_AA)
    outcome = run(contender("tesseract"), [crop, crop])
    assert outcome.name.startswith("tesseract")
    assert outcome.texts == ["KH472", "KH472"]
    assert outcome.milliseconds > 1  # that of the program, not only of this process


def test_slots_are_read_and_padding_is_cut_off_at_the_end() -> None:
    scores = np.eye(5)[[2, 0, 3, 4]]  # A 0 B _
    assert slot_text(scores, CONFIG) == "A0B"
    assert slot_text(scores.ravel(), CONFIG) == "A0B"  # older models give slots × alphabet in one row
    assert slot_text(np.eye(5)[[4, 2, 4, 4]], CONFIG) == "_A"
    assert plain("_a-0 b\n") == "A0B"


def test_pictures_are_made_as_the_config_says() -> None:
    crop = np.zeros((4, 16, 3), dtype=np.uint8)
    crop[:, :, 0] = 255  # blue
    assert slot_picture(crop, CONFIG).shape == (8, 16, 1)
    assert slot_picture(crop, CONFIG).max() == 29  # blue's share of grey
    config = SlotConfig(4, "01AB_", "_", 9, 16, keep_aspect_ratio=True, image_color_mode="rgb", padding_color=(1, 2, 3))
    picture = slot_picture(crop, config)
    assert picture.shape == (9, 16, 3)
    assert picture[2, 0].tolist() == [0, 0, 255]
    # 5 rows are left: 2 above, 3 below
    assert (picture[:2] == [1, 2, 3]).all()
    assert (picture[6:] == [1, 2, 3]).all()
    assert (picture[5] == [0, 0, 255]).all()


CARD = """
max_plate_slots: 4
alphabet: '01AB_'
pad_char: '_'
img_height: 8
img_width: 16
image_color_mode: rgb
plate_regions: [Austria]
"""


def test_a_config_lies_beside_its_model(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="PyYAML is not installed; it comes with the extra [versus]")
    model = tmp_path / "cct_xs.onnx"
    with pytest.raises(ModelError, match="no such model file"):
        SlotConfig.beside(model)
    model.write_bytes(b"")
    with pytest.raises(ModelError, match=r"its config is missing; wanted cct_xs_plate_config\.yaml beside it"):
        SlotConfig.beside(model)
    (tmp_path / "other.yaml").write_text(CARD.replace("4", "5"))
    assert SlotConfig.beside(model).max_plate_slots == 5  # the only one there
    (tmp_path / "cct_xs_plate_config.yaml").write_text(CARD)
    assert SlotConfig.beside(model) == SlotConfig(4, "01AB_", "_", 8, 16, image_color_mode="rgb")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max_plate_slots: 4", "missing 4 required"),
        ("- a list", "not a plate config"),
        ("{", "not a plate config"),
        (CARD.replace("'_'", "'Z'"), "pad_char that is in alphabet"),
        (CARD.replace("8", "0"), "sizes above 0"),
        (CARD.replace("rgb", "cmyk"), "grayscale or rgb"),
    ],
)
def test_a_config_that_is_none_is_told(tmp_path: Path, text: str, told: str) -> None:
    pytest.importorskip("yaml", reason="PyYAML is not installed; it comes with the extra [versus]")
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ModelError, match=told):
        SlotConfig.read(path)


def tiny_model(path: Path, names: tuple[str, ...] = ("plate", "region"), height: int = 8) -> None:
    """Tells of an rgb picture whether its red, green or blue is the brightest: "0", "1" or "A" in each slot."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed; pip install onnx to test ONNX models")
    helper, types = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Cast", ["pixels"], ["real"], to=types.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], [names[0]]),
        *(helper.make_node("Identity", ["mean"], [name]) for name in names[1:]),
    ]
    weights = np.zeros((3, 4, 5), dtype=np.float32)
    for colour in range(3):
        weights[colour, :, colour] = 1.0
    weights[:, 3, 4] = 9.0  # padding in the last slot
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", types.UINT8, ["N", height, 16, 3])],
        [
            helper.make_tensor_value_info(name, types.FLOAT, ["N", 20] if name == names[0] else ["N", 3])
            for name in names
        ],
        [onnx.numpy_helper.from_array(weights.reshape(3, 20), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))


def painted(*colour: int) -> Image:
    return np.full((20, 60, 3), colour, dtype=np.uint8)


def test_a_real_onnx_model_reads(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; it comes with the extra [versus]")
    pytest.importorskip("yaml", reason="PyYAML is not installed; it comes with the extra [versus]")
    tiny_model(tmp_path / "tiny.onnx")
    (tmp_path / "tiny.yaml").write_text(CARD)
    reader = contender(str(tmp_path / "tiny.onnx"))
    blue, green, red = painted(255, 9, 9), painted(9, 255, 9), painted(9, 9, 255)
    assert reader.read([red, green, blue]) == ["000", "111", "AAA"]

    tiny_model(tmp_path / "old.onnx", names=("output",))
    assert contender(str(tmp_path / "old.onnx")).read([blue]) == ["AAA"]  # the only .yaml is its config too

    tiny_model(tmp_path / "tall.onnx", height=32)
    with pytest.raises(ModelError, match=r"takes pictures of shape \(32, 16, 3\), its config says \(8, 16, 3\)"):
        contender(str(tmp_path / "tall.onnx"))
    (tmp_path / "bad.onnx").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"bad\.onnx: onnxruntime cannot load it"):
        contender(str(tmp_path / "bad.onnx"))


def test_an_onnx_model_is_run_as_its_input_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without onnxruntime: a stand-in for it that keeps what it was given."""
    fed: list[np.ndarray[Any, Any]] = []

    class Session:
        def __init__(self, path: str, options: Any, providers: list[str]) -> None:
            assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)

        def get_inputs(self) -> list[Any]:
            return [SimpleNamespace(name="input", type="tensor(float)", shape=["N", 8, 16, 1])]

        def get_outputs(self) -> list[Any]:
            return [SimpleNamespace(name="region"), SimpleNamespace(name="plate")]

        def run(self, outputs: list[str], inputs: dict[str, np.ndarray[Any, Any]]) -> list[Any]:
            assert outputs == ["plate"]
            fed.append(inputs["input"])
            return [np.eye(5)[[3, 2, 1, 4]][np.newaxis]]

    state = SimpleNamespace(
        **dict.fromkeys(("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented"), OSError)
    )
    runtime = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=Session)
    monkeypatch.setattr(versus_onnx, "import_module", lambda name: runtime if name == "onnxruntime" else state)
    reader = OnnxReader(tmp_path / "any.onnx", CONFIG)
    assert reader.read([WIDE, SQUARE]) == ["BA1", "BA1"]
    assert [(batch.shape, batch.dtype) for batch in fed] == [((1, 8, 16, 1), np.float32)] * 2


def test_what_cannot_be_compared_with_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"wanted `tesseract`, an \.onnx model"):
        contender("easyocr")
    with pytest.raises(ModelError, match="no such model file"):
        contender(str(tmp_path / "none.tflite"))
    for missing in ("yaml", "onnxruntime"):
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(ConfigError, match=rf"{missing} is not installed; pip install -e '\.\[training,versus\]'"):
            OnnxReader(tmp_path / "a.onnx", CONFIG) if missing == "onnxruntime" else SlotConfig.read(
                tmp_path / "a.yaml"
            )


def test_the_difference_and_who_reads_what() -> None:
    samples = [sample("AB12"), sample("CD34"), sample("EF56", "away"), sample("GH78", "away")]
    ours = Outcome("ours", ["AB12", "CD34", "EF56", "GH70"], 2.0)
    other = Outcome("old", ["AB12", "CD3", "EF5", "GH78"], 5.0)
    told = difference(samples, ours, other)
    assert told["difference"] == 0.25
    assert told["interval"][0] < 0 < told["interval"][1]
    assert told["p"] == 1.0  # two to one says nothing
    assert told["times"] == 2.5
    assert [(each["truth"], each["other"]) for each in told["fixed"]] == [("CD34", "CD3"), ("EF56", "EF5")]
    assert [(each["truth"], each["ours"], each["set"]) for each in told["broken"]] == [("GH78", "GH70", "away")]

    rows = compare(samples, ours, [other])
    assert rows["old"]["scores"]["home"]["exact"] == 0.5
    assert "against" not in rows["ours"]
    lines = comparison_lines(rows)
    assert lines[0].startswith("against old: +25.0 points")
    assert "  broken GH78 (away): ours GH70, theirs GH78" in lines


def test_a_reader_is_scored_by_its_letters_and_digits() -> None:
    assert run(Contender("any", lambda crops: ["ab-12\n"] * len(crops)), [WIDE]).texts == ["AB12"]


def test_evaluate_lets_two_of_our_readers_read_the_same_crops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEREADER_DATA", str(tmp_path / "none"))
    write_set(tmp_path / "own", ["GH12", "IJ345", "KL6", "MN78"])
    shipped = Path(__file__).resolve().parent.parent / "models" / "reader.tflite"
    arguments = ["--data", str(tmp_path / "own"), "--split", "train", "--versus", str(shipped)]
    assert evaluate.main([*arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["versus"]
    assert rows["ours"]["scores"] == rows[str(shipped)]["scores"]
    assert rows[str(shipped)]["against"]["fixed"] == rows[str(shipped)]["against"]["broken"] == []
    assert rows[str(shipped)]["against"]["p"] == 1.0
    assert rows["ours"]["milliseconds"] > 0
    assert evaluate.main(arguments) == 0
    assert "against" in capsys.readouterr().out
