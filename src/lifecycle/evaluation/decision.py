"""A decision: calibration, threshold, the costs behind it and the alert budget; models/decision.json holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import DecideParams
from lifecycle.core.tables import read_json
from lifecycle.evaluation.calibration import Calibration

AMOUNT = "amount"


@dataclass(frozen=True)
class Costs:
    """The cost rule. Thresholds, figures, audits and comparisons of versions all take their costs from here.

    Parameters
    ----------
    false_positive : float
        Cost of reviewing a negative record; currency units.
    false_negative : float or "amount"
        Cost of a positive record without an alert; "amount": what the record itself is worth.

    Examples
    --------
    >>> costs = Costs(false_positive=5.0, false_negative="amount")
    >>> target, alert, amount = np.array([1, 1, 0, 0]), np.array([True, False, True, False]), np.full(4, 80.0)
    >>> costs.of_records(target, alert, amount).tolist()
    [0.0, 80.0, 5.0, 0.0]
    """

    false_positive: float
    false_negative: float | str

    @classmethod
    def from_params(cls, params: DecideParams) -> "Costs":
        """Return the costs that params or the problem's defaults set.

        Raises
        ------
        PipelineError
            Neither sets them.
        """
        if params.cost_false_positive is None or params.cost_false_negative is None:
            raise PipelineError(
                "decide: set cost_false_positive and cost_false_negative, here or in the problem's defaults"
            )
        return cls(params.cost_false_positive, params.cost_false_negative)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Costs":
        """Return the costs that stand in the content of models/decision.json."""
        return cls(content["cost_false_positive"], content["cost_false_negative"])

    def as_json(self) -> dict[str, Any]:
        """Return the costs as they stand in models/decision.json."""
        return {"cost_false_positive": self.false_positive, "cost_false_negative": self.false_negative}

    def of_missing(self, records: pd.DataFrame, amount: str | None) -> np.ndarray:
        """Return what each record costs if it is a positive and raises no alert, float64 of shape (n,).

        Parameters
        ----------
        records : pandas.DataFrame, shape (n, columns)
            With the amount column, if there is one.
        amount : str or None
            Its name.

        Raises
        ------
        PipelineError
            The cost is the record's own amount, but the problem declares no amount column.
        """
        if self.false_negative != AMOUNT:
            return np.full(len(records), float(self.false_negative))
        if amount is None:
            raise PipelineError(
                "decide.cost_false_negative = 'amount': this problem declares no amount column; give a number"
            )
        return records[amount].to_numpy(dtype=np.float64)

    def of_records(self, target: np.ndarray, alert: np.ndarray | bool, missing: np.ndarray) -> np.ndarray:
        """Return what the decision on each record costs, float64 of shape (n,).

        Parameters
        ----------
        target : array of int, shape (n,)
            0 or 1.
        alert : array of bool, shape (n,), or bool
            The decisions.
        missing : array of float, shape (n,)
            From `of_missing`.
        """
        return np.where(target == 1, np.where(alert, 0.0, missing), np.where(alert, self.false_positive, 0.0))


@dataclass(frozen=True)
class Decision:
    """How scores become probabilities and alerts.

    Parameters
    ----------
    calibration : Calibration
        From score to probability.
    threshold : float
        The score from which an alert is raised. Calibration keeps the order of scores, but may lay many of them on one
        probability.
    costs : Costs
        What the threshold was chosen by.
    alert_budget_per_day : int or None
        Most alerts on any validation day.
    brier_out_of_time : mapping of str to float
        Brier score of each calibration method on later validation windows.
    """

    calibration: Calibration
    threshold: float
    costs: Costs
    alert_budget_per_day: int | None
    brier_out_of_time: Mapping[str, float]

    @classmethod
    def read(cls, path: str | Path = "models/decision.json") -> "Decision":
        """Read the decision that the stage `decide` wrote."""
        return cls.from_json(read_json(path))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Decision":
        """Return the decision that `as_json` gave."""
        return cls(
            Calibration(**content["calibration"]),
            content["threshold"],
            Costs.from_json(content),
            content["alert_budget_per_day"],
            content["brier_out_of_time"],
        )

    def as_json(self) -> dict[str, Any]:
        """Return the content of models/decision.json."""
        return {
            "calibration": self.calibration.as_json(),
            "threshold": self.threshold,
            **self.costs.as_json(),
            "alert_budget_per_day": self.alert_budget_per_day,
            "brier_out_of_time": dict(self.brier_out_of_time),
        }

    def apply(self, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probability of each score, and whether it raises an alert; float64 and bool of shape (n,)."""
        return self.calibration.apply(score), score >= self.threshold
