"""Checks reader data sets before hours go into training on them: labels, pictures, duplicates, splits, coverage.

DATA is a tree with reader/NAME/train and val, one NAME, or a folder with labels.csv, such as your own crops. Nothing in
it is changed. The exit status is 1 if there are errors; warnings and notes are yours to judge.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from edge.errors import SourceError
from edge.reader import PlateReader
from training.check_coverage import Coverage, coverage, coverage_findings
from training.check_doubts import doubted_labels
from training.check_fix import write_corrected
from training.check_lines import better_lines, lines_findings
from training.check_pairs import Seen, duplicate_findings, split_findings
from training.check_pictures import Picture, measure
from training.check_rules import label_findings, picture_findings, row_findings
from training.check_table import Finding, LabelSet, find_sets

SHOWN = 20
"""Findings of one kind that are shown, unless all are asked for."""

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def look_at(sets: Sequence[LabelSet]) -> dict[Path, Picture | str]:
    """Every picture that a row names → its measures, or why there are none."""
    paths = dict.fromkeys(row.path for labels in sets for row in labels.rows)
    console = Console(stderr=True)
    return {path: measure(path) for path in track(paths, "pictures", console=console, transient=True)}


def check(
    sets: Sequence[LabelSet], pictures: Mapping[Path, Picture | str], lines: Mapping[str, int], least: int
) -> tuple[list[Finding], list[Coverage]]:
    """All findings, those of single rows first, and the coverage of each split; `lines` as `better_lines` has them."""
    covered = [
        coverage(split, [row.plate for labels in sets if labels.split == split for row in labels.rows])
        for split in dict.fromkeys(labels.split for labels in sets)
    ]
    findings = [*_findings(sets, pictures), *lines_findings(sets, lines)]
    findings += [finding for each in covered for finding in coverage_findings(each, least)]
    return findings, covered


def _findings(sets: Sequence[LabelSet], pictures: Mapping[Path, Picture | str]) -> Iterator[Finding]:
    seen: list[Seen] = []
    for labels in sets:
        yield from labels.findings
        if not labels.rows and not labels.findings:
            yield Finding("error", "file", str(labels.folder / "labels.csv"), "no rows")
        yield from row_findings(labels)
        for row in labels.rows:
            yield from label_findings(row, empty_allowed=not labels.split)
            yield from picture_findings(row, picture := pictures[row.path])
            if isinstance(picture, Picture):
                seen.append((labels, row, picture))
    yield from duplicate_findings(seen)
    yield from split_findings(sets)


def show(findings: Sequence[Finding], everything: bool, console: Console) -> None:
    """A table on a terminal, else plain lines; one finding a line."""
    table = Table("", "kind", "where", "what", box=None, pad_edge=False)
    counts: Counter[str] = Counter()
    total = Counter(finding.kind for finding in findings)
    lines = []
    for finding in findings:
        counts[finding.kind] += 1
        cells = [finding.level, finding.kind, finding.where, finding.text]
        if not everything and counts[finding.kind] == SHOWN + 1:
            cells[2:] = ["", f"… and {total[finding.kind] - SHOWN} more of this kind; --all shows them"]
        elif not everything and counts[finding.kind] > SHOWN:
            continue
        lines.append("  ".join(cell for cell in cells if cell))
        table.add_row(Text(finding.level, _STYLES[finding.level]), *map(Text, cells[1:]))
    if console.is_terminal:
        console.print(table)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))


def main(arguments: list[str]) -> int:
    """`python -m training check`."""
    parser = argparse.ArgumentParser(prog="python -m training check", description=__doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="the tree or folder to check")
    parser.add_argument("--json", action="store_true", help="one JSON object with all findings and counts")
    parser.add_argument("--all", action="store_true", help=f"show more than {SHOWN} findings of one kind")
    parser.add_argument(
        "--least", type=int, default=20, metavar="N", help="characters on fewer plates than N are told (%(default)s)"
    )
    parser.add_argument(
        "--fix",
        type=Path,
        metavar="NEW",
        help="write a corrected copy, pictures and all, into this new folder, and tell each row that was changed or "
        "left out",
    )
    given = parser.parse_args(arguments)
    if not given.data.is_dir():
        raise SourceError(f"{given.data}: no such folder")
    sets = find_sets(given.data)
    pictures = look_at(sets)
    reader = PlateReader()
    lines = better_lines(sets, pictures, reader)
    findings, covered = check(sets, pictures, lines, given.least)
    findings += doubted_labels(sets, pictures, reader)
    levels = Counter(finding.level for finding in findings)
    rows = sum(len(labels.rows) for labels in sets)
    unusable = [finding for labels in sets for finding in labels.unusable]
    fix = given.fix is not None and not unusable
    if not given.json:
        show(findings, given.all, Console())
    changes = write_corrected(sets, pictures, lines, given.data, given.fix) if fix else []
    if given.json:
        told = {
            "data": str(given.data),
            "sets": {str(labels.folder): len(labels.rows) for labels in sets},
            "errors": levels["error"],
            "warnings": levels["warning"],
            "findings": [asdict(finding) for finding in findings],
            "coverage": [asdict(each) for each in covered],
            "changes": changes,
        }
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in changes))
        summary = f"{rows} rows in {len(sets)} folders: {levels['error']} errors, {levels['warning']} warnings"
        told_fix = f"; {len(changes)} changes, the corrected copy is in {given.fix}" if fix else ""
        if given.fix and unusable:
            told_fix = f"; no corrected copy: mend {unusable[0].where.removesuffix(':1')} first, {unusable[0].text}"
        sys.stdout.write(f"{summary}{told_fix}\n")
    return 1 if levels["error"] else 0
