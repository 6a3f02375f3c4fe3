import codecs
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.password import check_password_hash, hash_password, read_password_file, verify_password
from edge.sign_in import SignIn

HASH = "scrypt$16384$8$1$ndvBEYHkC_x4-2Mss70I9w$_IUkX6g0O0b6aMb7eWce-W11uOJm6YvGjf2CkFAod0Y"
"""Of "open sesame", made once: what was hashed by an earlier version must go on to fit."""


def test_only_the_password_fits_its_hash() -> None:
    assert verify_password("open sesame", HASH)
    for wrong in ("", "open Sesame", "open sesame ", HASH):
        assert not verify_password(wrong, HASH)


def test_no_two_hashes_are_alike() -> None:
    assert hash_password("open sesame") != HASH


def test_letters_fit_however_the_keyboard_composes_them() -> None:
    assert verify_password("scho\u0308n", hash_password("sch\u00f6n"))


def test_the_hash_is_one_line_that_any_file_can_hold() -> None:
    assert HASH.startswith("scrypt$16384$8$1$")
    assert HASH.isascii()
    assert not set(HASH) & set("\"'\\\n #")
    check_password_hash(HASH + "\n")


def test_the_mark_that_windows_editor_writes_first_is_no_part_of_a_password(tmp_path: Path) -> None:
    file = tmp_path / "camera"
    file.write_bytes(codecs.BOM_UTF8 + b"secret\r\n")
    assert SignIn("gate", str(file), "").password() == "secret"
    file.write_bytes(codecs.BOM_UTF8 + HASH.encode())
    assert read_password_file(str(file), "live.password_file") == HASH


@pytest.mark.parametrize("text", ["", "two\nlines", "nul\0", "\udc80"])
def test_what_no_browser_can_send_is_no_password(text: str) -> None:
    with pytest.raises(ConfigError):
        hash_password(text)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "open sesame",
        HASH[:-10] + "!" * 10,
        HASH.replace("scrypt", "md5"),
        HASH.replace("16384", "1024"),
        HASH.replace("16384", "16383"),
        HASH.replace("16384", "1048576"),
        HASH.replace("$8$", "$0$"),
        HASH.replace("$1$", "$-1$"),
        HASH.rpartition("$")[0] + "$YWJj",
        "scrypt$16384$8$1$$" + HASH.rpartition("$")[2],
    ],
)
def test_what_is_no_hash_is_refused_and_never_repeated(line: str) -> None:
    with pytest.raises(ConfigError, match="gatereader password") as raised:
        check_password_hash(line)
    assert not line or line not in str(raised.value)
