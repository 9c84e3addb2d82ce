"""Answers of a binary target: whether to alert, the probability of a positive, and the score."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from lifecycle.bundle.servable import Scored, Servable
from service.answers.answer_kind import AnswerKind, Reason, Share, TensorForm, Why, give_reasons
from service.telemetry.service_metrics import SHARES, Tally
from service.telemetry.shared_numbers import Cells

DECISIONS: tuple[Literal["pass"], Literal["alert"]] = ("pass", "alert")
Label = Annotated[Literal[0, 1], Meta(description="1: the score reaches the threshold")]
Probability = Annotated[Share, Meta(description="calibrated probability of class 1")]
Score = Annotated[Share, Meta(description="what the model gives; the threshold stands on it")]


class Prediction(Struct, forbid_unknown_fields=True):
    """The decision on a row."""

    prediction: Label
    probability: Probability
    score: Score


class OnePrediction(Struct, forbid_unknown_fields=True):
    """The answer to one vector."""

    prediction: Label
    probability: Probability


class Decision(Struct, forbid_unknown_fields=True):
    """The decision on a row, and why."""

    prediction: Label
    decision: Literal["pass", "alert"]
    probability: Probability
    score: Score
    reasons: list[Reason] | UnsetType = UNSET


class Decisions(Struct, forbid_unknown_fields=True):
    """The answer to named rows."""

    predictions: Annotated[list[Decision], Meta(min_length=1)]
    threshold: float
    model: str
    version: str
    request_id: str


class Outputs(Struct, forbid_unknown_fields=True):
    """A value for each row."""

    prediction: Annotated[list[Label], Meta(min_length=1)]
    probability: Annotated[list[Probability], Meta(min_length=1)]
    score: Annotated[list[Score], Meta(min_length=1)]


class AlertAnswers(AnswerKind):
    """Of a binary target."""

    types = (Prediction, OnePrediction, Decision, Decisions, Outputs)
    lines_of = "prediction, probability and score"

    def predictions(self, servable: Servable, scored: Scored) -> list[Prediction]:
        """Return the decision on each row."""
        return [Prediction(*row) for row in self.cells(servable, scored)]

    def one(self, servable: Servable, scored: Scored) -> OnePrediction:
        """Return just the decision and its probability."""
        return OnePrediction(int(scored.alert[0]), float(scored.probability[0]))  # type: ignore[arg-type]

    def decisions(self, servable: Servable, scored: Scored, why: Why, request_id: str) -> Decisions:
        """Return all there is to say."""
        rows = [
            Decision(alert, DECISIONS[alert], probability, score)
            for alert, probability, score in self.cells(servable, scored)
        ]
        give_reasons(rows, why)
        return Decisions(rows, servable.threshold, servable.name, servable.version, request_id)

    def outputs(self, servable: Servable, scored: Scored) -> Outputs:
        """Return decisions, probabilities and scores."""
        labels: Any = list(map(int, scored.alert.tolist()))
        return Outputs(labels, scored.probability.tolist(), scored.score.tolist())

    def tensors(self, servable: Servable) -> Mapping[str, TensorForm]:
        """Return three tensors of shape [n]."""
        return {"prediction": TensorForm("INT64"), "probability": TensorForm("FP64"), "score": TensorForm("FP64")}

    def arrays(self, servable: Servable, scored: Scored) -> Mapping[str, np.ndarray]:
        """Return them."""
        return {
            "prediction": scored.alert.astype(np.int64),
            "probability": scored.probability,
            "score": scored.score,
        }

    def cells(self, servable: Servable, scored: Scored) -> list[Sequence[Any]]:
        """Return decision, probability and score of each row."""
        alerts = map(int, scored.alert.tolist())
        return list(zip(alerts, scored.probability.tolist(), scored.score.tolist(), strict=True))

    def logged(self, servable: Servable, scored: Scored) -> dict[str, Any]:
        """Return the threshold, and score and decision of each row."""
        return {
            "decision.threshold": servable.threshold,
            "decision.scores": scored.score.tolist(),
            "decision.alerts": scored.alert.tolist(),
        }

    def tally(self, servable: Servable, cells: Cells) -> Tally:
        """Count what passes and what is alerted on."""
        return Tally(cells, DECISIONS, "score", SHARES)

    def counted(self, scored: Scored) -> tuple[np.ndarray, np.ndarray]:
        """Return scores and decisions."""
        return scored.score, scored.alert

    def summary(self, servable: Servable) -> str:
        """Say from which score on an alert is raised."""
        problem = servable.schema["problem"]
        return f"Scores of {problem}; an alert is raised at a score of {servable.threshold:g} or more."

    def fault(self, servable: Servable) -> str | None:
        """Refuse a threshold that is no number."""
        return None if np.isfinite(servable.threshold) else "the threshold of its decision is no number"
