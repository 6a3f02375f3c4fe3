"""The unit file and the configuration beside it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.config import Config, load_config
from edge.toml import default_file

FOLDER = Path(__file__).resolve().parent.parent / "systemd"
UNIT = FOLDER / "gatereader.service"
BRIDGE = FOLDER / "gatereader-mqtt.service"
SETTINGS = FOLDER / "gatereader.toml"

HARDENING = (
    *("CapabilityBoundingSet=", "AmbientCapabilities=", "NoNewPrivileges=", "Protect", "Private", "Remove", "Restrict"),
    *("LockPersonality=", "MemoryDenyWriteExecute=", "SystemCall", "DevicePolicy=", "UMask=", "LimitCORE="),
)

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def test_the_settings_file_is_the_defaults_with_every_key() -> None:
    assert SETTINGS.read_text(encoding="utf-8") == default_file(Config()), "make settings"
    assert load_config(SETTINGS) == Config()


@needs_systemd
@pytest.mark.parametrize(("unit", "commands"), [(UNIT, 2), (BRIDGE, 1)])
def test_systemd_understands_every_line(tmp_path: Path, unit: Path, commands: int) -> None:
    pattern = r"^(Exec\w+)=/opt/\S+"
    text, changed = re.subn(pattern, r"\1=/bin/true", unit.read_text(encoding="utf-8"), flags=re.M)
    assert changed == commands
    copy = tmp_path / unit.name
    copy.write_text(text, encoding="utf-8")
    result = analyze("verify", "--man=no", str(copy))
    # an unknown key is only a warning to systemd: the exit status stays 0
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("unit", [UNIT, BRIDGE], ids=["service", "bridge"])
def test_the_service_is_little_exposed(unit: Path) -> None:
    result = analyze("security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)
    assert found, result.stdout + result.stderr
    assert float(found[1]) <= 1.6


def test_the_bridge_is_held_as_tight_as_the_service() -> None:
    def held(unit: Path) -> set[str]:
        return {line for line in unit.read_text(encoding="utf-8").splitlines() if line.startswith(HARDENING)}

    families = "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"
    assert {line.removesuffix(" AF_NETLINK") for line in held(UNIT)} <= held(BRIDGE)
    assert families in held(BRIDGE)


def test_a_wrong_configuration_is_not_tried_again_and_a_crash_is() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    for line in (
        "Type=notify",
        "Restart=on-failure",
        "RestartPreventExitStatus=78",
        "User=gatereader",
        "StateDirectory=gatereader",
    ):
        assert line in lines
    assert "ExecStart=/opt/gatereader/current/bin/gatereader run --config " in UNIT.read_text(encoding="utf-8")


def merged(tmp_path: Path, drop_in: Path) -> Path:
    """A unit of the drop-in's lines behind the service's own: offline, systemd reads no drop-in of a copied unit."""
    sections = {"Unit": [], "Service": [], "Install": []}  # type: dict[str, list[str]]
    for file in (UNIT, drop_in):
        section = ""
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                sections[section].append(re.sub(r"^(Exec\w+)=.*", r"\1=/bin/true", line))
    text = "\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in sections.items())
    unit = tmp_path / UNIT.name
    unit.write_text(text + "\n", encoding="utf-8")
    return unit


@needs_systemd
@pytest.mark.parametrize(("name", "exposure"), [("picamera2", 1.6), ("gpio", 1.6), ("jetson", 2.0)])
def test_a_drop_in_is_understood_and_opens_little(tmp_path: Path, name: str, exposure: float) -> None:
    unit = merged(tmp_path, FOLDER / "drop-ins" / f"{name}.conf")
    told = analyze("verify", "--man=no", str(unit))
    assert (told.returncode, told.stdout) == (0, "")
    assert told.stderr == "" or "nvargus-daemon.service" in told.stderr
    result = analyze("security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)
    assert found, result.stdout + result.stderr
    assert float(found[1]) <= exposure


def test_every_drop_in_is_tested() -> None:
    assert {path.stem for path in (FOLDER / "drop-ins").iterdir()} == {"picamera2", "gpio", "jetson"}


def test_only_a_group_that_every_debian_has_is_asked_for() -> None:
    groups = re.findall(r"^SupplementaryGroups=(.*)$", UNIT.read_text(encoding="utf-8"), re.M)
    assert groups == ["video"]
