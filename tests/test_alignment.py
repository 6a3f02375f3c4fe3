from hypothesis import given
from hypothesis import strategies as st

from edge.alignment import align, contradict, distance, look_alike, similar

texts = st.text("01OB8AC", max_size=9)


@given(texts, texts)
def test_slots_partition_the_text(reference: str, text: str) -> None:
    slots = align(reference, text).slots
    assert len(slots) == 2 * len(reference) + 1
    assert "".join(text[start:end] for start, end in slots) == text
    assert all(end - start <= 1 for start, end in slots[1::2])


@given(texts, texts)
def test_slots_cost_what_the_distance_says(reference: str, text: str) -> None:
    found = align(reference, text)
    cost = 0.0
    for index, (start, end) in enumerate(found.slots):
        piece, wanted = text[start:end], reference[index // 2] if index % 2 else ""
        if not wanted or not piece:
            cost += len(piece) + len(wanted)
        elif piece != wanted:
            cost += 0.5 if look_alike(piece, wanted) else 1.0
    assert cost == found.distance


@given(texts, texts)
def test_distance_is_symmetric(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)


def test_extra_character_lies_between() -> None:
    slots = align("AB12", "ABX12").slots
    assert [("ABX12"[start:end]) for start, end in slots] == ["", "A", "", "B", "X", "1", "", "2", ""]


def test_similar_wants_one_step_and_length() -> None:
    assert similar("AB123CD", "A8123CD")
    assert similar("AB123CD", "A812SCD") is False  # 8 for B is half a step, S for 3 a whole one
    assert similar("AB123CD", "AB123C")
    assert similar("AB1", "AB7") is False
    assert similar("AB1", "AB1")


def test_a_cut_plate_contradicts_nothing() -> None:
    assert not contradict("AB123CD", "123CD")
    assert not contradict("AB123CD", "AB1")
    assert not contradict("AB123CD", "A8I23CD")
    assert contradict("AB123CD", "XK940LM")
    assert contradict("AB123CD", "XK94")
