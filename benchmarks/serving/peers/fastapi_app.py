"""The model in FastAPI: uvicorn fastapi_app:threads, or fastapi_app:loop; the model comes from the folder."""

from fastapi import FastAPI  # type: ignore[import-not-found]  # in an environment of its own
from forest_model import probabilities  # type: ignore[import-not-found]  # beside this file
from pydantic import BaseModel


class Question(BaseModel):
    """Rows of features."""

    instances: list[list[float]]


class Answer(BaseModel):
    """The probability of each."""

    predictions: list[float]


threads, loop = FastAPI(), FastAPI()


@threads.post("/predict")
def in_a_thread(question: Question) -> Answer:
    """Answer as the tutorials have it: a model that takes milliseconds must not hold up the event loop."""
    return Answer(predictions=probabilities(question.instances).tolist())


@loop.post("/predict")
async def in_the_loop(question: Question) -> Answer:
    """Answer without a change of thread, which costs more than a fast model takes."""
    return Answer(predictions=probabilities(question.instances).tolist())
