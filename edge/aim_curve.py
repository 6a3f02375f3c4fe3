"""How many looks at plates of one width the shipped reader gets right: measured, and kept beside what it is told by.

`python -m training evaluate --report DIR` writes it into DIR/report.json under `shrunk`: the same real one-line crops
at smaller and smaller widths. What comes from far away is also blurred, noisy and compressed, so that this is the most
that a width allows, never a promise.
"""

import numpy as np

from edge.preprocess import PLATE_MARGIN

READER = "db482de216edfe9aa2e6da154ba4e6e5e14b4983421d2f7ce4d8056e1aa99fd0"
"""SHA-256 of the reader that was measured, on 319 crops."""
EXACT = {30: 0.150, 40: 0.674, 50: 0.893, 60: 0.950, 70: 0.966, 80: 0.981, 100: 0.981, 120: 0.981}
"""Width of the crop, pixels → share of the crops read without any error."""


def exact_at_most(width: float) -> float:
    """Share, 0 to 1, of single looks at plates `width` pixels wide that can be read without any error."""
    crop = width * (1 + 2 * PLATE_MARGIN)  # what the reader gets has a margin around the plate
    shares = np.maximum.accumulate(list(EXACT.values()))  # a step down is chance, not size
    return float(np.interp(crop, [0, *EXACT], [0.0, *shares]))
