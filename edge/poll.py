"""The readings of one pass: which of them vote, which are kept, and what came of the rest."""

from collections import Counter
from dataclasses import dataclass, field

from edge.geometry import at_edge
from edge.records import PlateBox, PlateReading, Reason
from edge.vote import NO_VOTE, Ballot, Vote, VoteSettings, count

MANY_TEXTS = 4
"""So many different texts, each of them clear, are no plate."""
_CLEARLY = 1.1
_TWO_LINES = 1.7
_GOOD_WIDTH = 120.0
GOOD_SHARPNESS = 500.0


@dataclass(slots=True)
class Poll:
    """The readings of one track, a bounded number of them, and what came of the rest."""

    ballots: list[Ballot] = field(default_factory=list)
    refused: Counter[Reason] = field(default_factory=Counter)
    readings: int = 0
    first_vote: float | None = None
    best: Ballot | None = None
    """The most legible reading; one that votes before any that does not."""
    improved: float = 0.0
    """When the plate last became clearly (a tenth) more legible than ever before."""
    boldest: PlateReading | None = None
    """The most confident single reading; one that votes before any that does not."""
    clear_texts: set[str] = field(default_factory=set)
    """Different texts of confident readings, up to `MANY_TEXTS`; of those that may not vote too."""
    vote: Vote = NO_VOTE
    _landmark: float = 0.0
    """Weight of the reading at `improved`."""

    @property
    def text(self) -> str:
        """The best text so far, voted or not."""
        return self.vote.answer or (self.boldest.text if self.boldest else "")

    @property
    def confidence(self) -> float:
        """Confidence of the weakest character of `text`."""
        return self.vote.confidence if self.vote.answer or not self.boldest else self.boldest.confidence

    def add(self, ballot: Ballot, refusal: Reason | None, settings: VoteSettings) -> None:
        """Take one reading in; `refusal` says why it may not vote."""
        self.readings += 1
        if ballot.reading.confidence >= settings.accept_confidence and len(self.clear_texts) < MANY_TEXTS:
            self.clear_texts.add(ballot.reading.text)
        if refusal is not None:
            self.refused[refusal] += 1
            if self.first_vote is None:
                self._compare(ballot, afresh=self.best is None)
            return
        self._compare(ballot, afresh=self.first_vote is None)
        if self.first_vote is None:
            self.first_vote = ballot.time
        self._keep(ballot, settings)

    def recount(self, settings: VoteSettings) -> None:
        """The vote as other settings would have it."""
        if self.ballots:
            self.vote = count(self.ballots, settings)

    def _compare(self, ballot: Ballot, afresh: bool) -> None:
        """Note it if it is the best so far; `afresh` forgets what was."""
        if self.best is None or afresh or ballot.weight > self.best.weight:
            self.best = ballot
        if afresh or ballot.weight > _CLEARLY * self._landmark:
            self.improved, self._landmark = ballot.time, ballot.weight
        reading = ballot.reading
        if self.boldest is None or afresh or (reading.text and reading.confidence > self.boldest.confidence):
            self.boldest = reading

    def _keep(self, ballot: Ballot, settings: VoteSettings) -> None:
        """Let it vote, unless there are enough more legible ones."""
        if len(self.ballots) >= settings.max_votes:
            weakest = min(range(len(self.ballots)), key=lambda index: self.ballots[index].weight)
            if self.ballots[weakest].weight >= ballot.weight:
                return
            del self.ballots[weakest]
        self.ballots.append(ballot)
        self.recount(settings)


def refusal_of(
    reading: PlateReading, box: PlateBox, frame_size: tuple[int, int], settings: VoteSettings
) -> Reason | None:
    """Why a reading may not vote; `frame_size` is (width, height) in pixels."""
    if at_edge(box, *frame_size, settings.edge_margin):
        return "edge_cut"
    if one_line_width(box.width, reading.lines) < settings.min_plate_width:
        return "too_small"
    if reading.sharpness < settings.min_sharpness:
        return "blurred"
    if len(reading.text) < settings.min_characters:
        return "low_confidence"
    if len(reading.text) > settings.max_characters:
        return "format"
    return None


def weigh(reading: PlateReading, box: PlateBox) -> float:
    """How legible a plate is, 0 to 1: confidence × size × sharpness, the latter two up to where more gains nothing."""
    size = min(1.0, one_line_width(box.width, reading.lines) / _GOOD_WIDTH)
    crispness = min(1.0, reading.sharpness / GOOD_SHARPNESS)
    return reading.confidence * size * crispness


def one_line_width(width: float, lines: int) -> float:
    """Pixels that a plate of one line with characters as large would be wide."""
    return width * _TWO_LINES if lines == 2 else width
