"""The command `verify`: a fresh clone, under other conditions, must make the same bits; a bundle, what it says.

Clones the last commit into another folder, runs the whole graph there from nothing with another hash seed, time zone,
locale and number of threads, and compares `dvc.lock` and every file in git. The first difference is named.
"""

import argparse
import filecmp
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lifecycle.bundle.manifest import verify as verify_files
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.repository.rebuild import lend_source, run_in

OTHER_CONDITIONS = {
    "PYTHONHASHSEED": "271828",
    "TZ": "Pacific/Chatham",
    "LC_ALL": "C",
    "OMP_NUM_THREADS": "3",
    "OPENBLAS_NUM_THREADS": "3",
    "OPENBLAS_CORETYPE": "Nehalem",  # the code that an older processor would run
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",  # the same; ignored where there are none
    "LOKY_MAX_CPU_COUNT": "1",  # the number of jobs that joblib takes for "all"
}


def git(*arguments: str, folder: str | Path = ".") -> str:
    """Return what a git command prints."""
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def reproduce(folder: Path) -> None:
    """Clone the last commit into `folder` and run the graph there, without any cache."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ".", str(folder)], check=True)
    lend_source(load_params().ingest.path, folder)
    if run_in(folder, ["dvc", "repro", "--force"], **OTHER_CONDITIONS):
        raise PipelineError(f"`dvc repro` failed in the clone ({folder})")


def changed_files(folder: Path) -> list[str]:
    """Return the files in git that the run has changed, dvc.lock last: it changes with any other."""
    return sorted(git("diff", "--name-only", folder=folder).split(), key=lambda name: (name == "dvc.lock", name))


def outputs(lock: str) -> dict[str, dict[str, Any]]:
    """Return every output that the text of a dvc.lock names, by path and in its order: its hash and size in files."""
    stages = yaml.safe_load(lock)["stages"]
    return {out["path"]: out for stage in stages.values() for out in stage.get("outs", [])}


def file_that_differs(name: str, clone: Path) -> str:
    """Return the first file of an output, itself a file or a folder, that is another one in the clone."""
    if not Path(name).is_dir() and not (clone / name).is_dir():
        return name
    files = sorted(
        {path.relative_to(side) for side in (Path(), clone) for path in (side / name).rglob("*") if path.is_file()}
    )
    same = {
        path for path in files if (clone / path).is_file() and path.is_file() and filecmp.cmp(path, clone / path, False)
    }
    return str(next((path for path in files if path not in same), name))


def first_difference(ours: Path, theirs: Path) -> str:
    """Say where two versions of a file part: column and row of a table, key of a JSON file, otherwise the line."""
    if not ours.is_file() or not theirs.is_file():
        return "only one of the two files is there to compare"
    if ours.suffix == ".parquet":
        return _in_tables(pd.read_parquet(ours), pd.read_parquet(theirs))
    if ours.suffix == ".json":
        a, b = (
            pd.json_normalize(json.loads(path.read_text(encoding="utf-8"))).iloc[0].to_dict() for path in (ours, theirs)
        )
        return next(
            (f"{key}: {a.get(key)!r} here, {b.get(key)!r} there" for key in a | b if a.get(key) != b.get(key)), "layout"
        )
    pairs = zip(ours.read_bytes().split(b"\n"), theirs.read_bytes().split(b"\n"), strict=False)
    return next(
        (f"line {i}: {x[:80]!r} here, {y[:80]!r} there" for i, (x, y) in enumerate(pairs, 1) if x != y), "length"
    )


def _in_tables(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    if list(ours) != list(theirs) or len(ours) != len(theirs):
        return f"{len(ours):,} x {list(ours)} here, {len(theirs):,} x {list(theirs)} there"
    for name in ours:
        differs = (ours[name] != theirs[name]) & ~(ours[name].isna() & theirs[name].isna())
        if differs.any():
            row = int(differs.to_numpy().argmax())
            return f"column {name}, row {row}: {ours[name].iloc[row]!r} here, {theirs[name].iloc[row]!r} there"
        if ours[name].dtype != theirs[name].dtype:
            return f"column {name}: {ours[name].dtype} here, {theirs[name].dtype} there"
    return "equal values in different bytes"


def verify(words: Sequence[str]) -> None:
    """Answer the command line."""
    parser = argparse.ArgumentParser(
        prog="mlops.py verify", description="Prove that a fresh clone makes the same bits."
    )
    parser.add_argument("--bundle", metavar="FOLDER", type=Path, help="only check a bundle against its manifest")
    folder = parser.parse_args(words).bundle
    if folder is None:
        prove()
    else:
        print(bundle_content(folder))


def bundle_content(folder: Path) -> str:
    """Check every file of a bundle, and list them.

    Raises
    ------
    PipelineError
        Names the file at fault.
    """
    content, version = verify_files(folder)
    files = (f"{entry['size']:>12,}  {name}" for name, entry in content["files"].items())
    return "\n".join([f"{content['name']} {version}", *files, "ok"])


def prove() -> None:
    """Clone, reproduce, compare.

    Raises
    ------
    PipelineError
        Names the first output that differs, and where.
    """
    if git("status", "--porcelain", "--untracked-files=no"):
        print("note: the last commit is verified, without the changes that are not committed", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="verify ") as temporary:  # a space in the path is one more condition
        clone = Path(temporary) / "elsewhere"
        reproduce(clone)
        here, there = outputs(git("show", "HEAD:dvc.lock")), outputs((clone / "dvc.lock").read_text(encoding="utf-8"))
        differing = [name for name in here if here[name] != there.get(name)] or changed_files(clone)
        if differing:
            first = file_that_differs(differing[0], clone)
            place = first_difference(Path(first), clone / first)
            raise PipelineError(
                f"not reproduced: {len(differing)} of {len(here)} outputs differ; first {first}: {place}"
            )
        files = sum(out.get("nfiles", 1) for out in here.values())
    print(f"reproduced: {files} of {files} files of {len(here)} outputs have the same bits")
