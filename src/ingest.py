"""Bring records in: simulated, from a file or a folder of files, or downloaded.

Reads   the source that the `ingest` block of params.yaml names
Writes  data/raw/records.parquet, the contract's columns as the source has them
"""

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.append("src")  # PYTHONSAFEPATH leaves it out

import pandas as pd
import pyarrow as pa

from lifecycle.core.errors import PipelineError, run
from lifecycle.core.params import IngestParams, load_params
from lifecycle.core.tables import write_table
from lifecycle.core.url_secrets import public, resolved
from lifecycle.features.feature_declaration_checks import check_features
from lifecycle.problem.loading import check_settings, load_generator, load_problem
from lifecycle.problem.problem import Problem
from lifecycle.sources.download import download
from lifecycle.sources.files import FORMATS, is_format, read_file, to_contract
from lifecycle.sources.part_files import part_files, read_parts

DOWNLOADS = Path("data/downloads")


def read_records(params: IngestParams, problem: Problem, name: str) -> pa.Table:
    """Return the raw table of the chosen source."""
    source: str = params.source
    if source == "auto":
        source = "url" if params.url else _file_or_generate(Path(params.path))
    if source == "url":
        return read_file(_fetched(params), problem, params.csv)
    if source == "file":
        path = Path(params.path)
        return (read_parts if path.is_dir() else read_file)(path, problem, params.csv)
    if problem.generator is None:
        raise PipelineError(
            f"problem {name} can't be generated; set ingest.path to its file, or ingest.url and ingest.sha256"
        )
    return to_contract(_generated(problem.generator, params.generate), problem, "ingest.generate")


def _generated(generator: str, options: Mapping[str, Any]) -> pd.DataFrame:
    simulate = load_generator(generator)
    known = inspect.signature(simulate).parameters
    unknown = [key for key in options if key not in known]
    if unknown:
        raise PipelineError(
            f"ingest.generate.{unknown[0]}: {generator} has no such argument; it has: {', '.join(known)}"
        )
    try:
        return simulate(**options)
    except (TypeError, ValueError) as error:
        raise PipelineError(f"ingest.generate: {error}") from error


def _file_or_generate(path: Path) -> str:
    return "generate" if path.is_dir() and not part_files(path) else "file"


def _fetched(params: IngestParams) -> Path:
    if not params.url or not params.sha256:
        raise PipelineError(
            "ingest.url needs ingest.sha256 too (64 hexadecimal digits), so that everyone gets the same file"
        )
    url = resolved(params.url, "ingest.url")
    target = DOWNLOADS / Path(url.split("?")[0]).name
    if not is_format(target.name):
        raise PipelineError(f"ingest.url = {public(url)!r}: the address must end in one of {', '.join(FORMATS)}")
    download(url, params.sha256, target)
    return target


def main() -> None:
    """Run the stage."""
    params = load_params()
    # A wrong feature list, and what nobody has set, is refused before a record is read.
    problem = load_problem(params.problem, check_features)
    check_settings(params, problem)
    write_table(read_records(params.ingest, problem, params.problem), "data/raw/records.parquet")


if __name__ == "__main__":
    run(main)
