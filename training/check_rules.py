"""What `training check` asks of one data set: its labels, its pictures, and what meta.csv says of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from edge.alphabet import ALPHABET, time_steps_needed
from edge.preprocess import LEAST_DEVIATION, READER_WIDTH, TWO_LINE_ASPECT
from training.augment import NARROWEST
from training.check_pictures import Picture
from training.check_table import Finding, LabelSet, Level, Row
from training.dataset import LONGEST, characters_across

TIME_STEPS = READER_WIDTH // 4
"""CTC time steps of the reader, which halves the width twice."""

SEPARATORS = " -.·•_*|/\t"
"""Drawn on plates, not part of a text; `--fix` takes them out."""

BLANK_SPREAD = 4.0
"""Grey values; a picture with less between its darkest and its brightest twentieth shows nothing."""

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


def corrected(text: str) -> str | None:
    """The label in upper case without separators; None if that does not make it one."""
    plain = "".join(character for character in text.upper() if character not in SEPARATORS)
    return plain if plain and set(plain) <= set(ALPHABET) else None


def label_findings(row: Row, empty_allowed: bool) -> Iterator[Finding]:
    """Whether the reader can learn this text at all."""
    text = row.plate
    if not text:
        if not empty_allowed:
            what = f"{row.name}: no text; only a folder of your own crops may have crops without a plate"
            yield Finding("error", "empty", row.where, what)
        return
    strange = sorted({character for character in text if character not in ALPHABET})
    if strange:
        better = corrected(text)
        advice = f"--fix writes {better!r}" if better else "wanted A to Z and 0 to 9 only"
        yield Finding("error", "alphabet", row.where, f"{''.join(strange)!r} in {text!r}; {advice}")
    plain = corrected(text) or text
    if len(plain) > LONGEST:
        what = f"{plain!r} has {len(plain)} characters; the reader learns {LONGEST} at most"
        yield Finding("error", "long", row.where, what)
    if (steps := time_steps_needed(plain)) > TIME_STEPS:
        what = f"{plain!r} needs {steps} CTC time steps (a blank stands between repeats); the reader has {TIME_STEPS}"
        yield Finding("error", "infeasible", row.where, what)


def picture_findings(row: Row, picture: Picture | str) -> Iterator[Finding]:
    """Whether there is something to see, and whether meta.csv tells it as it is."""
    if isinstance(picture, str):
        kind = "unreadable" if row.path.is_file() else "missing"
        yield Finding("error", kind, row.where, f"{row.name or 'no picture named'}: {picture}")
        return
    if picture.damage:
        yield Finding("warning", "damaged", row.where, f"{row.name}: {picture.damage}; the rest is filled up grey")
    if row.plate:
        yield from _visibility(row, picture)
    yield from _meta(row, picture)


def _visibility(row: Row, picture: Picture) -> Iterator[Finding]:
    if picture.spread < BLANK_SPREAD:
        what = f"{row.name}: blank, {picture.spread:.0f} grey values from dark to bright, but labelled {row.plate}"
        yield Finding("error", "blank", row.where, what)
    elif picture.deviation < LEAST_DEVIATION:
        what = f"{row.name}: little contrast, grey values vary by {picture.deviation:.1f}; {row.plate} is hard to see"
        yield Finding("warning", "contrast", row.where, what)
    characters = characters_across(row.plate, row.lines)
    if picture.width < NARROWEST * characters:
        each = picture.width / characters
        what = f"{row.name}: {picture.width}×{picture.height} px is {each:.1f} px a character of {row.plate}"
        yield Finding("warning", "small", row.where, f"{what}; below {NARROWEST:.0f} people guess")


def _meta(row: Row, picture: Picture) -> Iterator[Finding]:
    if row.meta is None:
        return
    told = (row.meta.get("width", ""), row.meta.get("height", ""))
    if any(told) and told != (str(picture.width), str(picture.height)):
        what = f"{row.name}: meta.csv says {told[0]}×{told[1]}, the picture is {picture.width}×{picture.height}"
        yield Finding("warning", "meta-size", row.where, what)
    lines = row.meta.get("lines", "").strip()
    if lines not in ("", "1", "2"):
        yield Finding("error", "meta-lines", row.where, f"{row.name}: lines = {lines!r} in meta.csv; wanted 1 or 2")
    elif lines == "2" and picture.width >= TWO_LINE_ASPECT * picture.height:
        what = (
            f"{row.name}: two lines, but {picture.width}×{picture.height} is wider than {TWO_LINE_ASPECT:g} to 1; the "
            "device would read it as one"
        )
        yield Finding("warning", "meta-lines", row.where, what)


def row_findings(labels: LabelSet) -> Iterator[Finding]:
    """What is there twice, or in one place only."""
    first: dict[str, Row] = {}
    for row in labels.rows:
        if row.outside:
            what = f"{row.name} lies outside of the data set; wanted a path within {labels.folder}"
            yield Finding("error", "outside", row.where, what)
        elif row.written != row.name:
            # training takes an absolute path, on this computer only; of `\\` it knows nothing
            level: Level = "error" if "\\" in row.written else "warning"
            what = f"{row.written}: wanted a path that begins beside labels.csv, with /; --fix writes {row.name!r}"
            yield Finding(level, "path", row.where, what)
        if (earlier := first.setdefault(row.name, row)) is not row and row.name:
            same = earlier.plate == row.plate
            what = f"{row.name} is also row {earlier.number}, " + (
                "the same" if same else f"there as {earlier.plate!r}"
            )
            what += "" if same else f", here as {row.plate!r}; one of them is wrong"
            yield Finding("warning" if same else "error", "twice" if same else "contradiction", row.where, what)
        if labels.has_meta and row.meta is None:
            what = f"{row.name} has no row in meta.csv; taken as one line of characters"
            yield Finding("warning", "meta-missing", row.where, what)
    for name, (number, _) in labels.meta.items():
        if name not in first:
            what = f"{name or 'no picture named'} has no row in labels.csv"
            yield Finding("warning", "meta-only", f"{labels.folder / 'meta.csv'}:{number}", what)
    for path in unlabelled(labels, first):
        yield Finding("warning", "unlabelled", str(path), "a picture without a row in labels.csv; it is not used")


def unlabelled(labels: LabelSet, named: Mapping[str, object]) -> list[Path]:
    """Pictures of the folder that no row names."""
    known = {(labels.folder / name).resolve() for name in named}
    found = (path for path in labels.folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    return sorted(path for path in found if path.resolve() not in known)
