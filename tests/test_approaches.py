"""Films made of photographs, and what the device makes of them."""

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL", reason="Pillow is not installed; it comes with the extras [test] and [training]")
pytest.importorskip("rich", reason="rich is not installed; it comes with the extras [test] and [training]")

from demo_clips import best_moment, largest_pass, picture_at, plate_at, write_picture

from edge.errors import ConfigError, OutputError, SourceError
from edge.records import PlateBox
from training.approaches import FRAME, FRAMES, Outcome, film, judge, main, replayed, score, write_film
from training.scenes import Labelled

PLATE = Labelled(Path("a.png"), PlateBox(40, 30, 90, 45, 1.0), "AB12")


def event(status: str, plate: str, reason: str | None = None) -> dict[str, Any]:
    return {"kind": "final", "status": status, "reason": reason, "plate": plate, "plate_raw": plate.replace("?", "X")}


def test_a_film_comes_nearer_and_is_always_the_same() -> None:
    photograph = np.full((120, 160, 3), 60, np.uint8)
    photograph[30:45, 40:90] = 250
    frames = list(film(photograph, PLATE, np.random.default_rng(3)))
    assert len(frames) == FRAMES
    again = islice(film(photograph, PLATE, np.random.default_rng(3)), 3)
    assert all((frame == other).all() for frame, other in zip(frames, again, strict=False))
    assert {frame.shape for frame in frames} == {(FRAME[1], FRAME[0], 3)}
    areas = [int((frame[..., 0] > 0.6 * frame.max()).sum()) for frame in frames]
    assert 45 * 13.5 * 0.8 < areas[0] < 45 * 13.5 * 1.3
    assert 80 * 24 * 0.8 < areas[-1] < 80 * 24 * 1.3
    assert np.corrcoef(areas, range(FRAMES))[0, 1] > 0.9


def test_rows_are_told_right_wrong_and_twice() -> None:
    other = Labelled(Path("a.png"), PlateBox(0, 0, 30, 9, 1.0), "ZZ9")
    unread = Labelled(Path("a.png"), PlateBox(0, 0, 9, 3, 1.0), "")
    outcomes = [
        judge("both", [PLATE, other, unread], [event("accepted", "AB12"), event("accepted", "ZZ9")]),
        judge("split", [PLATE], [event("accepted", "AB12"), event("accepted", "AB12")]),
        judge("lettering", [PLATE], [event("accepted", "AB12"), event("accepted", "PIZZA")]),
        judge("misread", [PLATE], [event("accepted", "A812"), event("rejected", "?", "too_small")]),
        judge("unsure", [PLATE], [event("undecided", "AB?2", "no_consensus")]),
        judge("missed", [PLATE], []),
    ]
    assert [outcome.right for outcome in outcomes] == [True, False, False, False, False, False]
    assert outcomes[4] == Outcome("unsure", frozenset({"AB12"}), (), ("undecided no_consensus AB?2 (ABX2)",))
    assert score(outcomes) == {"films": 6, "exact": 3, "wrong": 2, "twice": 1, "other_rows": 2}


def test_what_cannot_be_judged_or_written_is_told(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.zeros((60, 120, 3), np.uint8))
    (tmp_path / "labels.csv").write_text("image,x,y,w,h,text,country\na.png,10,20,60,16,,\n")
    with pytest.raises(ConfigError, match="not one plate with a text"):
        main(["--folder", str(tmp_path)])
    with pytest.raises(OutputError, match=r"no/a\.mp4: cannot be written"):
        write_film(tmp_path / "no" / "a.mp4", iter(()))
    (tmp_path / "a.mp4").write_bytes(b"no film")
    with pytest.raises(SourceError, match=r"replay of .*a\.mp4: .*a\.mp4"):
        replayed(tmp_path / "a.mp4", ())


@pytest.mark.slow
def test_a_photograph_is_approached_and_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    one = largest_pass()
    moment = best_moment(one)
    plate = plate_at(one, moment)
    write_picture(tmp_path / "gate.png", picture_at(moment))
    box = f"{plate.x1:.0f},{plate.y1:.0f},{plate.x2 - plate.x1:.0f},{plate.y2 - plate.y1:.0f}"
    (tmp_path / "labels.csv").write_text(f"image,x,y,w,h,text,country\ngate.png,{box},{one.plate},\n")
    films = tmp_path / "films"
    caplog.set_level("INFO")
    assert main(["--folder", str(tmp_path), "--keep", str(films)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["films"], told["exact"], told["twice"]) == (1, 1, 0)
    assert (films / "gate.mp4").stat().st_size > 10_000
    assert main(["--folder", str(tmp_path), "--set", "vote.min_plate_width=900"]) == 0
    assert json.loads(capsys.readouterr().out)["exact"] == 0
    assert re.search(rf"gate\.png: {one.plate}: .*too_small", caplog.text)
