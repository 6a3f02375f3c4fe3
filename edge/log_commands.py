"""`gatereader log verify | export | erase`: the record looked at, taken along, and rid of a plate."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge import recording, review
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
from edge.privacy import pseudonym_of
from edge.torn_lines import torn_path
from edge.whole_file import write_whole


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
        tuple(options.status or ()),
    )
    if options.output is not None:
        _spare_the_record(options.output, config)
    path, written = real_log(Path(config.csv.path)), b""
    with as_owner(_folder(config)):
        _require_record(record_files(config.csv, config.json))
        lines = export(path, choice, options.json)
        if options.output is None:
            sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()
        else:
            written = b"".join(lines)
        missing = left_out(path)
    if options.output is not None:  # where root says, he may write
        try:
            write_whole(options.output, written)
        except OSError as error:
            raise OutputError(f"cannot write {options.output}: {error.strerror}") from None
    for line in missing:
        sys.stderr.write(f"gatereader: NOT EXPORTED: {line}\n")
    return int(bool(missing))


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
    return [f"{name}: nothing is at {Path(path).absolute()}; {_cure(path)}" for name, path in missing.items()]


def _cure(path: str) -> str:
    if Path(path).is_absolute():
        return "is its disk missing?"
    return "relative paths start where you stand: go to the folder that the service runs in, or give the whole path"


def _erase_text(plate: str, recorded: str, config: Config, *, trial: bool) -> int:
    pictures = pictures_folder(config.pictures, config.csv.path)
    place = Place(tuple(erasable_files(config.csv, config.json)), pictures, record_journal(config.csv, config.json))
    erased = erase_plate(place, plate, trial=trial)
    crops = review.erase(crops_folder(config.review, config.csv.path), plate, trial=trial)
    passes = recording.erase(Path(recorded), plate, trial=trial) if recorded else 0
    _print(
        f"{'would erase' if trial else 'erased'}: {erased.rows} rows and lines, {erased.torn} half rows, "
        f"{erased.pictures} pictures, {crops} kept crops, {passes} recorded passes"
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


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
