"""What a reader's training run is told: its settings, as its folder keeps them, and the command that exports it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from edge.errors import ConfigError
from training.run_folder import require, resumed, stored


@dataclass(frozen=True, slots=True)
class ReaderTrainSettings:
    """Every number of a run; written beside its weights."""

    steps: int = 22_000
    """Batches to learn from."""
    batch: int = 32
    """Crops in a batch."""
    learning_rate: float = 3e-3
    """The highest of the cycle (AdamW): up to it, then down a cosine to a thousandth."""
    warm_up: float = 0.06
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 1e-4
    """AdamW's."""
    clip_norm: float = 5.0
    """Longest gradient of one weight tensor; a longer one is shortened to it."""
    average: float = 0.998
    """Share of the old weights that the moving average, which is judged and kept, keeps at each step."""
    width: float = 0.5
    """Of the network: its channels are multiplied by it (`training.model.build_reader`)."""
    context: int = 2
    """Convolutions along the width, or LSTMs of a "crnn"."""
    dropout: float = 0.1
    """Share of the features that are left out before the characters are told."""
    mix: tuple[float, ...] = (0.46, 0.43, 0.03, 0.05, 0.03)
    """Shares of synthetic plates, real plates, crops without a plate, the demo scene's plates and plates looked at the
    wrong way in a batch."""
    demo: int = 1500
    """Crops of the demo scene in the pool."""
    synthetic: int = 100_000
    """Drawn plates in the pool."""
    real_times: int = 24
    """How often each real crop is photographed again for the pool; those of rare sets more often."""
    validate_every: int = 1000
    """Steps between two looks at the validation crops."""
    save_every: int = 500
    """Steps between two states to resume from."""
    seed: int = 1
    """Of pools, batches and first weights."""
    threads: int = 1
    """Of the processor."""
    init: str = ""
    """Weights to begin with; empty: drawn ones."""
    own: str = ""
    """Folder of the owner's own crops; they get `own_share` of each batch."""
    own_share: float = 0.3
    """Share of the owner's own crops in a batch."""
    forget: float = 0.01
    """Share of the usual validation plates that may be lost for own ones."""
    architecture: str = "cnn"
    """Of `training.model.ARCHITECTURES`; only a "cnn" can be exported."""
    quantize_aware: bool = False
    """Learn with weights and activations rounded as int8 will round them."""
    teachers: tuple[str, ...] = ()
    """Weights of readers whose opinion is learned, too (`training/distil.py`)."""
    teachers_share: float = 0.5
    """Of the loss; the rest is CTC's."""
    devices: int = 1
    """Devices that share each batch (JAX)."""
    data: str = ""
    """Tree of real plates that it learned from; empty: the usual one (`training.dataset.data_folder`)."""
    averaged_from: tuple[str, ...] = ()
    """Weights whose mean this run is (`training average`); the other settings are those of the last one's run."""

    def __post_init__(self) -> None:
        counts = ("steps", "batch", "synthetic", "real_times", "validate_every", "save_every", "threads", "devices")
        require(self, "1 or more", lambda value: value >= 1, *counts)
        require(self, "0 or more", lambda value: value >= 0, "demo", "seed", "context", "weight_decay")
        require(self, "more than 0", lambda value: 0 < value < inf, "learning_rate", "width", "clip_norm")
        require(self, "0 to 1", lambda value: 0 <= value <= 1, "own_share", "forget", "warm_up", "teachers_share")
        require(self, "0 or more, and less than 1", lambda value: 0 <= value < 1, "average", "dropout")
        if not (all(0 <= share < inf for share in self.mix) and sum(self.mix) > 0):
            raise ConfigError(f"--mix {' '.join(map(str, self.mix))}: wanted shares of 0 or more, not all of them 0")


def read_settings(run: Path) -> ReaderTrainSettings:
    """Those of a reader's run, from the file in its folder; ConfigError if it is not there, or of something else."""
    return stored(run, _from_file, "a reader's run")


def resumed_reader(run: Path, given: Mapping[str, Any]) -> ReaderTrainSettings:
    """`run_folder.resumed` of a reader's run."""
    return resumed(run, _from_file, "a reader's run", given)


def export_words(run: Path, settings: ReaderTrainSettings) -> str:
    """For people: how the run's weights become a model, judged by the data that it was trained with."""
    judged = settings.own or settings.data
    words = ["python", "-m", "training", "export", "--run", str(run), *(["--data", judged] if judged else [])]
    return f"{shlex.join(words)} (--output FOLDER, lest the shipped model in models/ be replaced)"


def _from_file(
    *, mix: Sequence[float], averaged_from: Sequence[str] = (), teachers: Sequence[str] = (), **fields: Any
) -> ReaderTrainSettings:
    return ReaderTrainSettings(mix=tuple(mix), averaged_from=tuple(averaged_from), teachers=tuple(teachers), **fields)
