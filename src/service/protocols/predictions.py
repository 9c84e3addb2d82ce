"""What protocols answer that leave the form of predictions open, in the types that the OpenAPI document describes."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from lifecycle.bundle.servable import Servable
from service.answers.kinds import kind_of
from service.http_messages import Reply, json_reply
from service.inputs.row_forms import of_model
from service.protocol import Answer

# Structs of the model's kind: see `service.answers.answer_kind.AnswerKind.types`.
Prediction = Annotated[Any, of_model("Prediction")]
OnePrediction = Annotated[Any, of_model("OnePrediction")]
Decisions = Annotated[Any, of_model("Decisions")]
Outputs = Annotated[Any, of_model("Outputs")]


class Predictions(Struct, forbid_unknown_fields=True):
    """An answer of protocols that leave the form of predictions open."""

    predictions: Annotated[list[Prediction], Meta(min_length=1)]


class Alive(Struct, forbid_unknown_fields=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(Struct, forbid_unknown_fields=True):
    """Whether requests should be sent here."""

    ready: bool


def predictions(servable: Servable, answer: Answer) -> list[Any]:
    """Return the prediction of each row."""
    return kind_of(servable).predictions(servable, scored_of(answer))


def free_form(servable: Servable, inputs: Any, answer: Answer) -> Reply:
    """Answer as protocols do that leave the form of predictions open."""
    return json_reply(Predictions(predictions(servable, answer)))


def scored_of(answer: Answer) -> Any:
    """Return the scores of an answer to a request that had rows, as `Servable.score` gives them."""
    if answer.scored is None:
        raise AssertionError("rows were decoded and not scored")
    return answer.scored
