"""Where texts came and went without moving, and where cars came to stand: the former may be burnt into the picture."""

from collections import deque

from edge.geometry import overlap
from edge.track import STILL, Track, TrackPlace

_PLACES = 32
_TEXTS = 8
_SOON = 3600.0
"""Seconds. A caption that the detector lost is back sooner; a car that parks here every night is not."""


class Places:
    """A bounded number of places, those of the latest tracks."""

    def __init__(self) -> None:
        self._texts: deque[TrackPlace] = deque(maxlen=_PLACES)
        self._driven: deque[TrackPlace] = deque(maxlen=_PLACES)

    def at(self, track: Track) -> TrackPlace | None:
        """The place where a track began, if one is known there."""
        known = (*reversed(self._driven), *reversed(self._texts))
        return next((place for place in known if overlap(place.box, track.first_box) >= STILL), None)

    def note(self, track: Track) -> None:
        """Take in a track that is over: what it tells of the places where it began and where it was last seen."""
        if not track.stayed:
            for left in (*self._driven, *self._texts):
                # what drives off, or drives there, is nothing that always stood there
                if max(overlap(left.box, track.first_box), overlap(left.box, track.box)) >= STILL:
                    self.forget(left)
            self._driven.append(TrackPlace(track.box, driven=True))
        elif not track.noted:
            track.noted = True
            place = self.at(track)
            if place is not None:
                self.forget(place)
            if place is not None and place.driven:
                self._driven.append(place)
            elif track.poll.clear_texts:
                self._texts.append(_told(track, place))

    def forget(self, place: TrackPlace) -> None:
        """Know no more of a place."""
        for known in (self._driven, self._texts):
            if place in known:
                known.remove(place)

    def clear(self) -> None:
        """Nothing of before counts any more."""
        self._texts.clear()
        self._driven.clear()


def _told(track: Track, before: TrackPlace | None) -> TrackPlace:
    """A place with what its latest track says, and those before it said."""
    texts, text = tuple(sorted(track.poll.clear_texts)), track.poll.text
    times = int(track.final is not None and track.final.status == "accepted")
    if before is None:
        return TrackPlace(track.first_box, texts, text, times, track.last_time)
    if times and text == before.text and track.first_time - before.last_time <= _SOON:
        times += before.times
    older = (known for known in before.texts if known not in texts)
    return TrackPlace(before.box, (*texts, *older)[:_TEXTS], text, times, track.last_time)
