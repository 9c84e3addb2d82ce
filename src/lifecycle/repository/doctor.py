"""The command `doctor`: find missing or corrupt files that DVC keeps, and mend them.

    python src/mlops.py doctor                  hash every object that dvc.lock names in the cache again
    python src/mlops.py doctor --remote store   and in the remote `store`, a folder
    python src/mlops.py doctor --fix            put back what is missing or corrupt
    python src/mlops.py doctor --locks          only what a killed DVC process leaves broken: quick

An object is put back from a whole copy, else from a remote, else by running its stage. What can't be mended stays as it
is: a corrupt table that someone added may still be of use. A file that the workspace lacks comes back from the cache.
The command ends with 0 when all is well or mended, otherwise with 1.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lifecycle.core.atomic import atomic
from lifecycle.core.errors import PipelineError, merge_marks
from lifecycle.repository.dvc_locks import mend_locks
from lifecycle.repository.dvc_objects import Fault, Survey, find_fault, folder_list, md5_of_path, object_path, survey
from lifecycle.repository.git import NO_REPOSITORY, top

KINDS = {".csv", ".json", ".lock", ".md", ".tsv", ".yaml"}  # of the files that DVC, a stage or `summary` reads


def doctor(argv: Sequence[str]) -> None:
    """Run the command: mend the locks, look at the objects."""
    parser = argparse.ArgumentParser(
        prog="mlops.py doctor", description="Find broken files of DVC's own, and mend them."
    )
    parser.add_argument("--remote", metavar="NAME", help="look at this remote too, a folder of this machine")
    parser.add_argument("--fix", action="store_true", help="put back what is missing or corrupt")
    parser.add_argument("--locks", action="store_true", help="only mend what a killed DVC process left broken")
    options = parser.parse_args(argv)
    check_prerequisites(Path())
    for path in mend_locks(Path()):
        print(f"moved a file out of the way that a killed DVC process or a full disk has left broken: it is {path} now")
    if not options.locks:
        print(look(options.remote, options.fix))


def look(remote: str | None, fix: bool) -> str:
    """Report each broken object of the repository in the working folder; with `fix`, mend it.

    Raises
    ------
    PipelineError
        Something is still missing or corrupt at the end.
    """
    state = survey(remote)
    faults, before = state.faults(), None
    for fault in faults:
        print(fault, flush=True)
    while fix and faults and faults != before:  # first a folder's list, then the files that it names
        repair(state, faults)
        state, before = survey(remote), faults
        faults = state.faults()
    if faults:
        raise PipelineError("\n".join(["missing or corrupt:", *_advice(state, faults)]))
    put_back(state, fix)
    return f"{len(state.objects())} objects are whole in {' and '.join(map(str, state.folders))}"


def _advice(state: Survey, faults: Sequence[Fault]) -> list[str]:
    if len(faults) == len(state.objects()) and not any(fault.actual for fault in faults):
        return ["all that dvc.lock names: `dvc pull` fetches it from a remote, `dvc repro` makes it"]
    return sorted({fault.advice() for fault in faults})


def put_back(state: Survey, fix: bool) -> None:
    """Report what the workspace lacks and the cache has; with `fix`, put it back. No file that is there is touched.

    Raises
    ------
    PipelineError
        Something is still missing at the end.
    """
    for path in state.absent():
        print(f"{path}: missing here; the cache has it", flush=True)
    if fix:
        _dvc("checkout", state.absent())
    if absent := state.absent():
        raise PipelineError(f"missing here: {', '.join(absent)}; `make doctor` puts back what the cache has")


def repair(state: Survey, faults: Sequence[Fault]) -> None:
    """Mend what can be mended; another survey shows what that was.

    A workspace file with the content of a corrupt object is replaced once that is mended: DVC would not do it.
    """
    cache = state.folders[0]
    lost = [fault for fault in faults if not _copy(fault, state) and fault.place.is_relative_to(cache)]
    if lost and state.fallback:
        with _set_aside(lost):
            _dvc("fetch", {fault.item.out for fault in lost}, "--remote", state.fallback)
        lost = [fault for fault in lost if find_fault(fault.item, cache)]
    _run_again([fault for fault in lost if fault.item.stage])
    corrupt = [fault for fault in faults if fault.actual and fault.actual == md5_of_path(fault.item.path, fault.actual)]
    mended = [fault.item for fault in corrupt if not find_fault(fault.item, cache)]
    for item in mended:
        _remove(item.path)
    _dvc("checkout", {item.out for item in mended})


def _copy(fault: Fault, state: Survey) -> bool:
    """Replace an object by a whole copy, from the workspace or another folder of objects."""
    md5 = fault.item.md5
    for source in [*state.copies(md5), *(object_path(md5, folder) for folder in state.folders)]:
        if md5_of_path(source, md5) == md5:
            _remove(fault.place)
            with atomic(fault.place) as temporary:
                temporary.write_bytes(folder_list(source)) if source.is_dir() else shutil.copyfile(source, temporary)
            fault.place.chmod(0o444)  # as DVC protects them
            return True
    return False


@contextmanager
def _set_aside(faults: Sequence[Fault]) -> Iterator[None]:
    """Hide corrupt objects from DVC, which takes any object for whole; those that it does not replace come back."""
    hidden = {fault.place: fault.place.with_name(f"{fault.place.name}.corrupt") for fault in faults if fault.actual}
    for place, aside in hidden.items():
        place.replace(aside)
    yield
    for place, aside in hidden.items():
        _remove(aside) if place.exists() else aside.replace(place)


def _run_again(lost: Sequence[Fault]) -> None:
    """Remove what is wrong, in the cache and in the workspace: a stage whose outs look right to DVC does not run."""
    for fault in lost:
        _remove(fault.place)
        _remove(fault.item.path)
    _dvc("repro", {fault.item.stage or "" for fault in lost})


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.chmod(0o600)  # Windows removes no protected file
        path.unlink()


def _dvc(command: str, targets: Collection[str], *options: str) -> None:
    """Run DVC on the targets, if there are any; the hashes show afterwards what it could not do."""
    if targets:
        subprocess.run([sys.executable, "-m", "dvc", command, *options, *sorted(targets)], check=False)


def check_prerequisites(root: Path) -> None:
    """Look for what DVC needs before it can start, in some milliseconds: its own words name neither file nor way out.

    Raises
    ------
    PipelineError
        Something is missing: says what to do.
    """
    config = root / ".dvc/config"
    if config.is_file() and not _does_without_git(config) and top(root) is None:
        raise PipelineError(NO_REPOSITORY)
    for path in _read_by_stages(root):
        if marks := merge_marks(path.read_text(encoding="utf-8", errors="replace")):
            raise PipelineError(f"{path}: {marks}")
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise PipelineError("no folder for temporary files can be written to; set TMPDIR to one that can") from error


def _does_without_git(config: Path) -> bool:
    return (
        re.search(r"^\s*no_scm\s*=\s*true", config.read_text(encoding="utf-8"), re.MULTILINE | re.IGNORECASE)
        is not None
    )


def _read_by_stages(root: Path) -> Iterator[Path]:
    yield from (path for path in sorted(root.glob("*")) if path.name in ("dvc.lock", "dvc.yaml", "params.yaml"))
    for folder in ("models", "metrics"):
        yield from (path for path in sorted((root / folder).rglob("*")) if path.suffix in KINDS and path.is_file())
