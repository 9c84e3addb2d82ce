"""Arrays in one file: read back as they were, and the same bytes whatever Python writes them."""

import hashlib
import io
import zipfile

import numpy as np
import pytest

from lifecycle.core.array_archive import write_arrays

ARRAYS = {
    "time": np.arange(3),
    "share": np.array([[0.5, np.nan], [1.0, -0.0]], np.float32),
    "name": np.array(["a", "bc"]),
    "none": np.zeros((0, 2), bool),
}


def written(arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    write_arrays(file, arrays)
    return file.getvalue()


def test_arrays_are_read_back_in_their_order_with_type_and_shape() -> None:
    with np.load(io.BytesIO(written(ARRAYS)), allow_pickle=False) as found:
        assert found.files == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
            assert found[name].tobytes() == array.tobytes()


def test_the_bytes_are_those_of_every_release_of_python() -> None:
    content = written(ARRAYS)
    assert hashlib.sha256(content).hexdigest() == DIGEST
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {(entry.extract_version, entry.flag_bits, entry.create_system) for entry in archive.infolist()} == {
            (20, 0, 3)
        }


def test_objects_are_not_written() -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        written({"any": np.array([None])})


DIGEST = "36ab83330a3827ec182895ba00acc54357f01c3ba227ad5a3f7570f80825a697"
