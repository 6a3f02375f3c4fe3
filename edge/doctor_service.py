"""The doctor on the service: does systemd run it, and does its live page answer?"""

import http.client
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from edge.address import Address, parse_listen
from edge.doctor_disk import Owned, roots_own
from edge.doctor_machine import Diagnosis, Machine
from edge.live import LiveSettings
from edge.live_guard import HEALTH_PATH
from edge.written import ROWS_WAIT, UNWRITTEN, written_text

UNIT = "gatereader.service"
_PROPERTIES = (
    "LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,UnitFileState,StatusText,User,MainPID,"
    "WorkingDirectory"
)
_CONFIGURATION = 78
_LOOK = f"see `journalctl -u {UNIT} -n 50`"


class Service(dict[str, str]):
    """What systemd says of the unit; empty where there is no systemd."""

    @property
    def active(self) -> bool:
        """Whether it runs."""
        return self.get("ActiveState") in ("active", "reloading")

    @property
    def pid(self) -> int:
        """The number of its process; 0 if it has none."""
        number = self.get("MainPID", "")
        return int(number) if number.isdigit() else 0


def find_service(machine: Machine) -> Service:
    """Asks systemd, if it is what runs this machine."""
    if not (machine.root / "run/systemd/system").is_dir():
        return Service()
    answer = machine.run(("systemctl", "show", UNIT, f"--property={_PROPERTIES}")) or ""
    return Service(line.partition("=")[::2] for line in answer.splitlines() if "=" in line)


def service(found: Service) -> Diagnosis:
    """The unit's state."""
    if not found:
        return Diagnosis("service", "unknown", "systemd does not run this machine, or does not answer")
    if found.get("LoadState") == "not-found":
        return Diagnosis("service", "attention", "not installed: nothing starts gatereader", "docs/install.md says how")
    restarts = int(found["NRestarts"]) if found.get("NRestarts", "").isdigit() else 0
    told = f"{found.get('ActiveState')} ({found.get('SubState')}), {restarts} restarts"
    if found.get("StatusText"):
        told += f"; {found['StatusText']}"
    if not found.active:
        return _not_running(found, told)
    cure = ""
    if any(trouble in found.get("StatusText", "") for trouble in (ROWS_WAIT, UNWRITTEN)):
        cure = "make room, mount the disk again, or let it write there (ReadWritePaths= in a drop-in: docs/install.md)"
        if (roots := _roots_own(found)) is not None:
            told, cure = f"{told}; {roots.text}", roots.cure
    elif found.get("UnitFileState") == "disabled":
        told, cure = f"{told}; it does not start with the machine", f"sudo systemctl enable {UNIT}"
    elif restarts:
        cure = f"why it was started again: {_LOOK}"
    return Diagnosis("service", "attention" if cure else "ok", told, cure)


def _not_running(found: Service, told: str) -> Diagnosis:
    if found.get("ActiveState") != "failed" and found.get("SubState") != "auto-restart":
        return Diagnosis("service", "attention", told, f"sudo systemctl enable --now {UNIT}")
    if found.get("ExecMainStatus") == str(_CONFIGURATION):
        cure = f"the configuration is wrong: {_LOOK}, then `gatereader config check`"
        return Diagnosis("service", "bad", told, cure)
    if (roots := _roots_own(found)) is not None:
        cure = f"{roots.cure}, then sudo systemctl restart {UNIT}; if that is not all: {_LOOK}"
        return Diagnosis("service", "bad", f"{told}, {found.get('Result')}; {roots.text}", cure)
    return Diagnosis("service", "bad", f"{told}, {found.get('Result')}", _LOOK)


def _roots_own(found: Service) -> Owned | None:
    """What keeps the service from writing where its relative paths begin."""
    folder = found.get("WorkingDirectory", "")
    return roots_own(Path(folder)) if folder.startswith("/") else None


Health = Callable[[Address], Mapping[str, object] | None]


def ask_health(address: Address) -> Mapping[str, object] | None:
    """What `/healthz` says; None if nobody answers."""
    connection = http.client.HTTPConnection(*address.reachable, timeout=3)
    try:
        connection.request("GET", HEALTH_PATH, headers={"Host": "localhost"})
        values = json.loads(connection.getresponse().read(65_536))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return values if isinstance(values, dict) else None


def running_page(settings: LiveSettings, ask: Health = ask_health) -> Diagnosis:
    """The live page of a service that runs."""
    if not settings.enabled:
        return Diagnosis("live page", "ok", "switched off")
    health = ask(parse_listen(settings.listen))
    if health is None:
        cure = f"{_LOOK}; does live.listen here agree with the service's configuration?"
        return Diagnosis("live page", "bad", f"the service runs, but nobody answers on {settings.listen}", cure)
    told = f"{settings.listen} answers: {health.get('fps')} frames/s, {health.get('passes')} passes"
    told += written_text(health)
    if not health.get("alive"):
        return Diagnosis("live page", "bad", f"{told}; the loop stands still", f"sudo systemctl restart {UNIT}")
    camera = health.get("camera")
    if isinstance(camera, Mapping) and not camera.get("online"):
        cure = "the service's line says why; docs/sources.md has the causes"
        return Diagnosis("live page", "bad", f"{told}; the camera is offline since {camera.get('since')}", cure)
    for key, cure in (
        ("picture", "look at the page: has the camera, or the recorder that sends its stream on, frozen?"),
        ("clock", "let it reach a time server (timedatectl set-ntp true), or give it a clock with a battery"),
    ):
        if health.get(key):
            return Diagnosis("live page", "attention", f"{told}; {health[key]}", cure)
    return Diagnosis("live page", "ok", told)


def page_protection(settings: LiveSettings) -> Diagnosis | None:
    """Whether strangers can look; None where there is nothing to say."""
    if not settings.enabled or parse_listen(settings.listen).is_loopback:
        return None
    if settings.password_hash or settings.password_file:
        return Diagnosis(
            "page's password", "ok", "the page asks for it; it crosses the network readable without a proxy"
        )
    cure = "write live.password_hash with what `gatereader password` prints, unless a proxy asks for one"
    return Diagnosis("page's password", "attention", "everybody in the network can see the page", cure)
