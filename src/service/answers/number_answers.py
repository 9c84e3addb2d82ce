"""Answers of a target that is a number: the prediction, and the interval that holds the truth."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated, Any

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from lifecycle.bundle.servable import NumberScored, Servable
from service.answers.answer_kind import AnswerKind, Reason, TensorForm, Why, give_reasons
from service.telemetry.service_metrics import Tally
from service.telemetry.shared_numbers import Cells

Value = Annotated[float, Meta(description="what the model gives, in the target's unit")]
Low = Annotated[float, Meta(description="lower end of the interval")]
High = Annotated[float, Meta(description="upper end of the interval")]
SIZES = [digit * 10.0**power for power, digit in product(range(-2, 7), (1, 2, 5))]
NUMBERS = (*(-size for size in reversed(SIZES)), 0.0, *SIZES)  # bounds of a histogram for any unit


class Prediction(Struct, forbid_unknown_fields=True):
    """The prediction of a row, and its interval."""

    prediction: Value
    low: Low
    high: High


class OnePrediction(Struct, forbid_unknown_fields=True):
    """The answer to one vector."""

    prediction: Value
    low: Low
    high: High


class Decision(Struct, forbid_unknown_fields=True):
    """The prediction of a row, and what has raised it."""

    prediction: Value
    low: Low
    high: High
    reasons: list[Reason] | UnsetType = UNSET


class Decisions(Struct, forbid_unknown_fields=True):
    """The answer to named rows; `coverage` is the share of truths that intervals are made to hold."""

    predictions: Annotated[list[Decision], Meta(min_length=1)]
    coverage: Annotated[float, Meta(ge=0, le=1)]
    model: str
    version: str
    request_id: str


class Outputs(Struct, forbid_unknown_fields=True):
    """A value for each row."""

    prediction: Annotated[list[Value], Meta(min_length=1)]
    low: Annotated[list[Low], Meta(min_length=1)]
    high: Annotated[list[High], Meta(min_length=1)]


class NumberAnswers(AnswerKind):
    """Of a target that is a number."""

    types = (Prediction, OnePrediction, Decision, Decisions, Outputs)
    lines_of = "prediction, low and high"

    def predictions(self, servable: Servable, scored: NumberScored) -> list[Prediction]:
        """Return prediction and interval of each row."""
        return [Prediction(*row) for row in self.cells(servable, scored)]

    def one(self, servable: Servable, scored: NumberScored) -> OnePrediction:
        """Return prediction and interval."""
        return OnePrediction(*self.cells(servable, scored)[0])

    def decisions(self, servable: Servable, scored: NumberScored, why: Why, request_id: str) -> Decisions:
        """Return all there is to say."""
        rows = [Decision(*row) for row in self.cells(servable, scored)]
        give_reasons(rows, why)
        return Decisions(rows, servable.decision.coverage, servable.name, servable.version, request_id)

    def outputs(self, servable: Servable, scored: NumberScored) -> Outputs:
        """Return predictions and the ends of their intervals."""
        return Outputs(*(part.tolist() for part in scored))

    def tensors(self, servable: Servable) -> Mapping[str, TensorForm]:
        """Return three tensors of shape [n], named as in the tables of scores."""
        return dict.fromkeys(NumberScored._fields, TensorForm("FP64"))

    def arrays(self, servable: Servable, scored: NumberScored) -> Mapping[str, np.ndarray]:
        """Return them."""
        return scored._asdict()

    def cells(self, servable: Servable, scored: NumberScored) -> list[Sequence[Any]]:
        """Return prediction, lower and upper end of each row."""
        return list(zip(*(part.tolist() for part in scored), strict=True))

    def logged(self, servable: Servable, scored: NumberScored) -> dict[str, Any]:
        """Return the prediction of each row, and the ends of its interval."""
        low, high = scored.low.tolist(), scored.high.tolist()
        return {"decision.scores": scored.score.tolist(), "decision.low": low, "decision.high": high}

    def tally(self, servable: Servable, cells: Cells) -> Tally:
        """Count what is predicted: there is nothing to decide."""
        return Tally(cells, ("predicted",), "prediction", NUMBERS)

    def counted(self, scored: NumberScored) -> tuple[np.ndarray, np.ndarray]:
        """Return the predictions."""
        return scored.score, scored.decided

    def summary(self, servable: Servable) -> str:
        """Name the target, and what its intervals hold."""
        target, problem = servable.schema["target"], servable.schema["problem"]
        share = servable.decision.coverage
        return f"Predicts {target} of {problem}; the interval from low to high is made to hold {share:.0%} of all."

    def fault(self, servable: Servable) -> str | None:
        """Refuse an interval that is no number wide."""
        return None if np.isfinite(servable.decision.half_width) else "the width of its intervals is no number"
