"""An opened bundle, ready to score: numpy and ONNX Runtime, no pandas, no scikit-learn, nothing unpickled."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # or its import writes a device id and looks up its maker's address

import onnxruntime

from lifecycle.bundle.manifest import Manifest, read_manifest, read_member
from lifecycle.bundle.manifest import verify as verify_files
from lifecycle.core.errors import PipelineError
from lifecycle.core.numeric_limits import MISSING_TEXT
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.explanation.attribution import Attribution, from_bytes
from lifecycle.explanation.reasons import Reason, reasons
from lifecycle.problem.window_words import features_of

NOTHING = np.array(None)
SCORE, COLUMNS = ["score"], ["columns"]
__all__ = ["Batch", "Reason", "Scored", "Servable"]


class Batch(NamedTuple):
    """Rows of the model's features.

    `numbers` float64, C-contiguous, shape (n, k), NaN where missing, columns as `Servable.numbers`; `texts` objects,
    shape (n, m), None or NaN where missing, columns as `Servable.texts`, or None where the model has no text feature.
    """

    numbers: np.ndarray
    texts: np.ndarray | None = None


class Session:
    """An ONNX model that `lifecycle.bundle.onnx_export` made, opened. Safe to share between threads."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # No optimisation: there is nothing to gain, and a fused cast would move scores at thresholds.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of several kinds, none of them public
            raise PipelineError(f"model.onnx: ONNX Runtime {onnxruntime.__version__}: {error}") from error
        self._has_numbers = "numbers" in {value.name for value in self._session.get_inputs()}

    def score(self, batch: Batch) -> np.ndarray:
        """Return the score of each row, float64, shape (n,)."""
        return np.asarray(self._session.run(SCORE, self._feeds(batch))[0])

    def columns(self, batch: Batch) -> np.ndarray:
        """Return what the estimator sees of each row, float64, shape (n, columns)."""
        return np.asarray(self._session.run(COLUMNS, self._feeds(batch))[0])

    def _feeds(self, batch: Batch) -> dict[str, np.ndarray]:
        feeds = {"numbers": batch.numbers} if self._has_numbers else {}
        if batch.texts is not None:
            missing = np.equal(batch.texts, NOTHING) | np.not_equal(batch.texts, batch.texts)
            feeds["texts"] = np.where(missing, MISSING_TEXT, batch.texts)
        return feeds


class Scored(NamedTuple):
    """Score and calibrated probability, float64, and whether to raise an alert, bool; each of shape (n,)."""

    score: np.ndarray
    probability: np.ndarray
    alert: np.ndarray


class Servable:
    """A model with its decision, its schema and its feature list. Not to be changed; safe to share between threads.

    Parameters
    ----------
    folder : Path
        The bundle.
    manifest : Manifest
        Its manifest; of every file that is read, size and sha256 are checked against it.

    Attributes
    ----------
    name, version : str
        What services and registries call the model; the first hexadecimal digits of its manifest's sha256.
    threshold : float
        The score from which an alert is raised.
    decision, schema, contract : dict
        decision.json, schema.json and features.json.
    features, numbers, texts : tuple of str
        The model's features in the order of its training; those that are numbers, and those that are text, in the
        order of a `Batch`.
    missing : frozenset of str
        The features that may be missing, because they were in training rows.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        def content(name: str) -> dict[str, Any]:
            return dict(json.loads(read_member(folder, manifest, name)))

        self.folder, self.manifest = folder, manifest
        self.name, self.version = str(manifest.content["name"]), manifest.version
        self.decision, self.schema, self.contract = map(content, ("decision.json", "schema.json", "features.json"))
        self.threshold = float(self.decision["threshold"])
        self.features, self.numbers, self.texts = (tuple(self.schema[key]) for key in ("features", "numbers", "texts"))
        self.missing = frozenset(self.schema["missing"])
        self.declaration = features_of(self.contract["declaration"])
        self.session = Session(read_member(folder, manifest, "model.onnx"))
        self.calibration = _calibration(self.decision)

    @classmethod
    def load(cls, folder: Path, verify: bool = True) -> "Servable":
        """Open a bundle; with `verify` every file is checked, not only those that are used here.

        Raises
        ------
        PipelineError
            A file is not what the manifest says.
        """
        return cls(Path(folder), verify_files(folder) if verify else read_manifest(folder))

    @cached_property
    def attribution(self) -> Attribution | None:
        """What reasons are made from, read at first use; None where the model's family has no exact contributions."""
        return from_bytes(read_member(self.folder, self.manifest, "reasons.npz"))

    @property
    def most_reasons(self) -> int:
        """How many reasons a row can have: one for each feature, or none where there is no attribution."""
        return 0 if self.attribution is None else len(self.features)

    def score(self, batch: Batch) -> Scored:
        """Score rows, with the bits that the training pipeline gives."""
        score = self.session.score(batch)
        return Scored(score, self.calibration.apply(score), score >= self.threshold)

    def reasons(self, batch: Batch, rows: Sequence[Mapping[str, Any]], k: int) -> list[list[Reason]]:
        """Return the k features that raised the score of each row most, greatest first; none without an attribution.

        `rows` has for each row of the batch the values of the features, the hidden ones too where they are known.
        """
        if self.attribution is None:
            return [[] for _ in rows]
        added = self.attribution.of(self.session.columns(batch), len(self.features)).tolist()
        named = [dict(zip(self.features, values, strict=True)) for values in added]
        return [reasons(self.declaration, parts, row, k) for parts, row in zip(named, rows, strict=True)]


def _calibration(decision: Mapping[str, Any]) -> Calibration:
    """Return the calibration with arrays for knots: lists would be converted for every row."""
    fields = decision["calibration"]
    knots = {name: np.array(fields[name], dtype=np.float64) for name in ("scores", "probabilities")}
    return Calibration(**(fields | knots))
