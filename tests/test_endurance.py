"""A short endurance run of the real service: two losses of its camera, and what the long run concludes from figures."""

from dataclasses import replace
from pathlib import Path

import pytest
from endurance import LOSSES, SLOPE, Loss, Outcome, endure, text

GOOD = Outcome(
    frames=100_000,
    seconds=1000.0,
    processor=500.0,
    losses=[Loss(kind, "lost", 3.0, 2.0) for kind in LOSSES],
    resident=[(frames, 120.0 + 0.5 * frames / 1e5) for frames in range(0, 100_000, 500)],
    files=(20, 21),
    threads=(9, 9),
    rows=30,
    chain_whole=True,
    status=0,
)


def test_a_good_run_keeps_all_limits() -> None:
    assert GOOD.slope == pytest.approx(0.5)
    assert GOOD.faults() == []
    assert "all limits are kept" in text(GOOD)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"losses": [Loss("refused", "refused", 3.0, 8.1)]}, "refused: refused, back after 8.1 s"),
        ({"losses": [Loss("stalled", "", 20.0, 0.1)]}, "not noticed"),
        ({"resident": [(n, 120.0 + 1.1 * SLOPE * n / 1e5) for n in range(0, 100_000, 500)]}, "memory grows by 1.10 MB"),
        ({"files": (20, 60)}, "files 20 → 60"),
        ({"threads": (9, 20)}, "threads 9 → 20"),
        ({"chain_whole": False}, "chain broken"),
        ({"rows": 0}, "0 rows"),
        ({"status": -9}, "ended with -9"),
    ],
)
def test_every_limit_can_be_missed(changes: dict[str, object], words: str) -> None:
    faults = replace(GOOD, **changes).faults()  # type: ignore[arg-type]
    assert len(faults) == 1
    assert words in faults[0]


def test_the_pause_that_is_allowed_follows_from_how_long_the_camera_was_away() -> None:
    assert Loss("refused", "refused", 0.2, 0).allowed == pytest.approx(0.2 / 0.75 + 1 + 3)
    assert Loss("refused", "refused", 9.0, 0).allowed == pytest.approx(13 + 3)
    assert Loss("refused", "refused", 500.0, 0).allowed == 33


@pytest.mark.slow
@pytest.mark.timeout(300)  # a loss takes as long as it takes, and the models are real
def test_the_real_service_comes_back_after_each_loss(tmp_path: Path) -> None:
    outcome = endure(200, ["stalled", "refused"], tmp_path, rate=20.0, every=1.0, hold=0.3, cars=1)
    assert [loss.kind for loss in outcome.losses] == ["stalled", "refused"]
    assert all(loss.told for loss in outcome.losses)
    assert outcome.faults() == [], text(outcome)
