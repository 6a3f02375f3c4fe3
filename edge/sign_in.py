"""Who a network camera lets in: the password from a file or an environment variable, so that it stands in no URL."""

import os
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError
from edge.password import read_password_file

_CREDENTIALS = Path("/run/credentials")
"""Where systemd leaves secrets that only the service itself can read, and only while it runs."""


def only_the_services(file: str) -> bool:
    """Whether the file is a secret of the service that cannot be read here: not by `doctor`, nor a reload's check."""
    return Path(file).is_relative_to(_CREDENTIALS) and not os.access(file, os.R_OK)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Where user and password come from; without a user the URL is taken as it is."""

    user: str
    password_file: str
    password_env: str

    def password(self) -> str:
        """The password as it is now, for a file may change; ConfigError, which never shows it, if there is none."""
        if self.password_file:
            lines = read_password_file(self.password_file, "source.password_file").splitlines()
            if not lines or not lines[0]:
                path = Path(self.password_file)
                raise ConfigError(f"source.password_file: the first line of {path} is empty; wanted the password")
            return lines[0]
        if self.password_env:
            if not (password := os.environ.get(self.password_env, "")):
                # not even its name is told: it may be the password, by mistake
                raise ConfigError("source.password_env: the environment has no variable of this name, or it is empty")
            return password
        return ""
