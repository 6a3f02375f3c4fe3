"""The configuration: what is accepted, and what is said about what is not."""

import re
import traceback
from dataclasses import fields
from pathlib import Path

import pytest

from edge.cli import main
from edge.config import Config, Override, load_config, parse_override
from edge.errors import ConfigError
from edge.toml import convert, default_file

BROKEN = {
    # name: (file, line that the message must name, words that it must say)
    "unknown key": ("[detector]\n\ntreshold = 0.4\n", 3, ["unknown key `treshold` in [detector]", "`threshold`?"]),
    "unknown key, far from all": ("[csv]\nxyzzy = 1\n", 2, ["unknown key `xyzzy` in [csv]"]),
    "key of another section": ("[csv]\nlisten = ''\n", 2, ["unknown key `listen` in [csv]", "belongs to [live]"]),
    "unknown section": ("[detecter]\nthreshold = 0.4\n", 1, ["unknown section [detecter]", "[detector]?"]),
    "unknown section, far from all": ("\n[mqtt]\nhost = ''\n", 2, ["unknown section [mqtt]", "[source]", "[live]"]),
    "key outside a section": ("listen = ':80'\n", 1, ["`listen` stands outside a section", "belongs to [live]"]),
    "section as a value": ("detector = 3\n", 1, ["[detector]", "section"]),
    "section as a list": ("[[csv]]\npath = 'x'\n", 1, ["[csv]", "section"]),
    "text for a number": ("[detector]\nthreshold = 'high'\n", 2, ["threshold", "found a text", "a number"]),
    "number for a text": ("[csv]\npath = 3\n", 2, ["path", "found a number", "a text in quotes"]),
    "fraction for a whole number": ("[reader]\nthreads = 1.5\n", 2, ["threads", "1.5", "a whole number"]),
    "truth for a number": ("[reader]\nthreads = true\n", 2, ["threads", "true", "a whole number"]),
    "number for a truth": ("[live]\nenabled = 1\n", 2, ["enabled", "found 1", "true or false"]),
    "not a number": ("[detector]\nthreshold = nan\n", 2, ["threshold", "finite"]),
    "text for a list": ("[live]\nhosts = 'gate'\n", 2, ["hosts", "found a text", "a list"]),
    "wrong item of a list": (
        "[live]\nhosts = ['gate', 3]\n",
        2,
        ["hosts", "item 2: found a number", "a text in quotes"],
    ),
    "unknown choice": ("[csv]\ninclude = ['acepted']\n", 2, ["include", '"acepted"', '"accepted"']),
    "out of range": ("[reader]\n# more is not better\nthreads = 0\n", 3, ["[reader] threads", "wanted 1 to 16"]),
    "out of range, detector": ("[detector]\nthreshold = 1.5\n", 2, ["[detector] threshold"]),
    "out of range, second key": ("[live]\nmax_fps = 5\nquality = 500\n", 3, ["quality", "10 to 95"]),
    "open to the network": ("[live]\nlisten = '0.0.0.0:80'\n", 2, ["password"]),
    "syntax: no value": ("[csv]\npath =\n", 2, ["not TOML"]),
    "syntax: no quotes": ("[csv]\npath = plates.csv\n", 2, ["not TOML"]),
    "syntax: bracket": ("[live]\nwidth = 800\n[csv\npath = ''\n", 3, ["not TOML"]),
    "syntax: end of file": ("[live]\nhosts = [\n", 2, ["not TOML"]),
    "key twice": ("[csv]\npath = 'a'\npath = 'b'\n", 3, ["not TOML"]),
    "section twice": ("[csv]\npath = 'a'\n[csv]\nkeep_rows = 5\n", 3, ["not TOML"]),
    "dotted key": ("csv.pth = 'a'\n", 1, ["unknown key `pth` in [csv]", "`path`?"]),
    "inline table": ("\ncsv = { pth = 'a' }\n", 2, ["unknown key `pth` in [csv]", "`path`?"]),
    "quoted key": ("[csv]\n'pth' = 'a'\n", 2, ["unknown key `pth` in [csv]"]),
    "unknown key: what is known": ("[motion]\nxyzzy = 1\n", 2, ["it knows gate, settle, at_least_every"]),
    "section in capital letters": ("[LIVE]\n", 1, ["unknown section [LIVE]", "[live]?"]),
    "dashes in a key": ("[csv]\nmax-days = 3\n", 2, ["unknown key `max-days`", "`max_days`?"]),
    "section in a section": ("[csv]\n[csv.path]\nx = 1\n", 2, ["path", "found a table", "a text in quotes"]),
    "dots into nowhere": ("csv.path.x.y = 1\n", 1, ["path", "found a table", "a text in quotes"]),
    "section of no name": ("[]\n", 1, ["not TOML"]),
    "key of no name": ("[csv]\n= 3\n", 2, ["not TOML"]),
    "truth for a choice": ("[source]\nrotate = false\n", 2, ["rotate", "found false", "0, 90, 180, 270"]),
    "fraction for a choice": ("[source]\nrotate = 90.0\n", 2, ["rotate", "found 90.0", "0, 90, 180, 270"]),
    "list for a choice": ("[json]\nrotate = ['daily']\n", 2, ["rotate", "one of", '"monthly"']),
    "list for a text": ("[csv]\npath = ['a']\n", 2, ["path", "a text in quotes"]),
    "list for a number": ("[csv]\nmax_days = [1, 2]\n", 2, ["max_days", "found a list", "a number"]),
    "date for a text": ("[csv]\npath = 2026-11-20\n", 2, ["path", "found a date or time", "a text in quotes"]),
    "infinity": ("[csv]\nmax_days = inf\n", 2, ["max_days", "finite"]),
    "one polygon for some": (
        "[region]\nlook = [[0.1, 0.4], [0.9, 0.4], [0.9, 1.0]]\n",
        2,
        ["look: wanted [[[a number, a number], …], …]: one more pair of brackets"],
    ),
    "wrong corner far in": (
        "[region]\nlook = [[[0, 0], [1, 0], [1, 1]], [[0, 0], 1]]\n",
        2,
        ["look: item 2: item 2: found a number, wanted a list in [ ]"],
    ),
    "one corner among polygons": (
        "[region]\nlook = [[[0, 0], [1, 0], [1, 1]], [0, 0]]\n",
        2,
        ["look: item 2: wanted [[a number, a number], …]: one more pair of brackets"],
    ),
    "wrong item far in": ("[region]\nlook = [[[0, 0], [1, 0], [1]]]\n", 2, ["look: item 1: item 3: found a list of 1"]),
    "point outside": ("[region]\nlook = [[[0, 0], [1, 0], [1, 9]]]\n", 2, ["look", "0 to 1"]),
    "empty list": ("[csv]\ninclude = []\n", 2, ["include is empty", "at least one status"]),
    "below zero": ("[csv]\nmax_days = -1\n", 2, ["max_days", "0"]),
    "not HOST:PORT": ("[live]\nlisten = '8080'\n", 2, ["listen", "HOST:PORT"]),
    "half a pair": ("[source]\nwidth = 640\n", 2, ["width and height belong together"]),
    "comma in a number": ("[csv]\nmax_days = 1,5\n", 2, ["not TOML", "a number such as 7 or 1.5"]),
    "zeros in front": ("[csv]\nkeep_rows = 007\n", 2, ["not TOML", "a number such as 7 or 1.5"]),
    "True in capitals": ("[live]\nenabled = True\n", 2, ["not TOML", "true or false, in small letters"]),
    "yes for true": ("[live]\nenabled = yes\n", 2, ["not TOML", "true or false, in small letters"]),
    "YAML": ("csv:\n  path: plates.csv\n", 1, ["not TOML", "KEY = VALUE, or [SECTION]"]),
    "JSON": ('{"csv": {}}\n', 1, ["not TOML", "KEY = VALUE, or [SECTION]"]),
    "text not closed": ("[csv]\npath = 'a\n", 2, ["not TOML", "what begins with ' is not closed"]),
    "text of many lines not closed": ('[csv]\npath = """a\n', 2, ["not TOML", 'what begins with " is not closed']),
    "path of Windows": ('[csv]\npath = "C:\\gate\\x"\n', 2, ["not TOML", "or / in place of \\"]),
    "key twice, told": ("[csv]\npath = 'a'\npath = 'b'\n", 3, ["`path` stands twice"]),
    "section twice, told": ("[csv]\n[live]\n[csv]\n", 3, ["[csv] stands twice"]),
    "null character": ("[csv]\n\0\n", 2, ["not TOML"]),
    "line break in a value": ('[live]\nlisten = "a\\nb"\n', 2, ["listen", "HOST:PORT"]),
    "two files in one": ("[csv]\npath = 'x'\n[json]\npath = './x'\n", 4, ["[json] path", "is the CSV file"]),
    "two caps in one folder": (
        "[pictures]\nfolder = 'x'\n[review]\nfolder = 'x'\n",
        4,
        ["[review] folder", "[pictures]"],
    ),
    "a recording among the crops": ("[recording]\nfolder = 'review'\n", 2, ["[recording] folder", "[review]"]),
    "a recording among crops that are only removed": (
        "[review]\nkeep = 'off'\n[recording]\nfolder = 'x/../review'\n",
        4,
        ["[recording] folder", "[review]"],
    ),
    "a recording of itself": ("[source]\nsource = './x/'\n[recording]\nfolder = 'x'\n", 4, ["is the source"]),
    "no name of a file": ("[csv]\npath = '.'\n", 2, ['path = "." is a folder', "plates.csv"]),
    "no name of a file for the lines": ("[json]\npath = '/'\n", 2, ['path = "/" is a folder', "plates.jsonl"]),
    "more days than there were": ("[csv]\nmax_days = 999999\n", 2, ["max_days = 999999", "36500"]),
    "more days, JSON lines": ("[json]\nmax_days = 40000\n", 2, ["max_days = 40000", "36500"]),
    "more days, key": ("[privacy]\nkey_days = 1e7\n", 2, ["key_days", "36500"]),
    "400 digits": (f"[csv]\nmax_days = {'1' * 400}\n", 2, ["max_days", "beyond 9.2e+18"]),
    "400 digits of a whole number": (f"[csv]\nkeep_rows = {'1' * 400}\n", 2, ["keep_rows", "beyond 9.2e+18"]),
    "a huge fraction": ("[csv]\nmax_megabytes = 1e305\n", 2, ["max_megabytes", "beyond 9.2e+18"]),
    "null character in a text": ('[csv]\npath = "a\\u0000b"\n', 2, ["path", "null character"]),
    "JSON lines by name": ("[csv]\npath = 'log.jsonl'\n", 2, ["[json] path", "is the CSV file"]),
    "address with two dots": ("[live]\nlisten = 'gate..lan:8080'\n", 2, ["listen", "HOST:PORT"]),
    "strangers recorded": ("[recording]\nfolder = 'x'\n[privacy]\nunknown = 'drop'\n", 2, ["strangers", '"keep"']),
    "strangers on frames": ("[privacy]\nunknown = 'pseudonym'\n[pictures]\nkeep = 'frames'\n", 4, ["strangers"]),
    "known plate that is none": ("[privacy]\nknown = ['AB1', 'A*']\n", 2, ["known: item 2", "a plate of 2 to 12"]),
    "misspelt scheme": ('[source]\nsource = "rtps://gate:pw@cam/s"\n', 2, ["[source]", "rtps://", "mean rtsp://?"]),
    "one slash": ('[source]\nfps = 5\nsource = "rtsp:/x"\n', 3, ["[source]", "rtsp:/, wanted rtsp://"]),
    "unknown scheme": ("[source]\nsource = 'usb:0'\n", 2, ["usb:", "v4l2:/dev/video0"]),
    "number lacking": ("[source]\nsource = 'picamera:'\n", 2, ["whole number after picamera:"]),
    "pipeline lacking": ("[source]\nsource = 'gstreamer:'\n", 2, ["pipeline after gstreamer:"]),
    "host lacking": ("[source]\nuser = 'a'\nsource = 'rtsp://'\n", 3, ["needs a host"]),
    "misspelt model": ("[detector]\nthreads = 2\nmodel = 'larg'\n", 3, ["[detector] model", "'larg'", "mean large?"]),
    "model of another kind": ("[detector]\nmodel = 'own.onnx'\n", 2, ["[detector] model", ".tflite"]),
    "shutter of a USB camera": (
        "[source]\nsource = 'v4l2:/dev/video0'\nshutter = 1\n",
        3,
        ["[source] shutter", "a Raspberry Pi camera (picamera:0)", "source is a USB camera", "leave it out"],
    ),
    "second picture of a Jetson": (
        "[source]\nsource = 'jetson:0'\nwidth = 1280\nheight = 720\nsmall_width = 640\n",
        5,
        ["[source] small_width", "a Raspberry Pi camera", "source is a Jetson's camera"],
    ),
    "size of a network camera": (
        "[source]\nwidth = 1280\nheight = 720\nsource = 'rtsp://camera/s'\n",
        2,
        ["[source] width", "picamera:0", "v4l2:/dev/video0", "jetson:0", "source is a network camera"],
    ),
    "password of a USB camera": (
        "[source]\nuser = 'gate'\npassword_env = 'GATE'\nsource = '0'\n",
        2,
        ["[source] user is for a network camera (rtsp://", "source is a USB camera"],
    ),
    "focus of nothing": ("[source]\nfocus = 4.0\n", 2, ["[source] focus", "source is the demo scene"]),
    "gain of a clip": ("[source]\nsource = 'a.mp4'\ngain = 2.0\n", 3, ["[source] gain", "a file or folder"]),
    "size of a pipeline": (
        "[source]\nsource = 'gstreamer:videotestsrc'\nwidth = 640\nheight = 480\n",
        3,
        ["[source] width", "source is a GStreamer pipeline"],
    ),
    "the password itself": (
        "[source]\nuser = 'gate'\npassword = 'hunter2'\n",
        3,
        ["unknown key `password` in [source]", "that file's name as `password_file`"],
    ),
    "two users": (
        "[source]\nsource = 'http://bob:hunter2@cam/v'\nuser = 'gate'\n",
        3,
        ["[source] user is given", "the address in source names a user too", "keep one of them"],
    ),
    "two passwords": ("[live]\npassword_hash = 'a'\npassword_file = 'b'\n", 2, ["password_file", "keep one"]),
}
"""File, line and words; "40 broken files" was the aim."""


def test_there_are_more_than_forty_of_them() -> None:
    assert len({text for text, _, _ in BROKEN.values()}) >= 60


def written(folder: Path, text: str) -> Path:
    path = folder / "gatereader.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_told_in_one_line_with_its_line_number(name: str, tmp_path: Path) -> None:
    text, line, words = BROKEN[name]
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert caught.value.exit_status == 78


@pytest.mark.parametrize("name", BROKEN)
def test_config_check_ends_with_78_and_that_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, line, _ = BROKEN[name]
    path = written(tmp_path, text)
    assert main(["config", "check", str(path)]) == 78
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"gatereader: {path}:{line}: ")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[csv]\npath = 'a'\n".encode("utf-16"), ":1: UTF-16 text"),
        ("[csv]\n# Münze\n".encode("latin-1"), ":2: not UTF-8"),
        (b"\x00\xff\xfe", ":1: not UTF-8"),
    ],
)
def test_what_is_no_text_is_told_by_the_command(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gatereader.toml"
    path.write_bytes(content)
    assert main(["config", "check", "--config", str(path)]) == 78
    assert f"gatereader.toml{words}" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/proc/self/mem", "/proc/self/nowhere", "/proc/self"])
def test_what_cannot_be_read_is_told_by_the_command(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", path]) == 78
    assert capsys.readouterr().err.startswith(f"gatereader: {path}: cannot read the configuration: ")


def test_the_mark_of_windows_editor_and_its_line_ends_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "gatereader.toml"
    path.write_bytes(b"\xef\xbb\xbf[csv]\r\npath = 'a'\r\n")
    assert load_config(path).csv.path == "a"
    path.write_bytes(b"\xef\xbb\xbf[csv]\r\npath = 'a'\r\npth = 'a'\r\n")
    with pytest.raises(ConfigError, match=r"gatereader\.toml:3: unknown key"):
        load_config(path)


@pytest.mark.parametrize("key", ["source = ['{}']", "width = '{}'", "source = {}"])
@pytest.mark.parametrize("begins", ["rtsp://", "rtsp:/", "RTSP:", "rtsp//"])
def test_a_mistake_is_told_without_the_cameras_password(key: str, begins: str, tmp_path: Path) -> None:
    path = written(tmp_path, "[source]\n" + key.format(f"{begins}gate:hunter2@camera/stream") + "\n")
    with pytest.raises(ConfigError, match=r"\.toml:2: ") as caught:
        load_config(path)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)), "which --debug shows"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('[privacy]\nknown = "ab 123 cd"', "123"),
        ('[privacy]\nknown = [{ car = "ab 123 cd" }]', "123"),
        ("[privacy]\nknown = [271828]", "271828"),
        ("[live]\npassword_hash = 271828", "271828"),
        ("[live]\npassword_hash = ['hunter2']", "hunter2"),
    ],
)
def test_a_value_of_the_wrong_type_is_not_told_where_it_may_be_a_secret(text: str, secret: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.toml:2: .*: found a \w+, wanted a ") as caught:
        load_config(written(tmp_path, text + "\n"))
    assert secret not in str(caught.value)


def test_config_check_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "[csv]\npath = 'x'\n[live]\nenabled = false\n")
    assert main(["config", "check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 2 settings, every key is known and in range\n"
    assert main(["config", "check"]) == 0
    capsys.readouterr()
    assert main(["config", "check", str(path), "--config", str(path)]) == 78
    assert "give one of them" in capsys.readouterr().err
    camera = ("--source", "rtsp://camera/s", "--set", "source.user=gate")
    for key in ("privacy.known_file", "live.password_file", "source.password_file"):
        assert main(["config", "check", "--set", f"{key}=/nowhere/at-all", *camera]) == 78
        assert f"{key}: cannot read /nowhere/at-all" in capsys.readouterr().err


def test_a_credential_of_the_service_is_left_to_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "/run/credentials/gatereader.service/live"  # as docs/live.md has it; `systemctl reload` checks beside it
    camera = ("--source", "rtsp://camera/s", "--set", "source.user=gate")
    for key in ("live.password_file", "source.password_file", "privacy.known_file"):
        assert main(["config", "check", "--set", f"{key}={secret}", *camera]) == 0
        assert f"{secret} was not looked at" in capsys.readouterr().out


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["config", "show", *arguments]) == 0
    return capsys.readouterr().out


def test_config_show_tells_every_value_and_where_it_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "# mine\n[csv]\nkeep_rows = 7\npath = 'file.csv'\n\n[live]\nhosts = [\n  'gate']\n")
    lines = shown(capsys, str(path), "--origin", "--csv", "line.csv", "--set", "live.max_fps=3").splitlines()
    for line in (
        f"keep_rows = 7  # {path}:3",
        'path = "line.csv"  # --csv',
        f'hosts = ["gate"]  # {path}:7',
        "max_fps = 3.0  # --set live.max_fps",
        'listen = "127.0.0.1:8080"  # default',
    ):
        assert line in lines
    assert sum(" = " in line for line in lines) == sum(
        len(fields(getattr(Config(), one.name))) for one in fields(Config)
    )
    assert "#" not in shown(capsys, str(path))


def test_the_name_of_a_variable_is_hidden_as_it_may_be_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, CAMERA)
    assert 'password_env = "(hidden)"' in shown(capsys, str(path))
    assert 'password_env = "GATE_CAMERA"' in shown(capsys, str(path), "--secrets")


def test_what_config_show_prints_is_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "[source]\nsource = 'rtsp://gate:hunter2@camera/s?key=abc'\n[live]\nquality = 20\n[privacy]\nknown = ['AB1']\n"
    )
    path = written(tmp_path, text)
    whole = shown(capsys, str(path), "--secrets", "--origin")
    other = tmp_path / "other.toml"
    other.write_text(whole, encoding="utf-8")
    assert load_config(other) == load_config(path) != Config()
    hidden = shown(capsys, str(path))
    assert 'source = "rtsp://camera/s?…"' in hidden
    assert 'known = ["(hidden)"]' in hidden
    assert not any(secret in hidden for secret in ("hunter2", "abc", "AB1"))


@pytest.mark.parametrize("section", ['[source]\nsource = "rtps://gate:hunter2@cam/s"', '[detector]\nmodel = "larg"'])
@pytest.mark.parametrize("command", [("check",), ("config", "show"), ("aim", "--once"), ("replay", "clip.mp4")])
def test_what_would_start_over_and_over_ends_with_78(
    command: tuple[str, ...], section: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, f"{section}\n")
    assert main([*command, "--config", str(path)]) == 78
    told = capsys.readouterr()
    assert f"{path}:2: [" in told.out + told.err
    assert "hunter2" not in told.out + told.err


ON_THE_PI = """[source]
source = "picamera:0"
width = 2304
height = 1296
small_width = 640
shutter = 1.0
focus = 4.0
fps = 10.0
"""


@pytest.mark.parametrize("option", [("--source", "{}"), ("--set", "source.source={}")])
@pytest.mark.parametrize("source", ["demo:", "clip.mp4", "rtsp://camera/s"])
def test_another_source_may_be_tried_with_a_file_for_the_pis_camera(
    option: tuple[str, str], source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, ON_THE_PI)
    assert main(["config", "check", str(path)]) == 0
    assert capsys.readouterr().err == ""
    assert main(["config", "check", str(path), option[0], option[1].format(source)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gatereader: --s")
    assert line.endswith(
        ": the file's settings for another source have no effect: width, height, small_width, shutter, focus"
    )


@pytest.mark.parametrize("options", [("--source", "picamera:1"), ("--source", "0", "--set", "source.fps=5")])
def test_what_the_other_source_obeys_needs_no_warning(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, '[source]\nsource = "picamera:0"\nwidth = 1280\nheight = 720\n')
    assert main(["config", "check", str(path), *options]) == 0
    assert capsys.readouterr().err == ""


CAMERA = '[source]\nsource = "rtsp://camera/s"\nuser = "gate"\npassword_env = "GATE_CAMERA"\n'


@pytest.mark.parametrize("option", [("--source", "{}"), ("--set", "source.source={}")])
@pytest.mark.parametrize("source", ["http://bob:xyz@other/v", "http://other/v", "rtsp://bob@camera/s", "clip.mp4"])
def test_the_files_user_and_password_are_for_its_own_camera(
    option: tuple[str, str], source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, CAMERA)
    assert main(["config", "check", str(path), option[0], option[1].format(source)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("settings for another source have no effect: user, password_env")
    settings = load_config(path, [parse_override(f"source.source={source}")]).source
    assert (settings.user, settings.password_file, settings.password_env) == ("", "", "")


def test_the_command_line_may_name_the_same_camera_or_another_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = written(tmp_path, CAMERA), parse_override("source.source=http://other/v")
    assert load_config(path, [parse_override("source.source=rtsp://camera/s")]).source.user == "gate"
    assert load_config(path, [parse_override("source.fps=5")]).source.user == "gate"
    assert capsys.readouterr().err == ""
    sign_in = [parse_override(f"source.{text}") for text in ("user=bob", "password_env=BOBS")]
    settings = load_config(path, [other, *sign_in]).source
    assert (settings.user, settings.password_env) == ("bob", "BOBS")
    with pytest.raises(ConfigError, match=r"^--set source\.password_env: \[source\] user is empty"):
        load_config(path, [other, sign_in[1]])


def test_a_setting_of_the_command_line_is_for_its_source(tmp_path: Path) -> None:
    path = written(tmp_path, ON_THE_PI)
    overrides = [Override("source", "source", "demo:", "--source"), parse_override("source.gain=2")]
    with pytest.raises(ConfigError, match=r"^--set source\.gain: \[source\] gain is for a Raspberry Pi camera"):
        load_config(path, overrides)


def test_a_number_of_thousands_of_digits_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, f"[csv]\nkeep_rows = {'1' * 5000}\n")
    with pytest.raises(ConfigError, match=f"^{file}: a number in it has thousands of digits"):
        load_config(file)
    with pytest.raises(ConfigError, match=r"^--set csv.keep_rows: \[csv\] keep_rows: found"):
        load_config(None, [parse_override(f"csv.keep_rows={'1' * 5000}")])


def test_what_is_nested_too_deeply_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, f"[vote]\nformats = {'[' * 5000}{']' * 5000}\n")
    with pytest.raises(ConfigError, match=f"^{file}: lists or tables in it are nested too deeply"):
        load_config(file)


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/gate")
    file = written(tmp_path, '[csv]\npath = "~/out dir/plates.csv"\n[privacy]\nknown_file = "~/known"\n')
    config = load_config(file, [parse_override("recording.folder=~/rec"), parse_override("service.camera=~/a")])
    assert (config.csv.path, config.privacy.known_file) == ("/home/gate/out dir/plates.csv", "/home/gate/known")
    assert (config.recording.folder, config.service.camera) == ("/home/gate/rec", "~/a")
    with pytest.raises(
        ConfigError, match=r'\[csv\] path: found "~nobody-here/a.csv", but there is no such home folder'
    ):
        load_config(written(tmp_path, '[csv]\npath = "~nobody-here/a.csv"\n'))


@pytest.mark.parametrize("value", ["1", "2026-01-01", "1.50", '"1"', "gate"])
def test_a_text_on_the_command_line_needs_no_quotes_which_a_shell_takes_away(value: str) -> None:
    assert load_config(None, [parse_override(f"service.camera={value}")]).service.camera == value.strip('"')


@pytest.mark.parametrize("text", ["csv.path=false", "service.camera=[1]"])
def test_what_is_meant_otherwise_is_no_text(text: str) -> None:
    with pytest.raises(ConfigError, match="wanted a text in quotes"):
        load_config(None, [parse_override(text)])


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: .*No such file"):
        load_config(tmp_path / "nowhere.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="directory"):
        load_config(tmp_path)


def test_a_file_in_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "gatereader.toml"
    path.write_bytes("[service]\n# Münze\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"gatereader\.toml:2: not UTF-8"):
        load_config(path)


def test_nothing_given_means_the_defaults(tmp_path: Path) -> None:
    assert load_config() == Config() == load_config(written(tmp_path, ""))


def test_the_file_beats_the_defaults_and_the_command_line_beats_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[csv]\npath = 'file.csv'\nkeep_rows = 7\n[detector]\nthreshold = 1e-1\n")
    config = load_config(path, [Override("csv", "path", "line.csv", "--csv")])
    assert (config.csv.path, config.csv.keep_rows, config.detector.threshold) == ("line.csv", 7, 0.1)
    assert config.reader == Config().reader


def test_a_wrong_override_names_its_option() -> None:
    with pytest.raises(ConfigError, match=r"^--listen: .*HOST:PORT"):
        load_config(None, [Override("live", "listen", "8080", "--listen")])


@pytest.mark.parametrize(
    ("text", "value"),
    [("reader.threads=2", 2), ("csv.path=a b.csv", "a b.csv"), ('csv.path="7"', "7"), ("live.hosts=['a']", ["a"])],
)
def test_set_takes_toml_or_plain_text(text: str, value: object) -> None:
    assert parse_override(text).value == value


@pytest.mark.parametrize("text", ["threads=2", "reader.threads", "=", ".=1", "reader.=2"])
def test_set_wants_section_key_and_value(text: str) -> None:
    with pytest.raises(ConfigError, match=r"SECTION\.KEY=VALUE"):
        parse_override(text)


@pytest.mark.parametrize("text", ["reeder.threads=2", "reader.treads=2", "reader.threads=x"])
def test_a_wrong_set_names_itself(text: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--set {text.partition('=')[0]}")):
        load_config(None, [parse_override(text)])


def test_a_list_of_fixed_length_is_checked() -> None:
    assert convert([1, 2.5], tuple[float, float]) == (1.0, 2.5)
    with pytest.raises(ValueError, match="a list of 1, wanted 2"):
        convert([1], tuple[float, float])


def test_an_optional_value_is_converted_as_what_it_is() -> None:
    assert convert(3, float | None) == 3.0


def test_the_printed_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, default_file(Config()))) == Config()


def test_every_key_has_a_line_on_it() -> None:
    text = default_file(Config())
    for section in fields(Config):
        block = text.partition(f"[{section.name}]\n")[2].partition("\n\n")[0]
        for key in fields(getattr(Config(), section.name)):
            assert re.search(rf"^# .+\n(# )?{key.name} =", block, re.MULTILINE), f"[{section.name}] {key.name}"
