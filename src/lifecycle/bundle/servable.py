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
from lifecycle.core.value_limits import MISSING_TEXT
from lifecycle.evaluation.decision import decision_of
from lifecycle.explanation.attribution import Attribution, from_bytes
from lifecycle.explanation.reasons import Reason, reasons
from lifecycle.problem.window_words import features_of

NOTHING = np.array(None)
SCORE, COLUMNS = ["score"], ["columns"]
__all__ = ["Batch", "ClassScored", "NumberScored", "Reason", "Scored", "Servable"]


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
        """Return the score of each row, float64, shape (n,), or of each row and class, (n, classes)."""
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
    """Of a binary task: score and calibrated probability, float64, and whether to alert, bool; each of shape (n,)."""

    score: np.ndarray
    probability: np.ndarray
    alert: np.ndarray

    @property
    def decided(self) -> np.ndarray:
        """What is decided of each row: the alert."""
        return self.alert


class ClassScored(NamedTuple):
    """Of several classes: score and probability of each, (n, classes), and the code of the class that is decided.

    `decided` is int8, of shape (n,), and -1 where a person shall decide.
    """

    score: np.ndarray
    probability: np.ndarray
    decided: np.ndarray


class NumberScored(NamedTuple):
    """Of a number: the prediction, and the ends of its interval; each float64 of shape (n,)."""

    score: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def decided(self) -> np.ndarray:
        """What is decided of each row: nothing, of any."""
        return np.zeros(len(self.score), bool)


SCORED: Mapping[str, Any] = {"binary": Scored, "multiclass": ClassScored, "regression": NumberScored}


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
    task : {"binary", "multiclass", "regression"}
        What the model predicts.
    classes : tuple
        The label of each code as the source has it, empty for a number; None for "any other" than the positive.
    decision : AlertDecision, ClassDecision or IntervalDecision
        By the task, of decision.json.
    schema, contract : dict
        schema.json and features.json.
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
        self.schema, self.contract = content("schema.json"), content("features.json")
        self.task, self.classes = str(self.schema["task"]), tuple(self.schema["classes"])
        self.decision = decision_of(self.task, _with_arrays(content("decision.json")))
        self.features, self.numbers, self.texts = (tuple(self.schema[key]) for key in ("features", "numbers", "texts"))
        self.missing = frozenset(self.schema["missing"])
        self.declaration = features_of(self.contract["declaration"])
        self.session = Session(read_member(folder, manifest, "model.onnx"))

    @classmethod
    def load(cls, folder: Path, verify: bool = True) -> "Servable":
        """Open a bundle; with `verify` every file is checked, not only those that are used here.

        Raises
        ------
        PipelineError
            A file is not what the manifest says.
        """
        return cls(Path(folder), verify_files(folder) if verify else read_manifest(folder))

    @property
    def class_names(self) -> list[str]:
        """What people call the classes, in the order of their codes."""
        return list(map(str, self.classes))

    @property
    def threshold(self) -> float:
        """The score from which an alert is raised; NaN where the task knows no alerts."""
        return float(getattr(self.decision, "threshold", np.nan))

    @cached_property
    def attribution(self) -> Attribution | None:
        """What reasons are made from, read at first use; None where the model's family has no exact contributions."""
        return from_bytes(read_member(self.folder, self.manifest, "reasons.npz"))

    @property
    def most_reasons(self) -> int:
        """How many reasons a row can have: one for each feature, or none where there is no attribution."""
        return 0 if self.attribution is None else len(self.features)

    def score(self, batch: Batch) -> Any:
        """Score rows, with the bits that the training pipeline gives: the task's kind of `SCORED`."""
        return self.decide(self.session.score(batch))

    def decide(self, score: np.ndarray) -> Any:
        """Return what a score, of shape (n,) or (n, classes), means: the task's kind of `SCORED`."""
        return SCORED[self.task](score, *self.decision.apply(score))

    def reasons(
        self, batch: Batch, rows: Sequence[Mapping[str, Any]], k: int, outputs: np.ndarray | None = None
    ) -> list[list[Reason]]:
        """Return the k features that raised the score of each row most, greatest first; none without an attribution.

        `rows` has for each row of the batch the values of the features, the hidden ones too where they are known.
        `outputs` (n,) has the code of the class whose score is meant, where there are several.
        """
        if self.attribution is None:
            return [[] for _ in rows]
        columns, count = self.session.columns(batch), len(self.features)
        places = np.zeros(len(columns), np.int64) if outputs is None else outputs
        added = np.zeros((len(columns), count))
        for place in np.unique(places).tolist():
            added[places == place] = self.attribution.of(columns[places == place], count, place)
        named = [dict(zip(self.features, values, strict=True)) for values in added.tolist()]
        return [reasons(self.declaration, parts, row, k) for parts, row in zip(named, rows, strict=True)]


def _with_arrays(decision: dict[str, Any]) -> dict[str, Any]:
    """Return the content of decision.json with arrays for a calibration's knots: lists are converted for every row."""
    found = decision | {}
    if "calibration" in found:
        found["calibration"] = _knots(found["calibration"])
    if "calibrations" in found:
        found["calibrations"] = [_knots(one) for one in found["calibrations"]]
    return found


def _knots(calibration: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {name: np.array(calibration[name], dtype=np.float64) for name in ("scores", "probabilities")}
    return {**calibration, **arrays}
