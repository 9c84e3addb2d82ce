"""The library's own code as one zip file: what results depend on, and what the workers of a cluster need."""

import io
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import lifecycle


def packed_code() -> bytes:
    """Return a zip of `lifecycle`; the same code gives the same bytes."""
    root = Path(lifecycle.__file__).parent
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for path in sorted(root.rglob("*.py")):
            file.writestr(zipfile.ZipInfo(path.relative_to(root.parent).as_posix()), path.read_bytes())
    return packed.getvalue()


def code_plugin() -> Any:
    """Return a Dask plugin that gives `lifecycle` to every worker, those that join later too.

    Its class is local, so it travels as code: a worker can't import it yet. The name of the zip changes with the code,
    and modules that an earlier run has left are forgotten.
    """
    from distributed.diagnostics.plugin import UploadFile

    class Code(UploadFile):
        def __init__(self, data: bytes) -> None:
            self.filename, self.data, self.load = f"lifecycle-{sha256(data).hexdigest()[:12]}.zip", data, True

        async def setup(self, worker: Any) -> None:
            for name in [name for name in sys.modules if name.split(".")[0] == "lifecycle"]:
                del sys.modules[name]
            await super().setup(worker)

    return Code(packed_code())
