"""How many looks at plates of one width the shipped reader gets right: measured, and kept beside what it is told by.

`python -m training evaluate --report DIR` writes it into DIR/report.json under `shrunk`: the same real one-line crops
at smaller and smaller widths. What comes from far away is also blurred, noisy and compressed, so that this is the most
that a width allows, never a promise.
"""

import numpy as np

from edge.preprocess import PLATE_MARGIN

READER = "64a63e96b8d068f46279470a3c2090b4b7d896bb3ffb9bd2ce2b543c9feb6125"
"""SHA-256 of the reader that was measured, on 319 crops."""
EXACT = {30: 0.122, 40: 0.621, 50: 0.875, 60: 0.937, 70: 0.947, 80: 0.956, 100: 0.959, 120: 0.959}
"""Width of the crop, pixels → share of the crops read without any error."""


def exact_at_most(width: float) -> float:
    """Share, 0 to 1, of single looks at plates `width` pixels wide that can be read without any error."""
    crop = width * (1 + 2 * PLATE_MARGIN)  # what the reader gets has a margin around the plate
    shares = np.maximum.accumulate(list(EXACT.values()))  # a step down is chance, not size
    return float(np.interp(crop, [0, *EXACT], [0.0, *shares]))
