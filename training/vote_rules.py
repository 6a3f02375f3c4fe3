"""How other programs make one answer of several readings of a pass; the bench sets them beside ours.

Each rule is fed readings as they come and can be asked for its answer at any moment. Written anew from what is
published of them, so that all see the very same readings. A rule's confidence is its own: the weakest character of
a reading for the first and the most confident one, the mean over characters where the program that it is taken from
uses the mean.
"""

from collections import Counter, defaultdict
from functools import lru_cache
from typing import NamedTuple, Protocol

from edge.records import PlateReading

_SAME_CLUSTER = 0.85


class Answer(NamedTuple):
    """What a rule says; no text before the first reading."""

    text: str
    confidence: float


NOTHING = Answer("", 0.0)


class Rule(Protocol):
    """A rule with the readings of one pass so far."""

    def add(self, reading: PlateReading) -> None:
        """Take a reading in; it has some text."""
        ...

    def answer(self) -> Answer:
        """The answer by now."""
        ...


class FirstReading:
    """The first reading that is confident enough, or else the first of all: no fusion, a frame is an event."""

    def __init__(self, accept: float) -> None:
        self._accept = accept
        self._answer = NOTHING

    def add(self, reading: PlateReading) -> None:
        """Only counts while nothing is accepted."""
        if not self._answer.text or self._answer.confidence < self._accept <= reading.confidence:
            self._answer = Answer(reading.text, reading.confidence)

    def answer(self) -> Answer:
        """Never changes once it is accepted."""
        return self._answer


class MostConfident:
    """The reading whose weakest character is the surest."""

    def __init__(self) -> None:
        self._answer = NOTHING

    def add(self, reading: PlateReading) -> None:
        """Beats the best so far or is forgotten."""
        if reading.confidence > self._answer.confidence:
            self._answer = Answer(reading.text, reading.confidence)

    def answer(self) -> Answer:
        """The best so far."""
        return self._answer


class MajorityOfStrings:
    """The text read most often, ties to the higher confidence; as confident as its readings are on average."""

    def __init__(self) -> None:
        self._confidences: dict[str, list[float]] = defaultdict(list)

    def add(self, reading: PlateReading) -> None:
        """One vote for the whole text."""
        self._confidences[reading.text].append(reading.confidence)

    def answer(self) -> Answer:
        """The leader of the count."""
        if not self._confidences:
            return NOTHING
        text, found = max(self._confidences.items(), key=lambda item: (len(item[1]), max(item[1])))
        return Answer(text, sum(found) / len(found))


class SumOfConfidences:
    """As Crumb does it: the text with the greatest sum of mean character confidences; as confident as their average."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: Counter[str] = Counter()

    def add(self, reading: PlateReading) -> None:
        """Adds its mean confidence to its text."""
        self._sums[reading.text] += mean_confidence(reading)
        self._counts[reading.text] += 1

    def answer(self) -> Answer:
        """The leader of the sums."""
        if not self._sums:
            return NOTHING
        text = max(self._sums, key=self._sums.__getitem__)
        return Answer(text, self._sums[text] / self._counts[text])


class _Cluster:
    def __init__(self) -> None:
        self.texts: Counter[str] = Counter()
        self.best = NOTHING

    def similarity(self, text: str) -> float:
        """Mean similarity to the members."""
        return sum(n * jaro_winkler(text, other) for other, n in self.texts.items()) / self.texts.total()

    def add(self, text: str, confidence: float) -> None:
        """Another member."""
        self.texts[text] += 1
        if confidence > self.best.confidence:
            self.best = Answer(text, confidence)


class ClusterRepresentative:
    """As Frigate does it: readings gather in clusters of a mean Jaro-Winkler similarity of 0.85, the largest cluster
    wins, and its reading with the highest mean confidence is the answer."""

    def __init__(self) -> None:
        self._clusters: list[_Cluster] = []

    def add(self, reading: PlateReading) -> None:
        """Joins the most similar cluster, or founds one."""
        near = max(self._clusters, key=lambda cluster: cluster.similarity(reading.text), default=None)
        if near is None or near.similarity(reading.text) < _SAME_CLUSTER:
            near = _Cluster()
            self._clusters.append(near)
        near.add(reading.text, mean_confidence(reading))

    def answer(self) -> Answer:
        """The representative of the largest cluster."""
        if not self._clusters:
            return NOTHING
        return max(self._clusters, key=lambda cluster: (cluster.texts.total(), cluster.best.confidence)).best


def mean_confidence(reading: PlateReading) -> float:
    """Mean over the characters; 0 for an empty text."""
    return sum(p for _, p in reading.characters) / max(1, len(reading.characters))


@lru_cache(maxsize=65536)
def jaro_winkler(a: str, b: str) -> float:
    """Jaro-Winkler similarity of two texts, 0 to 1 (Winkler 1990; prefix scale 0.1, at most 4 characters)."""
    if a == b:
        return 1.0
    reach = max(0, max(len(a), len(b)) // 2 - 1)
    taken = [False] * len(b)
    matched_a = []
    for i, character in enumerate(a):
        for j in range(max(0, i - reach), min(len(b), i + reach + 1)):
            if not taken[j] and b[j] == character:
                taken[j] = True
                matched_a.append(character)
                break
    if not matched_a:
        return 0.0
    matched_b = [character for character, used in zip(b, taken, strict=True) if used]
    swapped = sum(x != y for x, y in zip(matched_a, matched_b, strict=True)) / 2
    n = len(matched_a)
    jaro = (n / len(a) + n / len(b) + (n - swapped) / n) / 3
    prefix = 0
    while prefix < min(4, len(a), len(b)) and a[prefix] == b[prefix]:
        prefix += 1
    return jaro + 0.1 * prefix * (1 - jaro)
