"""How many looks at plates of one width the shipped reader gets right: measured, and kept beside what it is told by.

`python -m training evaluate --report DIR` writes it into DIR/report.json under `shrunk`: the same real one-line crops
at smaller and smaller widths. What comes from far away is also blurred, noisy and compressed, so that this is the most
that a width allows, never a promise.
"""

import numpy as np

from edge.preprocess import PLATE_MARGIN

READER = "d47a5493dd9d6e4a9d5e92cb144216580c87dada77f8af8fd26f4ec953861c82"
"""SHA-256 of the reader that was measured, on 319 crops."""
EXACT = {30: 0.119, 40: 0.564, 50: 0.865, 60: 0.925, 70: 0.944, 80: 0.950, 100: 0.947, 120: 0.953}
"""Width of the crop, pixels → share of the crops read without any error."""


def exact_at_most(width: float) -> float:
    """Share, 0 to 1, of single looks at plates `width` pixels wide that can be read without any error."""
    crop = width * (1 + 2 * PLATE_MARGIN)  # what the reader gets has a margin around the plate
    shares = np.maximum.accumulate(list(EXACT.values()))  # a step down is chance, not size
    return float(np.interp(crop, [0, *EXACT], [0.0, *shares]))
