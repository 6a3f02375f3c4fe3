"""Whether a box in a new frame is the plate of a track: by its place, by its size, by what is read in it."""

from collections.abc import Collection

from edge.alignment import contradict, distance, look_alike, related, similar
from edge.geometry import at_edge, closeness, completed, gap_in_widths, overlap, same_size
from edge.poll import MANY_TEXTS, weigh
from edge.records import Frame, PlateBox, PlateReading
from edge.track import STILL, Track, TrackerSettings

TELLING = 5
"""Characters that a text must have to tell one plate from another."""
SHORTLY = 5.0
"""Seconds within which a text that is the end of the one before is that plate, cut; later it is a car of its own."""
_PART = 3
"""Characters; fewer are no plate, nor a part of one that could be told."""
_HALF = 0.5
_VERY_CLEAR = 0.9
_BASE_REACH = 0.5
_REACH_PER_SECOND = 4.0
_GROWTH = 2.0
_GROWTH_PER_SECOND = 4.0
_MOST_GROWTH = 4.0
_FASTEST = 10.0
"""Plate widths a second over the picture: 50 km/h, three metres beside the camera and ten before it."""
_AS_LARGE = 0.67
_EXPECTED = 0.3
_REPEATED = 1.0
_REPEATED_LATER = 3.0
_ALIKE = 0.5
_CLEARLY = 1.1
"""So much more legible than before is worth another look."""
_BESIDE = 0.3
"""Overlap with a burnt-in text below which a box is not it, however a detector draws its boxes."""


def score(track: Track, frame: Frame, box: PlateBox, reading: PlateReading | None, settings: TrackerSettings) -> float:
    """How well a box of a frame fits a track; 0 where it cannot be the same plate."""
    if track.gone:
        return 0.0
    if track.static:
        here = overlap(track.first_box, box) >= _BESIDE
        return closeness(track.first_box, box, settings.reach) if here else 0.0
    known, text = track.poll.text, reading.text if reading is not None else ""
    height, width = frame.image.shape[:2]
    confidence = min(track.poll.confidence, reading.confidence if reading is not None else 0.0)
    weak = frame.time - track.last_time > settings.weak_after
    # at a slow camera a plate that nobody can read yet may have come a long way
    reach = settings.reach * (2.0 if weak and confidence < _HALF else 1.0)
    place = _place(track, frame, box, settings, reach)
    if not known or not text:
        return place
    if text == known and len(text) >= TELLING:
        return place + (_REPEATED_LATER if weak else _REPEATED)
    if weak and _is_another(track, known, text, confidence, settings) and not _goes_on(track, frame.time, box):
        return 0.0
    # … and a plate that can be read may be anywhere, a character or two misread
    alike = (similar(known, text) and (weak or place > 0)) or (weak and related(known, text))
    # … and what the frame's edge leaves of it is a part of its text
    left = weak and at_edge(box, width, height) and is_part(text, known)
    return place + _ALIKE if alike or left else place


def _is_another(track: Track, known: str, text: str, confidence: float, settings: TrackerSettings) -> bool:
    """Whether two texts, the weakest character of both as sure as `confidence`, are of two plates."""
    if confidence >= _VERY_CLEAR and _differ(known, text):
        return True  # the next car of a fleet, a character apart
    # plates too small to vote are misread in this way and in that, surely enough
    least = _HALF if track.poll.vote.voters else settings.clear_confidence
    return confidence >= least and contradict(known, text)


def objects(track: Track, box: PlateBox, reading: PlateReading | None, settings: TrackerSettings) -> bool:
    """Whether a clear reading in a track's box shows another plate, or is a second chance for one that was given up."""
    final, known = track.final, track.poll.text
    # a few characters may be a part of a long plate, and are another one beside a plate as short
    least = _PART if _PART <= len(known) < TELLING else TELLING
    if reading is None or reading.confidence < settings.clear_confidence or len(reading.text) < least:
        return False
    if track.static:
        return _is_no_fixture(track, reading.text)
    if final is not None and track.given_up:
        nearer = track.still_since > final.last_seen
        if nearer or (not track.second and _is_more_legible(track, box, reading)):
            return True  # it was illegible where it stood then
    if len(known) < _PART:
        return final is not None
    return (final is not None or track.poll.confidence >= _HALF) and contradict(known, reading.text)


def continues(track: Track, time: float, box: PlateBox, reading: PlateReading, settings: TrackerSettings) -> bool:
    """Whether a box goes on with a pass that is over: by its text or, if neither is legible, by its place."""
    assert track.final is not None
    clear = reading.confidence >= settings.clear_confidence
    if track.final.status == "accepted":
        near = gap_in_widths(track.box, box) <= settings.revisit_distance
        soon = time - track.last_time <= SHORTLY
        stands = overlap(track.box, box) >= STILL
        return near and _repeats(track.final.plate, reading.text, cut=soon, vague=not clear and (soon or stands))
    legible = clear and len(reading.text) >= TELLING
    if track.static:
        here = overlap(track.first_box, box) >= STILL
        return here and not (legible and _is_no_fixture(track, reading.text))
    return not legible and overlap(track.box, box) >= STILL


def ticks(texts: Collection[str], before: Collection[str]) -> bool:
    """Whether clear texts of one place, and those read there before, are as the times of a clock: many, of which one
    differs from all the others by a character or two that no reader takes for each other. Texts of cars that stop there
    one after the other differ by more, those of one dirty plate by characters that look alike."""
    union = {*texts, *before}
    return any(1 + sum(_is_near(text, other) for other in union) >= MANY_TEXTS for text in texts)


def _is_more_legible(track: Track, box: PlateBox, reading: PlateReading) -> bool:
    """Whether a reading is clearly more legible than all those of the track."""
    best = track.poll.best
    return best is None or weigh(reading, box) > _CLEARLY * best.weight


def _is_no_fixture(track: Track, text: str) -> bool:
    """Whether a clear text at the place of a burnt-in one is not it: another one than the caption there, or one with
    letters where the clock there has digits."""
    known, texts = track.poll.text, {*track.poll.clear_texts, *(track.place.texts if track.place else ())}
    if any(_is_near(one, other) for one in texts for other in texts):
        known, text = _shape(known), _shape(text)
    return contradict(known, text)


def _shape(text: str) -> str:
    """The text with a 0 for each digit and an X for each letter, which do not look alike."""
    return "".join("0" if character.isdigit() else "X" for character in text)


def is_part(text: str, plate: str) -> bool:
    """Whether a text may be what is left of a plate that is hidden in part."""
    return len(text) >= _PART and text in plate


def is_end(text: str, plate: str) -> bool:
    """Whether a text is a plate that lacks characters at one end, or none."""
    return plate.startswith(text) or plate.endswith(text)


def _repeats(plate: str, text: str, *, cut: bool, vague: bool) -> bool:
    """Whether an accepted plate is read again: the same text, where it may be `cut` the plate cut at one end, or where
    it may be `vague` one like it."""
    end = cut and len(text) >= TELLING and is_end(text, plate)
    return text == plate or end or (vague and similar(plate, text))


def _place(track: Track, frame: Frame, box: PlateBox, settings: TrackerSettings, reach: float) -> float:
    """0 to 2: how near the box is to where the plate should be by now, at the speed it had or braking. A plate that
    leaves the picture is as large as before, though less of it shows."""
    time, since = frame.time, frame.time - track.last_time
    height, width = frame.image.shape[:2]
    if not track.course.known:
        # a car of which no more is known than where it once was may be a fast one
        growth = min(max(_GROWTH, 1.0 + _GROWTH_PER_SECOND * since), _MOST_GROWTH)
        reach = max(reach, min(_FASTEST * since, 2.0 * settings.reach))
        whole = completed(box, track.box, width, height)
        return closeness(track.box, whole, reach) if same_size(track.box, whole, growth) else 0.0
    reach = min(reach, _BASE_REACH + _REACH_PER_SECOND * since)
    # the car went on as before or has stopped; if there was time for it, it braked
    places = [track.expected(time), track.box]
    if since > settings.weak_after:
        places.append(track.expected(time, pace=_HALF))
    pairs = [(place, completed(box, place, width, height)) for place in places]
    fitting = [pair for pair in pairs if same_size(*pair) and not _receded(*pair, box)]
    return max((closeness(place, whole, reach) for place, whole in fitting), default=0.0)


def _receded(place: PlateBox, whole: PlateBox, box: PlateBox) -> bool:
    """Whether a plate is too small, both ways, to be at that place: it is one behind. Who walks before a plate hides
    some of its width and leaves the height; what the frame's edge hides of the box tells nothing."""
    wide, tall = whole.width > box.width, whole.height > box.height
    narrow, low = box.width < _AS_LARGE * place.width, box.height < _AS_LARGE * place.height
    return not (wide and tall) and (wide or narrow) and (tall or low)


def _goes_on(track: Track, time: float, box: PlateBox) -> bool:
    """Whether the box is where the track's plate must be: it stands there, or its speed has brought it there."""
    if track.still:
        return overlap(track.box, box) >= STILL
    return track.course.known and overlap(track.expected(time), box) >= _EXPECTED


def _is_near(a: str, b: str) -> bool:
    """Whether two texts as long as each other differ for certain, and by too little to be of two cars."""
    changed = len(a) == len(b) and any(x != y and not look_alike(x, y) for x, y in zip(a, b, strict=True))
    return changed and not contradict(a, b)


def _differ(a: str, b: str) -> bool:
    """Whether a whole character, and not one that looks alike, tells two texts apart; a missing one does not."""
    return distance(a, b) - abs(len(a) - len(b)) >= 1.0
