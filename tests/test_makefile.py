"""The Makefile's environments, with a stand-in for Python that makes them."""

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parent.parent / "Makefile"
PYTHON = """#!/bin/sh
case "$*" in
    "-m venv"*) for folder; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python" ;;
    *"pip install"*) [ -z "$PIP_FAILS" ] || { echo "ERROR: no network" >&2; exit 1; }
        echo "made with $(cat pyproject.toml)" >"${0%/*}/gatereader" ;;
esac
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_an_environment_that_cannot_be_made_anew_is_put_back(tmp_path: Path) -> None:
    shutil.copy(MAKEFILE, tmp_path)
    project, python, program = (tmp_path / name for name in ("pyproject.toml", "python", ".venv/bin/gatereader"))
    (tmp_path / "systemd").mkdir()
    for name, text in (("python", PYTHON), ("systemd/trim.sh", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def make(*, fails: str = "") -> subprocess.CompletedProcess[str]:
        command = ["make", "-C", str(tmp_path), ".venv/ready", f"PYTHON={python}"]
        environment = {"PATH": "/usr/bin:/bin", "PIP_FAILS": fails}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)

    project.write_text("1")
    failed = make(fails="yes")
    assert failed.returncode != 0
    assert "the one before" not in failed.stderr, "there is none"
    assert make().returncode == 0
    assert program.read_text() == "made with 1\n"
    project.write_text("2")
    for _ in range(2):
        failed = make(fails="yes")
        assert failed.returncode != 0
        assert "the one before is back in its place" in failed.stderr
        assert program.read_text() == "made with 1\n"
    # as a power cut in the middle leaves it
    (tmp_path / ".venv").rename(tmp_path / ".venv.before")
    (tmp_path / ".venv").mkdir()
    assert make(fails="yes").returncode != 0
    assert program.read_text() == "made with 1\n"
    assert make().returncode == 0
    assert program.read_text() == "made with 2\n"
    assert not (tmp_path / ".venv.before").exists()
