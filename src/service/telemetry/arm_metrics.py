"""What is counted of a trial: requests, latency, scores and decisions of each arm, and what has gone wrong."""

import logging
import traceback
from typing import Any

import numpy as np

from service.arms import CHALLENGER, CHAMPION, Assigned
from service.exchange import Exchange
from service.live_bundle import Live
from service.telemetry.service_metrics import SECONDS, Histogram, Meters

log = logging.getLogger(__name__)


class ArmCounts:
    """The counts of one version in one arm.

    Parameters
    ----------
    meters : Meters
        Of the process.
    arm : {"champion", "challenger"}
        As which it answers.
    live : Live
        Its model.
    """

    def __init__(self, meters: Meters, arm: str, live: Live) -> None:
        cells = meters.cells.labelled("arm_", "arm", arm, "version", live.servable.version)
        self._values = cells.values
        self._requests, self._errors = cells.at("requests"), cells.at("errors")
        self._latency = Histogram(cells, "latency_seconds", SECONDS)
        self._tally = live.kind.tally(live.servable, cells)

    def request(self, seconds: float, is_error: bool) -> None:
        """Count a request that it has answered, alone or in part."""
        self._values[self._requests] += 1.0
        self._values[self._errors] += is_error
        self._latency.add(seconds)

    def rows(self, numbers: np.ndarray, places: np.ndarray) -> None:
        """Count what the kind of target counts of scores: see `service.answers.answer_kind.AnswerKind.counted`."""
        self._tally.add(numbers, places)


class ArmMeters:
    """Counts trials, in the event loop, once a request is answered.

    Parameters
    ----------
    meters : Meters
        Of the process.
    """

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._counts: dict[tuple[str, str], ArmCounts] = {}

    def of(self, arm: str, live: Live) -> ArmCounts:
        """Return the counts of a version in an arm."""
        key = (arm, live.servable.version)
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = ArmCounts(self._meters, arm, live)
        return found

    def add(self, exchange: Exchange, assigned: Assigned) -> None:
        """Count a request of a trial."""
        trial, scored = assigned.trial, exchange.scored
        counted = None if scored is None else trial.champion.kind.counted(scored)
        for arm, live, rows in _parts(assigned):
            counts = self.of(arm, live)
            counts.request(exchange.seconds, exchange.status >= 500)
            if counted is not None:
                counts.rows(*(each[rows] for each in counted))
        if assigned.unknown:
            self._meters.add("entity_unknown", amount=float(assigned.unknown))
        if assigned.error is not None:
            self.failed(assigned)

    def failed(self, assigned: Assigned) -> None:
        """Count that the challenger has failed; the log gets the first error of a trial, whole."""
        self._meters.add("challenger_failed")
        trial, error, assigned.error = assigned.trial, assigned.error, None
        if not trial.told and error is not None:
            trial.told = True
            trace = "".join(traceback.format_exception(error))
            version = trial.challenger.servable.version
            log.error(
                "the challenger %s has failed; more of its errors are only counted", version, extra={"trace": trace}
            )


def _parts(assigned: Assigned) -> list[tuple[str, Live, Any]]:
    """Return the arms that have answered, their models, and what takes their rows out of an array."""
    trial = assigned.trial
    champion, challenger = (CHAMPION, trial.champion), (CHALLENGER, trial.challenger)
    if not assigned.mixed:
        return [(*(challenger if assigned.count else champion), slice(None))]
    return [(*champion, ~assigned.mask), (*challenger, assigned.mask)]
