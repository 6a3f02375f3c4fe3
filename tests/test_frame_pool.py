"""A frame's memory is used again when nobody has it any more, and never before."""

import threading

import numpy as np
import pytest

from edge.frame_pool import FramePool
from edge.records import Image


def filled(pool: FramePool, value: int, shape: tuple[int, ...] = (4, 6, 3)) -> Image:
    """As a camera does it: fills a spare frame of the right shape, or makes one."""
    frame = pool.spare()
    if frame is None or frame.shape != shape:
        frame = np.empty(shape, np.uint8)
    frame[:] = value
    pool.keep(frame)
    return frame


def test_memory_is_used_again() -> None:
    pool = FramePool()
    place = filled(pool, 1).ctypes.data
    assert filled(pool, 2).ctypes.data == place
    assert filled(pool, 3).ctypes.data == place


@pytest.mark.parametrize("hold", ["itself", "part", "part of a part", "turned"])
def test_a_frame_that_somebody_has_is_left_alone(hold: str) -> None:
    pool = FramePool()
    frame = filled(pool, 1)
    kept = {"itself": frame, "part": frame[1:], "part of a part": frame[1:][:, 1:], "turned": frame[::-1]}[hold]
    del frame
    for value in range(2, 12):
        filled(pool, value)
    assert (kept == 1).all()


def test_a_frame_in_another_thread_is_left_alone() -> None:
    pool = FramePool()
    taken, done = threading.Event(), threading.Event()
    seen: list[int] = []

    def look(frame: Image) -> None:
        taken.set()
        done.wait(10)
        seen.append(int(frame.max()))

    thread = threading.Thread(target=look, args=(filled(pool, 1),))
    thread.start()
    taken.wait(10)
    for value in range(2, 12):
        filled(pool, value)
    done.set()
    thread.join()
    assert seen == [1]


def test_the_pool_stays_small_however_many_are_held() -> None:
    pool = FramePool()
    held = [filled(pool, value) for value in range(20)]
    assert [int(frame.max()) for frame in held] == list(range(20))
    assert len(pool._frames) == 3


def test_another_size_takes_the_place_of_the_former() -> None:
    pool = FramePool()
    filled(pool, 1)
    filled(pool, 2, (8, 8, 3))
    assert [frame.shape for frame in pool._frames] == [(8, 8, 3)]


def test_a_part_of_something_else_is_not_kept() -> None:
    pool = FramePool()
    pool.keep(np.zeros((8, 6, 3), np.uint8)[2:])
    assert pool.spare() is None
