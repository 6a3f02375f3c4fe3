"""The doctor before made-up machines, and the support bundle, which is searched for what must not be in it."""

import json
import re
import socket
import stat
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from output_samples import entry

from edge import __version__, doctor, doctor_disk
from edge.bundle import write_bundle
from edge.card import shipped_model
from edge.cli import main
from edge.config import Config, Override, load_config, read_config
from edge.csv_log import CsvLog, CsvSettings
from edge.doctor import cameras, delegate, diagnose, exit_status, network, permissions, report_json, report_lines
from edge.doctor_board import clock, memory, temperature, threads, throttling
from edge.doctor_broker import broker, broker_place
from edge.doctor_disk import Room, disk
from edge.doctor_machine import Diagnosis, Machine, run_command
from edge.doctor_service import Service, find_service, page_protection, running_page, service
from edge.errors import ConfigError, OutputError
from edge.live import LiveSettings
from edge.password import hash_password
from edge.redaction import Redactor, hide_credentials
from edge.source import SourceSettings


def machine(root: Path, files: Mapping[str, object], answers: Mapping[str, str] | None = None) -> Machine:
    """A board with these files, on which programs answer by their names."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n", encoding="utf-8")

    def run(command: Sequence[str]) -> str | None:
        return (answers or {}).get(command[0])

    return Machine(root, run)


def told(finding: Diagnosis) -> str:
    """What is not well comes with a cure, and what is well without one."""
    assert bool(finding.cure) == (finding.state in ("attention", "bad"))
    assert all("\n" not in line for line in report_lines(finding))
    return f"{finding.state}: {finding.text}"


# --- the board


def test_a_machine_that_tells_nothing_is_unknown_and_not_ill(tmp_path: Path) -> None:
    bare = machine(tmp_path, {})
    findings = [
        temperature(bare),
        throttling(bare),
        memory(bare, False),
        clock(None, bare),
        service(find_service(bare)),
    ]
    assert [finding.state for finding in findings] == ["unknown"] * 5
    assert exit_status(findings) == 0


@pytest.mark.parametrize(
    ("bits", "state", "words", "cure"),
    [
        ("0x0", "ok", "neither", ""),
        ("0x50000", "attention", "since the start: too low a voltage, throttled", "power supply"),
        ("0x50005", "bad", "now: too low a voltage, throttled", "power supply"),
        ("0x80008", "bad", "now: soft temperature limit", "fan"),
        ("0x20000", "attention", "since the start: frequency capped", "fan"),
    ],
)
@pytest.mark.parametrize("teller", ["kernel", "program"])
def test_throttling_of_a_raspberry_pi(
    bits: str, state: str, words: str, cure: str, teller: str, tmp_path: Path
) -> None:
    if teller == "kernel":
        path = "sys/devices/platform/soc/soc:firmware/get_throttled"
        board = machine(tmp_path, {path: bits.removeprefix("0x")})
    else:
        board = machine(tmp_path, {}, {"vcgencmd": f"throttled={bits}\n"})
    finding = throttling(board)
    assert told(finding).startswith(f"{state}: {words}")
    assert cure in finding.cure


def test_the_voltage_of_a_raspberry_pi_without_its_own_program(tmp_path: Path) -> None:
    files = {"sys/class/hwmon/hwmon1/name": "rpi_volt", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": 1}
    assert "voltage is too low" in told(throttling(machine(tmp_path, files)))
    assert told(throttling(machine(tmp_path, files | {"sys/class/hwmon/hwmon1/in0_lcrit_alarm": 0}))).startswith("ok")


def test_the_overcurrent_of_a_jetson(tmp_path: Path) -> None:
    files = {"sys/class/hwmon/hwmon0/oc1_event_cnt": 0, "sys/class/hwmon/hwmon0/oc3_event_cnt": 0}
    assert told(throttling(machine(tmp_path, files))).startswith("ok")
    files["sys/class/hwmon/hwmon0/oc3_event_cnt"] = 4
    assert "attention: slowed down for too much current (oc3: 4 times)" in told(throttling(machine(tmp_path, files)))


@pytest.mark.parametrize(("degrees", "state"), [(45_000, "ok"), (76_000, "attention"), (80_500, "bad")])
def test_the_hottest_sensor_counts(degrees: int, state: str, tmp_path: Path) -> None:
    files: dict[str, object] = {
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
        "sys/class/thermal/thermal_zone0/temp": degrees,
        "sys/class/thermal/thermal_zone0/trip_point_0_type": "critical",
        "sys/class/thermal/thermal_zone0/trip_point_0_temp": 110_000,
        "sys/class/thermal/thermal_zone1/type": "asleep",
        "sys/class/thermal/thermal_zone1/temp": -256_000,
    }
    text = told(temperature(machine(tmp_path, files)))
    assert text.startswith(f"{state}: {degrees / 1000:.0f} °C (cpu-thermal; it is slowed down from 80 °C")


def test_a_boards_own_limit_counts_before_ours(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    files = {f"{zone}/temp": 61_000, f"{zone}/trip_point_1_type": "passive", f"{zone}/trip_point_1_temp": 60_000}
    assert told(temperature(machine(tmp_path, files))).startswith(
        "bad: 61 °C (thermal_zone0; it is slowed down from 60"
    )


def test_memory_clock_and_threads(tmp_path: Path) -> None:
    board = machine(tmp_path, {"proc/meminfo": "MemTotal:  948000 kB\nMemFree: 1 kB\nMemAvailable:   102400 kB"})
    assert told(memory(board, running=False)) == "attention: 100 MB of 925 MB are available"
    assert told(memory(board, running=True)).startswith("ok")  # the service has its share already
    assert told(threads(2, 4)) == "ok: 2 of 4 cores work on a frame"
    assert told(threads(8, 4)) == "attention: 8 threads on 4 cores"
    assert told(clock(True, board)) == "ok: set by the network; the board has no clock of its own"
    finding = clock(False, board)
    assert told(finding).startswith("bad: not set by the network since the start: the times")
    assert "give it a clock with a battery" in finding.cure


def test_a_clock_of_the_boards_own_counts_if_it_holds_the_time(tmp_path: Path) -> None:
    """Every Raspberry Pi 5 has one, with a battery or without."""
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    rtc = "sys/class/rtc/rtc0/since_epoch"
    board = machine(tmp_path, {rtc: int(now.timestamp()) + 60})
    for synced in (True, False, None):
        finding = clock(synced, board, now)
        assert told(finding).startswith("ok: ")
        assert finding.text.endswith("the board's own clock agrees")
    board = machine(tmp_path, {rtc: 86_400})
    finding = clock(False, board, now)
    assert told(finding).endswith(
        "the times in the rows are not to be believed; the board's own clock says another time"
    )
    assert "battery to the board's own clock" in finding.cure
    assert clock(None, board, now).state == "unknown"
    assert told(clock(True, board, now)) == "ok: set by the network; the board's own clock says another time"
    assert clock(False, board, datetime(1970, 1, 2, tzinfo=UTC)).state == "bad"  # both are wrong


# --- the disk

PLENTY = Room(20_000, 32_000, read_only=False, files_left=0.9)


def card(root: Path, kind: str = "SD", **files: object) -> Machine:
    """A machine with /dev/mmcblk0p2 of the number 179:2, which has been up for a day."""
    whole = "sys/devices/platform/mmc/block/mmcblk0"
    content = {f"{whole}/device/type": kind, f"{whole}/mmcblk0p2/partition": 2, f"{whole}/device/date": "03/2025"}
    content |= {f"{whole}/{name.replace('__', '/')}": value for name, value in files.items()}
    board = machine(root, {**content, "proc/uptime": "86400.00 1.0"})
    link = root / "sys/dev/block/179:2"
    link.parent.mkdir(parents=True)
    link.symlink_to(root / whole / "mmcblk0p2")
    return board


def looked_at(board: Machine, room: Room = PLENTY, device: tuple[int, int] = (179, 2)) -> Diagnosis:
    return disk(board, Path("/var/lib/gatereader"), 200.0, device, lambda _: room)


def test_an_sd_card_tells_what_was_written_but_not_its_wear(tmp_path: Path) -> None:
    board = card(tmp_path, stat="100 0 800 9 5000 0 8000000 7 0 0 0")
    assert told(looked_at(board)) == (
        "ok: /var/lib/gatereader: 20.0 GB of 32.0 GB are free, on an SD card (mmcblk0, made 03/2025); "
        "it does not tell its wear; 4.1 GB were written to it since the start, 4.1 GB a day"
    )


@pytest.mark.parametrize(
    ("life", "reserve", "state", "words"),
    [
        ("0x01 0x02", "0x01", "ok", "10 to 20 % of its life is used"),
        ("0x09 0x01", "0x01", "attention", "80 to 90 %"),
        ("0x03 0x01", "0x02", "attention", "20 to 30 %"),
        ("0x0b 0x01", "0x01", "bad", "its life is used up"),
        ("0x01 0x01", "0x03", "bad", "its life is used up"),
    ],
)
def test_an_emmc_tells_its_wear(life: str, reserve: str, state: str, words: str, tmp_path: Path) -> None:
    board = card(tmp_path, "MMC", device__life_time=life, device__pre_eol_info=reserve)
    text = told(looked_at(board))
    assert text.startswith(f"{state}: ")
    assert words in text
    assert "on eMMC" in text


@pytest.mark.parametrize(
    ("room", "state", "cure"),
    [
        (Room(100, 32_000, read_only=False, files_left=0.9), "attention", "min_free_megabytes"),
        (Room(5, 32_000, read_only=False, files_left=0.9), "bad", "max_megabytes"),
        (Room(20_000, 32_000, read_only=True, files_left=0.9), "bad", "read-only"),
        (Room(20_000, 32_000, read_only=False, files_left=0.001), "attention", "files"),
    ],
)
def test_a_disk_without_room_is_told(room: Room, state: str, cure: str, tmp_path: Path) -> None:
    finding = looked_at(card(tmp_path), room)
    assert told(finding).startswith(f"{state}: ")
    assert cure in finding.cure


def test_a_file_system_without_a_disk_says_so(tmp_path: Path) -> None:
    board = machine(tmp_path, {"proc/self/mountinfo": "36 1 0:32 / / rw,noatime - overlay overlay rw"})
    assert told(looked_at(board, device=(0, 32))).endswith("on overlay; kind and wear are not told")


@pytest.mark.parametrize(
    ("system", "state"), [("overlay", "bad"), ("tmpfs", "bad"), ("ramfs", "bad"), ("btrfs", "ok"), ("9p", "ok")]
)
def test_a_record_in_memory_is_told(system: str, state: str, tmp_path: Path) -> None:
    """Pictures or a recording may be meant to be there."""
    board = machine(tmp_path, {"proc/self/mountinfo": f"36 1 0:32 / / rw,noatime - {system} {system} rw"})
    finding = disk(board, Path("/srv"), 200.0, (0, 32), lambda _: PLENTY, holds_rows=True)
    assert told(finding).startswith(f"{state}: ")
    assert ("gone after a power cut" in finding.text) == ("overlay file system" in finding.cure) == (state == "bad")
    assert looked_at(board, device=(0, 32)).state == "ok"


def test_the_records_folder_is_known_among_those_that_are_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[bool]()

    def look(*_: object, holds_rows: bool) -> Diagnosis:
        seen.append(holds_rows)
        return Diagnosis("disk", "ok", "")

    monkeypatch.setattr(doctor, "disk", look)
    monkeypatch.setattr(doctor, "check", lambda *_: ())
    config = load_config(None, [Override("csv", "path", str(tmp_path / "plates.csv"), "--csv")])
    list(diagnose(config, None, machine(tmp_path, {})))
    assert seen == [True]


@pytest.fixture
def left_by_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of another user's, in which root has run the program once."""
    folder = tmp_path / "data"
    for name in ("pictures/2026-11-20", "other"):
        (folder / name).mkdir(parents=True)
    for name in ("plates.csv", "plates.jsonl", "mine.csv", "shared.csv", "other/letter"):
        (folder / name).touch(0o644)
    (folder / "shared.csv").chmod(0o664)
    roots = {"plates.csv", "plates.jsonl", "shared.csv", "2026-11-20", "letter"}
    monkeypatch.setattr(doctor_disk, "_owner", lambda path: 0 if path.name in roots else 1_234_567)
    return folder


def test_files_of_roots_among_the_record_are_told(left_by_root: Path, tmp_path: Path) -> None:
    finding = disk(machine(tmp_path, {}), left_by_root, 200.0, (0, 32), lambda _: PLENTY, holds_rows=True)
    words = f"; plates.csv and 1 more in {left_by_root} can be written by root alone, and the folder is 1234567's"
    assert told(finding).startswith("attention: ")
    assert words in finding.text
    assert finding.cure == f"sudo chown -R 1234567 {left_by_root}/plates.csv {left_by_root}/plates.jsonl"
    (left_by_root / "plates.csv").unlink()
    (left_by_root / "plates.jsonl").unlink()
    assert disk(machine(tmp_path, {}), left_by_root, 200.0, (0, 32), lambda _: PLENTY, holds_rows=True).state == "ok"


def test_a_service_that_cannot_write_what_is_roots_says_whose_it_is(left_by_root: Path) -> None:
    folder = str(left_by_root)
    failed = {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code", "ExecMainStatus": "1"}
    for states in (failed, {"StatusText": "5.0 frames/s; 3 rows wait for plates.csv: Permission denied"}):
        finding = service(unit(**states, WorkingDirectory=folder))
        told(finding)
        assert f"other/letter and 3 more in {folder} can be written by root alone" in finding.text
        assert finding.cure.startswith(f"sudo chown -R 1234567 {folder}")
    assert "root" not in service(unit(**failed, WorkingDirectory="/nowhere")).text
    assert service(unit(WorkingDirectory=folder)).state == "ok", "what does no harm is no fault"


# --- the service and its page


def unit(**states: str) -> Service:
    return Service({"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "NRestarts": "0", **states})


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (unit(StatusText="5.0 frames/s"), "ok", "5.0 frames/s"),
        (unit(StatusText="5.0 frames/s; 3 rows wait for /srv/a.csv"), "attention", "3 rows"),
        (unit(NRestarts="3"), "attention", "3 restarts"),
        (unit(UnitFileState="disabled"), "attention", "does not start with the machine"),
        (unit(ActiveState="inactive", SubState="dead"), "attention", "inactive (dead)"),
        (unit(ActiveState="failed", SubState="failed", ExecMainStatus="78"), "bad", "failed"),
        (unit(ActiveState="activating", SubState="auto-restart", Result="watchdog"), "bad", "watchdog"),
        (Service({"LoadState": "not-found"}), "attention", "not installed"),
    ],
)
def test_the_state_of_the_unit(found: Service, state: str, words: str) -> None:
    text = told(service(found))
    assert text.startswith(f"{state}: ")
    assert words in text


def test_systemd_is_asked_only_where_it_runs(tmp_path: Path) -> None:
    answers = {"systemctl": "LoadState=loaded\nActiveState=active\nStatusText=a=b\n"}
    assert find_service(machine(tmp_path, {}, answers)) == {}
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    found = find_service(machine(tmp_path, {}, answers))
    assert found.active
    assert found["StatusText"] == "a=b"


@pytest.mark.parametrize(
    ("health", "state", "words"),
    [
        ({"alive": True, "fps": 5.0, "passes": 7, "camera": {"online": True}}, "ok", "5.0 frames/s, 7 passes"),
        ({"alive": False, "fps": 0.0, "camera": {"online": True}}, "bad", "the loop stands still"),
        ({"alive": True, "camera": {"online": False, "since": "12:00"}}, "bad", "offline since 12:00"),
        (None, "bad", "nobody answers"),
    ],
)
def test_the_page_of_a_running_service_is_asked(health: Mapping[str, object] | None, state: str, words: str) -> None:
    text = told(running_page(LiveSettings(), lambda _: health))
    assert text.startswith(f"{state}: ")
    assert words in text
    assert running_page(LiveSettings(enabled=False)).text == "switched off"


def test_nobody_answers_on_a_port_that_is_free() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings = LiveSettings(listen=f"127.0.0.1:{free.getsockname()[1]}")
        assert running_page(settings).state == "bad"


def test_a_page_that_everybody_sees_is_told() -> None:
    assert page_protection(LiveSettings()) is None
    opened = page_protection(LiveSettings(listen="0.0.0.0:80", allow_anonymous=True))
    assert opened is not None
    assert told(opened).startswith("attention")
    guarded = page_protection(LiveSettings(listen="0.0.0.0:80", password_hash=hash_password("x")))
    assert guarded is not None
    assert guarded.state == "ok"


# --- cameras, network


def test_a_camera_is_better_named_by_what_lasts(tmp_path: Path) -> None:
    board = machine(tmp_path, {"sys/class/video4linux/video0/name": "UVC Camera", "dev/video0": ""})
    (tmp_path / "dev/v4l/by-id").mkdir(parents=True)
    (tmp_path / "dev/v4l/by-id/usb-Acme-index0").symlink_to(tmp_path / "dev/video0")
    for source in ("0", "v4l2:/dev/video0", "/dev/video0"):
        finding = cameras(source, board)
        assert told(finding) == "attention: video0 (UVC Camera)"
        assert "/dev/v4l/by-id/usb-Acme-index0" in finding.cure
    assert cameras("/dev/v4l/by-id/usb-Acme-index0", board).state == "ok"
    other = tmp_path / "proc/77/fd/3"
    other.parent.mkdir(parents=True)
    other.symlink_to(tmp_path / "dev/video0")
    (tmp_path / "proc/77/comm").write_text("vlc\n", encoding="utf-8")
    assert cameras("0", board).text == "video0 (UVC Camera); video0 is open in vlc (process 77)"
    lasting = str(tmp_path / "dev/v4l/by-id/usb-Acme-index0")
    finding = cameras(lasting, board)
    assert told(finding) == "attention: video0 (UVC Camera); video0 is open in vlc (process 77)"
    assert "end vlc (process 77)" in finding.cure
    assert cameras(lasting, board, service_pid=77).state == "ok"
    assert told(cameras("demo:", board)).startswith("attention: the built-in demo scene")
    assert cameras("rtsp://camera/", machine(tmp_path / "none", {})).text == "no V4L2 camera on this machine"


def test_a_camera_that_this_user_may_not_use_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = machine(tmp_path, {"dev/video0": "", "dev/video1": ""})
    monkeypatch.setattr("os.geteuid", lambda: 65_534)
    assert permissions(None, "", board).state == "ok"
    monkeypatch.setattr("os.access", lambda path, _: Path(path).name != "video0")
    for source, state in (("0", "bad"), ("v4l2:/dev/video0", "bad"), ("1", "attention"), ("demo:", "attention")):
        finding = permissions(Config(source=SourceSettings(source)), "", board)
        assert told(finding).startswith(f"{state}: ")
        assert "usermod -aG" in finding.cure
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "sudo -u gate " in permissions(None, "gate", board).cure


def test_the_services_user_has_its_groups_without_the_service_too() -> None:
    """`sudo -u gatereader gatereader doctor` must not find fault with a camera that the service can open."""
    systemd = Path(__file__).parents[1] / "systemd"
    groups = re.findall(r"^SupplementaryGroups=(.+)$", (systemd / "gatereader.service").read_text(), re.MULTILINE)
    lines = (systemd / "gatereader.sysusers").read_text().splitlines()
    assert groups == ["video"]
    assert all(f"m gatereader {group}" in lines for group in groups)


def answering(status: bytes) -> tuple[socket.socket, Thread]:
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(status)

    thread = Thread(target=answer)
    thread.start()
    return server, thread


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (b"RTSP/1.0 200 OK\r\n\r\n", "ok", "answers"),
        (b"RTSP/1.0 401 Unauthorized\r\n\r\n", "bad", "unauthorised"),
        (b"RTSP/1.0 503 Service Unavailable\r\n\r\n", "attention", "answers with 503"),
        (b"220 mail.example ESMTP\r\n\r\n", "attention", "gives no video"),
        (
            b"RTSP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n",
            "attention",
            "it gives a web page; wanted",
        ),
        (b"RTSP/1.0 302 Moved\r\n\r\n", "unknown", "answers with 302"),
        (b"RTSP/1.0 401 No\r\nWWW-Authenticate: NTLM\r\n\r\n", "unknown", "nobody but the stream itself"),
    ],
)
def test_a_network_camera_is_asked_and_its_password_not_shown(answer: bytes, state: str, words: str) -> None:
    server, thread = answering(answer)
    url = f"rtsp://gate:hunter2@127.0.0.1:{server.getsockname()[1]}/stream"
    finding = network(SourceSettings(url))
    thread.join()
    server.close()
    assert finding is not None
    assert told(finding).startswith(f"{state}: ")
    assert words in finding.text
    assert "hunter2" not in str(finding)
    refused = network(SourceSettings(url))
    assert refused is not None
    assert "refused" in refused.text
    assert network(SourceSettings("demo:")) is None


@pytest.mark.parametrize("secret", [{"password_env": "GATE_C"}, {"password_file": "/run/credentials/g.service/camera"}])
def test_a_password_that_only_the_service_has_is_no_fault(
    secret: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/sources.md advises them: of an owner's shell, or while the service is stopped, nobody can tell."""
    monkeypatch.delenv("GATE_C", raising=False)
    camera = SourceSettings("rtsp://192.0.2.1/live", user="gate", **secret)  # type: ignore[arg-type]
    finding = network(camera)
    assert finding is not None
    assert told(finding).startswith("unknown: rtsp://192.0.2.1/live: only the service has its password: ")
    assert "GATE_C" not in finding.text, "it may be the password itself, by mistake"
    monkeypatch.setattr(doctor, "network", lambda _: None)
    page = LiveSettings(listen="127.0.0.1:0", password_file="/run/credentials/g.service/page")
    config = Config(source=camera, live=page, csv=CsvSettings(str(tmp_path / "plates.csv")))
    findings = {one.what: one for one in diagnose(config, None, machine(tmp_path, {}))}
    for part in ("source", "live page"):
        assert told(findings[part]).startswith("unknown: only the service has its password: ")


def test_a_password_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    finding = network(SourceSettings("rtsp://192.0.2.1/live", user="gate", password_file=str(tmp_path / "none")))
    assert finding is not None
    assert told(finding).startswith("bad: source.password_file: cannot read")


# --- the MQTT broker

BRIDGE = "etc/systemd/system/gatereader-mqtt.service"
OPTIONS = "etc/gatereader/mosquitto_pub"
RUNS = {"systemctl": "active\n", "sh": "0\n"}


def test_a_broker_is_looked_for_only_where_the_bridge_is_installed(tmp_path: Path) -> None:
    assert broker(machine(tmp_path, {OPTIONS: "-h broker.invalid"}, RUNS)) is None


def test_the_bridge_its_options_and_its_broker_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        options = f"# ours\n-h 127.0.0.1\n-p {port}\n-u gate\n-P s3cret -h 5\n"
        found = broker(machine(tmp_path, {BRIDGE: "", OPTIONS: options}, RUNS))
        assert found is not None
        assert told(found) == f"ok: gatereader-mqtt.service runs; 127.0.0.1:{port} lets it in"
        stopped = broker(machine(tmp_path, {}, {"sh": "0\n"}))
        assert stopped is not None
        assert told(stopped).startswith("attention: gatereader-mqtt.service does not run")
        assert "systemctl enable --now" in stopped.cure
    silent = broker(machine(tmp_path, {}, RUNS))
    assert silent is not None
    assert told(silent) == f"bad: gatereader-mqtt.service runs; 127.0.0.1:{port} does not answer: Connection refused"
    assert "s3cret" not in f"{found}{stopped}{silent}"
    (tmp_path / OPTIONS).write_text("-h broker..lan")
    nameless = broker(machine(tmp_path, {}, RUNS))
    assert nameless is not None
    assert told(nameless).startswith("bad: gatereader-mqtt.service runs; broker..lan:1883 does not answer: ")
    monkeypatch.setattr("edge.doctor_broker.socket.create_connection", lambda *_: socket.socket())
    (tmp_path / OPTIONS).unlink()
    without = broker(machine(tmp_path, {}, RUNS))
    assert without is not None
    assert told(without) == (
        "attention: gatereader-mqtt.service runs; /etc/gatereader/mosquitto_pub is not there; localhost:1883 lets it in"
    )
    (tmp_path / OPTIONS).mkdir()  # as good as a file that others may not read
    unread = broker(machine(tmp_path, {}, RUNS))
    assert unread is not None
    assert told(unread).startswith("unknown: ")


@pytest.mark.parametrize(
    ("answer", "text", "cure"),
    [
        (
            "Connection error: Connection Refused: not authorised.\nError: The connection was refused.\n5\n",
            "answers, and does not let it in: Connection Refused: not authorised.",
            "mend -u and -P in /etc/gatereader/mosquitto_pub",
        ),
        ("Error: Unknown option '-Ps3cret'.\n1\n", "answers, and does not let it in", "its own words: sudo sh -c '"),
        (None, "answers, and does not let it in", "its own words: sudo sh -c '"),
    ],
)
def test_a_broker_that_refuses_the_bridge_is_told_without_its_password(
    answer: str | None, text: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.doctor_broker.socket.create_connection", lambda *_: socket.socket())
    answers = {name: said for name, said in (RUNS | {"sh": answer}).items() if said is not None}
    found = broker(machine(tmp_path, {BRIDGE: "", OPTIONS: "-u gate\n-Ps3cret"}, answers))
    assert found is not None
    assert told(found) == f"bad: gatereader-mqtt.service runs; localhost:1883 {text}"
    assert found.cure.startswith(cure)
    assert "s3cret" not in f"{found}"


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ("", ("localhost", 1883)),
        ("-h broker.lan\n-P -p 5\n", ("broker.lan", 1883)),
        ("--host b\r\n--port 99\r\n", ("b", 99)),
        ("#-p 5\n-h b\n--capath /etc/ssl/certs\n", ("b", 8883)),
        ("--tls-use-os-certs\n-p 1884", ("localhost", 1884)),
        ("-h 127.0.0.1 -u gate -P s3cret", ("127.0.0.1", 1883)),
    ],
)
def test_where_the_broker_is(options: str, place: tuple[str, int]) -> None:
    assert broker_place(options) == place


# --- models


def reader_file() -> Path:
    return shipped_model("reader.tflite")


def test_the_shipped_models_are_computed_by_fast_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert told(delegate("reader", reader_file)).startswith("ok: ai-edge-litert with a delegate (XNNPACK)")
    assert delegate("reader", lambda: tmp_path / "nowhere.tflite").state == "unknown"

    class Slow:
        def _get_ops_details(self) -> list[dict[str, str]]:
            return [{"op_name": "CONV_2D"}]

    monkeypatch.setattr(doctor, "open_interpreter", lambda _: (Slow(), "tflite-runtime"))
    assert told(delegate("reader", reader_file)).startswith("attention: tflite-runtime without a delegate")
    monkeypatch.setattr(doctor, "open_interpreter", lambda _: (object(), "tflite-runtime"))
    assert delegate("reader", reader_file).state == "unknown"


# --- the whole


def test_the_command_tells_all_in_lines_and_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["doctor", "--csv", str(tmp_path / "plates.csv"), "--listen", "127.0.0.1:0"]
    status = main([*arguments, "--json"])
    values = json.loads(capsys.readouterr().out)
    assert status == (not values["ok"]) == any(one["state"] == "bad" for one in values["findings"])
    assert all(one["cure"] for one in values["findings"] if one["state"] in ("attention", "bad"))
    states = {one["what"]: one["state"] for one in values["findings"]}
    wanted = {"versions", "board", "service", "configuration", "detector", "reader", "csv", "json", "pictures"}
    wanted |= {"privacy", "live page", "source", "permissions", "cameras", "threads", "disk", "clock", "temperature"}
    assert wanted | {"throttling", "memory", "detector's kernels", "reader's kernels"} <= states.keys()
    assert states["detector"] == states["reader"] == states["source"] == states["csv"] == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_configuration_does_not_keep_it_from_the_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gatereader.toml"
    path.write_text("[csv]\npth = 'x'\n", encoding="utf-8")
    assert main(["doctor", "--config", str(path)]) == 1
    out = capsys.readouterr().out
    assert f"bad        configuration: {path}:2: unknown key `pth`" in out
    assert "memory: " in out
    assert "  → " in out


def test_a_running_service_is_not_disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the camera and the port: neither is touched."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    board = machine(tmp_path, {}, {"systemctl": "LoadState=loaded\nActiveState=active\nSubState=running\n"})
    monkeypatch.setattr(doctor, "running_page", lambda _: Diagnosis("live page", "ok", "answers"))
    monkeypatch.setattr("edge.check.open_source", lambda _: pytest.fail("the camera was opened"))
    monkeypatch.setattr("edge.check.listen", lambda _: pytest.fail("the port was taken"))
    config = load_config(None)
    findings = {one.what: one for one in diagnose(config, None, board)}
    assert findings["source"].state == "unknown"
    assert findings["live page"].text == "answers"


def test_a_program_that_is_not_there_or_fails_answers_nothing() -> None:
    assert run_command(("/nowhere/at-all",)) is None
    assert run_command(("false",)) is None
    assert run_command(("echo", "yes")) == "yes\n"


# --- the bundle

PASSWORD, QUERY = "p@ss/wörd%1", "token=Q7QQ7QQ7"
PLANTED = {
    *(PASSWORD, quote(PASSWORD, safe=""), QUERY, "Q7QQ7QQ7", "gatekeeper77", "boss88", "scrypt$"),
    *("Z2F0ZTpodW50ZXIy", "hunter2"),
    *("AB123CD", "ZX987YW", "KNOWN01", "HELLOX", "QW456ER", "AB1Z3CD", "XY12ZZZ"),
}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A configuration full of what nobody else should have, a record with plates, a list of known ones."""
    (tmp_path / "known.txt").write_text("HELLOX  # the mayor\n", encoding="utf-8")
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    log = CsvLog(CsvSettings(str(tmp_path / "plates.csv")))
    log(entry(plate="AB123CD"))
    log(entry(plate="QW456ER"))
    log.close()
    path = tmp_path / "gatereader.toml"
    path.write_text(
        f"""
        [source]  # my password is {PASSWORD}
        source = "rtsp://camera.example/live?{QUERY}"
        user = "gatekeeper77"
        password_file = "{tmp_path}/password"
        open_timeout = 0.5
        [csv]
        path = "{tmp_path}/plates.csv"
        [privacy]
        known = ["KNOWN01"]
        known_file = "{tmp_path}/known.txt"
        [live]
        password_hash = "{hash_password("x")}"
        user = "boss88"
        """,
        encoding="utf-8",
    )
    return path


def journal() -> str:
    url = f"rtsp://gatekeeper77:{quote(PASSWORD, safe='')}@camera.example/live?{QUERY}"
    lines = (
        "gatereader[7]: AB123CD accepted 0.97, 9 readings",
        "gatereader[7]: ZX987YW undecided 0.52, 3 readings, no_consensus",
        "gatereader[7]: HELLOX accepted 0.99, 5 readings",
        f"gatereader[7]: cannot open {url}; trying again",
        f"gatereader[7]: somebody wrote {PASSWORD} here",
        "gatereader[7]: Authorization: Basic Z2F0ZTpodW50ZXIy",
        "gatereader[7]: a car XY12ZZZ that nobody knows; password = hunter2, pwd",
        "gatereader[7]: a line worth reading: pictures of 1280x720",
    )
    return "".join(f"2026-11-20T14:03:22+0000 gate {line}\n" for line in lines)


def contents(bundle: Path) -> dict[str, str]:
    with zipfile.ZipFile(bundle) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def leaks(bundle: Path) -> set[str]:
    """What was planted and is found, in the files of the archive or in its own bytes."""
    text = "\n".join([*contents(bundle), *contents(bundle).values(), bundle.read_bytes().decode("latin-1")]).lower()
    return {secret for secret in PLANTED if secret.lower() in text}


def findings() -> list[Diagnosis]:
    """One that repeats what a careless message could."""
    return [
        Diagnosis(
            "source", "bad", f"rtsp://gatekeeper77:{quote(PASSWORD, safe='')}@camera.example/live: AB123CD", "no"
        ),
        Diagnosis("review", "ok", "the crop of KNOWN01 and of hellox waits"),
    ]


def test_the_bundle_holds_no_secret_and_no_plate(settings: Path, tmp_path: Path) -> None:
    config, origins = read_config(settings)
    bundle = tmp_path / "bundle.zip"
    write_bundle(
        bundle,
        findings(),
        config,
        origins=origins,
        file=settings,
        machine=machine(tmp_path, {}, {"journalctl": journal()}),
    )
    held = contents(bundle)
    assert set(held) == {
        *("README.txt", "doctor.txt", "doctor.json", "configuration.toml", "log.txt", "detector.json", "reader.json")
    }
    assert leaks(bundle) == set()
    assert "a line worth reading: pictures of 1280x720" in held["log.txt"]
    assert "(plate) accepted 0.97, 9 readings" in held["log.txt"]
    assert "camera.example" in held["configuration.toml"]
    assert f"# {settings}:" in held["configuration.toml"]
    assert json.loads(held["doctor.json"])["findings"][1]["state"] == "ok"
    assert json.loads(held["reader.json"])["sha256"]
    assert "golden" not in json.loads(held["reader.json"])
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600


def test_the_search_would_find_them(settings: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.zip"
    with zipfile.ZipFile(bundle, "w") as opened:
        opened.writestr("all", settings.read_text(encoding="utf-8") + journal() + str(findings()) + "QW456ER AB1Z3CD")
    assert leaks(bundle) == PLANTED


def test_the_bundle_of_a_wrong_configuration_holds_no_secret_either(settings: Path, tmp_path: Path) -> None:
    text = settings.read_text(encoding="utf-8")
    url = f"rtsp://gatekeeper77:{quote(PASSWORD, safe='')}@camera.example"
    settings.write_text(
        text.replace("rtsp://camera.example", url).replace('["KNOWN01"]', '"KNOWN01"'), encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="names a user too") as caught:
        load_config(settings)
    bundle = tmp_path / "bundle.zip"
    said = [Diagnosis("configuration", "bad", f"{caught.value}; found KNOWN01", "mend it")]
    write_bundle(bundle, said, None, file=settings, machine=machine(tmp_path, {}, {"journalctl": journal()}))
    assert leaks(bundle) == set()
    assert "configuration.toml" not in contents(bundle)


def test_a_bundle_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*nowhere"):
        write_bundle(tmp_path / "nowhere" / "x.zip", [], None, machine=machine(tmp_path, {}))


def test_what_looks_like_credentials_goes_from_any_text() -> None:
    assert hide_credentials("x rtsp://a:b@c:554/d y") == "x rtsp://c:554/d y"
    assert hide_credentials("rtsp://a:b@b@c/d") == "rtsp://c/d"
    redactor = Redactor(["ab", "s3cret"], ["AB 123 CD"])
    assert redactor.text("absent s3cret ab123cd at http://h/p?q=1") == "absent (hidden) (plate) at http://h/p?…"
    assert redactor.text("gstreamer: user-pw=hello ! x") == "gstreamer: user-pw=(hidden) ! x"
    assert redactor.log("up: XY12ZZZ 1280x720 f48f3a358264 2026-11-20T14:03:22 20261120T140322Z") == (
        "up: (plate?) 1280x720 f48f3a358264 2026-11-20T14:03:22 20261120T140322Z"
    )


def test_the_report_is_one_object() -> None:
    values = json.loads(report_json([Diagnosis("a", "bad", "b", "c")]))
    assert (values["ok"], values["findings"]) == (False, [{"what": "a", "state": "bad", "text": "b", "cure": "c"}])
    assert values["versions"]["gatereader"] == __version__
