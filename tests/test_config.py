"""The configuration: what is accepted, and what is said about what is not."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

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
    "text for a number": ("[detector]\nthreshold = 'high'\n", 2, ["threshold", '"high"', "a number"]),
    "number for a text": ("[csv]\npath = 3\n", 2, ["path", "found 3", "a text in quotes"]),
    "fraction for a whole number": ("[reader]\nthreads = 1.5\n", 2, ["threads", "1.5", "a whole number"]),
    "truth for a number": ("[reader]\nthreads = true\n", 2, ["threads", "true", "a whole number"]),
    "number for a truth": ("[live]\nenabled = 1\n", 2, ["enabled", "found 1", "true or false"]),
    "not a number": ("[detector]\nthreshold = nan\n", 2, ["threshold", "finite"]),
    "text for a list": ("[live]\nhosts = 'gate'\n", 2, ["hosts", '"gate"', "a list"]),
    "wrong item of a list": ("[live]\nhosts = ['gate', 3]\n", 2, ["hosts", "found 3", "a text in quotes"]),
    "unknown choice": ("[csv]\ninclude = ['acepted']\n", 2, ["include", '"acepted"', '"accepted"']),
    "out of range": ("[reader]\n# more is not better\nthreads = 0\n", 3, ["[reader] threads", "1 or more"]),
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
}


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
