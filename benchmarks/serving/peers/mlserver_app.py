"""The model as a runtime of MLServer, which has none for ONNX; the model comes from the folder."""

import numpy as np
from forest_model import probabilities  # type: ignore[import-not-found]  # beside this file
from mlserver import MLModel  # type: ignore[import-not-found]  # in an environment of its own
from mlserver.types import (  # type: ignore[import-not-found]
    InferenceRequest,
    InferenceResponse,
    ResponseOutput,
)


class Forest(MLModel):
    """Scaler and forest."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer rows with probabilities."""
        rows = payload.inputs[0]
        found = probabilities(np.reshape(rows.data.root, rows.shape)).tolist()
        output = ResponseOutput(name="score", shape=[len(found)], datatype="FP64", data=found)
        return InferenceResponse(model_name=self.name, outputs=[output])
