"""What the command line says where it is used wrongly: the usage of that very command, and what was probably meant."""

import argparse
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn


class CommandParser(argparse.ArgumentParser):
    """A command's parser, which refuses what it does not know itself.

    argparse hands that up to the program's parser, whose usage has no command's options in it.
    """

    def parse_known_args(  # type: ignore[override]  # typeshed has three overloads of it
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As argparse's, but nothing is left over; ends the program with exit status 2 instead."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self._refuse(left[0])
        return found, left

    def _refuse(self, argument: str) -> NoReturn:
        known = [option for action in self._actions for option in action.option_strings]
        if not argument.startswith("-"):
            hint = f"; did you mean --source {argument}?" if "--source" in known else ""
            self.error(f"unexpected argument {argument!r}{hint}")
        name = argument.partition("=")[0]  # what follows may be a password
        bare = {option.lstrip("-"): option for option in known}
        near = difflib.get_close_matches(name.lstrip("-"), bare, n=1)
        self.error(f"unknown option {name}" + (f"; did you mean {bare[near[0]]}?" if near else ""))
