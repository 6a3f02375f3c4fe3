"""install.sh in a real Debian with a real systemd: first time, again, upgrades good and bad, back, away.

Only where it is asked for: `make test-install`.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_trees import CPU, WHERE_ASKED_FOR, System, copy_checkout, cpu_info, run_in, unpack, wheels
from systemd_machine import CONFIGURATION, UNIT, Container, wait_until, why_not

pytestmark = WHERE_ASKED_FOR

PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates"
SCRIPT = ("/src/systemd/install.sh", "--wheels", "/wheels")
MINE = '[source]\nsource = "demo:"\n\n[service]\ncamera = "north"\n'


class Gate(Container):
    """A Debian with a copy of the checkout in /src; `install` runs the script in it."""

    patience = 120.0

    def install(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(*SCRIPT, *arguments, timeout=10 * self.patience)

    def installed(self, *arguments: str) -> str:
        """What it says when it must succeed."""
        told = self.install(*arguments)
        assert told.returncode == 0, told.stdout + told.stderr + self.journal()
        return told.stdout

    def refused(self, *arguments: str, status: int = 1, says: str) -> None:
        """It fails, says so in a line, and what ran before runs on, untouched."""
        before = self.show("MainPID"), self.version(), self.releases()
        told = self.install(*arguments)
        assert told.returncode == status, told.stdout + told.stderr
        assert says in told.stderr
        assert (self.show("MainPID"), self.version(), self.releases()) == before
        assert self.show("ActiveState") == "active"

    def version(self) -> str:
        return self.run("gatereader", "--version").stdout.split()[-1]

    def releases(self) -> set[str]:
        return {path.name.split("-")[0] for path in (self.root / "opt/gatereader/releases").iterdir()}

    def edit(self, name: str, pattern: str, replacement: str) -> None:
        """Change the checkout as a new version would."""
        path = self.root / "src" / name
        text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.M)
        assert count == 1, (name, pattern)
        path.write_text(text)

    def new_version(self, version: str) -> None:
        self.edit("edge/__init__.py", r'^__version__ = ".*"$', f'__version__ = "{version}"')

    def there(self, path: str) -> bool:
        return os.path.lexists(self.root / path.lstrip("/"))


class EmulatedGate(Gate):
    """One for ARM, on this processor: slow, and told by files which processor it has."""

    patience = 900.0
    environment = CPU

    def start(self) -> str:
        (self.root / "etc/cpuinfo").write_text(cpu_info())
        drop_in = self.root / f"etc/systemd/system/{UNIT}.d/emulated.conf"
        drop_in.parent.mkdir(parents=True)
        # the unit's own /proc has this machine's again
        lines = ["[Service]", "BindReadOnlyPaths=/etc/cpuinfo:/proc/cpuinfo", "TimeoutStartSec=900", "WatchdogSec=300"]
        lines += [f"Environment={name}={value}" for name, value in CPU.items()]
        drop_in.write_text("\n".join(lines) + "\n")
        return super().start() or self.run("mount", "--bind", "/etc/cpuinfo", "/proc/cpuinfo").stderr


def unpacked(system: System, root: Path) -> None:
    """The system with a copy of the checkout in /src."""
    unpack(system, PACKAGES, root)
    copy_checkout(root, "edge", "models", "systemd", "docs", "pyproject.toml", "README.md", "LICENSE")
    (root / "wheels").mkdir()


# systemd 257, Debian 13's, starts no service under qemu's emulation
@pytest.fixture(params=[System("bookworm"), System("trixie"), System("bookworm", "arm64")], ids=str)
def gate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gate]:
    system: System = request.param
    if reason := why_not() or system.why_not():
        pytest.skip(reason)
    root = tmp_path / "root"
    unpacked(system, root)
    machine = (EmulatedGate if system.emulated else Gate)(root, [f"{wheels(system)}:/wheels"])
    try:
        if reason := machine.start():
            pytest.skip(reason)
        yield machine
    finally:
        machine.close()
        shutil.rmtree(root, ignore_errors=True)  # 1 GB


@pytest.mark.parametrize("system", [System("trixie", "arm64")], ids=str)
def test_an_image_of_a_system(system: System, tmp_path: Path) -> None:
    """Where no systemd runs: all is installed, and starts with the first boot."""
    if reason := why_not() or system.why_not():
        pytest.skip(reason)
    root = tmp_path / "root"
    unpacked(system, root)
    (root / "etc/cpuinfo").write_text(cpu_info())
    as_a_pi = ("sh", "-c", 'mount --bind /etc/cpuinfo /proc/cpuinfo && exec "$@"', "sh")

    def run(*command: str) -> str:
        told = run_in(root, [*as_a_pi, *command], [f"{wheels(system)}:/wheels"], CPU)
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    try:
        assert "it starts with the next boot" in run(*SCRIPT, "--camera", "none", "--no-start")
        assert (root / f"etc/systemd/system/multi-user.target.wants/{UNIT}").is_symlink()
        assert "every key is known" in run("gatereader", "check", "--source", "demo:", "--csv", "/tmp/plates.csv")
        assert "nothing to do" in run(*SCRIPT, "--no-start")
        run("/src/systemd/install.sh", "uninstall", "--purge")
        for path in ("opt/gatereader", "etc/gatereader", "var/lib/gatereader", f"etc/systemd/system/{UNIT}"):
            assert not os.path.lexists(root / path)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_a_service_s_life(gate: Gate) -> None:
    installs(gate)
    changes_nothing_the_second_time(gate)
    upgrades_and_keeps_the_configuration(gate)
    fails_and_leaves_what_runs(gate)
    goes_back_by_itself(gate)
    goes_back_and_forth(gate)
    goes_away_and_leaves_the_records(gate)
    goes_away_altogether(gate)


def installs(gate: Gate) -> None:
    assert "is in use" in gate.installed("--camera", "none")
    wait_until(lambda: gate.ask("/readyz")[0] == 200, gate.patience)
    assert gate.show("ActiveState") == "active"
    assert gate.show("User") == "gatereader"
    assert gate.run("systemctl", "is-enabled", UNIT).stdout == "enabled\n"
    modes = gate.run("stat", "--format=%a %U %G", "/etc/gatereader", CONFIGURATION).stdout
    assert modes == "750 root gatereader\n640 root gatereader\n"
    assert not gate.there("/opt/gatereader/current/bin/pip")
    assert gate.releases() == {gate.version()}


def changes_nothing_the_second_time(gate: Gate) -> None:
    before, files = gate.show("MainPID"), snapshot(gate)
    assert "nothing to do" in gate.installed()
    assert (gate.show("MainPID"), snapshot(gate)) == (before, files)


def snapshot(gate: Gate) -> str:
    """Every file that the script has to do with, and when it last changed, but for what the service itself writes."""
    command = ["find", "/opt", "/etc", "/usr/local", "-not", "-name", "*.pyc", "-not", "-name", "__pycache__"]
    return gate.run(*command, "-printf", "%p %m %u %l %T@\n").stdout


def upgrades_and_keeps_the_configuration(gate: Gate) -> None:
    before, first = gate.show("MainPID"), gate.version()
    (gate.root / CONFIGURATION.lstrip("/")).write_text(MINE)
    gate.new_version("9.1.0")
    gate.edit("systemd/gatereader.toml", r"\A", "# A setting that came with this version.\n")
    told = gate.installed()
    assert f"{CONFIGURATION}.new" in told
    assert gate.configured() == MINE
    assert "came with this version" in (gate.root / f"{CONFIGURATION}.new".lstrip("/")).read_text()
    assert gate.version() == "9.1.0"
    assert gate.show("MainPID") not in ("0", before)
    assert gate.releases() == {first, "9.1.0"}
    wait_until(lambda: gate.ask("/readyz")[0] == 200, gate.patience)
    assert "nothing to do" in gate.installed()


def fails_and_leaves_what_runs(gate: Gate) -> None:
    gate.new_version("9.2.0")
    (gate.root / CONFIGURATION.lstrip("/")).write_text(MINE + "wrong = 1\n")
    # the new version is there now and is not in use
    told = gate.install()
    assert told.returncode == 78, told.stdout + told.stderr
    assert f"{CONFIGURATION}:6: unknown key `wrong`" in told.stderr
    assert gate.version() == "9.1.0"
    (gate.root / CONFIGURATION.lstrip("/")).write_text(MINE)
    gate.new_version("9.3.0")
    no_network = gate.run(SCRIPT[0], timeout=5 * gate.patience)
    assert no_network.returncode == 1
    assert "no network" in no_network.stderr
    gate.refused("--wheels", "/usr/games", says="pip finds not all in /usr/games")
    unit = gate.root / "etc/systemd/system" / UNIT
    as_it_was = unit.read_text()
    unit.write_text(as_it_was.replace("WatchdogSec=30", "WatchdogSec=300"))
    gate.refused(says="was changed by hand")
    unit.write_text(as_it_was)


def goes_back_by_itself(gate: Gate) -> None:
    """From a version that passes its check and does not run."""
    before = gate.show("MainPID")
    gate.new_version("9.4.0")
    gate.edit("edge/service.py", r"\Z", '\n\nraise SystemExit("broken at the gate")\n')
    told = gate.install()
    assert told.returncode == 1, told.stdout + told.stderr
    assert "is in use again" in told.stderr
    assert "broken at the gate" in told.stderr
    assert gate.version() == "9.1.0"
    wait_until(
        lambda: gate.show("ActiveState") == "active" and gate.show("MainPID") not in ("0", before), gate.patience
    )
    wait_until(lambda: gate.ask("/readyz")[0] == 200, gate.patience)


def goes_back_and_forth(gate: Gate) -> None:
    first = min(gate.releases() - {"9.1.0", "9.2.0", "9.4.0"})
    for version in (first, "9.1.0"):
        assert "is in use again" in gate.run("/src/systemd/install.sh", "rollback").stdout
        assert gate.version() == version
        wait_until(lambda: gate.ask("/readyz")[0] == 200, gate.patience)
    assert gate.configured() == MINE


def goes_away_and_leaves_the_records(gate: Gate) -> None:
    script = "/opt/gatereader/current/share/gatereader/install.sh"  # the copy, as who has no checkout any more would
    told = gate.run(script, "uninstall")
    assert told.returncode == 0, told.stderr
    assert not any(map(gate.there, ("/opt/gatereader", f"/etc/systemd/system/{UNIT}", "/usr/local/bin/gatereader")))
    assert gate.show("LoadState") == "not-found"
    assert gate.configured() == MINE
    assert gate.there("/var/lib/gatereader/plates.csv")
    assert "nothing to remove" in gate.run("/src/systemd/install.sh", "uninstall").stdout


def goes_away_altogether(gate: Gate) -> None:
    gate.edit("edge/service.py", r"\n\nraise SystemExit.*\n", "")
    gate.installed()
    assert gate.configured() == MINE
    told = gate.run("/src/systemd/install.sh", "uninstall", "--purge")
    assert told.returncode == 0, told.stderr
    for path in ("/opt/gatereader", "/etc/gatereader", "/var/lib/gatereader", "/etc/sysusers.d/gatereader.conf"):
        assert not gate.there(path)
    assert "gatereader" not in (gate.root / "etc/passwd").read_text()
