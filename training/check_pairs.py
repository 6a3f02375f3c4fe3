"""What `training check` asks of pictures and plates in pairs: duplicates, contradictions, and ties between splits.

A plate that is learned from must not be judged by, or the judgement says more than is true.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from training.check_pictures import Picture, near_duplicates
from training.check_table import Finding, LabelSet, Level, Row

Seen = tuple[LabelSet, Row, Picture]
"""A row whose picture can be read."""

_ADVICE = {"duplicate": "--fix keeps the first", "near-duplicate": "drop one, or give both one group"}


def duplicate_findings(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Pictures that are the same, byte by byte or to the eye; each is named once, beside the first of its kind."""
    same_bytes: dict[bytes, list[Seen]] = defaultdict(list)
    for each in seen:
        same_bytes[each[2].digest].append(each)
    for first, *others in same_bytes.values():
        for other in others:
            if other[1].path != first[1].path:  # a row that is there twice is told elsewhere
                yield from _pair(first, other, "the same bytes as", "duplicate")
    pictures = [picture for _, _, picture in seen]
    told: set[int] = set()
    for first_index, second_index, alike in near_duplicates(pictures):
        one, other = seen[first_index], seen[second_index]
        known = one[1].plate == other[1].plate and one[1].group == other[1].group != ""
        if second_index in told or (known and one[0].split == other[0].split) or one[1].path == other[1].path:
            continue  # pictures of one group in one split are known to belong together
        told.add(second_index)
        yield from _pair(one, other, f"shows the same as (likeness {alike:.3f})", "near-duplicate")


def _pair(one: Seen, other: Seen, relation: str, kind: str) -> Iterator[Finding]:
    (labels, row, _), (other_labels, other_row, _) = one, other
    what = f"{other_row.name} ({other_row.plate or 'no plate'}) {relation} {row.path} ({row.plate or 'no plate'})"
    if labels.split != other_labels.split:
        what += f": {other_labels.split} and {labels.split} must not share a picture"
        yield Finding("error", f"{kind}-across", other_row.where, what)
    if row.plate != other_row.plate:
        # to the eye is not for sure: two cars of a row may carry plates that differ in one stroke
        level: Level = "error" if kind == "duplicate" else "warning"
        yield Finding(level, "contradiction", other_row.where, f"{what}: one of the two labels is wrong")
    elif labels.split == other_labels.split:
        yield Finding("warning", kind, other_row.where, f"{what}: it counts twice; {_ADVICE[kind]}")


def split_findings(sets: Sequence[LabelSet]) -> Iterator[Finding]:
    """Plates and groups that are in more than one split."""
    for plate, by_split in _by_split(sets, lambda row: row.plate).items():
        for (split, members), (other_split, others) in combinations(by_split.items(), 2):
            pair = next(((a, b) for _, a in members for _, b in others if _same_country(a, b)), None)
            if pair:
                what = f"{plate} is in {other_split} and, {pair[0].where}, in {split}; a plate belongs into one of them"
                yield Finding("error", "plate-across", pair[1].where, what)
    for group, by_split in _by_split(sets, lambda row: row.group).items():
        for (split, members), (other_split, others) in combinations(by_split.items(), 2):
            shared = {name for name, _ in members} & {name for name, _ in others}
            where = next((row for name, row in others if name in shared), others[0][1]).where
            what = f"group {group!r} has {len(members)} pictures in {split} and {len(others)} in {other_split}"
            if shared:
                yield Finding("error", "group-across", where, f"{what}; a group belongs into one of them")
            else:  # two data sets may have used one name by chance
                yield Finding("warning", "group-across", where, f"{what}, of other data sets; are they the same?")


def _by_split(sets: Sequence[LabelSet], key: Callable[[Row], str]) -> dict[str, dict[str, list[tuple[str, Row]]]]:
    """What `key` tells of a row → split → (name of the data set, row) of those that share it; empty ones left out."""
    found: dict[str, dict[str, list[tuple[str, Row]]]] = {}
    for labels in sets:
        for row in labels.rows:
            if name := key(row):
                found.setdefault(name, {}).setdefault(labels.split, []).append((labels.name, row))
    return found


def _same_country(one: Row, other: Row) -> bool:
    """Two countries may issue one text; unknown ones are taken as the same."""
    return not (one.country and other.country) or one.country == other.country
