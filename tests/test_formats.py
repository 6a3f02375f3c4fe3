import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from core_fakes import box, reading
from hypothesis import given
from hypothesis import strategies as st

from edge.alphabet import ALPHABET
from edge.countries import ALPHA_3, COUNTRIES
from edge.formats import Slot, expand, load_formats, rule
from edge.records import Frame
from edge.stills import Still, apply_formats, still_values
from edge.vote import VoteSettings


def ruled(text: str, *names: str, claims: dict[int, dict[str, float]] | None = None, confidence: float = 0.97):  # type: ignore[no-untyped-def]
    """Text and format after the rules; `claims` has what readings say besides at some places."""
    said = [{character: confidence, **(claims or {}).get(i, {})} for i, character in enumerate(text)]
    slots = []
    for character, claim in zip(text, said, strict=True):
        other, share = max(((c, p) for c, p in claim.items() if c != character), key=lambda x: x[1], default=("", 0.0))
        slots.append(Slot(character, confidence, other, share))
    result = rule(slots, said, load_formats(names))
    return "".join(slot.text for slot in result.slots), result


def test_there_are_many_countries_and_each_has_plates() -> None:
    assert len(COUNTRIES) >= 40
    for code in COUNTRIES:
        assert re.fullmatch("[a-z]{2}|us-[a-z]{2}", code)
        lengths = load_formats((code,)).by_length
        assert lengths
        assert all(2 <= length <= 11 for length in lengths), code


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("AB123CD", "it"), ("MI2A3456", "it"), ("FR123AB", "fr"), ("1234AB75", "fr"), ("1234BCD", "es"),
        ("BMW1234E", "de"),
        ("AB12CDE", "gb"), ("B123ABC", "ro"), ("CJ01ABC", "ro"), ("TR95XMI", "ro"), ("ZH123456", "ch"),
        ("ABC1D23", "br"), ("131D12345", "ie"), ("12BDF3", "nl"), ("A123BC777", "ru"), ("AA1234BB", "ua"),
        ("DL2CAB1234", "in"), ("7ABC123", "us-ca"), ("ABC1234", "us-ny"), ("1A4567B", "us-al"),
    ],
)  # fmt: skip
def test_plates_as_they_are_seen_fit_their_country(text: str, country: str) -> None:
    template = load_formats((country,)).fit(text)
    assert template is not None
    assert template.name == country


def test_a_state_s_plates_are_also_its_country_s() -> None:
    states = [code for code in COUNTRIES if code.startswith("us-")]
    assert len(states) == 51
    country = load_formats(("us",))
    for code in states:
        for length, templates in load_formats((code,)).by_length.items():
            shapes = {template.shape for template in country.by_length[length]}
            assert {template.shape for template in templates} <= shapes


def test_where_a_state_has_no_letter_o_it_is_a_zero() -> None:
    assert load_formats(("us-ca",)).fit("7OBC123") is None
    assert ruled("ABCO234", "us-ny")[0] == "ABC0234"
    assert ruled("ABC1234", "us-ny", "us-nc")[1].format == "us-ny"


def test_an_example_is_a_format() -> None:
    formats = load_formats(("AA-000 AA", "b00{aa,b}[XY]"))
    assert formats.fit("XY123ZW")
    assert formats.fit("B07AAX")
    assert formats.fit("B07BY")
    assert formats.fit("B07CX") is None
    assert formats.fit("A07BX") is None


def test_an_alternative_may_be_empty() -> None:
    assert {len(shape) for shape in expand("AAA0{,0}")} == {4, 5}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("itt", 'did you mean "it"'), ("italy", '"it" (Italy)'), ("germny", '"de" (Germany)'), ("IT", '"it" (Italy)'),
        ("AA?00", "'?'"), ("A", "3 to 12"), ("{a,b}" * 20, "shapes"), ("zz", "known are ad, al"), ("", "3 to 12"),
        ("texas", '"us-tx" (Texas)'), ("USA", 'did you mean "us" (United States)'), ("ITA", 'did you mean "it"'),
        ("DEU", 'did you mean "de"'), ("US-CA", 'did you mean "us-ca"'), ("usa", 'did you mean "us"'),
        ("aut", 'did you mean "at"'),
    ],
)  # fmt: skip
def test_a_wrong_format_names_what_was_meant(name: str, wanted: str) -> None:
    with pytest.raises(ValueError, match=re.escape(wanted)):
        load_formats((name,))


def test_every_country_has_a_code_of_three_letters() -> None:
    assert sorted(ALPHA_3.values()) == sorted(code for code in COUNTRIES if not code.startswith("us-"))
    assert all(re.fullmatch("[a-z]{3}", code) for code in ALPHA_3)


def test_a_template_of_letters_only_is_no_country() -> None:
    for name, text in (("AAA", "XYZ"), ("AAAA", "USCA"), ("VIPA", "VIPX")):
        assert load_formats((name,)).fit(text)


def test_a_format_of_which_no_plate_can_be_accepted_is_refused() -> None:
    for names, limits in (
        (("AA00AA0000X",), {}),
        (("it", "AAA{0,00}"), {"min_characters": 6}),
        (("mt",), {"min_characters": 7}),
        (("AAA{,000000}",), {"min_characters": 4, "max_characters": 8}),
    ):
        with pytest.raises(ValueError, match=r"formats: .*min_characters = \d+ and max_characters = \d+ never accept"):
            VoteSettings(formats=names, **limits)
    with pytest.raises(ValueError, match="'AA00AA0000X' has plates of 11 characters"):
        VoteSettings(formats=("AA00AA0000X",))


def test_a_format_of_which_some_plates_are_too_long_or_too_short_is_one() -> None:
    assert VoteSettings(formats=("ie", "my", "ma", "AAA000000{0,00}")).max_characters == 10
    assert VoteSettings(formats=("AA00AA0000X",), max_characters=11).formats
    assert VoteSettings(formats=tuple(COUNTRIES)).formats


@pytest.mark.parametrize(
    ("read", "fits"), [("ABI23CD", "AB123CD"), ("ABO23CD", "AB023CD"), ("ABOO3CD", "AB003CD"), ("AB123C0", "AB123CD")]
)
def test_what_fonts_draw_alike_is_put_right(read: str, fits: str) -> None:
    text, result = ruled(read, "it")
    assert (text, result.format) == (fits, "it")
    changed = next(slot for slot, was in zip(result.slots, read, strict=True) if slot.text != was)
    assert 0.5 < changed.confidence < 0.97


def test_what_a_reader_can_tell_apart_is_changed_only_if_a_reading_claims_it() -> None:
    assert ruled("AB1B3CD", "it")[0] == "AB1B3CD"
    text, result = ruled("AB1B3CD", "it", claims={3: {"B": 0.6, "8": 0.35}}, confidence=0.6)
    assert (text, result.format) == ("AB183CD", "it")


def test_a_plate_that_fits_is_surer_of_what_else_would_not_fit() -> None:
    doubtful = {2: {"1": 0.7, "I": 0.25}}
    text, result = ruled("AB123CD", "it", claims=doubtful, confidence=0.7)
    assert text == "AB123CD"
    assert result.slots[2].confidence > 0.9
    _, rival = ruled("AB123CD", "it", claims={2: {"1": 0.7, "7": 0.25}}, confidence=0.7)
    assert rival.slots[2].confidence == pytest.approx(0.7), "another digit fits as well"


def test_the_claim_that_a_character_is_missing_can_be_made_to_fit() -> None:
    text, result = ruled("AB1233CD", "it", claims={4: {"3": 0.5, "": 0.4}})
    assert (text, result.format) == ("AB123CD", "it")


@given(st.text(ALPHABET, min_size=1, max_size=10), st.floats(0.1, 0.99))
def test_rules_never_lose_a_place_and_never_gain_certainty_they_change(text: str, confidence: float) -> None:
    changed, result = ruled(text, "it", "ro", "AAA000", confidence=confidence)
    assert len(result.slots) == len(text)
    for slot, was in zip(result.slots, text, strict=True):
        assert 0.0 <= slot.confidence <= 1.0
        if slot.text != was:
            assert slot.confidence < confidence
    if not result.format:
        assert changed == text


def test_single_pictures_are_ruled_too() -> None:
    picture = Frame(np.zeros((60, 200, 3), np.uint8), 0.0, datetime(2026, 1, 1, tzinfo=UTC), 0)
    plates = ((box(10, 10), reading("ABI23CD")), (box(10, 40), reading("XYZZY12")))
    still = Still(Path("a.jpg"), picture, False, plates, 0.0, 0.0)
    assert "format" not in still_values(apply_formats(still, ()), 0.9)["plates"][0]
    first, second = still_values(apply_formats(still, ("it",)), 0.9)["plates"]
    assert (first["text"], first["format"], first["unruled"]) == ("AB123CD", "it", "ABI23CD")
    assert first["confidence"] < 0.97
    assert (second["text"], second["format"], second["unruled"]) == ("XYZZY12", "", "")


def test_a_character_without_any_doubt_is_left_alone() -> None:
    text, result = ruled("M111MM77", "ru", claims={0: {"N": 4e-9}}, confidence=1.0)
    assert text == "M111MM77"
    assert result.slots[0].confidence == 1.0
