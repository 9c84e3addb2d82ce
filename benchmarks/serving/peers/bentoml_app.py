"""The model in BentoML: bentoml serve bentoml_app:Threads, or bentoml_app:Loop; the model comes from the folder."""

import bentoml  # type: ignore[import-not-found]  # in an environment of its own
from forest_model import probabilities  # type: ignore[import-not-found]  # beside this file


@bentoml.service(metrics={"enabled": True})
class Threads:
    """Scaler and forest, asked in a thread as the documentation has it."""

    @bentoml.api
    def predict(self, features: list[list[float]]) -> list[float]:
        """Answer rows with probabilities."""
        return probabilities(features).tolist()


@bentoml.service(metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Loop:
    """The same without a change of thread, metrics and log of requests."""

    @bentoml.api
    async def predict(self, features: list[list[float]]) -> list[float]:
        """Answer rows with probabilities."""
        return probabilities(features).tolist()
