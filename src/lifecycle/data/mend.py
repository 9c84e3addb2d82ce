"""Put back objects that are missing or corrupt: a copy of a whole one, else from a remote, else by running the stage.

What can't be mended stays as it is: a corrupt table that someone added may still be worth something. Nothing here
writes dvc.lock (`dvc commit -f` would, and would call a stage whose code has changed up to date).
"""

import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lifecycle.data.cache import Fault, Survey, fault_of, hash_of, list_of, place_of


def repair(state: Survey, faults: Sequence[Fault]) -> None:
    """Mend what can be mended; look again to see what that was.

    A workspace file with the content of a corrupt object is replaced once that is mended: DVC takes it for whole.
    """
    cache = state.folders[0]
    lost = [fault for fault in faults if not _copy(fault, state.folders) and fault.place.is_relative_to(cache)]
    if lost and state.fallback:
        with _set_aside(lost):
            _dvc("fetch", {fault.item.out for fault in lost}, "--remote", state.fallback)
        lost = [fault for fault in lost if fault_of(fault.item, cache)]
    _run_again([fault for fault in lost if fault.item.stage])
    handed_out = [
        fault.item for fault in faults if fault.found and fault.found == hash_of(fault.item.path, fault.found)
    ]
    mended = [item for item in handed_out if not fault_of(item, cache)]
    for item in mended:
        _remove(item.path)
    _dvc("checkout", {item.out for item in mended})


def _copy(fault: Fault, folders: Sequence[Path]) -> bool:
    """Replace an object by a whole copy, from the workspace or another folder of objects."""
    from lifecycle.io import atomic

    md5 = fault.item.md5
    for source in [fault.item.path, *(place_of(md5, folder) for folder in folders)]:
        if hash_of(source, md5) == md5:
            _remove(fault.place)
            with atomic(fault.place) as temporary:
                temporary.write_bytes(list_of(source)) if source.is_dir() else shutil.copyfile(source, temporary)
            fault.place.chmod(0o444)  # as DVC protects them
            return True
    return False


@contextmanager
def _set_aside(faults: Sequence[Fault]) -> Iterator[None]:
    """Hide corrupt objects from DVC, which takes any object for whole; those that it does not replace come back."""
    hidden = {fault.place: fault.place.with_name(f"{fault.place.name}.corrupt") for fault in faults if fault.found}
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
    """Run DVC if there is something to run it for; what it could not do is seen afterwards, in the hashes."""
    if targets:
        subprocess.run([sys.executable, "-m", "dvc", command, *options, *sorted(targets)], check=False)
