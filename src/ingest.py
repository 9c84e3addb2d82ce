"""Bring records in: simulated, from a file, or downloaded.

Reads   the source that the `ingest` block of params.yaml names
Writes  data/raw/records.parquet, the contract's columns as the source has them
"""

from pathlib import Path

import pandas as pd

from lifecycle.data import simulator
from lifecycle.data.download import download
from lifecycle.data.source import FORMATS, read_file, to_contract
from lifecycle.io import write_table
from lifecycle.params import IngestParams, load_params
from lifecycle.problem import Problem, load_problem
from lifecycle.stage import PipelineError, run

DOWNLOADS = Path("data/downloads")


def read_records(params: IngestParams, problem: Problem, name: str) -> pd.DataFrame:
    """Return the raw table of the chosen source."""
    source: str = params.source
    if source == "auto":
        source = "url" if params.url else _file_or_generate(Path(params.path))
    if source == "url":
        return read_file(_fetched(params), problem)
    if source == "file":
        return read_file(params.path, problem)
    if set(problem.columns) != set(simulator.COLUMNS):
        raise PipelineError(
            f"problem {name} can't be generated; set ingest.path to its file, or ingest.url and ingest.sha256"
        )
    size = params.generate
    table = simulator.simulate(size.customers, size.terminals, size.days, size.seed)
    return to_contract(table, problem, "ingest.generate")


def _file_or_generate(path: Path) -> str:
    if not path.is_dir():
        return "file"
    found = sorted(file.name for file in path.iterdir() if not file.name.startswith(".") and file.suffix != ".dvc")
    if found:
        raise PipelineError(
            f"ingest.path = {path}: a folder with {found[0]} in it; name the file, or set ingest.source"
        )
    return "generate"


def _fetched(params: IngestParams) -> Path:
    if not params.url or not params.sha256:
        raise PipelineError(
            "ingest.url needs ingest.sha256 too (64 hexadecimal digits), so that everyone gets the same file"
        )
    target = DOWNLOADS / Path(params.url.split("?")[0]).name
    if not target.name.endswith(FORMATS):
        raise PipelineError(f"ingest.url = {params.url!r}: the address must end in one of {', '.join(FORMATS)}")
    download(params.url, params.sha256, target)
    return target


def main() -> None:
    """Run the stage."""
    params = load_params()
    problem = load_problem(params.problem)
    write_table(read_records(params.ingest, problem, params.problem), "data/raw/records.parquet")


if __name__ == "__main__":
    run(main)
