"""The support bundle: what a helper needs to know of a machine, in one archive, without anybody's plates or passwords.

What goes in is chosen, not what stays out: the doctor's findings, the settings as the program understood them, the
models' cards and the last lines of the log. All of it passes through one `Redactor`, which knows the passwords of the
configuration and every plate that is in the record or on the list of known plates.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.config import Config, Origins
from edge.config_show import show_config
from edge.doctor import model_files, report_json, report_lines
from edge.doctor_broker import OPTIONS
from edge.doctor_machine import Diagnosis, Machine
from edge.doctor_service import UNIT
from edge.errors import ConfigError, GateReaderError, OutputError
from edge.ledger import record_files
from edge.live import check_live_settings
from edge.log_files import form_of, log_files
from edge.log_rows import read_rows
from edge.privacy import known_plates
from edge.redaction import Redactor, url_secrets
from edge.whole_file import write_named

_LOG_LINES = 500
_LEAST_TEXT = 4
"""Characters; the record also has scraps such as 11, and a bundle without any 11 in it would tell little."""
_README = """gatereader support bundle

doctor.txt, doctor.json   what `gatereader doctor` found
configuration.toml        every setting, and where it comes from; passwords and known plates are (hidden)
log.txt                   the service's last lines in the journal; plates are (plate), and (plate?) what looks like one
detector.json, reader.json   the models' cards, without their test pictures

Pictures, rows and keys are never in it. Have a look before you send it.
"""


def write_bundle(
    path: Path,
    findings: Sequence[Diagnosis],
    config: Config | None,
    *,
    origins: Origins | None = None,
    file: Path | None = None,
    machine: Machine | None = None,
) -> None:
    """Writes the archive, for its owner's eyes; OutputError if it cannot be. `file` is the configuration's."""
    machine = machine or Machine()
    secrets = (*_secrets(config, file), *_broker_secrets(machine.text(OPTIONS) or ""))
    redactor = Redactor(secrets, _plates(config))
    parts = {
        "README.txt": _README,
        "doctor.txt": "\n".join(line for finding in findings for line in report_lines(finding)),
        "doctor.json": report_json(findings),
        **(_cards(config) if config else {}),
    }
    if config is not None:
        parts["configuration.toml"] = "\n".join(show_config(config, origins or {}, with_origin=True))
    # what is wrong with a configuration may be a plate, and then nobody knows it as one
    clean = redactor.log if config is None else redactor.text
    content = {name: clean(text) for name, text in parts.items()}
    content["log.txt"] = redactor.log(_log(machine))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in content.items():
            opened.writestr(name, text.rstrip() + "\n")
    try:
        write_named(path, archive.getvalue(), mode=0o600)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None


def _secrets(config: Config | None, file: Path | None) -> Iterator[str]:
    """What the configuration holds, also where it could not be understood."""
    text = ""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
    for url in re.findall(r"[\w+.-]+://[^\s\"']+", text):
        yield from url_secrets(url)
    yield from re.findall(r"^\s*\w*password\w*\s*=\s*[\"']?([^\"'\n]+)", text, re.MULTILINE)
    for name in re.findall(r"password_file\s*=\s*[\"']([^\"'\n]+)", text):
        try:
            yield from Path(name).read_text(encoding="utf-8-sig", errors="replace").splitlines()[:1]
        except OSError:
            continue
    if config is None:
        return
    yield from url_secrets(config.source.source)
    for password in (config.source.sign_in().password, lambda: check_live_settings(config.live)):
        try:
            yield password()
        except ConfigError:
            continue  # the doctor tells of it


def _broker_secrets(options: str) -> Iterator[str]:
    """The passwords in mosquitto_pub's options, which stand one on a line; all of a line that has more than one."""
    yield from re.findall(r"(?:^|\s)(?:-P\s*|--(?:pw|psk)\s+)(\S+)", options)
    for line in options.splitlines():
        values = line.split(maxsplit=1)[1:]
        yield from (value.strip() for value in values if len(value.split()) > 1)


def _plates(config: Config | None) -> Iterator[str]:
    """Every plate that this machine knows: the list's, and all that stand in the record."""
    if config is None:
        return
    try:
        yield from known_plates(config.privacy)
    except ConfigError:
        yield from config.privacy.known
    for log in record_files(config.csv, config.json):
        for one in log_files(log):
            try:
                form = form_of(one)
                for row in read_rows(one, form) if form is not None else ():
                    yield from (text for text in row.texts if len(text) >= _LEAST_TEXT)
            except OSError:
                continue  # of another user: what is in its log lines is found by its look


def _cards(config: Config) -> dict[str, str]:
    cards = {}
    for kind, find in model_files(config):
        try:
            values = json.loads(find().with_suffix(".json").read_text(encoding="utf-8"))
        except (GateReaderError, OSError, ValueError):
            continue  # the doctor tells of it
        values.pop("golden", None)
        cards[f"{kind}.json"] = json.dumps(values, indent=1, ensure_ascii=False)
    return cards


def _log(machine: Machine) -> str:
    command = ("journalctl", f"--unit={UNIT}", f"--lines={_LOG_LINES}", "--no-pager", "--output=short-iso")
    return machine.run(command) or "the journal has no lines of the service, or this user may not read them"
