"""Each line of the record names the hash of the line before and carries its own: a chain that shows every change.

A line is `CONTENT` and its hash, and the content ends with the hash of the line before. What stands between them and
around them depends on the form, CSV or JSON. The hash is the SHA-256 of the content's bytes. There is no key: whoever
can write the file can also make a whole new chain. docs/csv.md says what that proves and what not.
"""

import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple, Protocol

START = "0" * 64
"""What the first line of a chain names as the hash before it."""
ERASED = "erased"
"""The status of what takes the place of an erased line: it keeps both hashes, and nothing else of it."""

_JSON = re.compile(rb'(\{.*"prev_hash":"([0-9a-f]{64})"),"hash":"([0-9a-f]{64})"\}')
_CSV = re.compile(rb"(.*,([0-9a-f]{64})),([0-9a-f]{64})")
_MOMENT = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Link(NamedTuple):
    """What a line says of its place in the chain."""

    before: str
    """The hash of the line before."""
    hash: str
    """Its own."""
    whole: bool
    """Whether its own hash is that of its content; of an erased line nobody can tell, and it counts as whole."""
    erased: bool


class Form(Protocol):
    """How a line holds its content and its hashes."""

    header: bytes
    """The file's first line with its end, or nothing."""

    def seal(self, body: bytes, before: str) -> bytes:
        """The line with its end, of a body without one."""
        ...

    def link(self, line: bytes) -> Link | None:
        """The hashes of a line, which may lack its end; None if it has none."""
        ...

    def tombstone(self, link: Link, moment: datetime) -> bytes:
        """What takes the place of an erased line, with its end."""
        ...


class CsvForm:
    """Rows whose last two columns are `prev_hash` and `hash`; the hash is that of the row up to its last comma."""

    def __init__(self, header: bytes) -> None:
        self.header = header
        self.columns = tuple(header.decode("utf-8", "replace").strip().split(","))

    @property
    def chained(self) -> bool:
        """Whether files with this header have a chain; those of other programs and of the first version do not."""
        return self.columns[-2:] == ("prev_hash", "hash")

    def seal(self, body: bytes, before: str) -> bytes:
        """`body,BEFORE,HASH` and CR LF."""
        content = b"%s,%s" % (body, before.encode())
        return b"%s,%s\r\n" % (content, sha256(content).hexdigest().encode())

    def link(self, line: bytes) -> Link | None:
        """The two last cells of the row."""
        return _link(_CSV, line, self._is_tombstone(line))

    def tombstone(self, link: Link, moment: datetime) -> bytes:
        """Empty cells, but for the schema, the status, the moment of erasure and the hashes."""
        cells = {
            "schema": "1",
            "status": ERASED,
            "recorded_utc": utc_text(moment),
            "prev_hash": link.before,
            "hash": link.hash,
        }
        return ",".join(cells.get(column, "") for column in self.columns).encode() + b"\r\n"

    def _is_tombstone(self, line: bytes) -> bool:
        if ERASED.encode() not in line:  # nearly every line
            return False
        cells = dict(zip(self.columns, line.rstrip(b"\r\n").split(b","), strict=False))
        filled = {column for column, cell in cells.items() if cell}
        return (
            cells.get("status") == ERASED.encode()
            and filled <= {"schema", "status", "recorded_utc", "prev_hash", "hash"}
            and re.fullmatch(_MOMENT, cells.get("recorded_utc", b"")) is not None
        )


class JsonForm:
    """Objects that end in `"prev_hash":"…","hash":"…"`; the hash is that of the line up to `,"hash"`."""

    header = b""
    _TOMBSTONE = re.compile(
        rb'\{"schema":1,"type":"erased","recorded":"' + _MOMENT + rb'","prev_hash":"\w{64}","hash":"\w{64}"\}\s*'
    )

    def seal(self, body: bytes, before: str) -> bytes:
        """The object `body` with both hashes at its end, and a line feed."""
        content = b'%s,"prev_hash":"%s"' % (body.removesuffix(b"}"), before.encode())
        return b'%s,"hash":"%s"}\n' % (content, sha256(content).hexdigest().encode())

    def link(self, line: bytes) -> Link | None:
        """The last two values of the object."""
        return _link(_JSON, line, self._TOMBSTONE.fullmatch(line) is not None)

    def tombstone(self, link: Link, moment: datetime) -> bytes:
        """An object of the type "erased" with its moment and the hashes."""
        text = f'"schema":1,"type":"{ERASED}","recorded":"{utc_text(moment)}"'
        return f'{{{text},"prev_hash":"{link.before}","hash":"{link.hash}"}}\n'.encode()


def utc_text(moment: datetime) -> str:
    """UTC with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _link(pattern: re.Pattern[bytes], line: bytes, erased: bool) -> Link | None:
    found = pattern.fullmatch(line.rstrip(b"\r\n"))
    if found is None:
        return None
    content, before, own = found.groups()
    return Link(before.decode(), own.decode(), erased or sha256(content).hexdigest().encode() == own, erased)
