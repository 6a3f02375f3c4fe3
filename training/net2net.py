"""Wider networks that begin where a narrower one is: they compute the same, and have room to learn more (Net2Net,
Chen et al. 2016, arXiv:1511.05641).

Channels are repeated, and what goes out of a repeated channel is divided among its copies, in random parts so that the
copies part ways when training goes on.
"""

import numpy as np
import numpy.typing as npt

Channels = npt.NDArray[np.intp]
"""Which channel of the narrower network each channel repeats."""

_SPREAD = 0.25


def repeated(few: int, many: int) -> Channels:
    """`few` channels over and over until there are `many`."""
    return np.arange(many) % few


def parts(into: Channels, size: tuple[int, int], out: int, random_: np.random.Generator) -> npt.NDArray[np.float32]:
    """(H, W, in, out) by which the kernel of repeated channels coming in is multiplied; the copies' parts sum to 1."""
    shares = np.ones((*size, len(into), out), np.float32)
    for channel in np.unique(into):
        copies = np.flatnonzero(into == channel)
        drawn = random_.standard_normal((*size, len(copies), out))
        shares[:, :, copies] = (1.0 + _SPREAD * (drawn - drawn.mean(axis=2, keepdims=True))) / len(copies)
    return shares
