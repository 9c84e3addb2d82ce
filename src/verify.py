"""Prove reproducibility: a fresh clone, under other conditions, must make the same bits.

Clones the last commit into another folder, runs the whole graph there from nothing with another hash seed, time zone,
locale and number of threads, and compares `dvc.lock` and every file in git. The first difference is named.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from lifecycle.params import load_params
from lifecycle.stage import PipelineError, run

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
    lend_source(folder)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
    done = subprocess.run(
        ["dvc", "repro", "--force"], cwd=folder, env=environment | OTHER_CONDITIONS | {"PATH": path}, check=False
    )
    if done.returncode:
        raise PipelineError(f"`dvc repro` failed in the clone ({folder})")


def lend_source(folder: Path) -> None:
    """Copy the user's own file, which git does not have, into the clone."""
    source = Path(load_params().ingest.path)
    if source.is_file() and not source.is_absolute() and not (folder / source).exists():
        shutil.copy2(source, folder / source)


def changed_files(folder: Path) -> list[str]:
    """Return the files in git that the run has changed, dvc.lock last: it changes with any other."""
    return sorted(git("diff", "--name-only", folder=folder).split(), key=lambda name: (name == "dvc.lock", name))


def outputs(lock: str) -> dict[str, str]:
    """Return the hash of every output that the text of a dvc.lock names, in its order."""
    stages = yaml.safe_load(lock)["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}


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


def main() -> None:
    """Clone, reproduce, compare."""
    if git("status", "--porcelain", "--untracked-files=no"):
        print("note: the last commit is verified, without the changes that are not committed", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="verify ") as temporary:  # a space in the path is one more condition
        clone = Path(temporary) / "elsewhere"
        reproduce(clone)
        here, there = outputs(git("show", "HEAD:dvc.lock")), outputs((clone / "dvc.lock").read_text(encoding="utf-8"))
        differing = [name for name in here if here[name] != there.get(name)] or changed_files(clone)
        if differing:
            place = first_difference(Path(differing[0]), clone / differing[0])
            raise PipelineError(
                f"not reproduced: {len(differing)} of {len(here)} outputs differ; first {differing[0]}: {place}"
            )
    print(f"reproduced: {len(here)} of {len(here)} outputs have the same bits")


if __name__ == "__main__":
    run(main)
