"""What the doctor looks at the machine through: files below a root, and other programs' answers. And what it says."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

State = Literal["ok", "attention", "bad", "unknown"]
_PATIENCE = 10.0


class Diagnosis(NamedTuple):
    """What is known of one part. "unknown" is what this machine does not tell, which is no fault."""

    what: str
    state: State
    text: str
    cure: str = ""
    """What to do, in words; empty where there is nothing to do."""


def run_command(command: Sequence[str]) -> str | None:
    """What a program prints; None if it is not there, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Machine:
    """A board as its kernel shows it. Nothing here raises: what cannot be read is None."""

    root: Path = Path("/")
    """Where `proc`, `sys`, `dev` and `run` are."""
    run: Callable[[Sequence[str]], str | None] = run_command
    """A command → what it prints, or None."""

    def text(self, path: str | Path) -> str | None:
        """A small file below the root, without blanks and null characters at its ends."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip(" \n\t\0")
        except OSError:  # also what some sensors answer while they sleep
            return None

    def number(self, path: str | Path) -> int | None:
        """The whole number that a file begins with."""
        words = (self.text(path) or "").split()
        try:
            return int(words[0], 0) if words else None
        except ValueError:
            return None

    def paths(self, pattern: str) -> list[Path]:
        """The files below the root that fit, in order."""
        try:
            return sorted(self.root.glob(pattern))
        except OSError:
            return []

    def uptime(self) -> float | None:
        """Seconds since the machine started."""
        words = (self.text("proc/uptime") or "").split()
        try:
            return float(words[0]) if words else None
        except ValueError:
            return None
