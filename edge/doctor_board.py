"""The doctor on the board: what it is, how warm, whether it is slowed down, its memory, its clock, its cores."""

import platform
import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from edge.clock import battery_agrees, possible, utc_now
from edge.doctor_machine import Diagnosis, Machine, State

_SLOWED_FROM = 80.0
"""°C from which a Raspberry Pi's firmware slows the processor down (raspberrypi.com, "Frequency management and thermal
control"); taken where a board names no limit of its own."""
_LEAST_MEMORY_MB = 150
"""What the service takes, and a little."""
_NOW = {0: "too low a voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
_EVER = 16
"""The same bits, moved by this, say that it happened since the start (raspberrypi.com, `vcgencmd get_throttled`)."""
_POWER = "use the board's own power supply and a short, thick cable, and take other devices off its USB ports"
COOL = "give it a heat sink or a fan, shade and air, or set source.fps = 5"
"""What to do about heat."""


def board(machine: Machine) -> Diagnosis:
    """Its name, processor, kernel."""
    name = machine.text("proc/device-tree/model") or machine.text("sys/class/dmi/id/product_name") or "unknown board"
    return Diagnosis("board", "ok", f"{name}, {platform.machine()}, Linux {platform.release()}{_up(machine)}")


def _up(machine: Machine) -> str:
    seconds = machine.uptime()
    return "" if seconds is None else f", up for {seconds / 86_400:.1f} days"


class Heat(NamedTuple):
    """What a sensor says."""

    degrees: float
    """°C."""
    limit: float
    """°C from which the board slows itself down."""
    name: str


def hottest(machine: Machine) -> Heat | None:
    """The sensor that is nearest to its limit; None where the kernel shows none."""
    found = [one for zone in machine.paths("sys/class/thermal/thermal_zone*") if (one := _zone(machine, zone))]
    found += [
        one for sensor in machine.paths("sys/class/hwmon/hwmon*/temp*_input") if (one := _sensor(machine, sensor))
    ]
    return max(found, key=lambda heat: (heat.degrees - heat.limit, heat.degrees), default=None)


def temperature(machine: Machine) -> Diagnosis:
    """The hottest sensor against its own limit."""
    heat = hottest(machine)
    if heat is None:
        return Diagnosis("temperature", "unknown", "this machine has no sensor that the kernel shows")
    degrees, limit, name = heat
    text = f"{degrees:.0f} °C ({name}; it is slowed down from {limit:.0f} °C)"
    if degrees >= limit:
        return Diagnosis("temperature", "bad", text, COOL)
    if degrees >= limit - 5:
        return Diagnosis("temperature", "attention", text, COOL)
    return Diagnosis("temperature", "ok", text)


def _zone(machine: Machine, zone: Path) -> Heat | None:
    """Degrees, limit and name of a thermal zone; None for one that sleeps."""
    degrees = machine.number(zone / "temp")
    if degrees is None or not -40_000 < degrees < 150_000:
        return None
    limits = []
    for kind in machine.paths(str(zone.relative_to(machine.root) / "trip_point_*_type")):
        limit = machine.number(kind.with_name(kind.name.replace("_type", "_temp")))
        if machine.text(kind) in ("passive", "hot", "critical") and limit is not None and limit > 0:
            limits.append(limit / 1000)
    return Heat(degrees / 1000, min([_SLOWED_FROM, *limits]), machine.text(zone / "type") or zone.name)


def _sensor(machine: Machine, sensor: Path) -> Heat | None:
    degrees = machine.number(sensor)
    if degrees is None or not -40_000 < degrees < 150_000:
        return None
    stem = sensor.name.removesuffix("_input")
    given = [machine.number(sensor.with_name(f"{stem}_{limit}")) for limit in ("max", "crit")]
    limits = [limit / 1000 for limit in given if limit is not None and 0 < limit < 150_000]
    name = machine.text(sensor.with_name("name")) or sensor.name
    return Heat(degrees / 1000, min(limits, default=_SLOWED_FROM), name)


def throttling(machine: Machine) -> Diagnosis:
    """Whether the board is, or was, slowed down or short of power."""
    bits = _throttled_bits(machine)
    if bits is not None:
        return _throttled(bits)
    alarms = [
        path
        for path in machine.paths("sys/class/hwmon/hwmon*/in0_lcrit_alarm")
        if machine.text(path.with_name("name")) == "rpi_volt"
    ]
    if alarms:
        low = any(machine.number(path) for path in alarms)
        text = "the voltage is too low" if low else "the voltage is high enough; nothing else is told"
        return Diagnosis("throttling", "bad" if low else "ok", text, _POWER if low else "")
    events = {path.name: machine.number(path) for path in machine.paths("sys/class/hwmon/hwmon*/oc*_event_cnt")}
    if events:  # a Jetson
        told = ", ".join(f"{name.removesuffix('_event_cnt')}: {count}" for name, count in events.items() if count)
        if told:
            return Diagnosis("throttling", "attention", f"slowed down for too much current ({told} times)", _POWER)
        return Diagnosis("throttling", "ok", "never slowed down for too much current")
    return Diagnosis("throttling", "unknown", "this machine does not tell")


def _throttled_bits(machine: Machine) -> int | None:
    """What a Raspberry Pi's firmware says, through the kernel (hexadecimal without 0x) or its own program."""
    for path in machine.paths("sys/devices/platform/soc*/soc*firmware/get_throttled"):
        if (text := machine.text(path)) and re.fullmatch(r"(0x)?[0-9a-fA-F]+", text):
            return int(text, 16)
    found = re.search(r"throttled=(0x[0-9a-fA-F]+)", machine.run(("vcgencmd", "get_throttled")) or "")
    return int(found[1], 16) if found else None


def _throttled(bits: int) -> Diagnosis:
    now = [word for bit, word in _NOW.items() if bits >> bit & 1]
    before = [word for bit, word in _NOW.items() if bits >> (bit + _EVER) & 1]
    if not now and not before:
        return Diagnosis("throttling", "ok", "neither slowed down nor short of power since the start")
    cures = [_POWER] * any(bits >> bit & 1 for bit in (0, _EVER))
    cures += [COOL] * any(bits >> bit & 1 for bit in (1, 2, 3, 1 + _EVER, 2 + _EVER, 3 + _EVER))
    told = f"now: {', '.join(now)}" if now else f"since the start: {', '.join(before)}"
    return Diagnosis("throttling", "bad" if now else "attention", f"{told} ({bits:#x})", "; ".join(cures))


def memory(machine: Machine, running: bool) -> Diagnosis:
    """What is free of it; `running` says that the service has its share already."""
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", machine.text("proc/meminfo") or "", re.MULTILINE))
    if not {"MemTotal", "MemAvailable"} <= found.keys():
        return Diagnosis("memory", "unknown", "this machine does not tell")
    total, available = int(found["MemTotal"]) // 1024, int(found["MemAvailable"]) // 1024
    text = f"{available} MB of {total} MB are available"
    if available < _LEAST_MEMORY_MB and not running:
        cure = "stop other programs, the desktop above all (sudo systemctl set-default multi-user.target)"
        return Diagnosis("memory", "attention", text, cure)
    return Diagnosis("memory", "ok", text)


def threads(asked: int, cores: int) -> Diagnosis:
    """The threads of a model against the cores that this program may use."""
    text = f"{asked} of {cores} cores work on a frame"
    if asked > cores:
        cure = f"set detector.threads and reader.threads to {cores} at most: more get in each other's way"
        return Diagnosis("threads", "attention", f"{asked} threads on {cores} cores", cure)
    return Diagnosis("threads", "ok", text)


def clock(synced: bool | None, machine: Machine, now: datetime | None = None) -> Diagnosis:
    """Whether the times in the rows can be believed, with `now` as what the machine's clock says."""
    now = now or utc_now()
    if agrees := possible(now) and battery_agrees(now, machine.root / "sys/class/rtc"):
        own, battery = "the board's own clock agrees", ""
    elif machine.paths("sys/class/rtc/rtc*"):
        own, battery = "the board's own clock says another time", "put a (new) battery to the board's own clock"
    else:
        own, battery = "the board has no clock of its own", "give it a clock with a battery"
    states: dict[bool | None, tuple[State, str]] = {
        True: ("ok", "set by the network"),
        False: ("bad", "not set by the network since the start"),
        None: ("unknown", "nothing here tells whether the network set it"),
    }
    state, text = states[synced]
    if agrees:
        return Diagnosis("clock", "ok", f"{text}; {own}")
    if state == "bad":
        cure = f"let it reach a time server (timedatectl set-ntp true), or {battery}"
        return Diagnosis("clock", state, f"{text}: the times in the rows are not to be believed; {own}", cure)
    return Diagnosis("clock", state, f"{text}; {own}")
