"""Machines with a real systemd, in a container without a network. Only root can start one.

`Container` boots a folder that holds a system; `Machine` makes one of this system's own /usr: nothing is downloaded.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
UNIT = "gatereader.service"
CONFIGURATION = "/etc/gatereader/gatereader.toml"
_TOOLS = ("systemd-nspawn", "nsenter", "systemctl", "journalctl", "systemd-machine-id-setup")
_SCRIPT = """#!{python}
import sys
sys.path[:0] = ["/opt/gatereader", "/opt/site-packages"]
from edge.cli import main
sys.exit(main())
"""


def why_not() -> str:
    """What keeps this machine from starting one; empty if nothing is known to."""
    if os.geteuid() != 0:
        return "only root can start a container with systemd"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"{missing[0]} is not installed: apt install systemd-container" if missing else ""


def nspawn(root: Path, binds: Sequence[str]) -> list[str]:
    """The command for a container of the system in `root`, without a network; `binds` as those of `Container`."""
    command = ["systemd-nspawn", "--quiet", f"--directory={root}", "--register=no", "--keep-unit", "--private-network"]
    return [*command, *(f"--bind-ro={bind}" for bind in binds)]


class Container:
    """One that is started by `start`; `root` is its folder of files, as this system sees it.

    `binds` are what it sees of this system, for reading: paths, or `PATH:PATH_THERE`.
    """

    patience = 100.0
    """Seconds for one step; a loaded machine takes long."""
    environment: Mapping[str, str] = {}
    """What `run` adds to that of its commands."""

    def __init__(self, root: Path, binds: Sequence[str] = ()) -> None:
        self.root, self.binds = root, [*binds]
        self._log = root.parent / "boot.log"
        self._container: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def start(self) -> str:
        """Boots; what went wrong in one line, or nothing."""
        subprocess.run(["systemd-machine-id-setup", f"--root={self.root}"], check=True, capture_output=True)
        command = [*nspawn(self.root, self.binds), "--boot", "--resolv-conf=off", "--timezone=off", "--link-journal=no"]
        command += ["--console=pipe", "--", "--unit=basic.target"]
        with self._log.open("wb") as log:
            self._container = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self._is_up, self.patience)
        except TimeoutError:
            lines = self._log.read_text(errors="replace").splitlines() or ["no word from it"]
            return f"the container does not come up here: {lines[-1]}"
        return ""

    def _is_up(self) -> bool:
        assert self._container is not None
        if self._container.poll() is not None:
            raise TimeoutError
        children = Path(f"/proc/{self._container.pid}/task/{self._container.pid}/children").read_text().split()
        self._leader = int(children[-1]) if children else 0
        return bool(self._leader) and self.run("systemctl", "is-active", "basic.target").stdout == "active\n"

    def close(self) -> None:
        """Powers off."""
        if self._container is None:
            return
        if self._leader and self._container.poll() is None:
            self.run("systemctl", "poweroff")
        try:
            self._container.wait(20)
        except subprocess.TimeoutExpired:
            self._container.terminate()
            self._container.wait(20)

    def run(self, *command: str, timeout: float = 0.0) -> subprocess.CompletedProcess[str]:
        """A command as root in the machine, for `patience` seconds unless `timeout` says how many."""
        enter = ["nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--pid", "--net", "--cgroup", "--"]
        limit, environment = timeout or self.patience, {**os.environ, **self.environment}
        return subprocess.run(
            [*enter, *command], capture_output=True, text=True, check=False, timeout=limit, env=environment
        )

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.run("systemctl", "show", UNIT, f"--property={name}", "--value").stdout.strip()

    def journal(self) -> str:
        """All that the unit wrote, and what systemd says of it."""
        return self.run("journalctl", f"--unit={UNIT}", "--output=cat", "--no-pager").stdout

    def ask(self, path: str) -> tuple[int, str]:
        """The live page's answer: status and body."""
        code = (
            "import sys, urllib.request, urllib.error\n"
            f"try: answer = urllib.request.urlopen('http://127.0.0.1:8080{path}', timeout=10)\n"
            "except urllib.error.HTTPError as error: answer = error\n"
            "print(answer.status, answer.read().decode())\n"
        )
        enter = ["nsenter", f"--target={self._leader}", "--net", "--", sys.executable, "-c", code]
        told = subprocess.run(enter, capture_output=True, text=True, check=False, timeout=60)
        status, _, body = told.stdout.partition(" ")
        return int(status or 0), body or told.stderr

    def configured(self) -> str:
        """The configuration as it is; empty before there is one."""
        path = self.root / CONFIGURATION.lstrip("/")
        return path.read_text() if path.exists() else ""

    def configure(self, text: str) -> None:
        """Write the configuration, readable for the service."""
        path = self.root / CONFIGURATION.lstrip("/")
        path.write_text(text)
        path.chmod(0o644)


class Machine(Container):
    """Its root has an empty /etc and /var; /usr, the Python that runs the tests and the checkout are bound into it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, ["/usr"])
        self._python = Path(os.path.realpath(sys.executable))
        base = Path(sys.base_prefix).resolve()
        if not base.is_relative_to("/usr"):  # perhaps below /root, which the unit hides
            self.binds.append(f"{base}:/opt/python")
            self._python = Path("/opt/python") / self._python.relative_to(base)
        self.binds.append(f"{sysconfig.get_path('purelib')}:/opt/site-packages")
        self.binds += [f"{CHECKOUT / name}:/opt/gatereader/{name}" for name in ("edge", "models")]
        self._make_root()

    def _make_root(self) -> None:
        for name in ("usr", "etc", "var", "root", "tmp", "proc", "sys", "dev", "run", "opt/gatereader/current/bin"):
            (self.root / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        etc = self.root / "etc"
        shutil.copy("/usr/lib/os-release", etc)
        (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (etc / "group").write_text("root:x:0:\nvideo:x:44:\n")
        script = self.root / "opt/gatereader/current/bin/gatereader"
        script.write_text(_SCRIPT.format(python=self._python))
        script.chmod(0o755)
        self.install()

    def install(self) -> None:
        """The unit and its user as docs/install.md says, with waits that a test can sit out."""
        etc, systemd = self.root / "etc", CHECKOUT / "systemd"
        for folder in ("sysusers.d", f"systemd/system/{UNIT}.d", "gatereader"):
            (etc / folder).mkdir(parents=True)
        shutil.copy(systemd / "gatereader.sysusers", etc / "sysusers.d/gatereader.conf")
        shutil.copy(systemd / UNIT, etc / "systemd/system")
        hurry = "[Service]\nWatchdogSec=8\nRestartSec=200ms\nTimeoutAbortSec=3\n"
        if self._python.is_relative_to(
            "/opt"
        ):  # it looks for its own library where it was installed, and finds another
            hurry += "Environment=LD_LIBRARY_PATH=/opt/python/lib\n"
        (etc / f"systemd/system/{UNIT}.d/hurry.conf").write_text(hurry)


def wait_until(wanted: Callable[[], bool], seconds: float) -> None:
    """TimeoutError if it does not become so."""
    end = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain")
        time.sleep(0.1)
