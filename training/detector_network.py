"""The plate detector's network: ultralytics' blocks and loss, its checkpoints, and the cut that the device runs.

The only module that imports ultralytics (AGPL-3.0). Tensors are NCHW float 0 to 1, BGR as everywhere here.
"""

import importlib.util
import io
import logging
import os
import sys
import types
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import torch
from torch import Tensor, nn

from edge.errors import ModelError
from training.detector_widen import widened
from training.output import write_whole

NETWORK_FILE = Path(__file__).with_name("plate_detector.yaml")
STRIDES = (8, 16)
BINS = 12

_STAND_IN = "0.0+stand-in"

log = logging.getLogger(__name__)


def ensure_torchvision() -> bool:
    """True if torchvision works; otherwise put a stand-in into `sys.modules`, without which ultralytics stops.

    A torchvision built for another torch raises "operator torchvision::nms does not exist" when it is imported.
    Nothing here calls its operators: suppression is `edge.detector`'s.
    """
    if getattr(sys.modules.get("torchvision"), "__version__", "") == _STAND_IN:
        return False
    if importlib.util.find_spec("torchvision") is not None:
        try:
            import torchvision  # noqa: PLC0415 - the point is to see whether this fails

            torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
            return True
        except (RuntimeError, OSError, ImportError, AttributeError) as error:
            log.info("torchvision does not work here (%s); a stand-in takes its place", str(error).splitlines()[0])
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
    stand_in: Any = types.ModuleType("torchvision")
    stand_in.ops = types.ModuleType("torchvision.ops")
    stand_in.__version__ = _STAND_IN
    stand_in.__spec__ = importlib.util.spec_from_loader("torchvision", None)
    sys.modules["torchvision"], sys.modules["torchvision.ops"] = stand_in, stand_in.ops
    return False


def build_network() -> Any:
    """The untrained network; called with a batch in a dict, it returns ultralytics' detection loss."""
    network = _detection_model(NETWORK_FILE)
    network.args = _ultralytics("cfg").get_cfg()  # the loss's weights of box, class and distribution
    return network


def _ultralytics(module: str) -> Any:
    """A module of ultralytics, kept from looking for updates and from writing into the home directory."""
    ensure_torchvision()
    os.environ.update(YOLO_OFFLINE="1", YOLO_AUTOINSTALL="0")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(Path("runs").resolve()))
    return importlib.import_module(f"ultralytics.{module}")


def _detection_model(description: Path | str) -> Any:
    return _ultralytics("nn.tasks").DetectionModel(str(description), nc=1, verbose=False)


def build_foreign(description: str) -> Any:
    """An untrained network of one class that ultralytics describes in a yaml of its own, for comparisons of speed."""
    return _detection_model(description)


def save_weights(network: Any, path: Path, about: dict[str, Any]) -> None:
    """Weights in half precision and what they are; no optimizer, no ultralytics classes, so that any torch loads it.

    OutputError if the file cannot be written.
    """
    state = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    write_state({"weights": state, "about": about}, path)


def write_state(state: dict[str, Any], path: Path) -> None:
    """A file of torch's, whole or not at all; OutputError if it cannot be written."""
    whole = io.BytesIO()  # into a file itself, torch tells of a full disk by a RuntimeError about positions
    torch.save(state, whole)
    write_whole(path, whole.getvalue())


def read_state(path: Path) -> dict[str, Any]:
    """What `write_state` wrote; ModelError if the file is damaged, or of another kind."""
    foreign = f"{path}: no checkpoint of `python -m training detector train`, or damaged; take another"
    if not is_zipfile(path):
        raise ModelError(foreign)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, LookupError, UnpicklingError):
        raise ModelError(foreign) from None
    if not isinstance(state, dict) or not state.keys() & {"weights", "network"}:
        raise ModelError(foreign)
    return state


def load_weights(path: Path) -> tuple[Any, dict[str, Any]]:
    """The network of `save_weights` in evaluation mode, and what was said about it; widened if it was narrower."""
    stored, network = _stored(path), build_network()
    if fresh := _fill(network, stored["weights"], path):
        raise ModelError(f"{path}: made for another network ({fresh} tensors differ); see {NETWORK_FILE.name}")
    return network.eval(), stored["about"]


def _stored(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint; `python -m training detector train` makes one")
    stored = read_state(path)
    if "weights" not in stored:
        raise ModelError(f"{path}: the state of a run, not a checkpoint; take best.pt, or --resume")
    return stored


def transfer_weights(network: Any, path: Path) -> int:
    """Fill `network` with a checkpoint's weights, widened if it has fewer channels; how many tensors stay as built.

    Where it differs in more than channels, what has the same name and shape is copied; ModelError if nothing has.
    """
    fresh = _fill(network, _stored(path)["weights"], path)
    if fresh == len(network.state_dict()):
        raise ModelError(f"{path}: made for another network, none of its tensors fits; see {NETWORK_FILE.name}")
    return fresh


def _fill(network: Any, stored: dict[str, Tensor], path: Path) -> int:
    own = network.state_dict()
    if any(name in stored and stored[name].shape != value.shape for name, value in own.items()):
        try:
            stored |= widened(network, stored)
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            log.info("%s: not to be widened (%s)", path, error)
    same = {name: value.float() for name, value in stored.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(same, strict=False)
    return len(own) - len(same)


def _double(x: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, 2H, 2W), each pixel four times: nearest-neighbour resizing made of two joins.

    XNNPACK has no int8 RESIZE_NEAREST_NEIGHBOR: each one would leave the delegate and cut the graph in two.
    """
    count, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1)
    x = torch.cat([x, x], dim=3).reshape(count, height, 2 * width, channels)
    x = torch.cat([x, x], dim=2).reshape(count, 2 * height, 2 * width, channels)
    return x.permute(0, 3, 1, 2)


class CutNetwork(nn.Module):  # type: ignore[misc]
    """The network up to the raw maps of each stride: what is exported and what the device runs."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(N, H, W, 3) BGR 0 to 1 → for each stride (N, H/s, W/s, 4 × BINS) box and (N, H/s, W/s, 1) class logits."""
        x = pixels.permute(0, 3, 1, 2)
        kept: list[Any] = []
        *layers, head = self.network.model
        for layer in layers:
            if isinstance(layer, nn.Upsample):
                x = _double(x)
            elif isinstance(layer.f, int):
                x = layer(x if layer.f == -1 else kept[layer.f])
            else:
                x = layer([x if source == -1 else kept[source] for source in layer.f])
            kept.append(x)
        maps: list[Tensor] = []
        for level, source in enumerate(head.f):
            maps.append(head.cv2[level](kept[source]).permute(0, 2, 3, 1))
            maps.append(head.cv3[level](kept[source]).permute(0, 2, 3, 1))
        return tuple(maps)
