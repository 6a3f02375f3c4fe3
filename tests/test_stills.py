import pytest
from core_fakes import reading

from edge.records import PlateReading
from edge.stills import still_line
from edge.vote import surely


def test_what_is_not_sure_is_a_question_mark() -> None:
    one = PlateReading("AB1", 0.6, (("A", 0.95), ("B", 0.6), ("1", 0.92)))
    assert surely(one.characters, 0.92) == "A?1"
    assert surely(reading("AB123CD", 0.97).characters, 0.92) == "AB123CD"
    assert surely((), 0.92) == ""


@pytest.mark.parametrize(
    ("text", "plate", "confidence", "line"),
    [
        ("AB123CD", "AB123CD", 0.97, "gate.jpg: AB123CD 97 %"),
        ("AB123CD", "AB12?CD", 0.61, "gate.jpg: AB12?CD (AB123CD 61 %)"),
        ("", "", 0.0, "gate.jpg: (illegible) 0 %"),
    ],
)
def test_the_line_for_people(text: str, plate: str, confidence: float, line: str) -> None:
    assert (
        still_line({"image": "gate.jpg", "plates": [{"text": text, "plate": plate, "confidence": confidence}]}) == line
    )
