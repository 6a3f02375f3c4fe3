"""Sign-ins to the live page: one password is checked at a time, those of who guesses after all others."""

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge.password import verify_password

log = logging.getLogger(__name__)

_WRONG_PASSWORD_PAUSE = 0.5
"""Seconds; guesses are checked one after the other, so all of them together get two a second."""
_MOST_WAITING = 32
"""Passwords that wait to be checked."""
_TOLD_EVERY, _REMEMBERED = 60.0, 600.0
"""Seconds between two log lines of one address, and after which its guesses are forgotten."""


class Credentials(NamedTuple):
    """What a viewer must send."""

    user: str
    password_hash: str


@dataclass(slots=True)
class _Guesses:
    """Wrong passwords from one address; `last` and `told_at` by the monotonic clock."""

    count: int = 0
    untold: int = 0
    last: float = float("-inf")
    told_at: float = float("-inf")


class _Turn(NamedTuple):
    address: str
    comes: asyncio.Future[bool]
    """False: it never does, as too many wait."""


class SignIns:
    """Checks passwords, in one event loop.

    Next comes one from the address with the fewest wrong ones, so that addresses which have guessed before hold up no
    newcomer. Where too many wait, one from the address with the most is not looked at, `choose` says which of several:
    a flood from ever new addresses makes the owner try more often, and shuts nobody out for good. Behind a proxy all
    viewers have one address: there it goes in turn, and who guesses must not fill the queue.
    """

    def __init__(self, credentials: Credentials, choose: Callable[[Sequence[_Turn]], _Turn] = secrets.choice) -> None:
        self._credentials, self._choose = credentials, choose
        self._busy = False
        self._waiting: list[_Turn] = []
        self._guesses: dict[str, _Guesses] = {}

    async def check(self, user: str, password: str, address: str) -> bool | None:
        """Whether these are the ones; None if that was not looked at, because too many wait."""
        if not await self._turn(address):
            return None
        try:
            right = await asyncio.to_thread(verify_password, password, self._credentials.password_hash)
            right &= hmac.compare_digest(user.encode(), self._credentials.user.encode())
            if right:
                self._guesses.pop(address, None)
            else:
                self._count(address)
                await asyncio.sleep(_WRONG_PASSWORD_PAUSE)
        finally:
            self._give_turn()
        return right

    async def _turn(self, address: str) -> bool:
        turn = _Turn(address, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        if not self._busy:
            self._give_turn()
        elif len(self._waiting) > _MOST_WAITING:
            most = max(map(self._wrong_from, self._waiting))
            left_out = self._choose([turn for turn in self._waiting if self._wrong_from(turn) == most])
            self._waiting.remove(left_out)
            left_out.comes.set_result(False)
        return await turn.comes

    def _give_turn(self) -> None:
        self._waiting = [turn for turn in self._waiting if not turn.comes.cancelled()]  # as the page closes
        self._busy = bool(self._waiting)
        if self._busy:
            turn = min(self._waiting, key=self._wrong_from)
            self._waiting.remove(turn)
            turn.comes.set_result(True)

    def _wrong_from(self, turn: _Turn) -> int:
        guesses = self._guesses.get(turn.address)
        return guesses.count if guesses else 0

    def _count(self, address: str) -> None:
        """Without the user and password that were tried: an owner's typing error must not stand in the journal."""
        now = time.monotonic()
        self._guesses = {who: one for who, one in self._guesses.items() if now - one.last < _REMEMBERED}
        guesses = self._guesses.setdefault(address, _Guesses())
        guesses.count += 1
        guesses.untold += 1
        guesses.last = now
        if now - guesses.told_at >= _TOLD_EVERY:
            log.warning("live page: sign-in refused, wrong user or password: %d from %s", guesses.untold, address)
            guesses.untold, guesses.told_at = 0, now
