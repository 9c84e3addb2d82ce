"""What all connections of a process share."""

import time
from typing import TYPE_CHECKING, cast

from uvicorn.server import ServerState

from lifecycle.serving.http.admission import Admission
from lifecycle.serving.http.turn import Turn
from lifecycle.serving.settings import Settings
from lifecycle.serving.telemetry.metrics import Meters

if TYPE_CHECKING:
    from lifecycle.serving.http.connection import Connection


class State(ServerState):
    """Uvicorn's, and what our connections need.

    Parameters
    ----------
    settings : Settings
        The knobs.
    meters : Meters
        Of this process.

    Attributes
    ----------
    turn : Turn
        Requests that have come whole, and are not being answered yet.
    now : float
        `time.monotonic()` a moment ago: reading the clock for each connection and chunk would cost more.
    vital : frozenset of str
        Paths that are answered however many wait: to be busy is not to be ill.
    draining : bool
        The process ends soon: each connection is closed with its next answer.
    """

    def __init__(self, settings: Settings, meters: Meters) -> None:
        super().__init__()
        self.settings, self.meters = settings, meters
        self.vital: frozenset[str] = frozenset()
        self.admission = Admission(self, settings.max_wait_ms / 1000)
        self.turn, self.now, self.draining = Turn(), time.monotonic(), False

    def __len__(self) -> int:
        """Return how many requests wait for an answer."""
        return len(self.turn) + len(self.tasks)

    def open(self) -> list["Connection"]:
        """Return the connections."""
        return list(cast("set[Connection]", self.connections))
