"""The decision among several classes: calibrated probabilities, then the class of least expected cost, or none."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.probability_calibration import Calibration

if TYPE_CHECKING:
    from lifecycle.core.params import DecideParams

ABSTAINS = -1  # in place of a code: a person decides


@dataclass(frozen=True)
class ClassDecision:
    """How scores become probabilities and a class. The fields are those of models/decision.json.

    Parameters
    ----------
    calibrations : sequence of Calibration
        One per class, from its score to its probability; the results are divided by their sum.
    costs : sequence of sequence of float, or None
        A row per true class: the cost of deciding each class, and behind them, where given, the cost of abstaining.
        None: the most probable class is decided.
    abstain_below : float or None
        Without costs: a class whose probability is below is not decided.
    log_loss_out_of_time : mapping of str to float
        Log loss of each calibration method on later validation windows.

    Examples
    --------
    >>> decision = ClassDecision([Calibration("none")] * 3, None, 0.5, {})
    >>> decision.apply(np.array([[0.2, 0.7, 0.1], [0.4, 0.3, 0.3]]))[1].tolist()
    [1, -1]
    """

    calibrations: Sequence[Calibration]
    costs: Sequence[Sequence[float]] | None
    abstain_below: float | None
    log_loss_out_of_time: Mapping[str, float]

    @classmethod
    def from_params(
        cls, params: "DecideParams", calibrations: Sequence[Calibration], losses: Mapping[str, float]
    ) -> "ClassDecision":
        """Return the decision that params ask for.

        Raises
        ------
        PipelineError
            The cost matrix does not fit the classes, or both costs and a limit say when to abstain.
        """
        costs, classes = params.cost_matrix, len(calibrations)
        if costs is not None and (len(costs) != classes or {len(row) for row in costs} - {classes, classes + 1}):
            raise PipelineError(
                f"decide.cost_matrix: {classes} classes need {classes} rows of {classes} costs each, or of"
                f" {classes + 1}: the last is then the cost of abstaining"
            )
        if costs is not None and len({len(row) for row in costs}) > 1:
            raise PipelineError("decide.cost_matrix: give the cost of abstaining in every row, or in none")
        if costs is not None and params.abstain_below is not None:
            raise PipelineError(
                "decide.abstain_below: a cost matrix says itself when to abstain: give the cost of abstaining as a"
                " further number in each row, and leave abstain_below null"
            )
        return cls(calibrations, costs, params.abstain_below, losses)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ClassDecision":
        """Return the decision that `as_json` gave."""
        calibrations = [Calibration(**one) for one in content["calibrations"]]
        return cls(**{**content, "calibrations": calibrations})

    def as_json(self) -> dict[str, Any]:
        """Return the content of models/decision.json."""
        return asdict(self)

    @property
    def can_abstain(self) -> bool:
        """Whether some record can be left to a person."""
        return self.abstain_below is not None or (self.costs is not None and len(self.costs[0]) > len(self.costs))

    def apply(self, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probability of each class, (n, classes), and the decided class, int8 of shape (n,)."""
        probability = calibrated(self.calibrations, score)
        if self.costs is None:
            decided = probability.argmax(axis=1)
            if self.abstain_below is not None:
                decided = np.where(probability.max(axis=1) < self.abstain_below, ABSTAINS, decided)
            return probability, decided.astype(np.int8)
        decided = self.expected_costs(probability).argmin(axis=1)
        return probability, np.where(decided == len(self.costs), ABSTAINS, decided).astype(np.int8)

    def expected_costs(self, probability: np.ndarray) -> np.ndarray:
        """Return the expected cost of each decision, (n, decisions): added up class by class: the same bits."""
        costs = np.asarray(self.costs, dtype=np.float64)
        total = np.zeros((len(probability), costs.shape[1]))
        for place, row in enumerate(costs):
            total += probability[:, place, None] * row
        return total

    def cost(self, target: np.ndarray, decided: np.ndarray) -> np.ndarray:
        """Return what decisions cost, record by record; NaN for one left to a person where no cost of that is given.

        Another version of the model, held against this one, may abstain where this one never does.
        """
        costs = np.asarray(self.costs, dtype=np.float64)
        cost = costs[target, decided]  # -1, for none, is the last of a row: the cost of abstaining, where it is given
        return cost if costs.shape[1] > len(costs) else np.where(decided == ABSTAINS, np.nan, cost)


def calibrated(calibrations: Sequence[Calibration], score: np.ndarray) -> np.ndarray:
    """Return calibrated probabilities that add up to 1 in each row, (n, classes).

    Each class is calibrated against the rest, then all are divided by their sum (Zadrozny and Elkan 2002). Where the
    calibrations leave nothing for any class, the scores stay.
    """
    if all(one.method == "none" for one in calibrations):
        return score
    parts = [one.apply(score[:, place]) for place, one in enumerate(calibrations)]
    total = np.zeros(len(score))
    for part in parts:
        total = total + part
    empty = total <= 0
    scale = np.where(empty, 1.0, total)
    return np.where(empty[:, None], score, np.stack(parts, axis=1) / scale[:, None])
