"""The doctor on the disks that the record lies on: room, kind, wear, what is written to them."""

import os
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from edge.doctor_machine import Diagnosis, Machine, State
from edge.ownership import user_name
from edge.whole_file import existing

_SECTOR = 512
"""Bytes in the kernel's counting, whatever the disk's own sectors are (Documentation/block/stat.rst)."""
_LEAST_MB = 20
_LIFE_STEPS = 10
"""JEDEC eMMC 5.0, DEVICE_LIFE_TIME_EST: 1 is up to 10 % of the life used, 10 up to 100 %, 11 beyond."""
_FORGETFUL = ("overlay", "tmpfs", "ramfs")
"""File systems in memory: Raspberry Pi OS lays an overlay over a card that it protects from writes."""
_KEEP = "switch the overlay file system off (sudo raspi-config), or name a folder on a disk: csv.path, json.path"
_RECORD = ("*.csv", "*.jsonl", "pictures", "review")
_WRITABLE = 0o022
"""By the group or by all."""
_NEW_CARD = "put in a new card, one made for cameras (high endurance), and copy the record first"


class Room(NamedTuple):
    """What statvfs(3) tells."""

    free: float
    """Megabytes for a program that is not root's."""
    total: float
    read_only: bool
    files_left: float
    """Share of the files that it can hold which are still free, 0 to 1; 1 where there is no limit."""


def room_of(folder: Path) -> Room:
    """How much room there is."""
    disk = os.statvfs(folder)
    size = disk.f_frsize / 1e6
    left = disk.f_favail / disk.f_files if disk.f_files else 1.0
    return Room(disk.f_bavail * size, disk.f_blocks * size, bool(disk.f_flag & os.ST_RDONLY), left)


def disk(
    machine: Machine,
    folder: Path,
    least_mb: float,
    device: tuple[int, int] | None = None,
    room: Callable[[Path], Room] = room_of,
    *,
    holds_rows: bool = False,
) -> Diagnosis:
    """The disk below `folder`, on which `least_mb` megabytes ought to be free. `device`: its major and minor number.

    `holds_rows`: the record lies there, which has to outlast a power cut.
    """
    there = existing(folder)
    if device is None:
        number = there.stat().st_dev
        device = os.major(number), os.minor(number)
    found = room(there)
    text = f"{folder}: {found.free / 1000:.1f} GB of {found.total / 1000:.1f} GB are free"
    state, cure = _judge(found, least_mb)
    roots = roots_own(there, _RECORD) if holds_rows else None
    if roots is not None and state == "ok":
        text, state, cure = f"{text}; {roots.text}", "attention", roots.cure
    block = _block(machine, device)
    if block is None:
        system = _file_system(machine, device)
        if holds_rows and system in _FORGETFUL:
            return Diagnosis("disk", "bad", f"{text}, on {system}: every row is gone after a power cut", _KEEP)
        return Diagnosis("disk", state, f"{text}, on {system}; kind and wear are not told", cure)
    wear_state, wear = _wear(machine, block)
    if _worse(wear_state, state):
        state, cure = wear_state, _NEW_CARD
    return Diagnosis("disk", state, f"{text}, on {_kind(machine, block)}; {wear}{_written(machine, block)}", cure)


class Owned(NamedTuple):
    """What belongs to the wrong one, in words, and the command that gives it to the right one."""

    text: str
    cure: str


def roots_own(folder: Path, names: Sequence[str] = ()) -> Owned | None:
    """What only root can write in a folder of somebody else's, as a run by root leaves it; None where nothing is.

    None too where one may not look. `names` are patterns for `Path.glob`; without them all that is in the folder, and
    in its folders, is the program's.
    """
    folder = folder.resolve()
    try:
        owner = _owner(folder)
        found = [path for name in names or ("*", "*/*") for path in folder.glob(name) if _owner(path) == 0 != owner]
        found = sorted(path for path in found if not path.lstat().st_mode & _WRITABLE)
    except OSError:
        return None
    if not found:
        return None
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    user = user_name(owner)
    text = f"{found[0].relative_to(folder)}{more} in {folder} can be written by root alone, and the folder is {user}'s"
    given = " ".join(shlex.quote(str(path)) for path in (found if names else [folder]))
    return Owned(text, f"sudo chown -R {user} {given}")


def _owner(path: Path) -> int:
    return path.lstat().st_uid


def _judge(found: Room, least_mb: float) -> tuple[State, str]:
    if found.read_only:
        return "bad", "it is mounted read-only, as the kernel does with a broken one: see `dmesg`, then replace it"
    if found.free < _LEAST_MB:
        return "bad", "delete what is not needed, or lower max_megabytes of [csv], [json], [pictures] and [recording]"
    if found.free < least_mb:
        return "attention", "no pictures are kept below pictures.min_free_megabytes: delete what is not needed"
    if found.files_left < 0.01:
        return "attention", "it can hold hardly any more files, however small: delete what is not needed"
    return "ok", ""


def _worse(one: State, other: State) -> bool:
    order: tuple[State, ...] = ("unknown", "ok", "attention", "bad")
    return order.index(one) > order.index(other)


def _block(machine: Machine, device: tuple[int, int]) -> Path | None:
    """The folder of the whole disk in /sys; None where the kernel shows no disk behind the file system."""
    link = machine.root / f"sys/dev/block/{device[0]}:{device[1]}"
    if not link.exists():
        return None
    block = link.resolve()
    return block.parent if (block / "partition").exists() else block


def _file_system(machine: Machine, device: tuple[int, int]) -> str:
    number = re.escape(f"{device[0]}:{device[1]}")
    found = re.search(rf"^\d+ \d+ {number} .* - (\S+) ", machine.text("proc/self/mountinfo") or "", re.MULTILINE)
    return found[1] if found else "an unknown file system"


def _kind(machine: Machine, block: Path) -> str:
    card = machine.text(block / "device/type")
    name = " ".join(filter(None, (machine.text(block / "device/name"), machine.text(block / "device/model"))))
    if block.name.startswith("mmcblk"):
        kind = {"SD": "an SD card", "MMC": "eMMC"}.get(card or "", "a memory card")
    elif block.name.startswith("nvme"):
        kind = "an NVMe disk"
    else:
        kind = {"0": "a disk without moving parts", "1": "a spinning disk"}.get(
            machine.text(block / "queue/rotational") or "", "a disk"
        )
    made = machine.text(block / "device/date")
    return f"{kind} ({', '.join(filter(None, (block.name, name, made and f'made {made}')))})"


def _wear(machine: Machine, block: Path) -> tuple[State, str]:
    """How much of its life is used, where the disk says so: eMMC does, SD cards do not."""
    lives = [int(word, 16) for word in re.findall(r"0x[0-9a-fA-F]+", machine.text(block / "device/life_time") or "")]
    reserve = machine.number(block / "device/pre_eol_info")
    if not any(lives):
        return "ok", "it does not tell its wear"
    most = max(lives)
    if most > _LIFE_STEPS or reserve == 3:
        return "bad", "its life is used up"
    text = f"{10 * most - 10} to {10 * most} % of its life is used"
    return ("attention" if most >= _LIFE_STEPS - 1 or reserve == 2 else "ok"), text


def _written(machine: Machine, block: Path) -> str:
    words = (machine.text(block / "stat") or "").split()
    uptime = machine.uptime()
    if len(words) < 7 or not words[6].isdigit() or not uptime:
        return ""
    written = int(words[6]) * _SECTOR / 1e9
    daily = f", {86_400 * written / uptime:.1f} GB a day" if uptime >= 3600 else ""
    return f"; {written:.1f} GB were written to it since the start{daily}"
