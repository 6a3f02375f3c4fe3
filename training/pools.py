"""The reader's training pools: synthetic plates, real ones photographed again, and crops without a plate.

Made once and kept beside the runs, for all of them; a broken run goes on from the pools that are finished. A pool's
name changes with what it is made of: crops and their texts, layouts and fonts, but not with the code that draws.
"""

import logging
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from training.dataset import (
    Job,
    Sample,
    astray_jobs,
    boxed_samples,
    demo_jobs,
    empty_jobs,
    make_pool,
    read_split,
    real_jobs,
    synthetic_jobs,
)
from training.detector_data import HELD_BACK_NEGATIVES, NEGATIVES, negative_paths
from training.own import usual_samples
from training.plates import FONTS, LAYOUTS

log = logging.getLogger(__name__)

OWN_VIEWS = 3000
"""Views made of all own crops together; the fewer crops, the more of each."""


def prepare_pools(
    folder: Path,
    data: Path,
    *,
    seed: int,
    synthetic: int,
    real_times: int,
    demo: int,
    processes: int,
    own: Sequence[Sample] = (),
) -> dict[str, Path]:
    """Kind ("synthetic", "real", "empty", "astray", "demo", "own") → its pool in `folder`, made if it is not there yet.

    With `own` crops to learn from, the usual real plates may be missing.
    """
    samples = real_to_learn(data, with_own=bool(own))
    negatives = negatives_to_learn(data)
    makers: dict[str, tuple[str, Callable[[], list[Job]], str]] = {}
    layouts = _layouts()
    title = "synthetic plates"
    makers["synthetic"] = (f"{seed}-{synthetic}-{layouts}", lambda: synthetic_jobs(seed, synthetic), title)
    if samples:
        title = "real plates, photographed again"
        makers["real"] = (
            f"{seed}-{real_times}-{print_of(samples)}",
            lambda: real_jobs(seed, samples, real_times),
            title,
        )
    else:
        log.warning("no usual real plates: only drawn ones are rehearsed; set GATEREADER_DATA to where real ones lie")
    count = max(50, synthetic // 40)
    if negatives:
        title = "crops without a plate"
        names = sha256("".join(f"{path.name} {path.stat().st_size}\n" for path in negatives).encode()).hexdigest()[:12]
        makers["empty"] = (f"{seed}-{count}-{names}", lambda: empty_jobs(seed, negatives, count), title)
    else:
        words = "%s: no more than %d pictures without plates; the reader will not learn to stay silent"
        log.warning(words, data / "detector" / NEGATIVES, HELD_BACK_NEGATIVES)
    title = "plates looked at the wrong way"
    makers["astray"] = (f"{seed}-{count}-{layouts}", lambda: astray_jobs(seed, count), title)
    if demo:
        makers["demo"] = (f"{seed}-{demo}", lambda: demo_jobs(seed, demo), "plates of the demo scene")
    if own:
        mine = list(own)
        times = max(1, OWN_VIEWS // len(mine))
        makers["own"] = (f"{seed}-{print_of(mine)}", lambda: real_jobs(seed, mine, times), "your own crops")
    pools = {}
    for kind, (name, jobs, title) in makers.items():
        path = folder / f"{kind}-{name}.npz"
        if path.is_file():
            log.info("%s: %s, drawn before", path, title)
        else:
            make_pool(jobs(), processes, title).save(path)
        pools[kind] = path
    return pools


def real_to_learn(data: Path, *, with_own: bool) -> list[Sample]:
    """The usual real plates; SourceError if there are none, unless own crops are learned beside them."""
    samples = usual_samples("train", data) if with_own else read_split(data / "reader", "train")
    return samples + boxed_samples(data / "detector", "train")


def negatives_to_learn(data: Path) -> list[Path]:
    """Pictures without plates, but for those that detector and reader are judged by; none where there are no others."""
    there = (data / "detector" / NEGATIVES / "train" / "images").is_dir()
    return negative_paths(data, held_back=False) if there else []


def _layouts() -> str:
    """Changes when a layout or the list of fonts does."""
    return sha256(LAYOUTS.read_bytes() + (FONTS / "fonts.toml").read_bytes()).hexdigest()[:12]


def print_of(samples: Sequence[Sample]) -> str:
    """Changes when a crop or its text does."""
    digest = sha256()
    for sample in samples:
        known = f"{sample.image.name} {sample.set} {sample.text} {sample.lines} {sample.box}\n"
        digest.update(known.encode() + sample.image.read_bytes())
    return digest.hexdigest()[:12]
