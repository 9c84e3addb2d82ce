"""Where a model comes from: hashes of files as DVC records them, and the locked versions of the libraries."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lifecycle.core.errors import PipelineError

LIBRARIES = ("scikit-learn", "numpy", "pandas")


class File(NamedTuple):
    """A file as DVC knows it."""

    path: str
    md5: str
    size: int


def lineage(paths: Sequence[str]) -> list[File]:
    """Return hash and size of files, as dvc.lock records them.

    They are computed, not read: a stage can't declare dvc.lock as an input, and it is out of date where a stage was run
    by hand.
    """
    files = []
    for path in paths:
        with Path(path).open("rb") as file:
            files.append(File(path, hashlib.file_digest(file, "md5").hexdigest(), Path(path).stat().st_size))
    return files


def versions(lock: str, *more: str) -> dict[str, str]:
    r"""Return the versions of `LIBRARIES` and of further ones in the text of requirements.lock.

    Examples
    --------
    >>> versions("numpy==2.4.0 --hash=\npandas==3.0.1\nscikit-learn==1.9.0\nonnx==1.20.1\n", "onnx")
    {'scikit-learn': '1.9.0', 'numpy': '2.4.0', 'pandas': '3.0.1', 'onnx': '1.20.1'}
    """
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE))
    names = dict.fromkeys((*LIBRARIES, *more))
    missing = [name for name in names if name not in locked]
    if missing:
        raise PipelineError(f"requirements.lock: {missing[0]} is not locked; `make lock` writes the file anew")
    return {name: locked[name] for name in names}
