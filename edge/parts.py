"""The parts of the service that the configuration can change while it runs: models, pipeline, record, extras."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge import __version__
from edge.aim import frame_scale
from edge.card import ModelCard, load_card
from edge.config import Config
from edge.detector_choice import detector_path, settled
from edge.errors import OutputError
from edge.kept_crops import KeptCrops, crops_folder
from edge.ledger import Ledger
from edge.motion import AnyDetector, open_detector
from edge.pipeline import Pipeline
from edge.privacy import Privacy, VeiledPipeline
from edge.reader import PlateReader, reader_path
from edge.recording import Recorder
from edge.records import Frame, FrameResult


class Extra(Protocol):
    """What may fail without harm: crops for review, recorded frames. It raises nothing and says what is wrong."""

    error: str

    def __call__(self, result: FrameResult) -> None:
        """A new frame, and its events; events that came without a frame bring the last one again."""

    def tidy(self) -> None:
        """An hour is over: time to delete what is too old."""


class Parts:
    """All of them, as `config` wants them; ModelError, OutputError or ConfigError if one cannot be had."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._detector = _open_detector(config)
        self._reader = PlateReader(config.reader)
        camera, frames = config.service.camera, config.pictures.keep == "frames"
        self._whole = Pipeline(self._detector, self._reader, config.tracker, config.vote, camera, keep_frames=frames)
        self.privacy = Privacy(config.privacy, config.csv.path)
        self.pipeline = VeiledPipeline(self._whole, self.privacy)
        self.ledger = Ledger.open(config.csv, config.json, config.pictures)
        self.extras: Sequence[Extra] = ()
        self._recorder: Recorder | None = None
        self._source = ""

    def watch(self, source: str) -> None:
        """The source is open, and this is what it is called: make what is kept beside the record."""
        self._source = source
        self._recorder = self._new_recorder()
        self.extras = self._extras()

    def change(self, config: Config) -> tuple[str, ...]:
        """Go on with another configuration, between two frames; where that cannot be, all stays as it is.

        Plates in view stay the passes that they are, with the readings that they have. Told are the models that are new
        though their names are not, as `section.key`.
        """
        old = self.config
        detector, reader, replaced = self._detector, self._reader, list[str]()
        if (old.detector, old.region, old.motion) != (config.detector, config.region, config.motion):
            detector = _open_detector(config)
        elif _is_replaced(detector_path(settled(config.detector, config.region).model), detector.card):
            detector = _open_detector(config)
            replaced.append("detector.model")
        if old.reader != config.reader:
            reader = PlateReader(config.reader)
        elif _is_replaced(reader_path(config.reader.model), reader.card):
            reader = PlateReader(config.reader)
            replaced.append("reader.model")
        privacy = Privacy(config.privacy, config.csv.path)  # always: its list of known plates is a file of its own
        self._change_ledger(config)
        # from here on nothing can fail
        kept = old.review, old.csv.path, self._detector, self._reader
        recorded = old.recording, self._detector, self._reader
        self.config, self._detector, self._reader = config, detector, reader
        frames = config.pictures.keep == "frames"
        self._whole.use(detector, reader, config.tracker, config.vote, keep_frames=frames)
        self.privacy, self.pipeline = privacy, VeiledPipeline(self._whole, privacy)
        new_recorder = recorded != (config.recording, detector, reader)
        if new_recorder:
            self._recorder = self._new_recorder()
        if new_recorder or kept != (config.review, config.csv.path, detector, reader):
            self.extras = self._extras()
        return tuple(replaced)

    def scale(self, frame: Frame) -> float:
        """Detector pixels for each pixel of a frame; may be asked from any thread."""
        return frame_scale(frame, self._detector.card.input.shape[1], self.config.region)

    @property
    def rest_fps(self) -> float:
        """Frames a second that are enough while nothing moves; 0 for all, as a recording wants them."""
        return 0.0 if self.config.recording.folder else self.config.motion.rest_fps

    def close(self) -> None:
        """Write what waits, and close the record."""
        self.ledger.close()

    def _change_ledger(self, config: Config) -> None:
        old = self.config
        if (old.csv, old.json, old.pictures) == (config.csv, config.json, config.pictures):
            return
        if self.ledger.waiting:
            self.ledger.flush()
        if waiting := self.ledger.waiting:
            raise OutputError(f"{waiting} rows wait for the disk, and would be lost; make room there first")
        self.ledger.close()  # one that is closed opens its files again with the next row, if it has to go on
        self.ledger = Ledger.open(config.csv, config.json, config.pictures)

    def _extras(self) -> list[Extra]:
        """The kept crops, which also remove what is too old, and the recorded frames if they are wanted."""
        config = self.config
        crops = KeptCrops(config.review, crops_folder(config.review, config.csv.path), self._models)
        return [crops, self._recorder] if self._recorder is not None else [crops]

    def _new_recorder(self) -> Recorder | None:
        """It begins a session of its own: whoever makes one in the middle of a pass parts its frames."""
        config = self.config
        if not config.recording.folder:
            return None
        camera = config.service.camera
        facts = {"version": __version__, "camera": camera, "source": self._source, "models": self._models}
        return Recorder(config.recording, facts)

    @property
    def _models(self) -> dict[str, str]:
        return {"detector": self._detector.card.sha256, "reader": self._reader.card.sha256}


def _is_replaced(model: Path, card: ModelCard) -> bool:
    """Whether the file is another one than the card's; not if it is gone, as what was loaded goes on without it."""
    return model.is_file() and load_card(model, card.kind) != card


def _open_detector(config: Config) -> AnyDetector:
    return open_detector(settled(config.detector, config.region), config.region, config.motion)
