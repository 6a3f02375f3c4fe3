"""Debian as folders of files that programs run in, for this processor or, under emulation, for ARM.

What they are made of is downloaded, so it is kept: GATEREADER_TEST_INSTALL names the folder. `make test-install` does.
"""

import os
import shutil
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL

import pytest
from systemd_machine import CHECKOUT, nspawn

KEPT = os.environ.get("GATEREADER_TEST_INSTALL", "")
WHERE_ASKED_FOR = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not KEPT, reason="GATEREADER_TEST_INSTALL names no folder for downloads: make test-install"),
]

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
DEVICE: list[str] = PROJECT["project"]["dependencies"]
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
"""Debian's releases 12 and 13, which Raspberry Pi OS has too, and their Python."""
BINFMT = Path("/proc/sys/fs/binfmt_misc")
EMULATED = "qemu-aarch64"
CPU_INFO = "processor\t: {}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
CPU_INFO += "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
"""What /proc/cpuinfo says of each of a Raspberry Pi 4's processors; LiteRT crashes under emulation on what x86 says."""
CPU = {"QEMU_CPU": "cortex-a72"}
"""With all that ARM has, qemu's default, the models compute wrong there; `gatereader check` tells."""


def cpu_info() -> str:
    """Of four such processors."""
    return "".join(map(CPU_INFO.format, range(4)))


@dataclass(frozen=True, slots=True)
class System:
    """A Debian to install in."""

    codename: str
    architecture: str = "amd64"

    def __str__(self) -> str:
        return f"{self.codename}-{self.architecture}"

    @property
    def emulated(self) -> bool:
        return self.architecture != "amd64"

    def why_not(self) -> str:
        """What keeps this machine from running it; empty if nothing is known to."""
        if shutil.which("mmdebstrap") is None:
            return "mmdebstrap is not installed"
        if not self.emulated:
            return ""
        if not BINFMT.joinpath("register").exists():
            subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)], check=False, capture_output=True)
        line = Path(f"/usr/lib/binfmt.d/{EMULATED}.conf")
        if not line.exists() or shutil.which("arch-test") is None:
            return "nothing runs programs for ARM: apt install qemu-user-static arch-test"
        if not BINFMT.joinpath(EMULATED).exists():
            try:
                BINFMT.joinpath("register").write_bytes(line.read_bytes().strip())
            except OSError as error:
                return f"the kernel takes no programs for ARM: {error}"
        return ""


def kept(name: str) -> Path:
    """A path in the folder for what is downloaded."""
    folder = Path(KEPT).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def unpack(system: System, packages: str, root: Path) -> None:
    """The system with these packages in the new folder `root`; made once, under emulation in minutes."""
    name = f"{system}-{zlib.crc32(packages.encode()):08x}"
    tar, partial = kept(f"{name}.tar"), kept(f"{name}.partial.tar")
    if not tar.exists():
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}"]
        command += [f"--architecture={system.architecture}", system.codename, str(partial)]
        subprocess.run([*command, "http://deb.debian.org/debian"], check=True)
        partial.rename(tar)
    root.mkdir()
    # no device nodes, which a container may not make; it has its own
    subprocess.run(["tar", "-xf", str(tar), f"--directory={root}", "--exclude=./dev/*"], check=True)


def copy_checkout(root: Path, *names: str) -> None:
    """These files and folders of the checkout into /src of the system in `root`."""
    (root / "src").mkdir()
    for name in names:
        path, copy = CHECKOUT / name, root / "src" / name
        if path.is_dir():
            shutil.copytree(path, copy, ignore=shutil.ignore_patterns("__pycache__", "checkpoints"))
        else:
            shutil.copy(path, copy)


def run_in(
    root: Path, command: Sequence[str], binds: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command as root in the system in `root`, alone and without a network; `binds` are PATH:PATH_THERE."""
    enter = [*nspawn(root, binds), *(f"--setenv={name}={value}" for name, value in (environment or {}).items())]
    return subprocess.run(
        [*enter, "--pipe", "--", *command], capture_output=True, text=True, check=False, timeout=3000, stdin=DEVNULL
    )


def pip_for(system: System, *command: str) -> list[str]:
    """pip with the options that make it choose for that system's Python and processor."""
    processor = "aarch64" if system.emulated else "x86_64"
    platforms = [f"--platform=manylinux_2_{minor}_{processor}" for minor in (28, 27, 17)]
    platforms += [f"--platform=manylinux2014_{processor}", f"--python-version={PYTHONS[system.codename]}"]
    return [sys.executable, "-m", "pip", *command, "--quiet", "--only-binary=:all:", *platforms]


def wheels(system: System) -> Path:
    """A folder with all that the device's environment is made of, for its Python; as docs/install.md says."""
    folder = kept(f"wheels-{system}")
    wanted = [*DEVICE, *PROJECT["build-system"]["requires"]]
    subprocess.run([*pip_for(system, "download"), f"--dest={folder}", *wanted], check=True)
    return folder
