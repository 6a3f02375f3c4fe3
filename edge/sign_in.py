"""Who a network camera lets in: the password from a file or an environment variable, so that it stands in no URL."""

import os
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SignIn:
    """Where user and password come from; without a user the URL is taken as it is."""

    user: str
    password_file: str
    password_env: str

    def password(self) -> str:
        """The password as it is now, for a file may change; ConfigError, which never shows it, if there is none."""
        if self.password_file:
            path = Path(self.password_file)
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                cause = error.strerror if isinstance(error, OSError) else "not a text"
                raise ConfigError(f"source.password_file: cannot read {path}: {cause}") from None
            if not lines or not lines[0]:
                raise ConfigError(f"source.password_file: the first line of {path} is empty; wanted the password")
            return lines[0]
        if self.password_env:
            if not (password := os.environ.get(self.password_env, "")):
                raise ConfigError(f"source.password_env: the environment has no {self.password_env}, or it is empty")
            return password
        return ""
