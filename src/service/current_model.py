"""The model that answers now, and the challenger that is tried beside it where a route is followed."""

from typing import NamedTuple

from lifecycle.bundle.servable import Servable
from service.arms import Trial
from service.live_bundle import Live, alike
from service.telemetry.service_metrics import Meters


class Routed(NamedTuple):
    """The state of the route that a request began with: its epoch, and the trial if there is one."""

    epoch: int
    trial: Trial | None = None


class Current:
    """Which model that is.

    Parameters
    ----------
    live : Live
        The first.
    meters : Meters
        Told of each model.

    Attributes
    ----------
    routed : Routed, optional
        None where no route is followed.
    """

    def __init__(self, live: Live, meters: Meters) -> None:
        self._meters, self.live = meters, live
        self.routed: Routed | None = None
        meters.serves(live.servable)

    def put(self, servable: Servable) -> None:
        """Serve another one from the next request on."""
        self._change(Live(servable, self._meters, alike(servable)))

    def follow(self, live: Live, routed: Routed) -> None:
        """Serve what a route says from the next request on; to be called from the event loop."""
        if live is not self.live:
            self._change(live)
        self.routed = routed

    def _change(self, live: Live) -> None:
        before, self.live = self.live.servable, live
        self._meters.serves(live.servable, before)
