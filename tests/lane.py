"""Cars on a lane before a camera: what a detector and a reader would say of them, frame by frame, with the truth.

A pinhole camera looks along the lane; a plate half a metre wide comes nearer, grows and runs down the picture. Boxes
jitter, some are missed, small plates cannot be read, some readings are wrong. Everything is drawn from one seed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from core_fakes import Gate, Sight, reading

from edge.records import PlateBox, PlateEvent, PlateReading
from edge.tracker import TrackerSettings

FOCAL, CENTRE, HORIZON = 1100.0, 640.0, 150.0
WIDTH, HEIGHT = 1280.0, 720.0
PLATE = 0.52
"""Metres; the height is a fifth of it."""
LOOK_ALIKE = {"0": "O", "O": "0", "8": "B", "B": "8", "1": "I", "I": "1", "5": "S", "S": "5", "2": "Z", "Z": "2"}


@dataclass(frozen=True)
class Car:
    """A plate and where it is: metres before the camera at a moment in seconds, None while it is away or hidden."""

    plate: str
    distance: Callable[[float], float | None]
    aside: float = 0.3
    """Metres right of the middle of the picture."""
    above: float = 1.5
    """Metres that the camera is higher than the plate."""


@dataclass(frozen=True)
class Seeing:
    """How well detector and reader see."""

    jitter: float = 0.03
    """Standard deviation of each edge of a box, in plate heights times two."""
    missed: float = 0.0
    misread: float = 0.0
    """Share of legible readings with a wrong character or two."""
    legible: float = 45.0
    """Pixels of width below which a plate cannot be read well."""


@dataclass
class Outcome:
    """What became of the cars."""

    gate: Gate
    tracks: dict[str, list[int]] = field(default_factory=dict)
    """Plate → the numbers of the tracks that its boxes went to, in order."""
    voters: dict[int, set[str]] = field(default_factory=dict)
    """Track → the plates whose readings voted in it."""
    finals: list[PlateEvent] = field(default_factory=list)

    @property
    def shared(self) -> dict[int, set[str]]:
        """Tracks in which readings of several plates voted."""
        return {track: plates for track, plates in self.voters.items() if len(plates) > 1}

    @property
    def accepted(self) -> list[str]:
        return [event.plate for event in self.finals if event.status == "accepted"]

    @property
    def rows(self) -> list[str]:
        """The rows in words, for a failed test to show."""
        return [f"{e.track} {e.plate} {e.status} {e.reason or ''} {e.readings}" for e in self.finals]


def box_of(car: Car, time: float) -> PlateBox | None:
    """The true box, None where the plate is not in the picture; one at the edge is cut off."""
    away = car.distance(time)
    if away is None or away < 0.8:
        return None
    width = FOCAL * PLATE / away
    x, y = CENTRE + FOCAL * car.aside / away, HORIZON + FOCAL * car.above / away
    x1, x2 = max(0.0, x - width / 2), min(WIDTH, x + width / 2)
    y1, y2 = max(0.0, y - width / 10), min(HEIGHT, y + width / 10)
    return PlateBox(x1, y1, x2, y2, 0.9) if x2 - x1 > width / 2 and y2 - y1 > width / 10 else None


def driving(speed: float, start: float = 22.0, at: float = 0.0, end: float = 1.0) -> Callable[[float], float | None]:
    """At `speed` km/h towards the camera, `start` metres away at the moment `at`, seen down to `end` metres."""

    def distance(time: float) -> float | None:
        away = start - speed / 3.6 * (time - at)
        return away if end <= away <= start else None

    return distance


def hidden(distance: Callable[[float], float | None], start: float, seconds: float) -> Callable[[float], float | None]:
    """The same, out of sight for a while."""
    return lambda time: None if start <= time < start + seconds else distance(time)


def look(car: Car, true: PlateBox, seeing: Seeing, random: np.random.Generator) -> Sight | None:
    """What is found and read of a plate at its true box."""
    if random.random() < seeing.missed:
        return None
    off = random.normal(0.0, seeing.jitter * 2 * true.height, 4)
    found = PlateBox(
        max(0.0, true.x1 + off[0]), max(0.0, true.y1 + off[1] / 2),
        min(WIDTH, true.x2 + off[2]), min(HEIGHT, true.y2 + off[3] / 2), float(random.uniform(0.5, 0.95)),
    )  # fmt: skip
    return found, read(car.plate, true, seeing, random)


def read(plate: str, true: PlateBox, seeing: Seeing, random: np.random.Generator) -> PlateReading:
    """A reading: nothing to speak of when small, a cut one at the side, now and then wrong."""
    if true.width < 0.7 * seeing.legible:
        return reading("".join(random.choice(list(plate), 3)), 0.3) if random.random() < 0.5 else reading("")
    text, sure = list(plate), [float(random.uniform(0.93, 0.99)) for _ in plate]
    wrong = 0
    if true.width < seeing.legible:
        wrong, sure = int(random.integers(0, 3)), [float(random.uniform(0.5, 0.9)) for _ in plate]
    elif random.random() < seeing.misread:
        wrong = int(random.integers(1, 3))
    for place in random.choice(len(text), wrong, replace=False):
        text[place] = LOOK_ALIKE.get(text[place], str(random.choice(list("ACEHKMPTXY34679"))))
        sure[place] = float(random.uniform(0.4, 0.93))
    sharpness = 2000.0 * min(1.0, true.width / 100)
    return PlateReading(
        "".join(text), min(sure), tuple(zip(text, sure, strict=True)), tuple(("Q", 0.01) for _ in text), 1, sharpness
    )


def watch(
    cars: Sequence[Car],
    rate: float,
    seconds: float,
    seeing: Seeing | None = None,
    *,
    seed: int = 0,
    tracker: TrackerSettings | None = None,
) -> Outcome:
    """Run the cars through a pipeline at `rate` frames a second, from a random part of the first frame's time on."""
    seeing, random = seeing or Seeing(), np.random.default_rng(seed)
    outcome = Outcome(Gate(tracker))
    spoken: dict[int, tuple[str, PlateReading]] = {}
    phase = random.random() / rate
    for time in phase + np.arange(round(seconds * rate)) / rate:
        _look_once(outcome, list(_sights(cars, float(time), seeing, random)), float(time), spoken)
    outcome.finals = outcome.gate.finish()
    return outcome


def _sights(
    cars: Iterable[Car], time: float, seeing: Seeing, random: np.random.Generator
) -> Iterator[tuple[Car, Sight]]:
    for car in cars:
        true = box_of(car, time)
        sight = look(car, true, seeing, random) if true is not None else None
        if sight is not None:
            yield car, sight


def _look_once(
    outcome: Outcome, seen: list[tuple[Car, Sight]], time: float, spoken: dict[int, tuple[str, PlateReading]]
) -> None:
    gate = outcome.gate
    spoken.update({id(sight[1]): (car.plate, sight[1]) for car, sight in seen})
    result = gate.see(time, *(sight for _, sight in seen))
    at = {shown.box: shown.track for shown in result.tracks}
    for car, (found, _) in seen:
        numbers = outcome.tracks.setdefault(car.plate, [])
        if found in at and at[found] not in numbers:
            numbers.append(at[found])
    for track in gate.pipeline._tracker.active:
        plates = outcome.voters.setdefault(track.number, set())
        plates |= {spoken[id(ballot.reading)][0] for ballot in track.poll.ballots}
