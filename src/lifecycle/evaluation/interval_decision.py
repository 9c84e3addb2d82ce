"""The decision on a number: an interval that holds the truth with a stated share, by split conformal prediction."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lifecycle.core.errors import PipelineError

ROUNDING = 1e-9  # 0.9 / (1 - 0.9) is a little more than 9


@dataclass(frozen=True)
class IntervalDecision:
    """How a prediction becomes an interval. The fields are those of models/decision.json.

    Parameters
    ----------
    coverage : float
        Share of records whose truth the interval shall hold.
    half_width : float
        The interval reaches so far below and above the prediction; in the target's unit.
    coverage_out_of_time : float or None
        Share held on later validation windows by intervals that were made from earlier ones; None with one window.

    Examples
    --------
    >>> low, high = IntervalDecision(0.9, 2.0, None).apply(np.array([5.0]))
    >>> low.tolist(), high.tolist()
    ([3.0], [7.0])
    """

    coverage: float
    half_width: float
    coverage_out_of_time: float | None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "IntervalDecision":
        """Return the decision that `as_json` gave."""
        return cls(**content)

    def as_json(self) -> dict[str, Any]:
        """Return the content of models/decision.json."""
        return asdict(self)

    def apply(self, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper end of each interval, float64 of shape (n,)."""
        return score - self.half_width, score + self.half_width


def least_records(coverage: float) -> int:
    """Return how many residuals a coverage takes.

    Examples
    --------
    >>> least_records(0.9), least_records(0.95)
    (9, 19)
    """
    return int(np.ceil(coverage / (1 - coverage) - ROUNDING))


def conformal_half_width(residual: np.ndarray, coverage: float) -> float:
    """Return the half-width that holds a new record with at least that probability, if records are exchangeable.

    The smallest absolute residual that at least (n + 1) * coverage of the n are not above (Lei, G'Sell, Rinaldo,
    Tibshirani and Wasserman 2018).

    Parameters
    ----------
    residual : numpy.ndarray, shape (n,)
        Of records that the model did not learn from.
    coverage : float
        Between 0 and 1.

    Raises
    ------
    PipelineError
        There are too few records for so large a coverage.

    Examples
    --------
    >>> conformal_half_width(np.array([-3.0, 1.0, 2.0, -4.0]), coverage=0.8)
    4.0
    """
    least = least_records(coverage)
    if len(residual) < least:
        raise PipelineError(
            f"decide.coverage = {coverage:g}: {len(residual):,} validation records are too few; it takes {least:,}"
        )
    rank = int(np.ceil((len(residual) + 1) * coverage - ROUNDING))
    return float(np.sort(np.abs(residual))[rank - 1])
