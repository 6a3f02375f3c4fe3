"""Characters ↔ classes and greedy decoding."""

import numpy as np
import pytest

from edge.alphabet import ALPHABET, BLANK, CLASSES, decode_greedy, encode, softmax, time_steps_needed


def logits_of(steps: str, peak: float = 8.0) -> np.ndarray:
    """(T, C) logits that say each character of `steps` in turn; `_` is the blank."""
    logits = np.zeros((len(steps), CLASSES), dtype=np.float32)
    for step, character in enumerate(steps):
        logits[step, BLANK if character == "_" else ALPHABET.index(character) + 1] = peak
    return logits


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ("AAB_1", "AB1"),
        ("A_AB", "AAB"),
        ("____", ""),
        ("_0O_0", "0O0"),
        ("ZZZZ", "Z"),
    ],
)
def test_repeats_are_merged_and_blanks_dropped(steps: str, text: str) -> None:
    decoded = decode_greedy(logits_of(steps))
    assert decoded.text == text
    assert [character for character, _ in decoded.characters] == list(text)
    assert len(decoded.runners_up) == len(text)


def test_confidence_is_that_of_the_weakest_character() -> None:
    logits = logits_of("A_B")
    logits[2] = logits_of("B", peak=2.0)[0]
    logits[2, ALPHABET.index("8") + 1] = 1.5
    decoded = decode_greedy(logits)
    assert decoded.text == "AB"
    assert decoded.confidence == pytest.approx(decoded.characters[1][1])
    assert decoded.confidence < decoded.characters[0][1]
    assert decoded.runners_up[1][0] == "8"


def test_a_gap_that_may_hide_a_character_weakens_the_weaker_neighbour() -> None:
    logits = logits_of("AA__BB__C")
    logits[2, ALPHABET.index("A") + 1] = 7.0  # the flank of a neighbour is no other character
    certain = decode_greedy(logits)
    assert certain.confidence > 0.98
    logits[5, ALPHABET.index("8") + 1] = 6.0  # B is a little less sure than A
    logits[4, ALPHABET.index("8") + 1] = 6.0
    logits[3, ALPHABET.index("1") + 1] = 7.5
    doubtful = decode_greedy(logits)
    step = softmax(logits)[3]
    assert doubtful.text == "ABC"
    assert doubtful.characters[1][1] == pytest.approx(1 - step[ALPHABET.index("1") + 1])
    assert [doubtful.characters[index] for index in (0, 2)] == [certain.characters[index] for index in (0, 2)]


def test_a_character_hidden_before_the_first_or_behind_the_last_counts_too() -> None:
    for place, index in ((0, 0), (-1, -1)):
        logits = logits_of("_AB_")
        logits[place, ALPHABET.index("I") + 1] = 7.0
        decoded = decode_greedy(logits)
        assert decoded.text == "AB"
        assert decoded.characters[index][1] == pytest.approx(1 - softmax(logits)[place, ALPHABET.index("I") + 1])


def test_an_empty_text_claims_nothing() -> None:
    assert decode_greedy(logits_of("__")).confidence == 0.0


def test_a_higher_temperature_lowers_the_confidence_and_keeps_the_text() -> None:
    sharp, soft = decode_greedy(logits_of("AB"), 1.0), decode_greedy(logits_of("AB"), 3.0)
    assert sharp.text == soft.text
    assert soft.confidence < sharp.confidence


def test_encode_is_the_inverse_of_the_classes() -> None:
    assert encode("0AZ") == [1, 11, 36]
    with pytest.raises(ValueError, match="'Ä' in 'BÄR'"):
        encode("BÄR")


def test_time_steps_count_the_blank_between_repeats() -> None:
    assert time_steps_needed("AAB11") == 7
    assert time_steps_needed("") == 0


def test_softmax_sums_to_one() -> None:
    assert softmax(np.array([[1.0, 2.0, 300.0]], dtype=np.float32)).sum() == pytest.approx(1.0)
