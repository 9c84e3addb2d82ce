"""The bundle as a model of MLflow, from code: nothing is pickled. MLflow runs this file when it loads the model.

`integrations.mlflow_tracking` registers it, with src/lifecycle and the bundle beside it.
"""

from pathlib import Path
from typing import Any

import mlflow  # type: ignore[import-not-found]  # in an environment of its own
import pandas as pd
import pyarrow as pa

from lifecycle.bundle.model_input import batch_of, columns_of
from lifecycle.bundle.result_columns import result_columns, results_of
from lifecycle.bundle.servable import Servable


class BundleModel(mlflow.pyfunc.PythonModel):
    """Answers rows of the model's features with the columns that the command `score` writes, such as the score."""

    def load_context(self, context: Any) -> None:
        """Open the bundle; every file of it is checked against its manifest."""
        self.servable = Servable.load(Path(context.artifacts["bundle"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Score rows; a value that can't be scored raises a PipelineError that names its row and column."""
        table = pa.Table.from_pandas(model_input, preserve_index=False)
        columns = columns_of(self.servable, table.schema)
        results = results_of(self.servable, self.servable.score(batch_of(self.servable, columns, table, 0)))
        names = result_columns(self.servable.task, len(self.servable.classes))
        return pa.table(results, names=list(names)).to_pandas()


mlflow.models.set_model(BundleModel())
