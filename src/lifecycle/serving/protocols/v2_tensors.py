"""Tensors of the Open Inference Protocol as one array for each feature."""

from collections.abc import Sequence

import numpy as np

from lifecycle.model.servable import Servable
from lifecycle.serving.errors import Refusal
from lifecycle.serving.inputs import faults
from lifecycle.serving.protocols.rows import check_rows
from lifecycle.serving.protocols.v2_arrays import array_of
from lifecycle.serving.protocols.v2_schema import Tensor

MATRIX = "features"


def columns_of(
    servable: Servable, tensors: Sequence[Tensor], blobs: Sequence[bytes | None], max_rows: int
) -> dict[str, np.ndarray]:
    """Return an array for each feature, float64 or objects, all of the same length.

    Raises
    ------
    Refusal
        413, 422.
    """
    names = [tensor.name for tensor in tensors]
    whole = names == [MATRIX] and MATRIX not in servable.features and not servable.texts
    if not whole:
        _check_names(servable, names)
    check_rows(tensors[0].shape[0], max_rows)
    width = len(servable.features) if whole else 1
    for tensor in tensors:
        _check_shape(tensor, tensors[0].shape[0], width, whole)
    arrays = [array_of(each, blob, each.name in servable.texts) for each, blob in zip(tensors, blobs, strict=True)]
    if whole:
        return dict(zip(servable.features, arrays[0].reshape(-1, width).T, strict=True))
    return dict(zip(names, arrays, strict=True))


def _check_names(servable: Servable, names: list[str]) -> None:
    advice = "" if servable.texts else f", or one tensor {MATRIX!r} of shape [n, {len(servable.features)}]"
    faults.check_names("the inputs", dict.fromkeys(names), servable.features, advice=advice)
    if len(set(names)) != len(names):
        raise Refusal(422, "duplicate_name", "the inputs have a name twice")


def _check_shape(tensor: Tensor, rows: int, width: int, whole: bool) -> None:
    legal = [[rows, width]] if whole else [[rows], [rows, 1]]
    if tensor.shape not in legal:
        wanted = " or ".join(map(str, legal))
        raise Refusal(
            422, "wrong_width", f"input {tensor.name!r} has shape {tensor.shape}; expected {wanted}", tensor.name
        )
