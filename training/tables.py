"""Reading CSV tables that people have saved, perhaps with a spreadsheet: UTF-8, with or without a mark, commas."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.errors import SourceError

LABEL_COLUMNS = ("image", "text", "country", "source")
"""Of labels.csv."""
META_COLUMNS = ("image", "width", "height", "lines", "group", "note")
"""Of meta.csv."""

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}


def read_table(path: Path, needed: Sequence[str], wanted: str = "") -> list[dict[str, str]]:
    """The rows, column → value.

    SourceError if the file is missing, is no CSV in UTF-8, lacks a column of `needed`, or has a row of more or fewer
    cells than the header, which names file and line; `wanted` names all columns, if there are more.
    """
    wanted = wanted or ",".join(needed)
    try:
        header, rows = read_rows(path, wanted)
    except ValueError as error:
        raise SourceError(f"{path}: {error}") from None
    if missing := [name for name in needed if name not in header]:
        raise SourceError(f"{path}: no column {', '.join(missing)}; wanted {wanted}")
    for line, row in rows:
        if fault := cells_fault(header, row):
            raise SourceError(f"{path}:{line}: {fault}")
    return [{name: value for name, value in row.items() if name} for _, row in rows]


def read_rows(path: Path, wanted: str) -> tuple[list[str], list[tuple[int, dict[str | Any, str | Any]]]]:
    """The header, and the rows with the numbers of their lines, as `csv.DictReader` has them.

    ValueError that says what was found instead of what is `wanted`, if the file cannot be used at all.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError:
        raise ValueError("not in UTF-8; save it again as CSV UTF-8") from None
    except OSError as error:
        raise ValueError(f"{error.strerror}; wanted {wanted}") from None
    except csv.Error as error:
        raise ValueError(f"{error}; wanted {wanted}") from None
    for sign, name in _OTHER_SEPARATORS.items():
        if len(header) == 1 and sign in header[0]:
            raise ValueError(f"its cells are parted by {name}; save it again with commas")
    return header, rows


def cells_fault(header: Sequence[str], row: Mapping[str | None, object]) -> str:
    """What is wrong with a row, as `csv.DictReader` has it, of more or fewer cells than the header; else nothing.

    Which cell belongs to which column is then not known: a comma in a value that is not quoted shifts all after it.
    """
    if None in row or None in row.values():
        return f"not {len(header)} cells as in the header; quote a value that has a comma"
    return ""
