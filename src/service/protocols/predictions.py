"""What protocols answer: a prediction for each row, in the types that the OpenAPI document describes."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from lifecycle.bundle.servable import Scored
from service.http_messages import Reply, json_reply
from service.protocol import Answer

Share = Annotated[float, Meta(ge=0, le=1)]
Label = Annotated[Literal[0, 1], Meta(description="1: the score reaches the threshold")]
Probability = Annotated[Share, Meta(description="calibrated probability of class 1")]
Score = Annotated[Share, Meta(description="what the model gives; the threshold stands on it")]


class Prediction(Struct, forbid_unknown_fields=True):
    """The decision on a row."""

    prediction: Label
    probability: Probability
    score: Score


class Predictions(Struct, forbid_unknown_fields=True):
    """An answer of protocols that leave the form of predictions open."""

    predictions: Annotated[list[Prediction], Meta(min_length=1)]


class Alive(Struct, forbid_unknown_fields=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(Struct, forbid_unknown_fields=True):
    """Whether requests should be sent here."""

    ready: bool


def predictions(scored: Scored) -> list[Prediction]:
    """Return the decision on each row."""
    rows = zip(scored.alert.tolist(), scored.probability.tolist(), scored.score.tolist(), strict=True)
    return [Prediction(int(alert), probability, score) for alert, probability, score in rows]  # type: ignore[arg-type]


def free_form(servable: Any, inputs: Any, answer: Answer) -> Reply:
    """Answer as protocols do that leave the form of predictions open."""
    return json_reply(Predictions(predictions(scored_of(answer))))


def scored_of(answer: Answer) -> Scored:
    """Return the scores of an answer to a request that had rows."""
    if answer.scored is None:
        raise AssertionError("rows were decoded and not scored")
    return answer.scored
