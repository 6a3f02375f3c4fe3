import numpy as np
import pytest

from edge.region import RegionSettings, Window, stencil, windows

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LOWER_RIGHT = ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0))


def test_without_a_region_all_of_the_frame_is_one_window() -> None:
    assert windows(RegionSettings(), 1280, 720) == (Window(0, 0, 1280, 720),)
    assert stencil(RegionSettings(), 1280, 720) is None


def test_the_window_is_the_rectangle_around_the_region() -> None:
    triangle = ((0.25, 0.5), (0.75, 0.5), (0.5, 1.0))
    assert windows(RegionSettings(look=(triangle,)), 1280, 720) == (Window(320, 360, 960, 720),)


@pytest.mark.parametrize(
    ("width", "height", "tiles"), [(3840, 2160, 3), (2160, 3840, 2), (4000, 800, 4), (640, 640, 8)]
)
def test_tiles_cover_the_region_and_overlap(width: int, height: int, tiles: int) -> None:
    first, *rest = windows(RegionSettings(tiles=tiles), width, height)
    assert first == Window(0, 0, width, height)
    seen = np.zeros((height, width), np.uint8)
    for tile in rest:
        assert 0 <= tile.x1 < tile.x2 <= width
        assert 0 <= tile.y1 < tile.y2 <= height
        assert max(tile.x2 - tile.x1, tile.y2 - tile.y1) <= 1.25 * max(width, height) / tiles
        seen[tile.y1 : tile.y2, tile.x1 : tile.x2] += 1
        assert tile.inner == (tile.x1 > 0, tile.y1 > 0, tile.x2 < width, tile.y2 < height)
    assert seen.min() >= 1
    starts = sorted({tile.x1 for tile in rest})
    ends = sorted({tile.x2 for tile in rest})
    assert len(starts) in (tiles, max(1, len(starts)))
    assert all(end - start > 0.1 * (ends[0] - starts[0]) for start, end in zip(starts[1:], ends, strict=False))


def test_the_stencil_leaves_what_is_looked_at_and_not_ignored() -> None:
    inner = ((0.75, 0.75), (1.0, 0.75), (1.0, 1.0), (0.75, 1.0))
    drawn = stencil(RegionSettings(look=(LOWER_RIGHT,), ignore=(inner,)), 200, 100)
    assert drawn is not None
    assert drawn.shape == (100, 200)
    assert (drawn[20, 50], drawn[60, 120], drawn[90, 180]) == (0, 255, 0)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"look": (((0.1, 0.1), (0.9, 0.9)),)}, "2 points"),
        ({"ignore": (((0.1, 0.1), (120.0, 0.9), (0.5, 0.5)),)}, "120.0"),
        ({"look": (((0.1, 0.1), (0.5, 0.5), (0.9, 0.9)),)}, "without area"),
        ({"ignore": (WHOLE,)}, "nothing would ever be looked at"),
        ({"look": (LOWER_RIGHT,), "ignore": (LOWER_RIGHT,)}, "nothing would ever be looked at"),
        ({"tiles": 0}, "tiles is 0"),
        ({"tiles": 99}, "tiles is 99"),
    ],
)
def test_what_is_no_region_is_told(values: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        RegionSettings(**values)  # type: ignore[arg-type]
