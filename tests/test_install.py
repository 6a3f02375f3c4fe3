"""install.sh against stand-ins for the commands that it calls, below a folder in place of the system.

What it does in a real Debian is in test_install_machine.py.
"""

import fcntl
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
SCRIPT = CHECKOUT / "systemd" / "install.sh"
GENUINE = [
    "awk",
    "basename",
    "bash",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cut",
    "dirname",
    "env",
    "find",
    "flock",
    "grep",
    "head",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "sha256sum",
    "sort",
    "tail",
    "tr",
    "xargs",
]
"""Commands that are what they are everywhere. All others are stand-ins: the tests need neither root nor Debian."""

STANDINS = {
    "id": 'echo "${FAKE_UID:-0}"',
    "uname": 'echo "${FAKE_MACHINE:-x86_64}"',
    "getconf": 'echo "${FAKE_BITS:-64}"',
    "df": 'printf "Filesystem\\nx 1 1 %s 1 /\\n" "${FAKE_FREE:-9999}"',
    "getent": 'case $2 in gatereader) cat "$FAKE/user" 2>/dev/null ;; gpio) echo "${FAKE_GPIO:-}" ;; esac',
    "systemd-sysusers": 'echo gatereader >"$FAKE/user"',
    "userdel": 'rm "$FAKE/user"',
    "chgrp": "",
    "dpkg-query": '[ ! -e "$FAKE/no-${*: -1}" ] && echo installed',
    "apt-get": '[ -z "${FAKE_APT_FAILS:-}" ] || exit 100; rm -f "$FAKE"/no-*',
    "journalctl": "echo the last words of the service >&2",
    "stat": """group=root; [[ ${*: -1} != */etc/gatereader* ]] || group=gatereader
        mode=$(command -p stat -c %a "${*: -1}") && echo "$mode $group" """,
    "install": """mode=644 words=(); while [ $# -gt 0 ]; do
        case $1 in -o|-g) shift ;; -D|-d) folder=$1 ;; -m) mode=$2; shift ;; *) words+=("$1") ;; esac; shift; done
        if [ "$folder" = -d ]; then mkdir -p "${words[0]}"; chmod "$mode" "${words[0]}"; exit; fi
        mkdir -p "$(dirname "${words[1]}")"; cp "${words[@]}"; chmod "$mode" "${words[1]}" """,
    "systemctl": """case $1 in
        is-enabled|is-active) [ -e "$FAKE/${1#is-}" ] ;;
        enable) : >"$FAKE/enabled" ;; disable) rm -f "$FAKE/enabled" ;;
        restart) if [ -n "${FAKE_BROKEN:-}" ]; then
                current=$(readlink "$GATEREADER_ROOT/opt/gatereader/current")
                [ "${current#*/}" != "$FAKE_BROKEN" ] || exit 1
            fi; : >"$FAKE/active"; echo "run $RANDOM$RANDOM" >"$FAKE/invocation" ;;
        show) cat "$FAKE/invocation" 2>/dev/null ;;
        stop) rm -f "$FAKE/active" ;; esac""",
    "python3": """case "$*" in
        *realpath*) echo "${FAKE_PYTHON-3.12.1 64 venv /usr/bin/python3.12}"; [ -n "${FAKE_PYTHON-yes}" ] ;;
        *picamera2*) [ -z "${FAKE_NO_PICAMERA:-}" ] ;;
        "-m venv"*) mkdir -p "${*: -1}/bin"; cp "$0" "${*: -1}/bin/python" ;;
        *uninstall*) ;;
        *" install "*) if [ -n "${FAKE_PIP_SAYS:-}" ]; then echo "$FAKE_PIP_SAYS" >&2; exit 1; fi
            cp "$FAKE/gatereader" "${0%/*}/gatereader" ;; esac""",
    "gatereader": """case $1 in
        --version) echo gatereader ;;
        check) [ -z "${FAKE_CHECK_SAYS:-}" ] || { echo "$FAKE_CHECK_SAYS" >&2; exit 1; } ;;
        config) if grep -n wrong "$3" >&2; then exit 78; fi ;; esac""",
}


class Board:
    """A board to install on: `root` is its system, `source` the checkout, `answers` what the stand-ins say."""

    def __init__(self, folder: Path) -> None:
        self.root, self.source, self.tools = folder / "root", folder / "source", folder / "tools"
        self.fake = folder / "fake"
        self.answers: dict[str, str] = {}
        for path in (self.root / "run/systemd/system", self.root / "etc", self.tools, self.fake):
            path.mkdir(parents=True)
        for name in GENUINE:
            genuine = shutil.which(name)
            assert genuine, name
            (self.tools / name).symlink_to(genuine)
        log = '[ "${0##*/}" = gatereader ] || echo "${0##*/} ${*//$\'\\n\'/ }" >>"$FAKE/calls"\n'
        for name, body in STANDINS.items():
            path = (self.fake if name == "gatereader" else self.tools) / name
            path.write_text(f"#!/bin/bash\n{log}{body}\n")
            path.chmod(0o755)
        self._make_source()

    def _make_source(self) -> None:
        for name in ("edge", "models", "docs"):
            (self.source / name).mkdir(parents=True)
        shutil.copytree(SCRIPT.parent, self.source / "systemd")
        for name in ("pyproject.toml", "README.md", "LICENSE", "models/reader.tflite", "docs/install.md", "docs/a.png"):
            (self.source / name).touch()
        self.version("1.0")

    def version(self, version: str) -> None:
        """Make the checkout another version."""
        (self.source / "edge/__init__.py").write_text(f'__version__ = "{version}"\n')

    def run(self, *arguments: str, script: Path | None = None) -> subprocess.CompletedProcess[str]:
        (self.fake / "calls").write_text("")
        environment = {
            "PATH": str(self.tools),
            "GATEREADER_ROOT": str(self.root),
            "FAKE": str(self.fake),
            **self.answers,
        }
        command = [str(script or self.source / "systemd/install.sh"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def good(self, *arguments: str) -> str:
        told = self.run(*arguments)
        assert (told.returncode, told.stderr) == (0, ""), told.stdout + told.stderr
        return told.stdout

    def bad(self, *arguments: str, status: int = 1) -> str:
        """What it says on standard error: nothing but its own lines, each told once."""
        told = self.run(*arguments)
        assert told.returncode == status, told.stdout + told.stderr
        assert "install.sh: " in told.stderr
        return told.stderr

    @property
    def calls(self) -> str:
        return (self.fake / "calls").read_text()

    @property
    def config(self) -> Path:
        return self.root / "etc/gatereader/gatereader.toml"

    @property
    def unit(self) -> Path:
        return self.root / "etc/systemd/system/gatereader.service"

    def in_use(self, link: str = "current") -> str:
        path = self.root / "opt/gatereader" / link
        return path.readlink().name.split("-")[0] if path.is_symlink() else ""

    def releases(self) -> set[str]:
        return {path.name.split("-")[0] for path in (self.root / "opt/gatereader/releases").iterdir()}

    def drop_ins(self) -> set[str]:
        folder = Path(f"{self.unit}.d")
        return {path.stem for path in folder.iterdir()} if folder.exists() else set()

    def snapshot(self) -> dict[str, tuple[int, int, bytes]]:
        """Every file below the root with mode, time of change and content; not /run, which is memory."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_relative_to(self.root / "run"):
                continue
            state = path.lstat()
            content = (
                str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            )
            found[str(path)] = (state.st_mode, state.st_mtime_ns, content)
        return found


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_it_agrees_with_the_project() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"LEAST_PYTHON={project['requires-python'].removeprefix('>=')} " in text
    drop_ins = re.search(r"DROP_INS=\((.*)\)", text)
    assert drop_ins
    assert set(drop_ins[1].split()) == {path.stem for path in (SCRIPT.parent / "drop-ins").iterdir()}
    assert SCRIPT.stat().st_mode & 0o111


def test_every_option_is_in_its_help_and_in_the_document(board: Board) -> None:
    parse = re.search(r"^parse\(\) \{.*?^\}", SCRIPT.read_text(encoding="utf-8"), re.M | re.S)
    assert parse
    options = set(re.findall(r"(--[a-z-]+)(?= \||\))", parse[0]))
    assert len(options) > 10
    help_text = board.good("--help")
    document = (CHECKOUT / "docs/install.md").read_text(encoding="utf-8")
    for option in options:
        assert option in help_text
        assert option in document


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say() -> None:
    told = subprocess.run(
        ["shellcheck", "--severity=warning", str(SCRIPT)], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, "")


def test_a_dry_run_prints_what_the_installation_does_and_changes_nothing(board: Board) -> None:
    before = board.snapshot()
    board.answers["FAKE_UID"] = "1000"
    told = board.good("--dry-run", "--camera", "picamera")
    assert board.snapshot() == before
    looks = ("systemctl is-", "systemctl show")
    questions = ("id", "uname", "getconf", "df", "getent", "dpkg-query", "stat", "python3 -I -c", *looks)
    assert not [call for call in board.calls.splitlines() if not call.startswith(questions)]
    printed = [line.removeprefix("+ ") for line in told.splitlines() if line.startswith("+ ")]
    del board.answers["FAKE_UID"]
    board.good("--camera", "picamera")
    done = [call for call in board.calls.splitlines() if call.startswith(("install", "systemctl", "systemd-sysusers"))]
    done = [call for call in done if not call.startswith(looks)]
    assert [line.split()[:2] for line in printed if line.startswith(("install", "systemctl", "systemd-sysusers"))] == [
        call.split()[:2] for call in done
    ]
    assert len(done) >= 8


def test_it_installs_all_that_the_service_needs(board: Board) -> None:
    assert "is in use" in board.good("--camera", "none")
    prefix = board.root / "opt/gatereader"
    assert board.in_use() == "1.0"
    assert (prefix / "current/bin/gatereader").is_file()
    assert (prefix / "current/share/gatereader/docs/install.md").is_file()
    assert (board.root / "usr/local/bin/gatereader").resolve() == (prefix / "current/bin/gatereader").resolve()
    assert board.unit.read_bytes() == (SCRIPT.parent / "gatereader.service").read_bytes()
    assert board.config.read_bytes() == (SCRIPT.parent / "gatereader.toml").read_bytes()
    assert board.config.stat().st_mode & 0o777 == 0o640
    assert board.config.parent.stat().st_mode & 0o777 == 0o750
    assert (board.root / "etc/sysusers.d/gatereader.conf").is_file()
    assert (board.fake / "user").exists()
    assert (board.fake / "enabled").exists()
    assert (board.fake / "active").exists()
    assert "uninstall -qq --yes setuptools pip" in board.calls
    assert not list(prefix.glob("releases/*/tmp"))


def test_the_second_run_changes_nothing_and_says_so(board: Board) -> None:
    board.answers["FAKE_GPIO"] = "gpio:x:997:"
    board.good("--camera", "picamera", "--gpio")
    assert board.drop_ins() == {"picamera2", "gpio"}
    before = board.snapshot()
    assert "nothing to do" in board.good()
    assert board.snapshot() == before
    assert not re.search(r"systemctl (restart|enable|daemon-reload)|^install|-m pip", board.calls, re.M)


@pytest.mark.parametrize(
    ("arguments", "source", "drop_ins"),
    [
        (["--camera", "picamera"], "picamera:0", {"picamera2"}),
        (["--camera", "usb"], "v4l2:/dev/video0", set()),
        (["--camera", "rtsp", "--source", 'rtsp://u:a"b\\c&d@10.0.0.2/s'], 'rtsp://u:a"b\\c&d@10.0.0.2/s', set()),
        (["--camera", "jetson"], "jetson:0", {"jetson"}),
        (["--camera", "none", "--gpio"], "demo:", {"gpio"}),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else None,
)
def test_a_camera_gets_its_address_and_its_drop_in(
    board: Board, arguments: list[str], source: str, drop_ins: set[str]
) -> None:
    board.answers["FAKE_GPIO"] = "gpio:x:997:"
    (board.root / "etc/nv_tegra_release").touch()
    board.good(*arguments)
    assert tomllib.loads(board.config.read_text())["source"]["source"] == source
    assert board.drop_ins() == drop_ins
    assert ("-m venv --system-site-packages" in board.calls) == ("picamera" in arguments)
    assert ("--ignore-installed --no-deps simplejpeg" in board.calls) == ("picamera" in arguments)


@pytest.mark.parametrize(
    ("arguments", "usb", "told"),
    [
        ([], False, "source: demo: (no camera found: the demo scene's invented plates)"),
        (["--camera", "none"], False, "source: demo: (the demo scene's invented plates)"),
        ([], True, "source: v4l2:{usb} (a USB camera that is plugged in)"),
        (["--camera", "usb"], False, "source: v4l2:/dev/video0"),
        (["--camera", "rtsp", "--source", "rtsp://u:s3cret@10.0.0.2/s"], False, "source: as given with --source"),
    ],
)
def test_it_says_which_source_a_new_configuration_has(board: Board, arguments: list[str], usb: bool, told: str) -> None:
    camera = board.root / "dev/v4l/by-id/usb-Some_Camera-video-index0"
    if usb:
        camera.parent.mkdir(parents=True)
        camera.touch()
    said = board.good(*arguments, "--dry-run")
    assert told.format(usb=camera) in said.splitlines()
    assert "s3cret" not in said


def test_it_ends_with_what_a_newcomer_needs_next(board: Board) -> None:
    source, settings, page = board.good().splitlines()[-3:]
    assert source == "source: demo: (no camera found: the demo scene's invented plates)"
    assert "systemctl restart gatereader" in settings, "a reload is not enough for a source or the page"
    assert "from another machine: docs/live.md" in page
    assert "source: " not in board.good()


def test_a_configuration_that_is_there_stays_on_the_demo_scene_with_a_note(board: Board) -> None:
    assert "note:" not in board.good("--camera", "none")
    assert "its source is the demo scene, not v4l2:/dev/video0" in board.good("--camera", "usb")
    assert tomllib.loads(board.config.read_text())["source"]["source"] == "demo:"


def test_the_board_says_which_camera_it_has(board: Board) -> None:
    model = board.root / "proc/device-tree/model"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    assert "picamera2.conf" in board.good("--dry-run")
    board.answers["FAKE_MACHINE"] = "aarch64"
    usb = board.root / "dev/v4l/by-id/usb-Some_Camera-video-index0"
    usb.parent.mkdir(parents=True)
    usb.touch()
    assert "picamera2.conf" not in board.good("--dry-run")
    board.good()
    assert tomllib.loads(board.config.read_text())["source"]["source"] == f"v4l2:{usb}"


def test_a_change_of_camera_changes_the_drop_ins_and_leaves_those_of_the_owner(board: Board) -> None:
    board.good("--camera", "picamera")
    mine = Path(f"{board.unit}.d/override.conf")
    mine.write_text("[Service]\nReadWritePaths=/srv/gate\n")
    configured = board.config.read_bytes()
    told = board.good("--camera", "rtsp", "--source", "rtsp://camera/stream")
    assert "--source was not written" in told
    assert board.config.read_bytes() == configured
    assert board.drop_ins() == {"override"}
    assert "systemctl restart gatereader" in board.calls
    assert board.drop_ins() == {"override"}
    assert "holds drop-ins of your own" in board.good("uninstall")
    assert mine.exists()


def test_packages_come_from_apt_only_where_they_are_missing(board: Board) -> None:
    (board.fake / "no-python3-picamera2").touch()
    board.good("--camera", "picamera")
    assert "apt-get -qq install -y --no-install-recommends python3-picamera2" in board.calls
    board.good("uninstall")
    board.good("--camera", "picamera")
    assert "apt-get" not in board.calls


@pytest.mark.parametrize(
    ("answers", "arguments", "says"),
    [
        ({"FAKE_UID": "1000"}, [], "only root can install a service: sudo "),
        ({"FAKE_MACHINE": "armv7l", "FAKE_BITS": "32"}, [], "armv7l; there are wheels for x86_64 and aarch64 only"),
        ({"FAKE_MACHINE": "aarch64", "FAKE_BITS": "32"}, [], "the kernel is 64 bit (aarch64) but the system is 32 bit"),
        ({"FAKE_PYTHON": "3.10.12 64 venv /usr/bin/python3.10"}, [], "python3 is 3.10.12, too old. Ways out: "),
        ({"FAKE_PYTHON": "3.12.1 64 venv /root/.local/x/python3.12"}, [], "where the service cannot see it"),
        ({"FAKE_PYTHON": "3.12.1 32 venv /usr/bin/python3.12"}, [], "python3 is 32 bit"),
        ({"FAKE_PYTHON": "3.12.1 64 bare /usr/bin/python3.12"}, [], "lacks its modules venv and ensurepip"),
        ({}, ["--python", "/nowhere/python3"], "--python /nowhere/python3: is no Python that can be run"),
        ({"FAKE_FREE": "499"}, [], "has 499 MB free, and a new version needs 500"),
        ({"FAKE_PIP_SAYS": "WARNING: Retrying (Retry(total=4"}, [], "no network, or no way to pypi.org"),
        ({"FAKE_PIP_SAYS": "ERROR: Could not install: No space left on device"}, [], "is full"),
        (
            {"FAKE_PIP_SAYS": "ERROR: No matching distribution found for x"},
            [],
            "pip could not install: ERROR: No matching",
        ),
        ({"FAKE_PIP_SAYS": "ERROR: no x"}, ["--wheels", "/usr"], "pip finds not all in /usr for Python 3.12.1"),
        ({"FAKE_CHECK_SAYS": "Illegal instruction"}, [], "does not work here: Illegal instruction. What ran"),
        (
            {"FAKE_CHECK_SAYS": "FAILED  reader: computes wrong\nFAILED  csv: full\nok      source: runs"},
            [],
            "does not work here: reader: computes wrong; csv: full. What ran",
        ),
        ({"FAKE_NO_PICAMERA": "1"}, ["--camera", "picamera"], "needs the system's own Python"),
        ({}, ["--camera", "jetson"], "this is no Jetson"),
        ({}, ["--gpio"], "there is no group gpio here"),
        ({}, ["--prefix", "/home/me/gate"], "the service cannot see what lies there"),
        ({}, ["--prefix", "gate"], "wanted is a full path"),
        ({}, ["rollback"], "there is no version before this one"),
    ],
)
def test_a_failure_is_one_line_and_leaves_nothing(
    board: Board, answers: dict[str, str], arguments: list[str], says: str
) -> None:
    board.answers = answers
    told = board.bad(*arguments)
    assert says in told
    assert len(told.splitlines()) == 1
    assert not board.unit.exists()
    assert not board.config.exists()
    assert not list(board.root.glob("opt/gatereader/releases/*"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--camra", "usb"], "unknown argument --camra"),
        (["--camera", "webcam"], "--camera is picamera, usb, rtsp, jetson or none, not webcam"),
        (["--camera"], "--camera wants a value"),
        (["--camera", "rtsp"], "--camera rtsp wants the address too"),
        (["--purge"], "--purge belongs to uninstall"),
        (["--wheels", "/nowhere"], "--wheels /nowhere: there is no such folder"),
    ],
)
def test_wrong_usage_is_told(board: Board, arguments: list[str], says: str) -> None:
    assert says in board.bad(*arguments, status=2)


def test_without_apt_or_its_network_it_says_what_is_missing(board: Board) -> None:
    (board.fake / "no-python3-picamera2").touch()
    board.answers["FAKE_APT_FAILS"] = "1"
    assert "is there a network?" in board.bad("--camera", "picamera")
    (board.tools / "apt-get").unlink()
    assert "python3-picamera2 missing and there is no apt-get" in board.bad("--camera", "picamera")
    (board.tools / "dpkg-query").unlink()
    assert "no system with apt" in board.bad("--camera", "picamera")


def test_without_systemd_it_says_so(board: Board) -> None:
    (board.root / "run/systemd/system").rmdir()
    assert "does not run this machine" in board.bad()
    told = board.good("--no-start")
    assert "it starts with the next boot" in told
    assert "systemctl enable" in board.calls
    assert not re.search("systemctl (restart|daemon-reload)", board.calls)
    board.good("uninstall")
    assert not board.unit.exists()
    (board.tools / "systemd-sysusers").unlink()
    assert "has no systemd-sysusers" in board.bad()


def test_an_upgrade_keeps_the_configuration_and_puts_a_new_template_beside_it(board: Board) -> None:
    board.good("--camera", "none")
    board.config.write_text("# mine\n")
    board.version("2.0")
    board.good()
    assert (board.in_use(), board.in_use("previous")) == ("2.0", "1.0")
    assert "systemctl restart gatereader" in board.calls
    template = board.source / "systemd/gatereader.toml"
    assert not Path(f"{board.config}.new").exists(), "it has nothing new in it"
    template.write_text("# new\n" + template.read_text())
    board.version("3.0")
    assert f"{board.config}.new" in board.good()
    assert Path(f"{board.config}.new").read_text() == template.read_text()
    assert board.config.read_text() == "# mine\n"
    assert board.releases() == {"2.0", "3.0"}, "the one before is kept, and no more"


@pytest.mark.parametrize("change", [pytest.param("version", marks=pytest.mark.slow), "unit"])
def test_what_was_installed_without_a_start_is_started_by_the_next_run(board: Board, change: str) -> None:
    board.answers["FAKE_GPIO"] = "gpio:x:997:"
    board.good("--camera", "none")
    if change == "version":
        board.version("2.0")
    for _ in range(2):
        board.good("--no-start", *(["--gpio"] if change == "unit" else []))
        assert "systemctl restart" not in board.calls
    assert "+ systemctl restart gatereader" in board.good("--dry-run")
    assert "is in use." in board.good()
    assert "systemctl restart gatereader" in board.calls
    assert "nothing to do" in board.good()


def test_what_was_started_since_is_not_started_again(board: Board) -> None:
    board.good("--camera", "none")
    board.version("2.0")
    board.good("--no-start")
    (board.fake / "invocation").write_text("that of a new start\n")
    assert "nothing to do" in board.good()
    assert "systemctl restart" not in board.calls


def test_an_upgrade_that_is_cut_short_before_the_start_is_started_by_the_next_run(board: Board) -> None:
    board.good("--camera", "none")
    board.version("2.0")
    systemctl = board.tools / "systemctl"
    whole = systemctl.read_text()
    systemctl.write_text(whole.replace("restart)", "restart) kill -KILL $PPID; exit; "))
    assert board.run().returncode == -signal.SIGKILL
    systemctl.write_text(whole)
    assert board.in_use() == "2.0"
    board.good()
    assert "systemctl restart gatereader" in board.calls


def test_a_first_address_that_is_refused_leaves_no_configuration(board: Board) -> None:
    told = board.bad("--camera", "rtsp", "--source", "wrong//camera", status=78)
    assert "correct --source and run this again" in told
    assert not board.config.exists()
    board.good("--camera", "rtsp", "--source", "rtsp://camera/stream")
    assert tomllib.loads(board.config.read_text())["source"]["source"] == "rtsp://camera/stream"


def test_a_configuration_that_the_new_version_refuses_keeps_the_old_one_running(board: Board) -> None:
    board.good("--camera", "none")
    board.config.write_text("wrong = 1\n")
    board.version("2.0")
    told = board.bad(status=78)
    assert "1:wrong = 1" in told
    assert "nothing is switched over" in told
    assert board.in_use() == "1.0"
    assert "systemctl restart" not in board.calls
    board.config.write_text("right = 1\n")
    board.good()
    assert board.in_use() == "2.0"
    assert "-m pip" not in board.calls, "it was made already"


@pytest.mark.parametrize("broken", ["FAKE_PIP_SAYS", "FAKE_CHECK_SAYS"])
def test_a_broken_upgrade_leaves_what_runs_as_it_was(board: Board, broken: str) -> None:
    board.good("--camera", "none")
    before = board.snapshot()
    board.version("2.0")
    board.answers[broken] = "ERROR: broken"
    assert "What ran before is as it was" in board.bad()
    after = board.snapshot()
    assert {name for name in before if before[name] != after.get(name)} == {str(board.root / "opt/gatereader/releases")}
    assert set(after) == set(before)
    assert "systemctl restart" not in board.calls


def test_a_version_that_was_cut_short_is_made_anew(board: Board) -> None:
    board.good("--camera", "none")
    release = (board.root / "opt/gatereader/current").resolve()
    board.good("uninstall")
    (release / "bin").mkdir(parents=True)
    (release / "bin/left-over").touch()
    board.good()
    assert not (release / "bin/left-over").exists()
    (release / "bin/gatereader").write_text("#!/bin/false\n")
    assert "is in use" in board.good()
    assert (board.root / "opt/gatereader/current").resolve() != release, "the one in use is not taken apart"
    assert "nothing to do" in board.good()


def test_a_version_that_does_not_start_is_taken_back(board: Board) -> None:
    board.good("--camera", "none")
    board.version("2.0")
    unit = board.unit.read_text()
    (board.source / "systemd/gatereader.service").write_text(unit + "# changed\n")
    new = re.search(r"releases/(2\.0-\w+)", board.good("--dry-run"))
    assert new
    board.answers["FAKE_BROKEN"] = new[1]
    told = board.bad()
    assert "the last words of the service" in told
    assert "1.0-" in told.splitlines()[-1]
    assert told.splitlines()[-1].endswith("is in use again")
    assert (board.in_use(), board.in_use("previous")) == ("1.0", "")
    assert board.unit.read_text() == unit


def test_back_and_forth(board: Board) -> None:
    board.good("--camera", "none")
    board.version("2.0")
    (board.source / "systemd/gatereader.service").write_text(board.unit.read_text() + "# changed\n")
    board.good()
    for current, previous in (("1.0", "2.0"), ("2.0", "1.0")):
        assert "is in use again" in board.good("rollback")
        assert (board.in_use(), board.in_use("previous")) == (current, previous)
        assert ("# changed" in board.unit.read_text()) == (current == "2.0"), "each version has its own unit"
        assert "systemctl daemon-reload" in board.calls


@pytest.mark.parametrize("name", ["gatereader.service", "gatereader.service.d/picamera2.conf"])
def test_a_unit_that_was_changed_by_hand_is_not_overwritten(board: Board, name: str) -> None:
    board.good("--camera", "picamera")
    file = board.unit.parent / name
    file.write_text(file.read_text() + "# by hand\n")
    board.version("2.0")
    before = board.snapshot()
    assert f"{file} was changed by hand" in board.bad()
    assert board.snapshot() == before
    board.good("--replace")
    assert "# by hand" not in file.read_text()
    assert "# by hand" in Path(f"{file}.old").read_text()


def test_another_place(board: Board) -> None:
    board.good("--camera", "none", "--prefix", "/srv/gate")
    assert "ExecStart=/srv/gate/current/bin/gatereader run " in board.unit.read_text()
    assert "/opt/gatereader" not in board.unit.read_text()
    assert "nothing to do" in board.good(), "it remembers"
    assert "is installed in /srv/gate, not in /opt/gatereader" in board.bad("--prefix", "/opt/gatereader")
    board.good("uninstall")
    assert not (board.root / "srv/gate").exists()


def test_uninstall_keeps_configuration_and_records_unless_told(board: Board) -> None:
    first = {path for path in board.root.rglob("*") if path.is_file()}
    board.good("--camera", "picamera")
    records = board.root / "var/lib/gatereader/plates.csv"
    records.parent.mkdir(parents=True)
    records.touch()
    bridge = board.unit.with_name("gatereader-mqtt.service")
    bridge.touch()  # as docs/integrate.md has it
    dry = board.snapshot()
    assert "(dry run" in board.good("uninstall", "--dry-run", "--purge")
    assert board.snapshot() == dry
    # the installed copy can do it, when there is no checkout any more
    copy = board.root / "opt/gatereader/current/share/gatereader/install.sh"
    told = board.run("uninstall", script=copy)
    assert (told.returncode, told.stderr) == (0, "")
    left = {path for path in board.root.rglob("*") if path.is_file() and "run/gatereader-install" not in str(path)}
    assert left - first == {board.config, records}
    assert "systemctl stop gatereader-mqtt" in board.calls
    assert "nothing to remove" in board.good("uninstall")
    assert "note:" not in board.good("uninstall", "--purge")
    assert not board.config.parent.exists()
    assert not records.parent.exists()
    assert not (board.fake / "user").exists()


def test_records_that_lie_elsewhere_are_named_and_stay(board: Board) -> None:
    board.good("--camera", "none")
    state, disk = board.root / "var/lib/gatereader", board.root / "mnt/disk"
    for name in ("srv/gate", "srv/frames", "srv/keys", "mnt/disk/pictures", "srv/given"):
        (board.root / name).mkdir(parents=True)
    state.parent.mkdir(parents=True, exist_ok=True)
    state.symlink_to(disk)
    (disk / "plates.jsonl").symlink_to(board.root / "srv/given/plates.jsonl")
    (board.root / "srv/given/plates.jsonl").touch()
    board.config.write_text(
        """
        csv.path = "/srv/gate/plates.csv"
        pictures = {keep = "crops", folder = '/srv/frames'}
        json.path = "lines/plates.jsonl"
        # review.folder = "/srv/commented"
        recording.folder = "/srv/never-made"
        [privacy]
        key_file = "/srv/keys/privacy.key"
        known_file = "/srv/mine/known"
        """
    )
    named = " ".join(str(board.root / name) for name in ("mnt/disk", "srv/frames", "srv/gate", "srv/given", "srv/keys"))
    told = board.good("uninstall", "--purge")
    assert f"note: these hold records too, or did, and stay: {named}\n" in told
    assert f"gatereader is removed, with {board.config.parent} and {state}" in told
    assert not state.is_symlink()
    assert (disk / "pictures").is_dir()


def test_an_installed_copy_says_that_it_cannot_install(board: Board) -> None:
    board.good("--camera", "none")
    told = board.run(script=board.root / "opt/gatereader/current/share/gatereader/install.sh")
    assert told.returncode == 1
    assert "is no checkout of gatereader but an installed copy" in told.stderr


def test_an_installation_by_hand_is_not_overwritten(board: Board) -> None:
    (board.root / "opt/gatereader/current/bin").mkdir(parents=True)
    assert "is a folder, from an installation by hand" in board.bad("--camera", "none")


def test_what_nobody_thought_of_is_told_too(board: Board) -> None:
    (board.tools / "ln").unlink()
    told = board.bad("--camera", "none")
    assert told.splitlines()[-1].startswith("install.sh: stopped, as this failed: ln -sfn ")


def test_two_at_once_do_not_meet(board: Board) -> None:
    lock = board.root / "run/gatereader-install/lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another install.sh is at work" in board.bad("--camera", "none")
    assert os.path.lexists(lock)
    lock.unlink()
    lock.parent.rmdir()
    board.run("uninstall")
    assert stat.S_IMODE(lock.parent.stat().st_mode) == 0o700, "or anybody could hold the lock"


def test_an_environment_loses_what_nothing_on_a_device_runs(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    packages = next((tmp_path / "env/lib").glob("python3*")) / "site-packages"
    litert = [
        f"ai_edge_litert/{name}"
        for name in ("libLiteRtWebGpuAccelerator.so", "tools/apply_plugin_main", "vendors/a/b.so")
    ]
    kept, names = "ai_edge_litert/interpreter.py", [*litert, "numpy/_core/tests/test_a.py"]
    for name in (kept, *names):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).touch()
    trim = [str(SCRIPT.with_name("trim.sh"))]
    for _ in range(2):
        subprocess.run([*trim, str(tmp_path / "env")], check=True)
        assert [name for name in (kept, *names) if (packages / name).exists()] == [kept]
    refused = subprocess.run([*trim, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (1, f"{tmp_path} is no environment of Python\n")
