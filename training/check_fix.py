"""`training check --fix NEW`: a corrected copy of a data set. The one that was checked stays as it is.

Only what has one right answer is corrected; the rest is told and left to a person: a label that contradicts another,
a plate in two splits, a crop that is hard to see.
"""

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import ConfigError, OutputError, SourceError
from training.check_pictures import Picture
from training.check_rules import corrected
from training.check_table import LabelSet, Row
from training.dataset import LONGEST
from training.tables import LABEL_COLUMNS, META_COLUMNS


def write_corrected(
    sets: Sequence[LabelSet],
    pictures: Mapping[Path, Picture | str],
    lines: Mapping[str, int],
    data: Path,
    target: Path,
) -> list[str]:
    """Copies the data set into `target` and returns, one line each, what it left out or wrote otherwise; these are also
    in `target/changes.txt`. `lines` are the better ones, as `better_lines` has them.

    ConfigError if `target` is there already or lies within `data`; SourceError if no row can be kept; OutputError if
    it cannot be written. Then there is no `target`.
    """
    if target.exists():
        raise ConfigError(f"--fix {target}: is there already; name a folder that is not")
    if target.resolve().is_relative_to(data.resolve()):
        raise ConfigError(f"--fix {target}: lies within {data}; the copy would become part of what it is a copy of")
    changes: list[str] = []
    try:
        target.mkdir(parents=True)
        kept = [
            _write_set(labels, pictures, lines, target / labels.folder.relative_to(data), changes) for labels in sets
        ]
        (target / "changes.txt").write_text("".join(f"{line}\n" for line in changes), encoding="utf-8")
        if not any(kept):
            raise SourceError(f"{data}: no corrected copy: none of its rows can be kept; mend the errors told first")
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, SourceError):
            raise OutputError(f"--fix {target}: {error.strerror or error}") from None
        raise
    return changes


def _write_set(
    labels: LabelSet,
    pictures: Mapping[Path, Picture | str],
    lines: Mapping[str, int],
    folder: Path,
    changes: list[str],
) -> int:
    """Writes one folder of the copy; returns the number of its rows."""
    with_meta = labels.has_meta or any(row.where in lines for row in labels.rows)
    rows: list[dict[str, str]] = []
    meta: list[dict[str, str]] = []
    seen: dict[tuple[bytes, str], Row] = {}
    for row in labels.rows:
        picture = pictures[row.path]
        reason = _reason_to_drop(row, picture, empty_allowed=not labels.split)
        if not reason and isinstance(picture, Picture):
            earlier = seen.setdefault((picture.digest, _text(row)), row)
            reason = "" if earlier is row else f"the same picture and text as row {earlier.number}"
        if reason or isinstance(picture, str):
            changes.append(f"{row.where}: left out {row.written or 'the row'}: {reason}")
            continue
        if row.written != row.name:
            changes.append(f"{row.where}: {row.written} became {row.name}")
        if (text := _text(row)) != row.plate:
            changes.append(f"{row.where}: {row.plate!r} became {text!r}")
        rows.append({**row.values, "image": row.name, "text": text})
        if with_meta:
            meta.append(_meta(row, picture, labels.has_meta, lines.get(row.where), changes))
        (folder / row.name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(row.path, folder / row.name)
    folder.mkdir(parents=True, exist_ok=True)
    named = {row.name for row in labels.rows}
    for name, (number, _) in labels.meta.items():
        if name not in named:
            changes.append(f"{labels.folder / 'meta.csv'}:{number}: left out {name}: labels.csv has no such picture")
    _write(folder / "labels.csv", LABEL_COLUMNS, rows)
    if with_meta:
        _write(folder / "meta.csv", META_COLUMNS, meta)
    return len(rows)


def _text(row: Row) -> str:
    return corrected(row.plate) or row.plate


def _reason_to_drop(row: Row, picture: Picture | str, *, empty_allowed: bool) -> str:
    if row.fault:
        return row.fault
    if isinstance(picture, str):
        return picture
    if row.outside:
        return "it lies outside of the data set"
    return _fault_of_text(row, empty_allowed=empty_allowed)


def _fault_of_text(row: Row, *, empty_allowed: bool) -> str:
    if not row.plate and not empty_allowed:
        return "no text; only a folder of your own crops may have crops without a plate"
    if row.plate and corrected(row.plate) is None:
        return f"{row.plate!r} has signs that the reader does not know"
    if len(_text(row)) > LONGEST:
        return f"{row.plate!r} is longer than the {LONGEST} characters that the reader learns"
    return ""


def _meta(row: Row, picture: Picture, known: bool, lines: int | None, changes: list[str]) -> dict[str, str]:
    """The row's meta.csv values, with the size that the picture has and these lines, if there are better ones.

    A size is no change where meta.csv was not `known` before.
    """
    size = {"width": str(picture.width), "height": str(picture.height)}
    values = {**(row.meta or {"lines": "1", **({} if known else size)}), "image": row.name}
    told = {name: values.get(name, "") for name in size}
    if told != size:
        changes.append(
            f"{row.where}: {row.name}: size {told['width'] or '?'}×{told['height'] or '?'} became "
            f"{picture.width}×{picture.height}"
        )
    right = str(lines or row.lines)
    if values.get("lines", "").strip() != right:
        changes.append(f"{row.where}: {row.name}: lines {values.get('lines', '')!r} became {right!r}")
        values["lines"] = right
    return values | size


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """The usual columns first, then those that the set has beside them."""
    more = dict.fromkeys(name for row in rows for name in row if name not in columns)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*columns, *more], restval="")
        writer.writeheader()
        writer.writerows(rows)
