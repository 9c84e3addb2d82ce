"""The model in Litestar: uvicorn litestar_app:threads, or litestar_app:loop; the model comes from the folder."""

import msgspec
from forest_model import probabilities  # type: ignore[import-not-found]  # beside this file
from litestar import Litestar, post  # type: ignore[import-not-found]  # in an environment of its own


class Question(msgspec.Struct):
    """Rows of features."""

    instances: list[list[float]]


class Answer(msgspec.Struct):
    """The probability of each."""

    predictions: list[float]


@post("/predict", status_code=200, sync_to_thread=True)
def in_a_thread(data: Question) -> Answer:
    """Answer as the documentation has it: a model that takes milliseconds must not hold up the event loop."""
    return Answer(probabilities(data.instances).tolist())


@post("/predict", status_code=200)
async def in_the_loop(data: Question) -> Answer:
    """Answer without a change of thread, which costs more than a fast model takes."""
    return Answer(probabilities(data.instances).tolist())


threads, loop = Litestar([in_a_thread]), Litestar([in_the_loop])
