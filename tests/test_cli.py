"""The command line as others use it: output, exit status, and one clear line for every kind of bad input."""

import io
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from demo_clips import best_moment, largest_pass, picture_at, write_frames, write_picture, write_video

from edge import __version__
from edge.card import shipped_model
from edge.cli import main
from edge.service import page_place

PROGRAM = [sys.executable, "-m", "edge"]
ROOT = Path(__file__).resolve().parent.parent
PASS = largest_pass()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_picture(tmp_path_factory.mktemp("pictures") / "gate.png", picture_at(best_moment(PASS)))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "gate.avi", PASS)


def failure(capsys: pytest.CaptureFixture[str], status: int, *arguments: object) -> str:
    """Runs a command that must end with `status` and one line of error, and returns that line."""
    assert main([str(argument) for argument in arguments]) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("gatereader: ")
    assert "Traceback" not in lines[0]
    return lines[0]


# --- what works


def test_the_version_is_told_without_loading_opencv() -> None:
    code = "import sys; from edge.cli import main\ntry: main(['--version'])\nfinally: assert 'cv2' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.stdout == f"gatereader {__version__}\n"


def test_a_picture_is_read(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "--json", str(picture)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert set(found) == {"image", "width", "height", "plates", "ms"}
    assert (found["image"], found["width"], found["height"]) == (str(picture), 1280, 720)
    plate = next(plate for plate in found["plates"] if plate["text"] == PASS.plate)
    assert set(plate) == {"text", "plate", "confidence", "characters", "alternatives", "box", "detection"}
    assert "".join(character for character, _ in plate["characters"]) == PASS.plate
    assert plate["confidence"] == min(confidence for _, confidence in plate["characters"])
    (other, odds), *_ = plate["alternatives"]
    assert sum(a != b for a, b in zip(other, PASS.plate, strict=True)) == 1
    assert 0 < odds < 1
    x1, y1, x2, y2 = plate["box"]
    assert 0 <= x1 < x2 <= 1280
    assert 0 <= y1 < y2 <= 720


def test_a_crop_is_read_without_a_detector(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "--json", str(picture)]) == 0
    plates = json.loads(capsys.readouterr().out)["plates"]
    box = next(plate["box"] for plate in plates if plate["text"] == PASS.plate)
    x1, y1, x2, y2 = (round(side) for side in box)
    crop = write_picture(tmp_path / "crop.png", picture_at(best_moment(PASS))[y1:y2, x1:x2])
    assert main(["read", "--json", "--crops", "--detector", "no-such.tflite", str(crop)]) == 0
    (plate,) = json.loads(capsys.readouterr().out)["plates"]
    assert plate["text"] == PASS.plate
    assert plate["box"] == [0, 0, x2 - x1, y2 - y1]


def test_pictures_come_in_the_order_given_and_folders_by_name(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.png", "a.png", "notes.txt"):
        shutil.copy(picture, folder / name)
    assert main(["read", "--json", str(picture), str(folder), str(picture)]) == 0
    images = [json.loads(line)["image"] for line in capsys.readouterr().out.splitlines()]
    assert images == [str(picture), str(folder / "a.png"), str(folder / "b.png"), str(picture)]


def test_a_clip_is_read_frame_by_frame(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "--json", str(video)]) == 0
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [result["frame"] for result in results] == list(range(len(results)))
    assert results[1]["time"] == pytest.approx(1 / 3, abs=1e-3)
    assert any(plate["text"] == PASS.plate for result in results for plate in result["plates"])


def test_pictures_are_saved_with_what_was_found(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    shutil.copy(picture, twin / picture.name)
    out = tmp_path / "new" / "out"
    assert main(["read", str(picture), str(twin), "--save", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["gate.2.plates.jpg", "gate.plates.jpg"]
    assert f"{picture}: " in capsys.readouterr().out


@pytest.mark.parametrize("kind", [pytest.param("folder", marks=pytest.mark.slow), "video"])
def test_a_recording_is_replayed(kind: str, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = video if kind == "video" else write_frames(tmp_path / "frames", PASS)
    assert main(["replay", "--json", str(clip)]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wanted = {"plate", "status", "reason", "confidence", "readings", "first_seen", "last_seen", "track"}
    assert all(wanted <= set(event) for event in events)
    (event,) = [event for event in events if event["plate"] == PASS.plate]
    assert (event["status"], event["reason"]) == ("accepted", None)
    assert 0 <= event["first_seen"] < event["last_seen"] <= PASS.last_seen - PASS.first_seen + 1


@pytest.mark.slow
def test_the_frames_a_second_of_a_folder_can_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_frames(tmp_path / "frames", PASS)
    ends = []
    for options in (["--fps", "5"], [], ["--fps", "10"]):
        assert main(["replay", "--json", str(folder), *options]) == 0
        ends.append([json.loads(line)["last_seen"] for line in capsys.readouterr().out.splitlines()])
    assert ends[0] == ends[1]
    assert max(ends[2]) < max(ends[0])


def test_a_replay_for_people_is_one_line_a_pass(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(video)]) == 0
    assert re.search(
        rf"^ +\d+\.\d\d to +\d+\.\d\d s  {PASS.plate} accepted [01]\.\d\d, ", capsys.readouterr().out, re.MULTILINE
    )


def test_check_finds_nothing_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--listen", "127.0.0.1:0", "--csv", str(tmp_path / "new" / "plates.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 11
    assert list(tmp_path.iterdir()) == []


def test_the_program_can_be_piped_into_head(picture: Path) -> None:
    command = f"{sys.executable} -m edge read --json {' '.join([str(picture)] * 20)} | head -n 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert len(result.stdout.splitlines()) == 1
    assert "BrokenPipe" not in result.stderr


def test_a_password_becomes_a_line_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: "open sesame")
    assert main(["password"]) == 0
    assert capsys.readouterr().out.startswith('password_hash = "scrypt$')


def test_two_different_passwords_are_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter(["open sesame", "open barley"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    assert "differ" in failure(capsys, 78, "password")


# --- pictures and clips that are broken


def test_an_unreadable_picture_is_told_and_the_others_are_read(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 this is no picture")
    missing = tmp_path / "missing.jpg"
    assert main(["read", "--json", str(broken), str(picture), str(missing)]) == 1
    first, second, third = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert set(first) == set(third) == {"image", "error"}
    assert (first["image"], third["image"]) == (str(broken), str(missing))
    assert "No such file" in third["error"]
    assert second["plates"]


@pytest.mark.parametrize("name", ["empty.png", "cut.png", "cut.jpg", "text.jpg", "missing.png"])
def test_a_broken_picture_is_one_line(
    name: str, picture: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    whole = picture_at(best_moment(PASS))
    if name.startswith("cut"):
        data = write_picture(path, whole).read_bytes()
        path.write_bytes(data[: len(data) // 2])
    elif name != "missing.png":
        path.write_bytes(b"" if name == "empty.png" else b"a letter to the editor")
    assert main(["read", str(path), str(picture)]) == 1
    output = capfd.readouterr()
    errors = [line for line in output.err.splitlines() if line.startswith("gatereader: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"gatereader: {path}: ")
    assert len(output.out.splitlines()) == 1


def test_an_empty_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no pictures in this folder" in failure(capsys, 1, "read", tmp_path)
    assert "no pictures in this folder" in failure(capsys, 1, "replay", tmp_path)


def test_a_video_cut_off_in_the_middle_gives_what_it_has(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.avi"
    data = video.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    line = failure(capsys, 1, "replay", cut)
    assert "cut.avi" in line
    assert "cut off" in line
    options = ["--set", "source.realtime=false", "--set", "live.enabled=false", "--csv", str(tmp_path / "plates.csv")]
    assert main(["run", "--source", str(cut), *options]) == 1
    assert "cut off" in capsys.readouterr().err
    assert main(["read", "--json", str(cut)]) == 1
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "cut off" in results.pop()["error"]
    assert results
    assert not any("error" in result for result in results)


def test_a_video_without_its_index_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(b"\x00\x00\x00\x20ftypisom" + bytes(500))
    for command in ("read", "replay"):
        assert "cut.mp4" in failure(capsys, 1, command, cut)


def test_a_source_that_does_not_exist_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "wanted" in failure(capsys, 1, "replay", tmp_path / "nothing.mp4")
    for source in ("ftp://camera/stream", "picamera:left"):
        assert source.split(":")[0] in failure(capsys, 78, "replay", source)


# --- models


def test_a_missing_model_is_told(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "reader.tflite"
    assert f"{missing}: no such model file" in failure(capsys, 1, "read", "--reader", missing, picture)


def copied_model(folder: Path, name: str) -> Path:
    for suffix in (".tflite", ".json"):
        shutil.copy(shipped_model(f"{name}.tflite").with_suffix(suffix), folder / f"{name}{suffix}")
    return folder / f"{name}.tflite"


def test_a_model_that_is_not_its_cards_is_told(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = copied_model(tmp_path, "reader")
    with model.open("ab") as file:
        file.write(b"one byte more")
    assert "do not belong together" in failure(capsys, 1, "read", "--reader", model, picture)


def test_a_card_with_another_tensor_is_told(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = copied_model(tmp_path, "reader")
    card = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
    card["outputs"][0]["scale"] *= 2
    model.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
    assert "its card says" in failure(capsys, 1, "read", "--reader", model, picture)


def test_a_card_that_is_missing_or_broken_is_told(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = copied_model(tmp_path, "reader")
    model.with_suffix(".json").write_text("{", encoding="utf-8")
    assert "not a readable model card" in failure(capsys, 1, "read", "--reader", model, picture)
    model.with_suffix(".json").unlink()
    assert "card is missing" in failure(capsys, 1, "read", "--reader", model, picture)


def test_a_detector_is_no_reader(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = failure(capsys, 1, "read", "--reader", shipped_model("detector.tflite"), picture)
    assert "its card says detector, a reader is wanted" in line


# --- configuration and usage


def test_an_unknown_key_ends_every_command_with_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gatereader.toml"
    path.write_text("[detector]\ntreshold = 0.4\n", encoding="utf-8")
    for command in (["run"], ["read", "x.png"], ["replay", "x.mp4"], ["bench"]):
        line = failure(capsys, 78, *command, "--config", path)
        assert line == f"gatereader: {path}:2: unknown key `treshold` in [detector]; did you mean `threshold`?"
    assert main(["check", "--config", str(path)]) == 78
    assert capsys.readouterr().out.startswith(f"FAILED  configuration: {path}:2: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["read"],
        ["read", ""],
        ["read", "--jsno", "x"],
        ["replay", "x", "--fps", "0"],
        ["bench", "--frames", "many"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: gatereader" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "command", "told"),
    [
        (["run", "--soruce", "0"], "run", "unknown option --soruce; did you mean --source?"),
        (["run", "--listne=rtsp://me:s3cret@cam"], "run", "unknown option --listne; did you mean --listen?"),
        (["run", "--port", "18099"], "run", "unknown option --port"),
        (["run", "clip.mp4"], "run", "unexpected argument 'clip.mp4'; did you mean --source clip.mp4?"),
        (["replay", "a.mp4", "b.mp4"], "replay", "unexpected argument 'b.mp4'"),
        (["log", "verify", "--hsa", "x"], "log verify", "unknown option --hsa; did you mean --has?"),
    ],
)
def test_what_a_command_does_not_know_is_told_with_its_own_usage(
    arguments: list[str], command: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"usage: gatereader {command} [-h]")
    assert error.splitlines()[-1] == f"gatereader {command}: error: {told}"


def test_the_help_of_review_says_how_an_answer_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["review", "--help"])
    assert "ID= takes the answer back" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_a_page_for_all_is_told_with_an_address_that_others_can_use(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gate-pi")
    own = "http://127.0.0.1:18093/"
    assert page_place(own, f"{host}:0") == f"live page on {own}, for other machines http://gate-pi:18093/"
    assert page_place(own, "127.0.0.1:18093") == f"live page on {own}"
    assert page_place("", f"{host}:8080") == "no live page"


def test_what_standard_output_has_no_characters_for_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / os.fsdecode(b"lat\xe9n.toml")
    path.write_text("", encoding="utf-8")
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", "strict")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["config", "check", str(path)]) == 0
    assert b"lat\\udce9n.toml" in out.buffer.getvalue()


def test_debug_shows_the_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--debug", "replay", str(tmp_path)], ["replay", str(tmp_path), "--debug"]):
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert "Traceback" in error
        assert error.splitlines()[-1].startswith("gatereader: ")


FORGED = "x\n23:00:00 ZZ999ZZ accepted 1.00, 9 readings\n\x1b[2J\u2028\x9b\u202e.jpg"
ESCAPED = r"x\n23:00:00 ZZ999ZZ accepted 1.00, 9 readings\n\x1b[2J\u2028\x9b\u202e.jpg"


@pytest.mark.parametrize(
    "command",
    [
        ["read"],
        ["replay"],
        ["run", "--listen", "127.0.0.1:0", "--set", "source.realtime=false", "--source"],
    ],
)
@pytest.mark.parametrize("journal", [False, True])
def test_a_files_name_forges_no_line(
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    journal: bool,
) -> None:
    """Cameras upload into folders, and what they upload may have any name."""
    monkeypatch.chdir(tmp_path)
    if journal:
        monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    folder = tmp_path / "uploaded"
    folder.mkdir()
    (folder / FORGED).write_bytes(b"no picture")
    shutil.copy(picture, folder / f"{FORGED}.png")
    assert main([*command, str(folder)]) == 1
    out, err = capsys.readouterr()
    assert ESCAPED in err
    if command == ["read"]:
        assert f"{ESCAPED}.png: " in out
    lines = (out + err).splitlines()
    assert not any(line.startswith(("23:00:00 ZZ999ZZ", "<3>23:00:00")) for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("command", ["check", "doctor"])
def test_a_files_name_forges_no_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    name = "x.mp4\nok      everything: fine"
    assert main([command, "--source", str(tmp_path / name)]) == 1
    told = capsys.readouterr().out
    assert r"x.mp4\nok      everything: fine" in told
    assert not any(line.startswith("ok      everything") for line in told.splitlines())


def test_a_name_in_any_script_is_told_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "Bild 3.04\u202fPM – 門\u3000é.jpg"
    assert name in failure(capsys, 1, "read", tmp_path / name)


def test_a_traceback_in_the_log_keeps_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    main(["read", str(tmp_path / "nowhere.jpg")])
    try:
        raise ValueError("this")
    except ValueError:
        logging.getLogger("edge").exception("it\tbroke")
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:3] == [r"gatereader: it\tbroke", "Traceback (most recent call last):"]
    assert lines[-1] == "ValueError: this"


# --- what cannot be had


def test_a_port_in_use_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        arguments = ["--listen", f"127.0.0.1:{port}", "--csv", str(tmp_path / "plates.csv")]
        assert f"port {port} on 127.0.0.1 is in use" in failure(capsys, 1, "run", *arguments)
        assert main(["check", *arguments]) == 1
        assert f"FAILED  live page: port {port} on 127.0.0.1 is in use" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["file", pytest.param("proc", marks=pytest.mark.slow)])
def test_a_folder_that_cannot_be_written_is_told(
    place: str, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    folder = tmp_path / "file" / "sub" if place == "file" else Path("/proc/gatereader")
    assert "cannot write" in failure(capsys, 1, "run", "--csv", folder / "plates.csv", "--listen", "127.0.0.1:0")
    assert "cannot write" in failure(capsys, 1, "read", picture, "--save", folder)
    assert main(["check", "--csv", str(folder / "plates.csv"), "--listen", "127.0.0.1:0"]) == 1
    assert "FAILED  csv: cannot write" in capsys.readouterr().out


def test_an_open_page_without_a_password_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    line = failure(capsys, 78, "run", "--listen", "0.0.0.0:8080")
    assert line.startswith("gatereader: --listen: [live] ")
    assert "password" in line


# --- the service as a process of its own


def test_ctrl_c_loses_no_row(tmp_path: Path) -> None:
    """Interrupted while a car is in view: its pass is in the file, the exit status is 0."""
    rows = tmp_path / "plates.csv"
    command = [*PROGRAM, "run", "--csv", str(rows), "--listen", "127.0.0.1:0"]
    command += ["--set", "source.realtime=false", "--set", "source.fps=5"]
    command += ["--set", "vote.max_delay=1000", "--set", "vote.consensus_span=1000"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process, ExitStack() as stack:
        stack.callback(process.kill)  # a test that fails here would wait for it
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if " readings" in line:  # the first pass is over; others are in view sooner or later
                break
        time.sleep(1.0)
        (page,) = (part for line in told for part in line.split() if part.startswith("http://"))
        plain = httpx.get(f"{page.rstrip(';')}frame.jpg?plain", timeout=20)
        assert (plain.status_code, plain.headers["content-type"]) == (200, "image/jpeg"), "what was missed can be saved"
        process.send_signal(2)
        told += process.stderr.readlines()
        assert process.wait(20) == 0, told
    passes = [line for line in told if " readings" in line]
    written = rows.read_text(encoding="utf-8").splitlines()
    assert len(written) - 1 == len(passes) >= 1
    assert "SIGINT after" in told[-1]


def test_a_clip_ends_the_service(video: Path, tmp_path: Path) -> None:
    rows = tmp_path / "plates.csv"
    command = [*PROGRAM, "run", "--source", str(video), "--csv", str(rows), "--listen", "127.0.0.1:0"]
    command += ["--set", "source.realtime=false"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "source ended after" in result.stderr.splitlines()[-1]
    assert PASS.plate in rows.read_text(encoding="utf-8")
