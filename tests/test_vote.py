import pytest
from core_fakes import START, box, reading
from hypothesis import given
from hypothesis import strategies as st

from edge.poll import Poll, refusal_of, weigh
from edge.records import PlateReading
from edge.vote import NO_VOTE, Ballot, VoteSettings, count, rule_reading

SETTINGS = VoteSettings()
FRAME = (1280, 720)


def ballot(text: str, confidence: float = 0.95, weight: float = 1.0, time: float = 0.0) -> Ballot:
    return Ballot(reading(text, confidence), weight, box(300), time, START)


def ballots(*texts: str) -> list[Ballot]:
    return [ballot(text) for text in texts]


def test_majority_wins_each_position() -> None:
    vote = count(ballots("AB123CD", "A8123CD", "AB123CO", "AB128CD", "AB123CD"), SETTINGS)
    assert vote.answer == "AB123CD"
    assert vote.voters == 5
    assert vote.agreement == pytest.approx(2 / 5)


def test_majority_of_three_different_wrong_readings_is_right() -> None:
    assert count(ballots("XB123CD", "AB1Z3CD", "AB123CY"), SETTINGS).answer == "AB123CD"


def test_missing_and_extra_characters_do_not_shift_the_rest() -> None:
    vote = count(ballots("AB123CD", "AB23CD", "IAB123CD", "AB123CD", "AB1123CD"), SETTINGS)
    assert vote.answer == "AB123CD"


def test_a_character_that_the_medoid_lacks_is_voted_in() -> None:
    # no reading is complete, each lacks another character
    vote = count(ballots("B123CD", "AB13CD", "AB123C"), SETTINGS)
    assert vote.answer == "AB123CD"


def test_a_character_that_nearly_half_of_the_readings_have_is_not_dropped_silently() -> None:
    # readers leave out far more characters than they invent, so two who see it outweigh three who do not
    vote = count(ballots("P58296", "JP58296", "P58296", "JP58296", "P58296"), SETTINGS)
    assert (vote.answer, vote.plate, vote.second) == ("JP58296", "?P58296", "P58296")
    assert vote.confidence < 0.8


def test_a_character_that_one_of_many_readings_has_is_not_taken_over() -> None:
    vote = count(ballots("AB123CD", *["AB123C"] * 9), SETTINGS)
    assert vote.answer == "AB123C"


def test_ties_go_to_the_higher_confidence() -> None:
    low, high = ballot("AB123CD", 0.5, weight=1.5), ballot("A8123CD", 0.75, weight=1.0)  # to the last bit 0.75 each
    assert count([low, high], SETTINGS).answer == "A8123CD"
    assert count([high, low], SETTINGS).answer == "A8123CD"


def test_weight_outvotes_number() -> None:
    blurred = [ballot("A8123CD", 0.9, weight=0.1) for _ in range(4)]
    assert count([*blurred, ballot("AB123CD", 0.9, weight=1.0)], SETTINGS).answer == "AB123CD"


@given(st.floats(0.05, 0.99), st.integers(1, 30))
def test_frames_of_one_moment_are_one_look(confidence: float, frames: int) -> None:
    vote = count([ballot("AB123CD", confidence, time=i / 1000) for i in range(frames)], SETTINGS)
    assert vote.confidence == pytest.approx(confidence)


@given(st.floats(0.51, 0.99), st.integers(2, 30))
def test_many_agreeing_readings_are_worth_less_than_two_independent_ones(confidence: float, readings: int) -> None:
    vote = count([ballot("AB123CD", confidence, time=float(i)) for i in range(readings)], SETTINGS)
    two = confidence**2 / (confidence**2 + (1 - confidence) ** 2)
    assert confidence < vote.confidence < two


def test_confidence_is_that_of_the_weakest_character() -> None:
    characters = (("A", 0.99), ("B", 0.7), ("1", 0.95))
    one = PlateReading("AB1", 0.7, characters, (("4", 0.0), ("8", 0.2), ("I", 0.01)), 1, 2000)
    vote = count([Ballot(one, 0.5, box(300), 0.0, START)], SETTINGS)
    assert vote.confidence == pytest.approx(0.7)
    assert vote.plate == "A?1"
    assert vote.answer == "AB1"
    assert vote.second == "A81"
    assert vote.margin == pytest.approx(0.5)


def test_a_split_vote_shows_as_question_mark_with_the_second_best() -> None:
    vote = count(ballots("AB123CD", "AB123CD", "AB123CD", "A8123CD", "A8123CD"), SETTINGS)
    assert vote.plate == "A?123CD"
    assert vote.second == "A8123CD"
    assert vote.margin == pytest.approx(0.95 * (3 - 2) / 5)


def test_readings_without_runners_up_have_no_second() -> None:
    bare = PlateReading("AB1", 0.9, (("A", 0.9), ("B", 0.9), ("1", 0.9)), (), 1, 500)
    vote = count([Ballot(bare, 0.5, box(300), 0.0, START)], SETTINGS)
    assert (vote.answer, vote.second) == ("AB1", "")
    assert vote.margin == pytest.approx(0.9)


ITALIAN = VoteSettings(formats=("it",))


def test_a_vote_that_nearly_fits_the_format_is_taken_to_fit_at_a_price() -> None:
    vote = count(ballots("ABI23CD", "ABI23CD", "ABI23CD"), ITALIAN)
    assert (vote.answer, vote.unruled, vote.format) == ("AB123CD", "ABI23CD", "it")
    assert vote.confidence < count(ballots("AB123CD", "AB123CD", "AB123CD"), ITALIAN).confidence
    assert vote.second == "ABI23CD"
    assert 0 < vote.margin < vote.confidence
    assert vote.agreement == 1.0, "the readings agree, whatever the format makes of them"


@pytest.mark.parametrize("text", ["XYZZY12", "12345", "AB123C"])
def test_a_vote_that_fits_no_format_stays_as_it_was_read(text: str) -> None:
    plain, ruled = count(ballots(text, text), SETTINGS), count(ballots(text, text), ITALIAN)
    assert ruled == plain


def test_without_formats_nothing_is_changed() -> None:
    vote = count(ballots("ABI23CD", "ABI23CD"), SETTINGS)
    assert (vote.answer, vote.unruled, vote.format) == ("ABI23CD", "", "")


def test_a_single_reading_is_ruled_like_a_vote() -> None:
    changed, name = rule_reading(reading("ABI23CD", 0.97), ("it",))
    assert (changed.text, name) == ("AB123CD", "it")
    assert changed.confidence < 0.97
    same, name = rule_reading(reading("XYZZY12", 0.97), ("it",))
    assert (same.text, same.confidence, name) == ("XYZZY12", 0.97, "")


def test_nobody_voted() -> None:
    assert count([], SETTINGS) == NO_VOTE
    assert NO_VOTE.confidence == 0.0


@given(
    st.lists(
        st.tuples(st.text("AB8013", min_size=1, max_size=9), st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
        min_size=1,
        max_size=8,
    )
)
def test_any_readings_give_a_consistent_vote(drawn: list[tuple[str, float, float]]) -> None:
    vote = count([ballot(text, confidence, weight) for text, confidence, weight in drawn], SETTINGS)
    assert len(vote.plate) >= len(vote.answer) == len(vote.characters)
    assert 0.0 <= vote.confidence <= 1.0 + 1e-9
    assert 0.0 <= vote.margin <= 1.0 + 1e-9
    assert ("?" in vote.plate) == (vote.confidence < SETTINGS.needed(vote.voters) and bool(vote.answer))


@pytest.mark.parametrize(
    ("sight", "refusal"),
    [
        ((box(300), reading("AB123CD")), None),
        ((box(0.5), reading("AB123CD")), "edge_cut"),
        ((box(1160.0), reading("AB123CD")), "edge_cut"),
        ((box(300, y=692), reading("AB123CD")), "edge_cut"),
        ((box(300, width=30, height=8), reading("AB123CD")), "too_small"),
        ((box(300, width=30, height=20), reading("AB123CD", lines=2)), None),
        ((box(300), reading("AB123CD", sharpness=1.0)), "blurred"),
        ((box(300), reading("AB")), "low_confidence"),
        ((box(300), reading("")), "low_confidence"),
        ((box(300), reading("ABCDEFGHIJKLM")), "format"),
    ],
)
def test_readings_that_may_not_vote(sight: tuple, refusal: str | None) -> None:  # type: ignore[type-arg]
    found, read = sight
    assert refusal_of(read, found, FRAME, SETTINGS) == refusal


def test_a_larger_sharper_plate_weighs_more() -> None:
    plain = weigh(reading("AB123CD", 0.9, 300), box(300, width=80))
    assert weigh(reading("AB123CD", 0.9, 300), box(300, width=100)) > plain
    assert weigh(reading("AB123CD", 0.9, 400), box(300, width=80)) > plain
    assert weigh(reading("AB123CD", 0.95, 300), box(300, width=80)) > plain
    assert weigh(reading("AB123CD", 1.0, 1e9), box(300, width=1000)) == pytest.approx(1.0)


def test_a_poll_keeps_the_most_legible_readings_only() -> None:
    poll, settings = Poll(), VoteSettings(max_votes=4)
    for index in range(100):
        poll.add(ballot("AB123CD", weight=((index * 37) % 100) / 100, time=float(index)), None, settings)
    assert sorted(kept.weight for kept in poll.ballots) == [0.96, 0.97, 0.98, 0.99]
    assert poll.readings == 100
    assert poll.best is not None
    assert poll.best.weight == 0.99


def test_refused_readings_are_counted_and_stand_in_until_one_votes() -> None:
    poll = Poll()
    poll.add(ballot("AB123C", 0.99, weight=0.9), "edge_cut", SETTINGS)
    assert (poll.text, poll.confidence, poll.vote.voters) == ("AB123C", 0.99, 0)
    poll.add(ballot("AB123CD", 0.6, weight=0.5), None, SETTINGS)
    assert poll.refused == {"edge_cut": 1}
    assert poll.text == "AB123CD"
    assert poll.best is not None
    assert poll.best.reading.text == "AB123CD"
    assert poll.boldest is not None
    assert poll.boldest.text == "AB123CD"


def test_a_plate_that_creeps_nearer_keeps_improving() -> None:
    poll = Poll()
    for second in range(50):
        poll.add(ballot("AB123CD", weight=0.1 * 1.02**second, time=float(second)), None, SETTINGS)
    assert poll.improved > 44
    for second in range(50, 100):
        poll.add(ballot("AB123CD", weight=0.2, time=float(second)), None, SETTINGS)
    assert poll.improved < 50


@pytest.mark.parametrize(
    "wrong",
    [
        {"formats": ("itt",)},
        {"accept_confidence": 1.5},
        {"max_delay": -1.0},
        {"max_votes": 0},
        {"edge_margin": 3.0},
        {"min_characters": 5, "max_characters": 4},
    ],
)
def test_settings_name_what_is_wrong(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(reversed(wrong)))):
        VoteSettings(**wrong)  # type: ignore[arg-type]
