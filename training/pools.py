"""The reader's training pools: synthetic plates, real ones photographed again, and crops without a plate.

Made once and kept under the run's folder; a broken run goes on from the pools that are finished.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from training.dataset import Job, Pool, demo_jobs, empty_jobs, make_pool, read_split, real_jobs, synthetic_jobs

log = logging.getLogger(__name__)


def prepare_pools(
    folder: Path, data: Path, *, seed: int, synthetic: int, real_times: int, demo: int, processes: int
) -> list[Pool]:
    """The pools in `folder`, each made if it is not there yet."""
    pools = []
    samples = read_split(data / "reader", "train")
    negatives = sorted((data / "detector" / "negatives" / "train" / "images").glob("*.jpg"))
    makers: dict[str, tuple[Callable[[], list[Job]], str]] = {
        f"synthetic-{seed}-{synthetic}": (lambda: synthetic_jobs(seed, synthetic), "synthetic plates"),
        f"real-{seed}-{real_times}": (lambda: real_jobs(seed, samples, real_times), "real plates, photographed again"),
    }
    if negatives:
        makers[f"empty-{seed}"] = (
            lambda: empty_jobs(seed, negatives, max(50, synthetic // 40)),
            "crops without a plate",
        )
    else:
        log.warning("%s: no pictures without plates; the reader will not learn to stay silent", data / "detector")
    if demo:
        makers[f"demo-{seed}-{demo}"] = (lambda: demo_jobs(seed, demo), "plates of the demo scene")
    for name, (jobs, title) in makers.items():
        path = folder / f"{name}.npz"
        if not path.is_file():
            make_pool(jobs(), processes, title).save(path)
        pools.append(Pool.load(path))
    return pools
