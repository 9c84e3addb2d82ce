"""The decision of a binary target: calibration, threshold and the cost rule."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.probability_calibration import Calibration

if TYPE_CHECKING:
    import pandas as pd

    from lifecycle.core.params import DecideParams

AMOUNT = "amount"


@dataclass(frozen=True)
class AlertDecision:
    """How scores become probabilities and alerts, and what decisions cost. The fields are those of the file.

    Parameters
    ----------
    calibration : Calibration
        From score to probability.
    threshold : float
        The score from which an alert is raised; calibration may lay many scores on one probability.
    cost_false_positive : float
        Cost of reviewing a negative record; currency units.
    cost_false_negative : float or "amount"
        Cost of a positive record without an alert; "amount": what the record itself is worth.
    alert_budget_per_day : int or None
        Most alerts on any validation day.
    brier_out_of_time : mapping of str to float
        Brier score of each calibration method on later validation windows.
    """

    calibration: Calibration
    threshold: float
    cost_false_positive: float
    cost_false_negative: float | str
    alert_budget_per_day: int | None
    brier_out_of_time: Mapping[str, float]

    @classmethod
    def from_params(
        cls, params: "DecideParams", calibration: Calibration, briers: Mapping[str, float]
    ) -> "AlertDecision":
        """Return a decision that raises no alert yet.

        Raises
        ------
        PipelineError
            Neither params nor the problem set the costs.
        """
        false_positive, false_negative = params.cost_false_positive, params.cost_false_negative
        if false_positive is None or false_negative is None:
            raise PipelineError(
                "decide: set cost_false_positive and cost_false_negative, here or in the problem's defaults"
            )
        return cls(calibration, np.inf, false_positive, false_negative, params.alert_budget_per_day, briers)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "AlertDecision":
        """Return the decision that `as_json` gave."""
        return cls(**{**content, "calibration": Calibration(**content["calibration"])})

    def as_json(self) -> dict[str, Any]:
        """Return the content of models/decision.json."""
        return asdict(self)

    def apply(self, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probability of each score, and whether it raises an alert; float64 and bool of shape (n,)."""
        return self.calibration.apply(score), score >= self.threshold

    def stake(self, records: "pd.DataFrame", amount: str | None) -> np.ndarray:
        """Return what each record costs if it is a positive and raises no alert, float64 of shape (n,).

        Raises
        ------
        PipelineError
            The cost is the record's own amount, but the problem declares no amount column.
        """
        if self.cost_false_negative != AMOUNT:
            return np.full(len(records), float(self.cost_false_negative))
        if amount is None:
            raise PipelineError(
                "decide.cost_false_negative = 'amount': this problem declares no amount column; give a number"
            )
        return records[amount].to_numpy(dtype=np.float64)

    def cost(self, target: np.ndarray, alert: np.ndarray | bool, stake: np.ndarray) -> np.ndarray:
        """Return what alerts cost, record by record. Thresholds, figures and comparisons all take it from here.

        Parameters
        ----------
        target : array of int, shape (n,)
            0 or 1.
        alert : array of bool, shape (n,), or bool
            Whether an alert is raised.
        stake : array of float, shape (n,)
            From `stake`.
        """
        return np.where(target == 1, np.where(alert, 0.0, stake), np.where(alert, self.cost_false_positive, 0.0))
