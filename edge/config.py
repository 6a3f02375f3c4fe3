"""One TOML file → `Config`: a section for each module's own settings, built from their fields and types.

Nothing is ignored: a key that nobody knows, a value of the wrong type or out of range is a ConfigError with the line
it stands on. `python -m edge.config` prints the file with every key, its default and what it does.
"""

import codecs
import difflib
import logging
import os
import re
import sys
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

from edge.aim import AimSettings
from edge.csv_log import CsvSettings
from edge.detector import DetectorSettings
from edge.errors import ConfigError
from edge.json_log import JsonSettings, json_path
from edge.kept_crops import ReviewSettings, crops_folder
from edge.live import LiveSettings
from edge.motion import MotionSettings
from edge.pictures import PictureSettings, pictures_folder
from edge.privacy import PrivacySettings
from edge.reader import ReaderSettings
from edge.recording import RecordingSettings
from edge.redaction import hide_credentials
from edge.region import RegionSettings
from edge.source_settings import SourceSettings, unheeded
from edge.toml import convert, default_file, syntax_hint
from edge.tracker import TrackerSettings
from edge.vote import VoteSettings

log = logging.getLogger(__name__)

Settings = TypeVar("Settings")

_PATHS = ("path", "folder", "model")
"""Keys whose values are paths; so are all that end with `_file`."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What belongs to the program as a whole."""

    camera: str = "gate"
    """Name of this camera: a column of the CSV file and a word on the live page."""
    log_plates: bool = True
    """Write plates into the log; false writes a pass's time, status and reason only. The CSV file has them anyway."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings; a section of the file for each field."""

    source: SourceSettings = field(default_factory=SourceSettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    region: RegionSettings = field(default_factory=RegionSettings)
    motion: MotionSettings = field(default_factory=MotionSettings)
    reader: ReaderSettings = field(default_factory=ReaderSettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    vote: VoteSettings = field(default_factory=VoteSettings)
    csv: CsvSettings = field(default_factory=CsvSettings)
    json: JsonSettings = field(default_factory=JsonSettings)
    pictures: PictureSettings = field(default_factory=PictureSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    live: LiveSettings = field(default_factory=LiveSettings)
    aim: AimSettings = field(default_factory=AimSettings)
    service: ServiceSettings = field(default_factory=ServiceSettings)


class Override(NamedTuple):
    """A value from the command line, which beats the file; `option` is what to call it in a message."""

    section: str
    key: str
    value: object
    option: str


Origins = Mapping[str, Mapping[str, str]]
"""Section → key → the place that it was given at: `FILE:LINE`, or an option of the command line."""


class _Given(NamedTuple):
    value: object
    where: str


class _Conflict(NamedTuple):
    message: str
    keys: tuple[tuple[str, str], ...]


def load_config(path: Path | None = None, overrides: Iterable[Override] = ()) -> Config:
    """The configuration of the file at `path`, or the defaults, with the command line's `overrides` on top."""
    return read_config(path, overrides)[0]


def read_config(path: Path | None = None, overrides: Iterable[Override] = ()) -> tuple[Config, Origins]:
    """The configuration, and where each value in it that is not a default comes from.

    ConfigError says in one line what is wrong, where, and what is wanted.
    """
    try:
        return _read_config(path, overrides)
    except ConfigError as error:  # a key or a value may hold a line break, or a camera's password
        line = "".join(character if character.isprintable() else " " for character in str(error))
        raise ConfigError(hide_credentials(line)) from error


def _read_config(path: Path | None, overrides: Iterable[Override]) -> tuple[Config, Origins]:
    given: dict[str, dict[str, _Given]] = {} if path is None else _read(path)
    sections, on_line = get_type_hints(Config), list(overrides)
    left_out = _without_sign_in(given.get("source", {}), on_line)
    for override in on_line:
        if override.section not in sections:
            raise ConfigError(f"{override.option}: {_unknown_section(override.section, sections)}")
        given.setdefault(override.section, {})[override.key] = _Given(override.value, override.option)
    config = Config(**{name: _build(sections[name], name, values, sections) for name, values in given.items()})
    origins = {name: {key: value.where for key, value in values.items()} for name, values in given.items()}
    if conflict := _conflict(config):
        where = next(origins[section][key] for section, key in conflict.keys if key in origins.get(section, {}))
        raise ConfigError(f"{where}: {conflict.message}")
    on_source = {one.key for one in on_line if one.section == "source"}
    _check_heeded(config.source, origins.get("source", {}), on_source, left_out)
    return config, origins


def _without_sign_in(file: dict[str, _Given], on_line: Collection[Override]) -> list[str]:
    """Takes user and password out of the file's [source] where the command line names another source; their keys.

    They are for the file's camera: no other one may get its password.
    """
    named = [one.value for one in on_line if (one.section, one.key) == ("source", "source")]
    if not named or ("source" in file and file["source"].value == named[-1]):
        return []
    left_out = [key for key in ("user", "password_file", "password_env") if file.pop(key, None) is not None]
    given = {one.key for one in on_line if one.section == "source"}
    return [key for key in left_out if key not in given]


def _check_heeded(
    settings: SourceSettings, origins: Mapping[str, str], on_line: Collection[str], left_out: Iterable[str]
) -> None:
    """ConfigError for a key that this kind of source does not obey.

    Where the command line names the source (`on_line` are its keys), the file's keys are for another one: only a
    warning, as people try things out that way. It names those that were `left_out` for that reason, too.
    """
    found = unheeded(settings)
    for_another = [key for key in found if "source" in on_line and key not in on_line]
    for key, message in found.items():
        if key not in for_another:
            raise ConfigError(f"{origins[key]}: [source] {message}; leave it out")
    if keys := ", ".join([*left_out, *for_another]):
        log.warning("%s: the file's settings for another source have no effect: %s", origins["source"], keys)


def _conflict(config: Config) -> _Conflict | None:
    """Settings of different sections that cannot be meant together; the key to blame first."""
    mode = config.privacy.unknown
    strangers = f'shows strangers, of whom [privacy] unknown = "{mode}" keeps no picture'
    if mode != "keep" and config.recording.folder:
        message = f'[recording] folder: a recording {strangers}; write folder = "", or unknown = "keep"'
        return _Conflict(message, (("recording", "folder"), ("privacy", "unknown")))
    if mode != "keep" and config.pictures.keep == "frames":
        message = f'[pictures] keep = "frames": a whole frame {strangers}; write keep = "crops", or unknown = "keep"'
        return _Conflict(message, (("pictures", "keep"), ("privacy", "unknown")))
    lines = json_path(config.json, config.csv.path)
    if lines and config.csv.path and lines.absolute() == Path(config.csv.path).absolute():
        message = f'[json] path = "{lines}" is the CSV file (csv.path); give the JSON lines a file of their own'
        return _Conflict(message, (("json", "path"), ("csv", "path")))
    folder, source = config.recording.folder, os.path.expanduser(config.source.source)  # noqa: PTH111 - Path's raises
    if folder and _is_same(Path(folder), Path(source)):
        message = f'[recording] folder = "{folder}" is the source, which would be recorded again; name another'
        return _Conflict(message, (("recording", "folder"), ("source", "source")))
    for (one, first), (other, second) in combinations(_tidied_folders(config).items(), 2):
        if _is_same(first, second):
            message = f'[{other}] folder = "{second}" is that of [{one}] too; each deletes what is old in its own'
            return _Conflict(message, ((other, "folder"), (one, "folder")))
    return None


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def kept_folders(config: Config) -> dict[str, Path]:
    """Where pictures will lie, by the section that keeps them there; what is not given lies beside the CSV file."""
    off = {"pictures": config.pictures.keep == "off", "review": config.review.keep == "off"}
    return {section: folder for section, folder in _tidied_folders(config).items() if not off.get(section)}


def _tidied_folders(config: Config) -> dict[str, Path]:
    """Where old pictures are removed, by section: also where no new ones are kept."""
    folders = {
        "pictures": pictures_folder(config.pictures, config.csv.path),
        "review": crops_folder(config.review, config.csv.path),
    }
    return folders | ({"recording": Path(config.recording.folder)} if config.recording.folder else {})


def parse_override(text: str) -> Override:
    """`SECTION.KEY=VALUE` → Override; the value is TOML, or a plain text where it is not.

    A number or date is a text, too, where the key wants one: a shell takes the quotes away.
    """
    name, separator, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (separator and dot and section and key):
        raise ConfigError(f"--set {text}: wanted SECTION.KEY=VALUE, such as vote.max_delay=3")
    try:
        parsed: object = tomllib.loads(f"value = {value}")["value"]
    except ValueError:  # TOMLDecodeError, or a number with thousands of digits
        parsed = value
    cls = get_type_hints(Config).get(section)
    if cls is not None and get_type_hints(cls).get(key) is str and not isinstance(parsed, str | bool | list | dict):
        parsed = value
    return Override(section, key, parsed, f"--set {section}.{key}")


def _read(path: Path) -> dict[str, dict[str, _Given]]:
    """Sections and keys of the file, each value with the place it stands at."""
    text = _text(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_error(path, text, str(error))) from None
    except RecursionError:
        raise ConfigError(f"{path}: lists or tables in it are nested too deeply; wanted KEY = VALUE") from None
    except ValueError:  # Python converts no number of more digits than 4300
        raise ConfigError(f"{path}: a number in it has thousands of digits; wanted a smaller one") from None
    sections = get_type_hints(Config)
    given: dict[str, dict[str, _Given]] = {}
    for name, values in document.items():
        where = _where(path, text, name)
        if name not in sections and not isinstance(values, dict):
            raise ConfigError(f"{where}: the key `{name}` stands outside a section{_home(name, sections)}")
        if name not in sections:
            raise ConfigError(f"{where}: {_unknown_section(name, sections)}")
        if not isinstance(values, dict):
            raise ConfigError(f"{where}: `{name}` is a section; write [{name}] on a line of its own and its keys below")
        given[name] = {key: _Given(value, _where(path, text, name, key)) for key, value in values.items()}
    return given


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror or error}") from None
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError(f"{path}:1: UTF-16 text, which some editors call Unicode; save the configuration as UTF-8")
    try:
        # the mark that Windows' editor puts before UTF-8 is no fault, nor are its line ends
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the configuration as UTF-8") from None


def _build(cls: type[Settings], section: str, given: Mapping[str, _Given], sections: Mapping[str, Any]) -> Settings:
    """One module's settings from what the file and the command line say."""
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, (value, where) in given.items():
        if key not in hints:
            hint = _instead_of_password(key, hints) or _suggestion(key, hints) or _home(key, sections)
            hint = hint or f"; it knows {', '.join(hints)}"
            raise ConfigError(f"{where}: unknown key `{key}` in [{section}]{hint}")
        try:
            values[key] = _at_home(key, convert(value, hints[key]))
        except ValueError as error:
            raise ConfigError(f"{where}: [{section}] {key}: {error}") from None
    try:
        return cls(**values)
    except ValueError as error:
        culprit = _culprit(cls, values, str(error)) or next(iter(given))
        where = given[culprit].where
        raise ConfigError(f"{where}: [{section}] {error}") from None


def _at_home(key: str, value: Any) -> Any:
    """The path of a file or folder with its `~` replaced, as a shell does it; ValueError if nobody lives there.

    A source finds its home itself, as a file there may be called `~`.
    """
    if not isinstance(value, str) or not value.startswith("~") or not (key in _PATHS or key.endswith("_file")):
        return value
    path = os.path.expanduser(value)  # noqa: PTH111 - Path's raises
    if path.startswith("~"):
        raise ValueError(f'found "{value}", but there is no such home folder; write the whole path')
    return path


def _culprit(cls: type[Any], values: Mapping[str, Any], message: str) -> str | None:
    """The key that settings object to: the one they name, the first of several, else one that fails on its own."""
    named = {found.start(): key for key in values if (found := re.search(rf"\b{re.escape(key)}\b", message))}
    if named:
        return named[min(named)]
    for key, value in values.items():
        try:
            cls(**{key: value})
        except ValueError:
            return key
    return None


def _syntax_error(path: Path, text: str, message: str) -> str:
    """tomllib's "… (at line 3, column 5)" in the form of all the other messages."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if found is None:
        return f"{path}: not TOML: {message}"
    line = int(found[2] or max(1, len(text.splitlines())))
    column = f" (column {found[3]})" if found[3] else ""
    hint = syntax_hint(found[1], text.splitlines()[line - 1] if text else "")
    return f"{path}:{line}: not TOML: {found[1]}{column}{hint}"


def _where(path: Path, text: str, section: str, key: str | None = None) -> str:
    """`path:line` of a section or a key, `path` alone where it hides (in an inline table, say)."""
    inside = ""
    fallback = None
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([\w.\"'-]+)\s*\]+", line):
            inside = header[1].strip("\"'")
            name = ""
        else:
            name = line.partition("=")[0].strip().replace('"', "").replace("'", "").replace(" ", "")
        full = ".".join(part for part in (inside, name) if part)
        if key is not None and (full == f"{section}.{key}" or full.startswith(f"{section}.{key}.")):
            return f"{path}:{number}"
        if fallback is None and (full == section or full.startswith(f"{section}.")):
            fallback = f"{path}:{number}"
    return fallback or str(path)


def _suggestion(word: str, known: Iterable[str], form: str = "`{}`") -> str:
    near = difflib.get_close_matches(word.lower(), list(known), n=1)
    return f"; did you mean {form.format(near[0])}?" if near else ""


def _instead_of_password(word: str, known: Collection[str]) -> str:
    """No key takes the password itself; who is told another one that is alike, may leave it there, to be printed."""
    if word.lower() != "password" or "password_file" not in known:
        return ""
    return "; write it into a file that others cannot read, and that file's name as `password_file`"


def _unknown_section(name: str, sections: Mapping[str, Any]) -> str:
    hint = _suggestion(name, sections, "[{}]") or "; known are " + ", ".join(f"[{known}]" for known in sections)
    return f"unknown section [{name}]{hint}"


def _home(key: str, sections: Mapping[str, Any]) -> str:
    """Where a key that stands in the wrong place belongs, or what the section holds."""
    homes = [name for name, cls in sections.items() if key in {known.name for known in fields(cls)}]
    return f"; it belongs to [{homes[0]}]" if homes else ""


if __name__ == "__main__":
    sys.stdout.write(default_file(Config()))
