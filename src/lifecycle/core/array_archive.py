"""Named arrays in one file, with the same bytes under every release of Python.

`numpy.savez` leaves the frame to the standard library and asks it for room for 4 GiB. What zipfile writes into its
headers for that is not the same in Python 3.11.2 and 3.11.7. Here each array is complete when it is written: its size
is known.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import IO

import numpy as np

UNIX = 3  # who made the archive: otherwise the system that it is made on


def write_arrays(file: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as `numpy.load` reads them.

    Parameters
    ----------
    file : binary file
        Open for writing.
    arrays : mapping of str to numpy.ndarray
        By name, in this order; none holds objects.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> write_arrays(file, {"time": np.arange(3)})
    >>> np.load(io.BytesIO(file.getvalue()))["time"].tolist()
    [0, 1, 2]
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content, entry = io.BytesIO(), zipfile.ZipInfo(f"{name}.npy")
            np.lib.format.write_array(content, np.asanyarray(array), allow_pickle=False)
            entry.create_system = UNIX
            archive.writestr(entry, content.getbuffer())
