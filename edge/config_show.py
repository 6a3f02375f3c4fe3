"""`gatereader config check | show`: is a configuration accepted, and what does it come to?"""

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

from edge.config import Config, Origins
from edge.live import check_live_settings
from edge.privacy import known_plates
from edge.redaction import public_value
from edge.sign_in import only_the_services
from edge.toml import show

DEFAULT = "default"


def checked_line(config: Config, origins: Origins, file: Path | None) -> str:
    """What `config check` says of a configuration without a fault.

    ConfigError where a file that it names is one: of a password, or of the known plates. Models, camera and folders are
    left to `gatereader check`, and the environment's variables to the service.
    """
    note = ""
    checks: list[tuple[str, Callable[[], object]]] = [
        (config.live.password_file, lambda: check_live_settings(config.live)),
        (config.privacy.known_file, lambda: known_plates(config.privacy)),
    ]
    if config.source.password_file:
        checks.append((config.source.password_file, config.source.sign_in().password))
    for secret, check in checks:
        if only_the_services(secret):
            note += f"; {secret} was not looked at, only the service can"
        else:
            check()
    keys = sum(len(values) for values in origins.values())
    return f"{file or 'the defaults'}: {keys} settings, every key is known and in range{note}"


def show_config(config: Config, origins: Origins, *, with_origin: bool = False, secrets: bool = False) -> Iterator[str]:
    """The lines of a TOML file with every setting; `with_origin` where each value comes from, in a comment.

    Passwords and known plates are hidden unless `secrets`, as one shows such a file to others.
    """
    for number, section in enumerate(fields(config)):
        if number:
            yield ""
        yield f"[{section.name}]"
        settings, given = getattr(config, section.name), origins.get(section.name, {})
        for entry in fields(settings):
            value = getattr(settings, entry.name)
            if not secrets:
                value = public_value(section.name, entry.name, value)
            line = f"# {entry.name} =" if value is None else f"{entry.name} = {show(value)}"
            yield f"{line}  # {given.get(entry.name, DEFAULT)}" if with_origin else line
