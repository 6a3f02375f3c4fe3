"""`gatereader doctor`: what `check` finds, and the machine around it. Each line with its cure.

Measured facts only: what a machine does not tell is "unknown", which is no fault.
"""

import grp
import json
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edge import __version__
from edge.check import check
from edge.clock import clock_synced
from edge.config import Config, kept_folders
from edge.detector_choice import detector_path, settled
from edge.doctor_board import board, clock, memory, temperature, threads, throttling
from edge.doctor_broker import broker
from edge.doctor_disk import disk
from edge.doctor_machine import Diagnosis, Machine, State
from edge.doctor_service import find_service, page_protection, running_page, service
from edge.errors import ConfigError, ModelError, SourceError
from edge.ledger import record_files
from edge.network import NOT_TOLD, SCHEMES, ask_camera, check_url, public_url, signed_url
from edge.ownership import user_name
from edge.reader import reader_path
from edge.runtime import open_interpreter
from edge.sign_in import only_the_services
from edge.source_settings import SourceSettings
from edge.v4l2 import holders, video_devices
from edge.versions import OPENCV, installed
from edge.whole_file import existing

PACKAGES = (
    "ai-edge-litert",
    "tflite-runtime",
    "numpy",
    OPENCV,
    "simplejpeg",
    "starlette",
    "uvicorn",
    "picamera2",
)
_HELD_BY_SERVICE = ("live page", "source")
_CURES = {
    "detector": "install gatereader again, or name a sound model in detector.model",
    "reader": "install gatereader again, or name a sound model in reader.model",
    "source": "docs/sources.md has the causes and what helps",
}
"""For findings of `check` whose own words leave it open."""
_NETWORK_PATIENCE = 5.0
_DELEGATE = "DELEGATE"


def diagnose(
    config: Config | None, trouble: ConfigError | None = None, machine: Machine | None = None
) -> Iterator[Diagnosis]:
    """All lines, one after the other. Without a configuration (`trouble` says why) only those of the machine."""
    machine = machine or Machine()
    found = find_service(machine)
    yield Diagnosis("versions", "ok", ", ".join(f"{name} {version}" for name, version in versions().items()))
    yield board(machine)
    yield service(found)
    if config is None:
        told = str(trouble) if trouble else "there is none"
        yield Diagnosis("configuration", "bad", told, "mend the line named; docs/configuration.md has every key")
    else:
        yield from _of_the_program(config, found.active)
    yield permissions(config, found.get("User", ""), machine)
    if config is not None:
        yield from _of_the_configuration(config, machine, found.pid)
    if (bridge := broker(machine)) is not None:
        yield bridge
    yield clock(clock_synced(), machine)
    yield temperature(machine)
    yield throttling(machine)
    yield memory(machine, found.active)


def _of_the_program(config: Config, running: bool) -> Iterator[Diagnosis]:
    """What `check` finds; a running service holds the camera and the port, so it is asked itself."""
    source, page = config.source, config.live
    hidden = {
        "live page": _only_the_services(page.password_file),
        "source": _only_the_services(source.password_file, source.password_env),
    }
    untold = {what: where for what, where in hidden.items() if where and not running}
    for finding in check(config, _HELD_BY_SERVICE if running else tuple(untold)):
        cure = _CURES.get(finding.what, "as the line says") if finding.status else ""
        yield Diagnosis(finding.what, "bad" if finding.status else "ok", finding.text, cure)
    for what, where in untold.items():
        yield Diagnosis(what, "unknown", f"only the service has its password: {where}")
    if running:
        yield running_page(config.live)
        yield Diagnosis("source", "unknown", "the running service holds it; its line above tells how it is")
    if (protection := page_protection(config.live)) is not None:
        yield protection


def _only_the_services(password_file: str, password_env: str = "") -> str:
    """Where a password is that cannot be had here, though the service may well have it; empty for any other."""
    if password_env and not os.environ.get(password_env):
        return "a variable of its environment (source.password_env)"
    if only_the_services(password_file):
        return f"the credential {password_file}"
    return ""


def _of_the_configuration(config: Config, machine: Machine, service_pid: int) -> Iterator[Diagnosis]:
    yield cameras(config.source.source, machine, service_pid)
    if (reached := network(config.source)) is not None:
        yield reached
    yield from (delegate(kind, find) for kind, find in model_files(config))
    yield threads(max(config.detector.threads, config.reader.threads), len(os.sched_getaffinity(0)))
    records = {file.parent.absolute() for file in record_files(config.csv, config.json)}
    for folder in _folders(config):
        yield disk(machine, folder, config.pictures.min_free_megabytes, holds_rows=folder in records)


def versions() -> dict[str, str]:
    """gatereader, Python, and the packages that do the work, as far as they are installed."""
    told = {"gatereader": __version__, "Python": platform.python_version()}
    return told | {package: version for package in PACKAGES if (version := installed(package))}


def permissions(config: Config | None, service_user: str, machine: Machine) -> Diagnosis:
    """Whether the user who asks may use the cameras; the folders are `check`'s."""
    user = user_name(os.geteuid())
    if os.geteuid() == 0:
        cure = f"to see what the service may do: sudo -u {service_user or 'USER'} gatereader doctor …"
        return Diagnosis("permissions", "unknown", "asked as root, who may do everything", cure)
    wanted = {path for path in machine.paths("dev/video*") if not os.access(path, os.R_OK | os.W_OK)}
    if not wanted:
        return Diagnosis("permissions", "ok", f"{user} may use every camera of this machine")
    named = config is not None and _device(config.source.source) in {path.name for path in wanted}
    groups = sorted({_group_name(path.stat().st_gid) for path in wanted})
    text = f"{user} may not use {', '.join(path.name for path in sorted(wanted))}, of the group {', '.join(groups)}"
    cure = f"sudo usermod -aG {groups[0]} {user}, then sign in anew; the service has the group by SupplementaryGroups="
    return Diagnosis("permissions", "bad" if named else "attention", text, cure)


def _device(source: str) -> str:
    """`video0` of a V4L2 source, through its lasting names."""
    return f"video{source}" if source.isdigit() else Path(source.removeprefix("v4l2:")).resolve().name


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def cameras(source: str, machine: Machine, service_pid: int = 0) -> Diagnosis:
    """What cameras there are, whether the one that is watched keeps its name, and who but the service has it open."""
    devices = video_devices(machine.root / "dev", machine.root / "sys")
    told = [f"{device.path.name} ({device.name})" if device.name else device.path.name for device in devices]
    there = ", ".join(told) or "no V4L2 camera on this machine"
    if source.startswith("demo:"):
        cure = "set source.source to the camera; docs/sources.md has every kind"
        return Diagnosis("cameras", "attention", f"the built-in demo scene is watched; {there}", cure)
    name, is_number = _device(source), re.fullmatch(r"(v4l2:)?(/dev/video)?\d+", source)
    watched = next((device for device in devices if device.path.name == name), None)
    if watched is None:
        return Diagnosis("cameras", "ok", there)
    holding, cures = holders(watched.path, os.getpid(), machine.root / "proc"), list[str]()
    there += f"; {name} is open in {', '.join(map(str, holding))}" if holding else ""
    if others := [holder for holder in holding if holder.pid != service_pid]:
        cures.append(f"end {', '.join(map(str, others))}: only one program gets a camera's pictures")
    if is_number and watched.lasting is not None:
        lasting = f"/{watched.lasting.relative_to(machine.root)}"
        cures.append(f'set source.source = "{lasting}": a number may be another camera after a restart')
    return Diagnosis("cameras", "attention" if cures else "ok", there, "; ".join(cures))


def network(settings: SourceSettings) -> Diagnosis | None:
    """Whether a network camera answers and lets this user in; None for another source."""
    source = settings.source.strip()
    if "://" not in source or source.partition("://")[0].lower() not in SCHEMES:
        return None
    try:
        url, shown = check_url(source), public_url(source)
        if where := _only_the_services(settings.password_file, settings.password_env):
            return Diagnosis("network", "unknown", f"{shown}: only the service has its password: {where}")
        if settings.user:
            url = signed_url(url, settings.user, settings.sign_in().password())
    except (SourceError, ConfigError) as error:
        return Diagnosis("network", "bad", str(error), "mend [source] in the configuration")
    asked = ask_camera(url, _NETWORK_PATIENCE)
    if asked.is_stream:
        return Diagnosis("network", "ok", f"{shown} answers")
    if asked.status == NOT_TOLD or 300 <= asked.status < 400:  # where it leads to, only the stream itself finds out
        return Diagnosis("network", "unknown", f"{shown}: {asked.advice}")
    state: State = "attention" if asked.cause == "no picture" else "bad"
    return Diagnosis("network", state, f"{shown}: {asked.cause}: {asked.advice}", "docs/sources.md has what helps")


def delegate(kind: str, find: Callable[[], Path]) -> Diagnosis:
    """Whether the processor's fast kernels (XNNPACK) compute a model, or the slow ones that every TFLite has."""
    what = f"{kind}'s kernels"
    try:
        interpreter, backend = open_interpreter(find())
    except (ModelError, OSError) as error:
        return Diagnosis(what, "unknown", str(error))
    list_operations = getattr(interpreter, "_get_ops_details", None)
    if list_operations is None:
        return Diagnosis(what, "unknown", f"{backend} does not tell which kernels it uses")
    operations = [operation["op_name"] for operation in list_operations()]
    if _DELEGATE in operations:
        return Diagnosis(what, "ok", f"{backend} with a delegate (XNNPACK) for {len(operations) - 1} operations")
    cure = "install ai-edge-litert as it comes from PyPI, which has XNNPACK in it"
    return Diagnosis(what, "attention", f"{backend} without a delegate: several times slower", cure)


def model_files(config: Config) -> tuple[tuple[str, Callable[[], Path]], ...]:
    """Detector and reader, and what tells the file of each; it raises ModelError if a shipped one is missing."""
    return (
        ("detector", lambda: detector_path(settled(config.detector, config.region).model)),
        ("reader", lambda: reader_path(config.reader.model)),
    )


def _folders(config: Config) -> list[Path]:
    """The folders that are written to, one for each disk."""
    folders = [file.parent for file in record_files(config.csv, config.json)] + list(kept_folders(config).values())
    disks = {existing(folder).stat().st_dev: folder.absolute() for folder in reversed(folders)}
    return list(disks.values())


def exit_status(findings: Iterable[Diagnosis]) -> int:
    """1 if anything is bad."""
    return int(any(finding.state == "bad" for finding in findings))


def report_lines(finding: Diagnosis) -> list[str]:
    """One line, and one more for the cure."""
    return [
        f"{finding.state:9}  {finding.what}: {finding.text}",
        *([f"{'':9}  → {finding.cure}"] if finding.cure else []),
    ]


def report_json(findings: Sequence[Diagnosis]) -> str:
    """One object: `ok` and `findings`, each with `what`, `state`, `text` and `cure`."""
    values: dict[str, Any] = {"schema": 1, "versions": versions(), "ok": not exit_status(findings)}
    return json.dumps(values | {"findings": [finding._asdict() for finding in findings]}, ensure_ascii=False)
