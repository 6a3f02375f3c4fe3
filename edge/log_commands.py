"""`gatereader log verify | export | erase`: the record looked at, taken along, and rid of a plate."""

import argparse
import sys
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from edge import recorded_erase, review
from edge.config import Config
from edge.errors import ConfigError, OutputError
from edge.kept_crops import crops_folder
from edge.ledger import erasable_files, record_files, record_journal
from edge.log_erase import Place, erase_plate
from edge.log_export import Choice, export, left_out, parse_moment
from edge.log_files import counts_as, in_order, log_files, real_log
from edge.log_verify import FileReport, Report, verify_files, verify_log
from edge.ownership import as_owner
from edge.pictures import pictures_folder
from edge.printable import printable
from edge.privacy import known_in, pseudonym_of
from edge.torn_lines import torn_path
from edge.whole_file import write_named


def run_log(options: argparse.Namespace, config: Config) -> int:
    """One of the three commands; its exit status. OutputError where there is no record at all."""
    if options.action == "export":
        return _export(options, config)
    if getattr(options, "files", None):
        return _verify(options, config)
    erases = options.action == "erase"
    with as_owner(_folder(config)):
        _require_record((erasable_files if erases else record_files)(config.csv, config.json))
        return _erase(options, config) if erases else _verify(options, config)


def _folder(config: Config) -> Path:
    """Where the record is, as the configuration names it: behind a link that lies in it may be root's."""
    return Path(config.csv.path or config.json.path).parent


def _require_record(logs: Sequence[Path]) -> None:
    if not any(log_files(log) for log in logs):
        where = " nor ".join(str(log.absolute()) for log in logs) or "the configuration"
        raise OutputError(f"no record at {where}; name it with --csv FILE or --config FILE, or go to its folder")


def _verify(options: argparse.Namespace, config: Config) -> int:
    wanted = (options.has or "").lower()
    if options.files:
        for file in options.files:
            if not file.is_file():
                raise OutputError(f"{file}: no such file")
        reports = [verify_files(in_order(options.files), wanted).report]
    else:
        reports = [verify_log(log, wanted) for log in record_files(config.csv, config.json)]
    for report in reports:
        _tell(report)
    status = int(any(report.broken for report in reports))
    if wanted and not any(report.found for report in reports):
        _print(f"BROKEN  the hash {wanted} is in none of the files: rows were cut off, or the chain made anew")
        status = 1
    return status


def _tell(report: Report) -> None:
    for one in report.files:
        _print(_told(one))
    for note in report.notes:
        _print(f"note    {note}")
    if report.broken is None:
        _print(f"head    {report.head}")


def _told(report: FileReport) -> str:
    if report.bad_line:
        return f"BROKEN  {report.file}:{report.bad_line}: {report.cause}"
    erased = f", {report.erased} erased" if report.erased else ""
    notes = "".join(f"; {note}" for note in report.notes)
    return f"ok      {report.file}: {report.rows} rows{erased}{notes}"


def _export(options: argparse.Namespace, config: Config) -> int:
    if not config.csv.path:
        raise ConfigError("there is no CSV file to export from (csv.path is empty)")
    choice = Choice(
        parse_moment(options.since) if options.since else None,
        parse_moment(options.until, is_end=True) if options.until else None,
        options.plate,
        statuses=tuple(options.status or ()),
    )
    if choice.since and choice.until and choice.since >= choice.until:
        raise ConfigError(f"--from {options.since} is not before --to {options.until}: no row can be between the two")
    if options.output is not None:
        _spare_the_record(options.output, config)
    path, written = real_log(Path(config.csv.path)), b""
    with as_owner(_folder(config)):
        _require_record(record_files(config.csv, config.json))
        pseudonym, unsought = _sought_pseudonym(options.plate, config)
        lines = export(path, replace(choice, pseudonym=pseudonym), options.json)
        if options.output is None:
            sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()
        else:
            written = b"".join(lines)
        missing = unsought + left_out(path)
    if options.output is not None:  # where root says, he may write
        try:
            write_named(options.output, written)
        except OSError as error:
            raise OutputError(f"cannot write {options.output}: {error.strerror}") from None
    for line in missing:
        sys.stderr.write(f"gatereader: NOT EXPORTED: {printable(line)}\n")
    return int(bool(missing))


def _sought_pseudonym(plate: str, config: Config) -> tuple[str, list[str]]:
    """What rows of strangers have in the place of the plate, and a line if that cannot be known; a `*` has none."""
    if not plate or "*" in plate:
        return "", []
    missing = f"rows with a pseudonym of {plate}"
    key = config.privacy.key_file if config.privacy.unknown == "pseudonym" else ""
    if key and not Path(key).exists():
        return "", [f"{missing}: privacy.key_file: {_nowhere(key)}"]
    try:
        return pseudonym_of(plate, config.privacy, config.csv.path), []
    except ConfigError as error:  # others than the service's user may read the rows, but not the key
        return "", [f"{missing}: {error}"]


def _spare_the_record(output: Path, config: Config) -> None:
    """OutputError for a path that is a file of the record, or would be taken for one."""
    places = {output.parent.resolve() / output.name, output.resolve()}
    for log in record_files(config.csv, config.json):
        folder = log.parent.resolve()
        named = any(place.parent == folder and counts_as(log, place.name) for place in places)
        if named or places & {file.resolve() for file in (torn_path(log), *log_files(log))}:
            raise OutputError(
                f"{output} is a file of the record itself, or would be taken for one; name another for the export"
            )


def _erase(options: argparse.Namespace, config: Config) -> int:
    recorded = options.recorded or config.recording.folder
    status = _erase_text(options.plate, recorded, config, trial=options.dry_run)
    if pseudonym := pseudonym_of(options.plate, config.privacy, config.csv.path):
        status = max(status, _erase_text(pseudonym, recorded, config, trial=options.dry_run))
    for missing in _missing(config, recorded):
        _print(f"NOT ERASED: {missing}")
        status = 1
    try:
        for place in known_in(options.plate, config.privacy):
            _print(f"not erased: the plate is still on the list of known plates in {place}: take it out there")
    except ConfigError as error:
        _print(f"NOT ERASED: the plate may be on the list of known plates: {error}")
        status = 1
    return status


def _missing(config: Config, recorded: str) -> list[str]:
    """A line for each setting that names a place where nothing is, so that nothing could be erased there.

    Pictures are not among them: the rows name them, and `erase_plate` tells those that it cannot reach.
    """
    logs = {"csv.path": config.csv.path, "json.path": config.json.path if config.json.enabled else ""}
    folders = {"review.folder": config.review.folder, "recording.folder": recorded}
    key = config.privacy.key_file if config.privacy.unknown == "pseudonym" else ""
    missing = {name: path for name, path in logs.items() if path and not any(log_files(real_log(Path(path))))}
    missing |= {name: path for name, path in folders.items() if path and not Path(path).is_dir()}
    missing |= {"privacy.key_file": key} if key and not Path(key).exists() else {}
    return [f"{name}: {_nowhere(path)}" for name, path in missing.items()]


def _nowhere(path: str) -> str:
    cure = "relative paths start where you stand: go to the folder that the service runs in, or give the whole path"
    return f"nothing is at {Path(path).absolute()}; {'is its disk missing?' if Path(path).is_absolute() else cure}"


def _erase_text(plate: str, recorded: str, config: Config, *, trial: bool) -> int:
    pictures = pictures_folder(config.pictures, config.csv.path)
    place = Place(tuple(erasable_files(config.csv, config.json)), pictures, record_journal(config.csv, config.json))
    beside = _Beside(plate, crops_folder(config.review, config.csv.path), Path(recorded) if recorded else None)
    erased = erase_plate(place, plate, beside.named, beside.erase_unnamed, trial=trial)
    beside.erase(erased.passes, trial)
    _print(
        f"{'would erase' if trial else 'erased'}: {erased.rows} rows and lines, {erased.torn} half rows, "
        f"{erased.pictures} pictures, {beside.crops} kept crops, {beside.recorded} recorded passes"
    )
    for text, count in sorted(erased.alike.items()):
        _print(
            f"not erased: {count} rows and lines with {text}, perhaps misread: erase --plate {text} if it is this car"
        )
    if erased.missing:
        _print(f"not found: {erased.missing} pictures that the rows name; gone by age or size, or moved elsewhere")
    for left in erased.left:
        _print(f"NOT ERASED: {left}")
    return 1 if erased.left else 0


class _Beside:
    """What is kept of passes outside the record: the crops, whose answers may name a plate that no row has, and the
    recorded frames. `crops` and `recorded` count what went."""

    def __init__(self, plate: str, crops: Path, recorded: Path | None) -> None:
        self.crops = self.recorded = 0
        self._plate, self._crops_folder, self._recorded_folder = plate, crops, recorded
        self._by_crop = review.passes_of(crops, plate)
        self._by_frames = recorded_erase.passes_of(recorded, plate) if recorded else set()

    @property
    def named(self) -> set[str]:
        """The `event_id`s of the passes that are of the plate by what stands here."""
        return self._by_crop | self._by_frames

    def erase_unnamed(self, passes: AbstractSet[str]) -> None:
        """Of these passes what does not name the plate itself: nothing would lead there once the rest is gone."""
        self.crops += review.erase_passes(self._crops_folder, passes - self._by_crop)
        if self._recorded_folder:
            self.recorded += recorded_erase.erase_passes(self._recorded_folder, passes - self._by_frames)

    def erase(self, passes: AbstractSet[str], trial: bool) -> None:
        """All that is of the plate or of these passes."""
        self.crops += review.erase(self._crops_folder, self._plate, passes, trial=trial)
        if self._recorded_folder:
            self.recorded += recorded_erase.erase(self._recorded_folder, self._plate, passes, trial=trial)


def _print(line: str) -> None:
    sys.stdout.write(printable(line) + "\n")
