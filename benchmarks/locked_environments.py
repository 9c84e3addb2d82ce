"""An environment from a lock file with hashes, for what the project is compared with. Not run by itself.

They are kept from one run to the next, in a folder outside the repository. A lock file is made by

    uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate NAME.in -o NAME.lock
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lifecycle.core.errors import PipelineError

READY = ".ready"  # it is in an environment that is complete


def default_folder(benchmark: str) -> Path:
    """Return where the environments of a benchmark are kept unless somebody says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reproducible-ml-template" / benchmark


def made(name: str, lock: Path, folder: Path) -> Path:
    """Return the environment that a lock file describes, which is called so in the folder; make it when there is none.

    Raises
    ------
    PipelineError
        It can't be made; says why.
    """
    home = folder / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if (home / READY).exists():
        return home
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        raise PipelineError("uv is not installed; it is in the extra `dev`")
    shutil.rmtree(home, ignore_errors=True)
    _call(uv, "venv", "--quiet", "--python", sys.executable, str(home))
    install = ("--require-hashes", "--compile-bytecode", "--python", str(python_of(home)), str(lock))
    _call(uv, "pip", "sync", "--quiet", *install)
    (home / READY).touch()
    return home


def python_of(made: Path) -> Path:
    """Return the interpreter of an environment."""
    return made / "bin" / "python"


def megabytes(made: Path) -> float:
    """Return how large an environment is without compiled bytecode, which not everybody keeps."""
    files = (path for path in made.rglob("*") if path.is_file() and not path.is_symlink() and path.suffix != ".pyc")
    return sum(path.stat().st_size for path in files) / 1e6


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise PipelineError(said[-1].strip() if said else f"{Path(command[0]).name} ended with {done.returncode}")
