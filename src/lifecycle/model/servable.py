"""One opened bundle, ready to score: numpy and ONNX Runtime, no pandas, no scikit-learn, nothing unpickled."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lifecycle.features.declared import features_of
from lifecycle.model import bundle
from lifecycle.model.attribution import Attribution
from lifecycle.model.calibration import Calibration
from lifecycle.model.export.session import Batch, Session
from lifecycle.model.reasons import Reason, reasons

__all__ = ["Batch", "Reason", "Scored", "Servable"]


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
    manifest : bundle.Manifest
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

    def __init__(self, folder: Path, manifest: bundle.Manifest) -> None:
        def content(name: str) -> dict[str, Any]:
            return dict(json.loads(bundle.read(folder, manifest, name)))

        self.folder, self.manifest = folder, manifest
        self.name, self.version = str(manifest.content["name"]), manifest.version
        self.decision, self.schema, self.contract = map(content, ("decision.json", "schema.json", "features.json"))
        self.threshold = float(self.decision["threshold"])
        self.features, self.numbers, self.texts = (tuple(self.schema[key]) for key in ("features", "numbers", "texts"))
        self.missing = frozenset(self.schema["missing"])
        self.declaration = features_of(self.contract["declaration"])
        self.session = Session(bundle.read(folder, manifest, "model.onnx"))
        self.calibration = _calibration(self.decision)

    @classmethod
    def load(cls, folder: Path, verify: bool = True) -> "Servable":
        """Open a bundle.

        Parameters
        ----------
        folder : Path
            The bundle.
        verify : bool
            Whether to check every file of it, and not only those that are used here.

        Raises
        ------
        PipelineError
            A file is not what the manifest says.
        """
        return cls(Path(folder), bundle.verify(folder) if verify else bundle.read_manifest(folder))

    @cached_property
    def attribution(self) -> Attribution:
        """What reasons are made from; read when the first is asked for."""
        return Attribution.of_bytes(bundle.read(self.folder, self.manifest, "reasons.npz"))

    def score(self, batch: Batch) -> Scored:
        """Score rows, with the bits that the training pipeline gives."""
        score = self.session.score(batch)
        return Scored(score, self.calibration.apply(score), score >= self.threshold)

    def reasons(self, batch: Batch, rows: Sequence[Mapping[str, Any]], k: int) -> list[list[Reason]]:
        """Say why rows score high.

        Parameters
        ----------
        batch : Batch
            The rows.
        rows : sequence of mapping of str to Any
            For each the value of every feature by name, and of the hidden ones where they are at hand.
        k : int
            Most reasons for a row.

        Returns
        -------
        list of list of Reason
            For each row the features that pushed its score up most, greatest first.
        """
        added = self.attribution.of(self.session.columns(batch), len(self.features)).tolist()
        named = [dict(zip(self.features, values, strict=True)) for values in added]
        return [reasons(self.declaration, parts, row, k) for parts, row in zip(named, rows, strict=True)]


def _calibration(decision: Mapping[str, Any]) -> Calibration:
    """Return the calibration with arrays for knots: lists would be converted for every row."""
    said = decision["calibration"]
    knots = {name: np.array(said[name], dtype=np.float64) for name in ("scores", "probabilities")}
    return Calibration(**(said | knots))
