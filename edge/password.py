"""Passwords of the live page: kept as a salted scrypt hash (RFC 7914), never as text.

A hash is one line, safe in any configuration file:

    scrypt$16384$8$1$<salt, base64url>$<hash, base64url>

The numbers are scrypt's cost N, block size r and parallelism p: 16 MB and 0.06 s on a desktop processor.
"""

import base64
import binascii
import hashlib
import hmac
import os
import unicodedata
from pathlib import Path
from typing import NamedTuple

from edge.errors import ConfigError

_COST, _BLOCK_SIZE, _PARALLELISM = 2**14, 8, 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_MOST_MEMORY = 64 * 2**20
"""Bytes that a check may take: a hash with greater numbers is refused at start instead of filling a small board."""


def read_password_file(name: str, key: str) -> str:
    """The text of the file that the setting `key` names, a password or its hash; ConfigError, which never shows it."""
    path = Path(name)
    try:
        return path.read_text(encoding="utf-8-sig")  # Windows' editor puts a mark before UTF-8
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "not a text"
        raise ConfigError(f"{key}: cannot read {path}: {cause}") from None


class _Hash(NamedTuple):
    cost: int
    block_size: int
    parallelism: int
    salt: bytes
    digest: bytes


def hash_password(text: str) -> str:
    """The line to write as `live.password_hash`, different each time.

    Raises ConfigError for an empty password and for one with a line break, which no browser can send.
    """
    if not text or not text.isprintable():
        raise ConfigError("a password must have at least one character, and no line breaks or other control characters")
    salt = os.urandom(_SALT_BYTES)
    digest = _scrypt(text, _Hash(_COST, _BLOCK_SIZE, _PARALLELISM, salt, bytes(_HASH_BYTES)))
    return f"scrypt${_COST}${_BLOCK_SIZE}${_PARALLELISM}${_encode(salt)}${_encode(digest)}"


def check_password_hash(line: str) -> None:
    """Raises ConfigError if `line` is not what `hash_password` writes. Never repeats it: it may be a plain password."""
    _parse(line)


def verify_password(text: str, line: str) -> bool:
    """Whether `text` is the password behind `line`; takes the same time for every wrong one."""
    wanted = _parse(line)
    return hmac.compare_digest(_scrypt(text, wanted), wanted.digest)


def _scrypt(text: str, wanted: _Hash) -> bytes:
    return hashlib.scrypt(
        unicodedata.normalize("NFC", text).encode(),  # ü is one character or two, by the keyboard
        salt=wanted.salt,
        n=wanted.cost,
        r=wanted.block_size,
        p=wanted.parallelism,
        maxmem=_MOST_MEMORY,
        dklen=len(wanted.digest),
    )


def _parse(line: str) -> _Hash:
    fields = line.strip().split("$")
    try:
        name, cost, block_size, parallelism, salt, digest = fields
        wanted = _Hash(int(cost), int(block_size), int(parallelism), _decode(salt), _decode(digest))
    except (ValueError, binascii.Error):
        raise ConfigError("the password hash is not one; make it with `gatereader password`") from None
    cost_ok = wanted.cost >= 2**14 and wanted.cost & (wanted.cost - 1) == 0
    memory = 128 * wanted.cost * wanted.block_size
    sizes_ok = wanted.block_size >= 8 and 1 <= wanted.parallelism <= 4 and memory < _MOST_MEMORY
    if name != "scrypt" or not cost_ok or not sizes_ok or len(wanted.salt) < 8 or len(wanted.digest) < 16:
        raise ConfigError("the password hash is damaged or too weak; make it with `gatereader password`")
    return wanted


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
