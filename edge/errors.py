"""The errors of gatereader: a small tree, each branch also a built-in, caught once, in the command line.

A message is one line that says what was found, what was wanted and what to do.
"""


class GateReaderError(Exception):
    """Anything that gatereader reports in one line; exit status 1 unless a branch says otherwise."""

    exit_status = 1


class ConfigError(GateReaderError, ValueError):
    """The configuration or the command line asks for something that cannot be; exit status 78 (EX_CONFIG)."""

    exit_status = 78


class ModelError(GateReaderError, ValueError):
    """A model or its card is missing, damaged, or they do not belong together."""


class SourceError(GateReaderError, OSError):
    """A camera, file or folder cannot be opened or read."""


class OutputError(GateReaderError, OSError):
    """Something that gatereader writes (CSV, pictures, the live page's port) cannot be written."""
