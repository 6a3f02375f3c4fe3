"""How many looks at plates of one width the shipped reader gets right: measured, and kept beside what it is told by.

`python -m training evaluate --report DIR` writes it into DIR/report.json under `shrunk`: the same real one-line crops
at smaller and smaller widths. What comes from far away is also blurred, noisy and compressed, so that this is the most
that a width allows, never a promise.
"""

import numpy as np

from edge.preprocess import PLATE_MARGIN

READER = "6abf71b48bee4b105b04803692fcd7327b3a4c56f34aa0e6bf91a0d51400777d"
"""SHA-256 of the reader that was measured, on 319 crops."""
EXACT = {30: 0.135, 40: 0.639, 50: 0.884, 60: 0.944, 70: 0.950, 80: 0.962, 100: 0.959, 120: 0.966}
"""Width of the crop, pixels → share of the crops read without any error."""


def exact_at_most(width: float) -> float:
    """Share, 0 to 1, of single looks at plates `width` pixels wide that can be read without any error."""
    crop = width * (1 + 2 * PLATE_MARGIN)  # what the reader gets has a margin around the plate
    shares = np.maximum.accumulate(list(EXACT.values()))  # a step down is chance, not size
    return float(np.interp(crop, [0, *EXACT], [0.0, *shares]))
