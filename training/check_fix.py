"""`training check --fix NEW`: a corrected copy of a data set. The one that was checked stays as it is.

Only what has one right answer is corrected; the rest is told and left to a person: a label that contradicts another,
a plate in two splits, a crop that is hard to see.
"""

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import ConfigError, OutputError
from training.check_pictures import Picture
from training.check_rules import corrected
from training.check_table import LABEL_COLUMNS, META_COLUMNS, LabelSet, Row
from training.dataset import LONGEST


def write_corrected(
    sets: Sequence[LabelSet],
    pictures: Mapping[Path, Picture | str],
    lines: Mapping[str, int],
    data: Path,
    target: Path,
) -> list[str]:
    """Copies the data set into `target` and returns, one line each, what it left out or wrote otherwise; these are also
    in `target/changes.txt`. `lines` are the better ones, as `better_lines` has them.

    ConfigError if `target` is there already or lies within `data`; OutputError if it cannot be written.
    """
    if target.exists():
        raise ConfigError(f"--fix {target}: is there already; name a folder that is not")
    if target.resolve().is_relative_to(data.resolve()):
        raise ConfigError(f"--fix {target}: lies within {data}; the copy would become part of what it is a copy of")
    changes: list[str] = []
    try:
        target.mkdir(parents=True)
        for labels in sets:
            _write_set(labels, pictures, lines, target / labels.folder.relative_to(data), changes)
        (target / "changes.txt").write_text("".join(f"{line}\n" for line in changes), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"--fix {target}: {error.strerror or error}") from None
    return changes


def _write_set(
    labels: LabelSet,
    pictures: Mapping[Path, Picture | str],
    lines: Mapping[str, int],
    folder: Path,
    changes: list[str],
) -> None:
    with_meta = labels.has_meta or any(row.where in lines for row in labels.rows)
    rows: list[dict[str, str]] = []
    meta: list[dict[str, str]] = []
    seen: dict[tuple[bytes, str], Row] = {}
    for row in labels.rows:
        picture = pictures[row.path]
        reason = _reason_to_drop(row, picture)
        if not reason and isinstance(picture, Picture):
            earlier = seen.setdefault((picture.digest, _text(row)), row)
            reason = "" if earlier is row else f"the same picture and text as row {earlier.number}"
        if reason or isinstance(picture, str):
            changes.append(f"{row.where}: left out {row.name or 'the row'}: {reason}")
            continue
        if (text := _text(row)) != row.plate:
            changes.append(f"{row.where}: {row.plate!r} became {text!r}")
        rows.append({**row.values, "text": text})
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


def _text(row: Row) -> str:
    return corrected(row.plate) or row.plate


def _reason_to_drop(row: Row, picture: Picture | str) -> str:
    if isinstance(picture, str):
        return picture
    if not row.path.resolve().is_relative_to(row.folder.resolve()):
        return "it lies outside of the data set"
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
    values = dict(row.meta or {"image": row.name, "lines": "1", **({} if known else size)})
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
