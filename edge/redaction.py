"""What must not leave the machine with a log, an error or a configuration: credentials, password hashes, plates."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from edge.alphabet import plain
from edge.network import path_tokens, public_url

HIDDEN = "(hidden)"
_SECRET = (("live", "password_hash"), ("live", "user"), ("source", "user"), ("source", "password_env"))
"""The name of a variable may be the password itself, by mistake."""
_CREDENTIALS = re.compile(r"(?<![\w+.-])([\w+.-]+(?::/{0,2}|//))\S*@")
"""Misspelt addresses too: `rtsp:/`, `rtsp:` and `rtsp//` before the user."""
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>,;]+", re.IGNORECASE)
_HASH = re.compile(r"\bscrypt\$\S+")
_NAMED = re.compile(
    r"(?P<name>\b\w*(?:passw\w*|passphrase|secret|token|api_?key|credential\w*|authorization|\bpw)\"?\s*[=:]\s*)"
    r"(?!(?:\"\"|'')(?![\"']))(?!\d+ from )"
    r"(?:(?:basic|bearer|digest)\s+)?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|\"[^\"]*\"|'[^']*'|[^\s,;]+)",
    re.IGNORECASE,
)
"""What stands behind a name that tells a secret; not an empty text, which is no secret and may be the fault, nor the
count in `wrong user or password: 3 from 192.168.1.7`."""
_WORD = re.compile(r"[A-Za-z0-9?]+")
_PASS = re.compile(r"\S+ (?=(?:accepted|undecided|rejected) [01]\.\d\d, \d+ readings)")
_LIKE_A_PLATE = re.compile(
    r"(?<![^\W_])(?!(?<=\b\d{4}-\d\d-)\d\dT\d)(?=[A-Z?]*\d)(?=[\d?]*[A-Z])[A-Z0-9?]{4,10}(?![^\W_])"
)
"""4 to 10 capital letters and digits, some of each, in a file's name too; not the 20T14 of 2026-11-20T14:03:22."""
_IN_PIPELINE = re.compile(r"-pw\s*=\s*[\"']?([^\s\"'!]+)")
_SHORTEST = 3


def hide_credentials(text: str) -> str:
    """The text with nothing in it between a scheme, as in `rtsp://`, and the last `@` of the same word."""
    return _CREDENTIALS.sub(r"\1", text)


def public_value(section: str, key: str, value: Any) -> Any:
    """A setting as others may see it: without passwords, and without anybody's plates."""
    if (section, key) in _SECRET:
        return HIDDEN if value else value
    if (section, key) == ("privacy", "known"):
        return tuple(HIDDEN for _ in value)
    if isinstance(value, str) and value.lstrip().startswith("gstreamer:"):
        return f"{value.split(maxsplit=1)[0]} … {HIDDEN}"
    if isinstance(value, str) and "://" in value:
        return _public_address(value)
    return hide_credentials(value) if isinstance(value, str) else value


def _public_address(url: str) -> str:
    try:
        return public_url(url)
    except ValueError:
        return HIDDEN


class Redactor:
    """Takes out of any text the given secrets and plates, and whatever looks like credentials."""

    def __init__(self, secrets: Iterable[str] = (), plates: Iterable[str] = ()) -> None:
        forms = {form for one in secrets for form in (one, quote(one, safe=""), unquote(one), _in_quotes(one))}
        longest_first = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._plates = frozenset(plain(plate) for plate in plates) - {""}

    def text(self, text: str) -> str:
        """The text without them; words keep their places."""
        text = _ADDRESS.sub(lambda found: _public_address(hide_credentials(found[0])), hide_credentials(text))
        text = _NAMED.sub(rf"\g<name>{HIDDEN}", _HASH.sub(HIDDEN, text))
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        return _WORD.sub(lambda found: "(plate)" if plain(found[0]) in self._plates else found[0], text)

    def log(self, text: str) -> str:
        """The same for lines of a log, where also what looks like a plate goes, whether anybody knows it or not."""
        # secrets first: one that has lost a part to the plates would not be known any more
        return _LIKE_A_PLATE.sub("(plate?)", _PASS.sub("(plate) ", self.text(text)))


def _in_quotes(text: str) -> str:
    """The text as it stands between the quotes of JSON or TOML."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def url_secrets(url: str) -> tuple[str, ...]:
    """The password and the query of a camera's address; some cameras have a password in the path, as `password=…`,
    or a token."""
    try:
        parts = urlsplit(url)
        named = [*parts.path.split("=", 1)[1:], *path_tokens(parts.path)]
        return tuple(one for one in (parts.password, parts.query, *named, *_IN_PIPELINE.findall(url)) if one)
    except ValueError:
        return ()
