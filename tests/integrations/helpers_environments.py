"""The environments of the outside systems: each made once from its lock, or the test is skipped with how to make it."""

import os
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from benchmarks.locked_environments import default_folder, made
from lifecycle.core.errors import PipelineError
from tests.graph import ROOT

SILENT = {
    "DO_NOT_TRACK": "1",
    "FEAST_USAGE": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "SODA_CORE_TELEMETRY_ENABLED": "false",
    "WANDB_ERROR_REPORTING": "false",
}


def programs(name: str) -> Path:
    """Return the folder of programs of an environment."""
    lock, folder = ROOT / f"tests/integrations/{name}.lock", default_folder("integrations")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f"{name}.wait"):
            return made(name, lock, folder) / "bin"
    except PipelineError as error:
        pytest.skip(f"{name}: {error}; by hand: uv pip sync --require-hashes {lock.relative_to(ROOT)}")


def call(name: str, program: str, *arguments: str, folder: Path, code: int = 0, **extra: str) -> str:
    """Run a program of an environment in a folder, with the code in its src/; return what it printed."""
    command = [str(programs(name) / program), *arguments]
    environment = {**os.environ, **SILENT, "PYTHONPATH": str(folder / "src"), **extra}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
