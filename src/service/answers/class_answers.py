"""Answers of a target of several classes: the decided class by its name, and the probability and score of each."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

from lifecycle.bundle.servable import ClassScored, Servable
from service.answers.answer_kind import AnswerKind, Reason, Share, TensorForm, Why, give_reasons
from service.inputs.row_forms import of_model
from service.telemetry.service_metrics import SHARES, Tally
from service.telemetry.shared_numbers import Cells

ABSTAIN = "abstain"  # where a person is to decide
ClassName = Annotated[Any, of_model("ClassName")]
Shares = Annotated[Any, of_model("ClassShares")]
Row = Annotated[list[Share], Meta(min_length=2)]


class Prediction(Struct, forbid_unknown_fields=True):
    """The decision on a row: null where a person is to decide."""

    prediction: ClassName
    probability: Shares
    score: Shares


class OnePrediction(Struct, forbid_unknown_fields=True):
    """The answer to one vector."""

    prediction: ClassName
    probability: Shares


class Decision(Struct, forbid_unknown_fields=True):
    """The decision on a row, and why: `decision` is the class again, or `abstain`."""

    prediction: ClassName
    decision: str
    probability: Shares
    score: Shares
    reasons: list[Reason] | UnsetType = UNSET


class Decisions(Struct, forbid_unknown_fields=True):
    """The answer to named rows."""

    predictions: Annotated[list[Decision], Meta(min_length=1)]
    model: str
    version: str
    request_id: str


class Outputs(Struct, forbid_unknown_fields=True):
    """A value for each row; probability and score have one for each of `classes`, in that order."""

    prediction: Annotated[list[ClassName], Meta(min_length=1)]
    probability: Annotated[list[Row], Meta(min_length=1)]
    score: Annotated[list[Row], Meta(min_length=1)]
    classes: list[str]


class ClassAnswers(AnswerKind):
    """Of a target of several classes."""

    types = (Prediction, OnePrediction, Decision, Decisions, Outputs)
    lines_of = "prediction, the probability of each class and the score of each class"

    def predictions(self, servable: Servable, scored: ClassScored) -> list[Prediction]:
        """Return the decided class of each row, and what is said of each class, by its name."""
        rows = zip(_decided(servable, scored), *_named(servable, scored), strict=True)
        return [Prediction(*row) for row in rows]

    def one(self, servable: Servable, scored: ClassScored) -> OnePrediction:
        """Return the decided class and the probabilities."""
        row = self.predictions(servable, scored)[0]
        return OnePrediction(row.prediction, row.probability)

    def decisions(self, servable: Servable, scored: ClassScored, why: Why, request_id: str) -> Decisions:
        """Return all there is to say."""
        rows = [
            Decision(row.prediction, ABSTAIN if row.prediction is None else row.prediction, row.probability, row.score)
            for row in self.predictions(servable, scored)
        ]
        give_reasons(rows, why)
        return Decisions(rows, servable.name, servable.version, request_id)

    def outputs(self, servable: Servable, scored: ClassScored) -> Outputs:
        """Return decided classes, and probabilities and scores as they stand in tensors of shape (n, classes)."""
        decided = _decided(servable, scored)
        return Outputs(decided, scored.probability.tolist(), scored.score.tolist(), servable.class_names)

    def tensors(self, servable: Servable) -> Mapping[str, TensorForm]:
        """Return the decided class as code and as name, and two tensors of shape [n, classes]."""
        width = (len(servable.classes),)
        return {
            "decided": TensorForm("INT64"),
            "decided_class": TensorForm("BYTES"),
            "probability": TensorForm("FP64", width),
            "score": TensorForm("FP64", width),
        }

    def arrays(self, servable: Servable, scored: ClassScored) -> Mapping[str, np.ndarray]:
        """Return them; where a person is to decide, the code is -1 and the name is empty."""
        names = [name or "" for name in _decided(servable, scored)]
        return {
            "decided": scored.decided.astype(np.int64),
            "decided_class": np.array(names, dtype=object),
            "probability": scored.probability,
            "score": scored.score,
        }

    def cells(self, servable: Servable, scored: ClassScored) -> list[Sequence[Any]]:
        """Return the decided class, then the probability and the score of each class."""
        rows = zip(_decided(servable, scored), scored.probability.tolist(), scored.score.tolist(), strict=True)
        return [(name, *probability, *score) for name, probability, score in rows]

    def logged(self, servable: Servable, scored: ClassScored) -> dict[str, Any]:
        """Return the scores of each row in the order of the codes, and the decided class."""
        return {"decision.scores": scored.score.tolist(), "decision.classes": _decided(servable, scored)}

    def tally(self, servable: Servable, cells: Cells) -> Tally:
        """Count each class, and what a person is to decide."""
        return Tally(cells, (*servable.class_names, ABSTAIN), "score", SHARES)

    def counted(self, scored: ClassScored) -> tuple[np.ndarray, np.ndarray]:
        """Return the highest score of each row; abstaining stands behind the last class."""
        return scored.score.max(axis=1), np.where(scored.decided < 0, scored.score.shape[1], scored.decided)

    def summary(self, servable: Servable) -> str:
        """Name the classes."""
        return f"Class of {servable.schema['problem']}: {', '.join(servable.class_names)}."

    def explained(self, scored: ClassScored) -> np.ndarray:
        """Return the decided class, where a person is to decide the most probable one."""
        return np.where(scored.decided < 0, scored.probability.argmax(axis=1), scored.decided)

    def schemas(self, servable: Servable) -> dict[str, Any]:
        """Return the schemas of a class's name and of a share for each class."""
        names = servable.class_names
        share = {"type": "number", "minimum": 0, "maximum": 1}
        return {
            "ClassName": {"enum": [*names, *([None] if servable.decision.can_abstain else [])]},
            "ClassShares": {
                "type": "object",
                "properties": dict.fromkeys(names, share),
                "required": names,
                "additionalProperties": False,
            },
        }


def _decided(servable: Servable, scored: ClassScored) -> list[str | None]:
    """Return the name of the decided class of each row, None where a person is to decide: the code is -1."""
    names = [*servable.class_names, None]
    return [names[code] for code in scored.decided.tolist()]


def _named(servable: Servable, scored: ClassScored) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    names = servable.class_names
    probability, score = (
        [dict(zip(names, row, strict=True)) for row in values.tolist()] for values in (scored.probability, scored.score)
    )
    return probability, score
