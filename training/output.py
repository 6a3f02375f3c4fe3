"""Files that training writes: whole or not at all, and one line where they cannot be written."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edge.errors import GateReaderError, OutputError


@contextmanager
def writing(what: Path | str) -> Iterator[None]:
    """OutputError that names `what`, a path or an option with its path, for any OSError of the work inside."""
    try:
        yield
    except GateReaderError:
        raise
    except OSError as error:
        cause = error.strerror or error
        raise OutputError(f"{what}: cannot be written ({cause}); make room there, or name another place") from None


def prepare_folder(folder: Path, what: str) -> None:
    """Make a folder to write into after long work; OutputError that names `what`, as `writing`, if that cannot be."""
    with writing(what):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write into, which takes its place after the work inside; whatever ends that, `path` is as
    it was and nothing is left behind. Its folder is made; OSError if it cannot be written."""
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")  # NumPy would add a suffix that it misses
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """The file is there as a whole or as it was before; OutputError if it cannot be written."""
    with writing(path), replacing(path) as partial:
        partial.write_bytes(content)


def replace_together(files: Mapping[Path, Path]) -> None:
    """Target → source: copies all of them beside their targets, then renames; OutputError, and nothing replaced, if
    there is no room."""
    with ExitStack() as stack:
        for target, source in files.items():
            stack.enter_context(writing(target))
            shutil.copyfile(source, stack.enter_context(replacing(target)))
