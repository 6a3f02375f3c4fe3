"""What a run of the reader learned from: its pools, and the rows of a card that tell of its data."""

import json
from collections import Counter
from pathlib import Path

from edge.errors import ModelError
from training.dataset import boxed_samples, data_folder
from training.detector_data import NEGATIVES
from training.own import NAME, is_own, read_own, split_own, usual_samples
from training.pools import negatives_to_learn
from training.reader_settings import ReaderTrainSettings
from training.run_folder import POOLS, START

_LICENCES = {
    "openimages": "CC BY",
    "openimages_small": "CC BY",
    "indonesia": "CC BY",
    "europe": "AGPL-3.0",
    "brazil": "AGPL-3.0",
    "brazil_toll": "AGPL-3.0",
    "romania": "MIT",
    "web": "MIT",
    NEGATIVES: "AGPL-3.0, CC BY 4.0",
    NAME: "the owner's",
}


def pools_of(run: Path) -> list[Path]:
    """The files that the run learned from; of an older run, which does not say, all that lie there.

    ModelError if one of them, or the list of them, cannot be read.
    """
    folder = run.parent / "pools"
    try:
        names = json.loads((run / POOLS).read_text(encoding="utf-8")).values()
    except (ValueError, AttributeError) as error:
        again = f"delete it, `train --resume --run {run}` makes it anew"
        raise ModelError(f"{run / POOLS}: damaged ({error}); {again}") from None
    except FileNotFoundError:
        names = [path.name for path in folder.glob("*.npz") if ".partial" not in path.name]
    if lost := [name for name in sorted(names) if not (folder / name).is_file()]:
        raise ModelError(f"{folder / lost[0]}: missing; copy the run together with the folder `pools` beside it")
    return [folder / name for name in sorted(names)]


def unusual_tree(settings: ReaderTrainSettings) -> str:
    """The tree that the run learned from; nothing if it is the usual one."""
    return "" if settings.data in ("", str(data_folder())) else settings.data


def data_rows(run: Path, settings: ReaderTrainSettings, data: Path) -> list[dict[str, object]]:
    """What the run learned and went on from; own crops are looked for in `data` too, where they may lie meanwhile.

    ModelError if it learned from a tree that is no longer there.
    """
    kinds = {path.name.split("-")[0] for path in pools_of(run)}
    tree = Path(settings.data or data_folder())
    samples = usual_samples("train", tree) + boxed_samples(tree / "detector", "train") if "real" in kinds else []
    negatives = negatives_to_learn(tree) if "empty" in kinds else []
    for kind, there in (("real", samples), ("empty", negatives)):
        if kind in kinds and not there:
            raise ModelError(f"{tree}: the pictures that {run} learned from are not there; the card has to list them")
    if settings.own:
        samples += split_own(read_own(data if is_own(data) else Path(settings.own)))[0]
    counts = Counter(sample.set for sample in samples) + Counter({NEGATIVES: len(negatives)})
    rows: list[dict[str, object]] = [
        {"name": name, "kind": "real", "pictures": counts[name], "licence": _LICENCES.get(name, "not told")}
        for name in sorted(counts)
    ]
    if (run / START).is_file():
        rows.append(json.loads((run / START).read_text(encoding="utf-8")))
    drawn = {"synthetic": (settings.synthetic, "fonts: OFL-1.1 and MIT"), "demo": (settings.demo, "the project's")}
    return rows + [
        {"name": name, "kind": "drawn", "pictures": count, "licence": licence}
        for name, (count, licence) in drawn.items()
        if name in kinds
    ]
