"""A bout: everybody is built, has a turn that is not counted, then turns in rounds, to and fro."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from speed.contenders import Contender
from speed.seat import Seat, SeatError

LEAST, MOST = 3, 15  # rounds, where a time is given

Say = Callable[[str], None]


class Asked(Protocol):
    """A seat, as far as a bout goes."""

    def send(self, name: str) -> None: ...
    def receive(self) -> dict: ...
    def ask(self, name: str) -> dict: ...


@dataclass(frozen=True)
class Turn:
    """One turn of a contender: `cores` that it kept busy, `load` of the machine (1-minute average) at its end.

    `extra_mb` is how far its memory ever grew since it was built, before its first step.
    """

    contender: str
    round: int
    rows: int
    seconds: float
    cores: float
    load: float
    extra_mb: float
    mrr: float | None

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds

    @property
    def frugality(self) -> float:
        """Rows per second of one core: what else runs on the machine matters less to it."""
        return self.rate / self.cores


@dataclass(frozen=True)
class Length:
    """How long a bout goes on: so many rounds, or as many as fit into `seconds`."""

    rounds: int | None = None
    seconds: float = 0.0

    def over(self, number: int, started: float, longest: float) -> bool:
        if self.rounds is not None:
            return number >= self.rounds
        late = time.monotonic() - started + longest > self.seconds
        return number >= MOST or (number >= LEAST and late)


@contextmanager
def seated(contenders: Sequence[Contender], folder: Path, threads: int) -> Iterator[dict[str, Seat]]:
    """One process for each seat that the contenders name, by that name."""
    seats = {name: Seat(folder, threads) for name in dict.fromkeys(c.seat for c in contenders)}
    try:
        yield seats
    finally:
        for seat in seats.values():
            seat.close()


def bout(contenders: Sequence[Contender], seats: Mapping[str, Asked], length: Length, say: Say) -> list[Turn]:
    """All turns. Who fails is left out from there on, with a line that says why."""
    started = time.monotonic()
    for contender in contenders:
        seats[contender.seat].send(contender.name)
    built = [c for c in contenders if _heard(c, seats[c.seat].receive, say) is not None]
    playing = [c for c in built if _turn(c, seats, say) is not None]
    turns: list[Turn] = []
    number, longest = 0, 0.0
    while playing and not length.over(number, started, longest):
        begun = time.monotonic()
        for contender in playing if number % 2 == 0 else playing[::-1]:
            reply = _turn(contender, seats, say)
            if reply is None:
                playing = [c for c in playing if c != contender]
            else:
                turns.append(Turn(contender.name, number, load=os.getloadavg()[0], **reply))
        number, longest = number + 1, max(longest, time.monotonic() - begun)
        say(f"  round {number}: {time.monotonic() - begun:.0f} s, load {os.getloadavg()[0]:.1f}")
    return turns


def _turn(contender: Contender, seats: Mapping[str, Asked], say: Say) -> dict | None:
    return _heard(contender, lambda: seats[contender.seat].ask(contender.name), say)


def _heard(contender: Contender, reply: Callable[[], dict], say: Say) -> dict | None:
    try:
        return reply()
    except SeatError as error:
        say(f"  {contender.name} is left out: {error}")
        return None
