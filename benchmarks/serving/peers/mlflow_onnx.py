"""Write the model as `mlflow models serve` takes it in ONNX: python mlflow_onnx.py; it comes from the folder."""

import mlflow  # type: ignore[import-not-found]  # in an environment of its own
import onnx

model = onnx.load("model.onnx")
del model.graph.output[1:]  # the flavour answers with every output: only the score is asked for
options = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
mlflow.onnx.save_model(model, "mlflow_onnx", onnx_session_options=options)
