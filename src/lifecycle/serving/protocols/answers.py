"""Scores as the answers that protocols share."""

from typing import Any

import msgspec

from lifecycle.model.servable import Scored
from lifecycle.serving.messages import JSON, Answer, Reply

encoded = msgspec.json.Encoder().encode


def predictions(scored: Scored) -> list[dict[str, Any]]:
    """Return an object for each row: prediction 0 or 1, calibrated probability, score."""
    alerts = map(int, scored.alert.tolist())
    rows = zip(alerts, scored.probability.tolist(), scored.score.tolist(), strict=True)
    return [{"prediction": alert, "probability": probability, "score": score} for alert, probability, score in rows]


def reply(content: Any, status: int = 200) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, JSON, encoded(content))


def free_form(answer: Answer) -> Reply:
    """Return what protocols that leave the predictions' form open have in common."""
    return reply({"predictions": predictions(scored_of(answer))})


def scored_of(answer: Answer) -> Scored:
    """Return the scores of an answer to a request that had rows."""
    if answer.scored is None:
        raise AssertionError("rows were decoded and not scored")
    return answer.scored
