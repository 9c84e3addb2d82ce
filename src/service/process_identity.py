"""Which service a process belongs to, and its place in it; needs no numpy, as the parent of the workers has none."""

import os
import secrets
import select
from typing import NamedTuple

from service.telemetry import shared_numbers

VARIABLE = "ONE_SERVICE"


def begin() -> None:
    """Make this process the first of a service."""
    os.environ[VARIABLE] = secrets.token_hex(8)


def own() -> str:
    """Return the token that the processes of this service share; empty where there is one process."""
    return os.environ.get(VARIABLE, "")


class Place(NamedTuple):
    """The process's row in the metrics file, that file, and the pipe to the parent, if there is one."""

    row: int
    cells: int
    parent: int | None = None

    @classmethod
    def only(cls) -> "Place":
        """Return that of a process which has no parent and no others beside it."""
        return cls(0, shared_numbers.create(1))

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Undo `str`."""
        return cls(*map(int, text.split(":")))

    def __str__(self) -> str:
        return f"{self.row}:{self.cells}:{self.parent}"

    @property
    def lock(self) -> int | None:
        """What to lock while writing where other processes write; None when there are none."""
        return None if self.parent is None else self.cells

    def ending(self) -> bool:
        """Tell whether no other process goes on serving this socket: it is the only one, or the parent stops all."""
        if self.parent is None:
            return True
        poll = select.poll()
        poll.register(self.parent, select.POLLIN)
        return bool(poll.poll(0))
