"""A measured plate against thresholds: a verdict for each figure, and what to do in words. See `docs/aim.md`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple

from edge.aim import AimMeter, AimSettings, Measure, Sight
from edge.aim_curve import exact_at_most
from edge.detector import FINDABLE_WIDTH
from edge.poll import GOOD_SHARPNESS
from edge.records import FrameResult
from edge.vote import VoteSettings

Verdict = Literal["good", "fair", "poor", "unknown"]
_ORDER: tuple[Verdict, ...] = ("unknown", "good", "fair", "poor")

NOTHING = "No plate in view: hold a plate, or park a car, at the stop line."
CUT = "the picture's edge cuts the plate: turn the camera until all of it is in view"

GOOD_WIDTH, GOOD_CHARACTER, GOOD_DETECTOR = 130.0, 18.0, 40.0
_GOOD_SMEAR = 0.016
"""Of the plate's width: about one stroke of a character."""
_FAIR_SMEARS = 2.5
"""Times as much is fair: about a third of a character."""
_LEAST_SMEAR = 2.0
_DIM = 80.0
"""Grey value; a plate whose brightest part is darker lacks light."""
_STANDS = 0.05
"""Plate widths a second; what moves less stands still."""
_PASSES = 0.5
"""Plate widths a second; what moves as much passes, and its smear tells what the shutter does. In a noisy picture the
box of a plate that stands trembles by more than `_STANDS`, and must not count as a car that passes."""
_ACROSS = 0.5
"""Sine of 30°, the angle between the drive and the line of sight that advice on the shutter assumes."""
_SHUTTERS = (30, 60, 125, 250, 500, 1000, 2000, 4000, 8000)
_NO_MATTER = 1.1
"""Times longer than it should be a shutter may be open."""


class Scale(NamedTuple):
    """Thresholds of one figure; smaller is better where `good` is below `fair`."""

    fair: float
    good: float
    full: float
    """The end of the bar."""

    def judge(self, value: float | None) -> Verdict:
        """`good` at its threshold and beyond, else `fair` at its own, else `poor`."""
        if value is None:
            return "unknown"
        sign = 1 if self.good > self.fair else -1
        size = abs(value) * sign
        return "good" if size >= self.good * sign else "fair" if size >= self.fair * sign else "poor"

    def best(self, values: Sequence[float]) -> float:
        """The one nearest to good."""
        return max(values, key=abs) if self.good > self.fair else min(values, key=abs)


class _Rule(NamedTuple):
    key: str
    label: str
    unit: str
    digits: int
    value: Callable[[Measure], float | None]
    scale: Callable[[Measure], Scale]


def _allowed(look: Measure) -> float:
    """Pixels of movement that cost nothing; less than two cannot be told from rounded strokes in one picture."""
    return max(_LEAST_SMEAR, _GOOD_SMEAR * look.width)


def _fixed(fair: float, good: float, full: float) -> Callable[[Measure], Scale]:
    return lambda _: Scale(fair, good, full)


_RULES = (
    _Rule("width", "plate in the picture", "px", 0, lambda m: m.width, _fixed(60, GOOD_WIDTH, 260)),
    _Rule(
        *("detector_width", "plate in the detector", "px", 0),
        *(lambda m: m.detector_width, _fixed(FINDABLE_WIDTH, GOOD_DETECTOR, 100)),
    ),
    _Rule("character", "each character", "px", 1, lambda m: m.character, _fixed(8, GOOD_CHARACTER, 36)),
    _Rule(
        *("sharpness", "sharpness", "", 0),
        *(lambda m: m.sharpness, _fixed(VoteSettings().min_sharpness, GOOD_SHARPNESS, 4 * GOOD_SHARPNESS)),
    ),
    _Rule("contrast", "contrast", "%", 0, lambda m: 100 * m.contrast, _fixed(10, 25, 80)),
    _Rule("white", "overexposed", "%", 0, lambda m: 100 * m.white, _fixed(20, 5, 50)),
    _Rule("slope", "rotation", "°", 1, lambda m: m.slope, _fixed(15, 5, 25)),
    _Rule("skew", "skew", "°", 0, lambda m: m.skew, _fixed(20, 10, 35)),
    _Rule(
        *("smear", "motion blur", "px", 1, lambda m: m.smear),
        lambda m: Scale(_FAIR_SMEARS * _allowed(m), _allowed(m), 2 * _FAIR_SMEARS * _allowed(m)),
    ),
)
"""What a look tells by itself."""


def _rules(look: Measure | None, settings: AimSettings, shutter: float) -> tuple[_Rule, ...]:
    """All of them; what the shutter (milliseconds, 0 for unknown) does to cars is judged unless this plate shows it."""
    judged = None if look is not None and _passes(look) else shutter or None
    wanted = 1000 * _passing_shutter(settings)
    scale = _fixed(_FAIR_SMEARS * wanted, _NO_MATTER * wanted, 2 * _FAIR_SMEARS * wanted)
    return (*_RULES, _Rule("shutter", f"shutter for {settings.speed:g} km/h", "ms", 1, lambda _: judged, scale))


def _passes(look: Measure) -> bool:
    return look.speed is not None and look.speed >= _PASSES * look.width


def _passing_shutter(settings: AimSettings) -> float:
    """Seconds in which a car at `settings.speed` smears its plate by no more than costs nothing."""
    across = settings.speed / 3.6 * 1000 * _ACROSS  # millimetres a second
    return _GOOD_SMEAR * settings.plate_width / across


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value with its verdict, ready to be shown."""

    key: str
    label: str
    unit: str
    digits: int
    value: float | None
    verdict: Verdict
    scale: Scale
    best: float | None
    """The best of the last seconds; None if there is none."""

    @property
    def shown(self) -> str:
        """The value for people: `132 px`; a dash for None."""
        return self.told(self.value)

    def told(self, value: float | None) -> str:
        """A value of this figure for people."""
        if value is None:
            return "–"
        value = round(value, self.digits) + 0.0  # no -0
        return f"{value:.{self.digits}f}{'' if self.unit in ('°', '') else ' '}{self.unit}"


@dataclass(frozen=True, slots=True)
class Report:
    """What is shown of a plate: by the command, by the page, as JSON."""

    text: str
    figures: tuple[Figure, ...]
    advice: tuple[str, ...]
    verdict: Verdict
    ago: float | None
    """Seconds since the plate was in view; 0 while it is, None if there was none lately."""
    exact: float | None
    """The share of single looks at plates as wide that this reader can read, at most."""
    plates: int = 1

    @property
    def rank(self) -> int:
        """The higher, the better the verdict."""
        return -_ORDER.index(self.verdict)

    @property
    def width(self) -> float:
        """Pixels that the plate is wide in the picture; 0 for none."""
        return self.figures[0].value or 0.0

    def values(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "text": self.text,
            "verdict": self.verdict,
            "ago": None if self.ago is None else round(self.ago, 1),
            "plates": self.plates,
            "exact_at_most": None if self.exact is None else round(self.exact, 3),
            "advice": list(self.advice),
            "figures": [
                {
                    "key": one.key,
                    "label": one.label,
                    "unit": one.unit,
                    "value": None if one.value is None else round(one.value, 3),
                    "best": None if one.best is None else round(one.best, 3),
                    "shown": one.shown,
                    "best_shown": one.told(one.best),
                    "verdict": one.verdict,
                    "fair": round(one.scale.fair, 2),
                    "good": round(one.scale.good, 2),
                    "full": round(one.scale.full, 2),
                }
                for one in self.figures
            ],
        }


def report_of(look: Measure, settings: AimSettings, shutter: float = 0.0) -> Report:
    """One look at one plate; `shutter` is what the camera is told to expose, milliseconds, 0 if that is not known."""
    return report_sight(Sight(look, ((0.0, look),), 1), settings, shutter)


def report_sight(sight: Sight, settings: AimSettings, shutter: float = 0.0) -> Report:
    """What is seen now; for a plate that is gone its best values of the last seconds, and the advice of its best look.

    The best look is the widest: nothing else gets better with distance.
    """
    if not sight.recent:
        rules, none = _rules(None, settings, 0.0), Scale(0, 1, 1)
        figures = tuple(Figure(r.key, r.label, r.unit, r.digits, None, "unknown", none, None) for r in rules)
        return Report("", figures, (NOTHING,), "unknown", None, None, sight.plates)
    looks = [look for _, look in sight.recent]
    shown = sight.now or max(looks, key=lambda look: look.width)
    figures = tuple(_figure(rule, looks, shown, held=sight.now is None) for rule in _rules(shown, settings, shutter))
    verdicts = [one.verdict for one in figures] + (["poor"] if shown.cut else [])
    advice = tuple(advise(shown, settings, shutter))
    ago = 0.0 if sight.now else sight.recent[-1][0]
    return Report(
        shown.text, figures, advice, max(verdicts, key=_ORDER.index), ago, exact_at_most(shown.width), sight.plates
    )


def aim_values(meter: AimMeter, settings: AimSettings, shutter: float) -> Callable[[FrameResult], dict[str, Any]]:
    """What the page asks of the newest result, as JSON values."""
    return lambda result: report_sight(meter.look(result), settings, shutter).values()


def _figure(rule: _Rule, looks: Sequence[Measure], shown: Measure, *, held: bool) -> Figure:
    scale = rule.scale(shown)
    known = [value for look in looks if (value := rule.value(look)) is not None]
    best = scale.best(known) if known else None
    value = best if held else rule.value(shown)
    return Figure(rule.key, rule.label, rule.unit, rule.digits, value, scale.judge(value), scale, best)


def advise(look: Measure, settings: AimSettings, shutter: float = 0.0) -> list[str]:
    """What to do, the most important first; only what follows from a measured value, or from the cars' speed."""
    verdict = {rule.key: rule.scale(look).judge(rule.value(look)) for rule in _rules(look, settings, shutter)}
    wanted = [CUT] if look.cut else []
    wanted += _size(look, settings)
    if verdict["slope"] in ("fair", "poor") and look.slope is not None and not _seen_aside(look, verdict):
        way = "clockwise" if look.slope > 0 else "anticlockwise"
        wanted.append(f"turn the camera {abs(look.slope):.0f}° {way}, as seen from behind it")
    if verdict["skew"] in ("fair", "poor") and look.skew is not None:
        wanted.append(
            f"the characters lean by {abs(look.skew):.0f}° more than the plate: the camera looks from too far aside or "
            "above; bring it nearer to the line in which cars come"
        )
    wanted += _light(look, verdict)
    if verdict["smear"] in ("fair", "poor"):
        wanted.append(_shutter(look, settings, shutter))
    elif verdict["sharpness"] == "poor" or (verdict["sharpness"] == "fair" and look.width >= GOOD_WIDTH):
        # a plate that is only too small is unsharp too, and no lens mends that
        wanted.append("blurred, but not by movement: turn the focus until the sharpness is highest, and clean the lens")
    return wanted + _for_cars(look, verdict, settings, shutter)


def _seen_aside(look: Measure, verdict: dict[str, Verdict]) -> bool:
    """Whether the text slopes because of where the camera stands: its strokes stay upright. Turning mends nothing."""
    if verdict["skew"] == "good" or look.slope is None or look.lean is None:
        return False
    return look.lean * look.slope <= 0 or abs(look.lean) < abs(look.slope) / 2


def _size(look: Measure, settings: AimSettings) -> list[str]:
    lacking = max(GOOD_WIDTH / look.width, GOOD_CHARACTER / look.character if look.character else 0.0)
    lacking = ceil(10 * lacking) / 10  # nobody turns a lens more finely
    told = []
    if lacking > 1:
        if settings.distance:
            now, then = settings.distance, settings.distance / lacking
            told.append(f"move {now - then:.1f} m closer (to {then:.1f} m), or zoom ×{lacking:.1f}")
        else:
            told.append(f"come to {1 / lacking:.2f} of the distance, or zoom ×{lacking:.1f}")
    for_detector = GOOD_DETECTOR / look.detector_width
    if for_detector > max(1.0, lacking):
        told.append(
            f"the detector sees the plate {look.detector_width:.0f} px wide: draw [region] look around the drive, "
            f"{for_detector:.1f} times narrower than what it looks at now, or set region.tiles"
        )
    return told


def _light(look: Measure, verdict: dict[str, Verdict]) -> list[str]:
    if verdict["white"] in ("fair", "poor"):
        return [f"too much light: {look.white:.0%} of the plate is white; expose less, or dim the infrared lamp"]
    if verdict["contrast"] not in ("fair", "poor"):
        return []
    if look.brightest < _DIM:
        told = f"too little light: the brightest part of the plate is at {look.brightest / 255:.0%}"
        return [f"{told}; expose more, or light the plate"]
    return [f"little contrast ({look.contrast:.0%}): look for haze, glare, or dirt on the lens or the plate"]


def _shutter(look: Measure, settings: AimSettings, shutter: float) -> str:
    assert look.smear is not None
    way = "sideways" if look.sideways else "up or down"
    told = f"smeared over {look.smear:.0f} px {way}"
    allowed = _allowed(look)
    if look.speed is not None and look.speed < _STANDS * look.width:
        return f"{told} though the plate stands still: fasten the camera, or look whether it is in focus"
    if look.speed is not None:
        return f"{told}; it moves {look.speed:.0f} px a second: shutter {_fraction(allowed / look.speed)} s or shorter"
    if shutter:
        then = _fraction(shutter / 1000 * allowed / look.smear)
        return f"{told}: shutter {then} s or shorter instead of {_set_to(shutter)} s"
    return f"{told}: shutter {_fraction(_passing_shutter(settings))} s or shorter at {settings.speed:g} km/h"


def _for_cars(look: Measure, verdict: dict[str, Verdict], settings: AimSettings, shutter: float) -> list[str]:
    """The shutter for cars that pass, where the plate in view does not show it."""
    wanted = f"for {settings.speed:g} km/h: shutter {_fraction(_passing_shutter(settings))} s or shorter"
    if verdict["shutter"] in ("fair", "poor"):
        return [f"{wanted}; it is {_set_to(shutter)} s"]
    told_already = look.speed is None and verdict["smear"] in ("fair", "poor")
    if shutter or _passes(look) or told_already:
        return []
    return [f"{wanted}; it is not known here: see the camera's settings"]


def _set_to(shutter: float) -> str:
    return f"1/{round(1000 / shutter)}"


def _fraction(seconds: float) -> str:
    """The longest usual shutter time that is no longer than matters."""
    number = next((n for n in _SHUTTERS if 1 / n <= _NO_MATTER * seconds), _SHUTTERS[-1])
    return f"1/{number}"
