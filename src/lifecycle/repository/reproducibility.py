"""The command `verify`: prove that a fresh clone makes the same bits, or that a bundle is whole.

It clones the last commit into another folder, runs the whole graph there from nothing with another hash seed, time
zone, locale and number of threads, compares `dvc.lock` and every file in git, and names the first difference.
"""

import argparse
import filecmp
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lifecycle.bundle.manifest import verify as verify_files
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.core.tables import read_table
from lifecycle.core.yaml_text import read_yaml
from lifecycle.repository.git import git, prefix
from lifecycle.repository.rebuild import copy_source, run_in
from lifecycle.repository.revision_files import outputs

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


def reproduce(place: Path) -> Path:
    """Clone the last commit to a place, run the graph there without any cache, and return the project's folder."""
    own = prefix()
    top = Path(*[".."] * len(Path(own).parts))
    if run_in(Path(), ["git", "clone", "--quiet", "--no-hardlinks", str(top), str(place)]):
        raise PipelineError(f"the last commit can't be cloned to {place}, see above; TMPDIR names another disk for it")
    copy_source(load_params().ingest.path, place / own)
    if run_in(place / own, ["dvc", "repro", "--force"], **OTHER_CONDITIONS):
        raise PipelineError(f"`dvc repro` failed in the clone ({place / own}), see above")
    return place / own


def changed_files(folder: Path) -> list[str]:
    """Return the files in git that the run has changed, dvc.lock last: it changes with any other."""
    names = (git("diff", "--name-only", "--relative", folder=folder) or "").split()
    return sorted(names, key=lambda name: (name == "dvc.lock", name))


def differing_outputs(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """Return the outputs whose entries differ between two dvc.lock files, also those that only one of them has.

    Examples
    --------
    >>> differing_outputs({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4})
    ['b', 'c']
    """
    return [name for name in {**here, **there} if here.get(name) != there.get(name)]


def file_that_differs(name: str, clone: Path) -> str:
    """Return the first file of an output, itself a file or a folder, that is another one in the clone."""
    if not Path(name).is_dir() and not (clone / name).is_dir():
        return name
    files = {
        str(path.relative_to(side)) for side in (Path(), clone) for path in (side / name).rglob("*") if path.is_file()
    }
    _, different, absent = filecmp.cmpfiles(".", clone, files, shallow=False)
    return min([*different, *absent], default=name)


def first_difference(ours: Path, theirs: Path) -> str:
    """Return where two versions of a file differ first: column and row of a table, line of any other file."""
    if not ours.is_file() or not theirs.is_file():
        return "only one of the two files is there to compare"
    if ours.suffix == ".parquet":
        return _in_tables(read_table(ours), read_table(theirs))
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


def verify(argv: Sequence[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="mlops.py verify", description="Prove that a fresh clone makes the same bits."
    )
    parser.add_argument("--bundle", metavar="FOLDER", type=Path, help="only check a bundle against its manifest")
    folder = parser.parse_args(argv).bundle
    if folder is None:
        prove()
    else:
        print(bundle_content(folder))


def bundle_content(folder: Path) -> str:
    """Check every file of a bundle, and return their list."""
    content, version = verify_files(folder)
    files = (f"{entry['size']:>12,}  {name}" for name, entry in content["files"].items())
    return "\n".join([f"{content['name']} {version}", *files, "ok"])


def prove() -> None:
    """Clone, reproduce, compare.

    Raises
    ------
    PipelineError
        There is no commit with a dvc.lock, or an output differs: names the first, and where.
    """
    lock = git("show", "HEAD:./dvc.lock")
    if lock is None:
        raise PipelineError("verify compares with the last commit, and there is none with a dvc.lock in this folder")
    if git("status", "--porcelain", "--untracked-files=no", "."):
        print("note: the last commit is verified, without the changes that are not committed", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="verify ") as temporary:  # a space in the path is one more condition
        clone = reproduce(Path(temporary) / "elsewhere")
        texts = (lock, (clone / "dvc.lock").read_text(encoding="utf-8"))
        here, there = (outputs(read_yaml(text)) for text in texts)
        differing = differing_outputs(here, there) or changed_files(clone)
        if differing:
            first = file_that_differs(differing[0], clone)
            place = first_difference(Path(first), clone / first)
            raise PipelineError(
                f"not reproduced: {len(differing)} of {len(here)} outputs differ; first {first}: {place}"
            )
        files = sum(out.get("nfiles", 1) for out in here.values())
    print(f"reproduced: {files} of {files} files of {len(here)} outputs have the same bits")
