"""A wider plate detector that begins where a narrower one is (`net2net.py`): it finds the same, and has room to learn
more. Which old channel each new one repeats is followed through the network.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.net2net import Channels, parts, repeated


class _Widening:
    """Takes the narrower network's tensors, by their names, into the wider one's."""

    def __init__(self, old: Mapping[str, Tensor]) -> None:
        self._old = old
        self._random = np.random.default_rng(0)
        self.weights: dict[str, Tensor] = {}

    def count(self, name: str) -> int:
        """Channels that come out of the narrower network's convolution `name`."""
        return int(self._old[f"{name}.weight"].shape[0])

    def convolve(self, name: str, layer: Any, into: Channels, out: Channels | None = None) -> Channels:
        """Fill the convolution `name`, with its normalisation if it has one; what its channels repeat."""
        bare = isinstance(layer, nn.Conv2d)
        convolution = layer if bare else layer.conv
        inner = name if bare else f"{name}.conv"
        if convolution.groups > 1:  # a channel of its own each: what comes in goes out
            out = into
        elif out is None:
            out = _repeat(self.count(inner), convolution.out_channels)
        kernel = self._old[f"{inner}.weight"].float()[torch.from_numpy(out)]
        self.weights[f"{inner}.weight"] = kernel if convolution.groups > 1 else self._divided(kernel, into)
        for kind in ("bias",) if bare else ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"):
            values = self._old[f"{name}.{kind}"].float()
            self.weights[f"{name}.{kind}"] = values[torch.from_numpy(out)]
        if not bare:
            self.weights[f"{name}.bn.num_batches_tracked"] = self._old[f"{name}.bn.num_batches_tracked"]
        return out

    def _divided(self, kernel: Tensor, into: Channels) -> Tensor:
        """The kernel (out, in, H, W) for repeated channels coming in; the parts of the copies of one sum to it."""
        out, _, *size = kernel.shape
        shares = parts(into, (size[0], size[1]), out, self._random).transpose(3, 2, 0, 1)
        return kernel[:, torch.from_numpy(into)] * torch.from_numpy(shares)

    def block(self, name: str, layer: Any, into: Channels) -> Channels:
        """Fill a C2f or C3k2: two halves, each bottleneck on what the one before made, all of them joined."""
        few = self.count(f"{name}.cv1.conv") // 2
        half = _repeat(few, layer.c)
        self.convolve(f"{name}.cv1", layer.cv1, into, np.concatenate([half, half + few]))
        for index, bottleneck in enumerate(layer.m):
            inner = f"{name}.m.{index}"
            hidden = self.convolve(f"{inner}.cv1", bottleneck.cv1, half)
            self.convolve(f"{inner}.cv2", bottleneck.cv2, hidden, half)  # is added to what came in
        joined = np.concatenate([half + few * part for part in range(2 + len(layer.m))])
        return self.convolve(f"{name}.cv2", layer.cv2, joined)

    def pool(self, name: str, layer: Any, into: Channels) -> Channels:
        """Fill an SPPF: one convolution, pooled ever wider, all of them joined."""
        few = self.count(f"{name}.cv1.conv")
        half = self.convolve(f"{name}.cv1", layer.cv1, into)
        count = layer.cv2.conv.in_channels // len(half)
        return self.convolve(f"{name}.cv2", layer.cv2, np.concatenate([half + few * part for part in range(count)]))

    def branch(self, name: str, layers: Any, into: Channels) -> None:
        """Fill a chain of convolutions, whatever they are wrapped in."""
        for inner, layer in layers.named_modules():
            if hasattr(layer, "bn") or (isinstance(layer, nn.Conv2d) and not inner.endswith(".conv")):
                into = self.convolve(f"{name}.{inner}", layer, into)


def widened(network: Any, old: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights with which `network` computes what a narrower one with the weights `old` does.

    KeyError, IndexError or ValueError if the two differ in more than the number of their channels.
    """
    work = _Widening(old)
    *layers, head = network.model
    kept: list[tuple[Channels, int]] = []  # of each layer: what its channels repeat, and how many the narrower one has
    for index, layer in enumerate(layers):
        name, kind = f"model.{index}", type(layer).__name__
        into, few = kept[-1] if kept else (np.arange(3), 3)
        if kind == "Concat":
            joined = [kept[source] for source in layer.f]
            before = np.cumsum([0, *(count for _, count in joined)])
            into = np.concatenate([part + start for (part, _), start in zip(joined, before[:-1], strict=True)])
            few = int(before[-1])
        elif kind in {"C2f", "C3k2"}:
            into, few = work.block(name, layer, into), work.count(f"{name}.cv2.conv")
        elif kind == "SPPF":
            into, few = work.pool(name, layer, into), work.count(f"{name}.cv2.conv")
        elif kind == "Conv":
            into, few = work.convolve(name, layer, into), work.count(f"{name}.conv")
        elif kind != "Upsample":
            raise ValueError(f"layer {index} is a {kind}, which cannot be widened")
        kept.append((into, few))
    for level, source in enumerate(head.f):
        for branch in ("cv2", "cv3"):
            chain = getattr(head, branch)[level]
            work.branch(f"model.{len(layers)}.{branch}.{level}", chain, kept[source][0])
    return work.weights


def _repeat(few: int, many: int) -> Channels:
    if many < few:
        raise ValueError(f"{few} channels do not fit into {many}")
    return repeated(few, many)
