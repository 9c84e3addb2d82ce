"""List the objects that dvc.lock names, and hash them again in the cache and in a remote that is a folder.

DVC does not check an object again: `dvc checkout`, and `dvc pull` from a remote without `verify`, hand out a corrupt
one with return code 0, and `dvc status` calls the result up to date. So the hashes are computed here.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifecycle.core.errors import PipelineError
from lifecycle.core.junk_files import is_leftover


@dataclass(frozen=True)
class Item:
    """A file, or the list of a folder's files, that dvc.lock or a .dvc file names."""

    path: Path  # in the workspace
    md5: str  # DVC's name for the content; that of a list ends in .dir
    out: str  # the out that it is or belongs to
    stage: str | None  # that makes it; None: it was added by hand
    pushed: bool  # remotes have it too


@dataclass(frozen=True)
class Fault:
    """An object whose content is not what its name says."""

    item: Item
    place: Path
    actual: str | None  # the hash of what is there; None: nothing is

    def __str__(self) -> str:
        """Return what is wrong and where."""
        state = f"corrupt ({self.actual} found)" if self.actual else "missing"
        return f"{self.item.path}: {self.item.md5} is {state} in {self.place.parents[1]}"

    def advice(self) -> str:
        """Return what to do about it."""
        last = f"`dvc repro {self.item.stage}`" if self.item.stage else f"`dvc add {self.item.out}` the original"
        return f"{self.item.path}: `make doctor` restores it if a copy is left, otherwise {last}"


@dataclass(frozen=True)
class Survey:
    """Which files and lists there should be, and in which folders their objects."""

    items: list[Item]  # two may have the same content, and so the same object
    folders: list[Path]  # of objects: the cache, then the remote that was asked for
    fallback: str | None  # another remote, to fetch from

    def faults(self) -> list[Fault]:
        """Hash every object; return those that are missing or corrupt, the cache's first."""
        cache, *remotes = self.folders
        places = [(item, cache) for item in self.objects()]
        places += [(item, folder) for folder in remotes for item in self.objects() if item.pushed]
        return [fault for item, folder in places if (fault := find_fault(item, folder))]

    def objects(self) -> list[Item]:
        """Return the items without those that have the same content as an earlier one."""
        return [*{item.md5: item for item in reversed(self.items)}.values()][::-1]

    def copies(self, md5: str) -> list[Path]:
        """Return where an object's content should lie in the workspace."""
        return [item.path for item in self.items if item.md5 == md5]

    def absent(self) -> list[str]:
        """Return the files that the workspace lacks, or the whole out where nothing of it is there."""
        lost = [item for item in self.items if not item.path.exists()]
        return sorted({str(item.path) if Path(item.out).exists() else item.out for item in lost})


def survey(remote: str | None = None) -> Survey:
    """List the objects that the DVC files in the working folder name, except those hashed as in DVC 2 (md5-dos2unix).

    `remote` names a remote that is a folder of this machine, and is looked at too.
    """
    with dvc_repository() as repo:
        folders = [Path(repo.cache.local.path)] + ([_remote_folder(repo, remote)] if remote else [])
        default = repo.config["core"].get("remote")
        outs = [_item(out) for out in repo.index.outs if out.use_cache and out.hash_info.name == "md5"]
    items = [*outs, *(member for out in outs for member in _members(out, folders))]
    return Survey(sorted(items, key=lambda item: item.path), folders, None if default == remote else default)


@contextmanager
def dvc_repository() -> Iterator[Any]:
    """Open the DVC repository of the working folder.

    Raises
    ------
    PipelineError
        DVC can't: there is none, or one of its files is broken.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        raise PipelineError(str(error)) from error


def read_object(md5: str) -> bytes | None:
    """Return an object's content from the cache or the default remote; None where neither has a whole one."""
    with dvc_repository() as repo:
        return _content(repo, md5)


def export_folder(md5: str, folder: Path) -> bool:
    """Write the files of a folder that DVC keeps; return whether the cache and the default remote have all of them.

    Parameters
    ----------
    md5 : str
        Of the folder's list: it ends in .dir.
    folder : Path
        Where to; there is none yet.
    """
    with dvc_repository() as repo:
        listed = _content(repo, md5)
        files = {row["relpath"]: _content(repo, row["md5"]) for row in json.loads(listed or b"[]")}
    if not files or None in files.values():
        return False
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content or b"")
    return True


def _content(repo: Any, md5: str) -> bytes | None:
    place = object_path(md5, Path(repo.cache.local.path))
    if md5_of_path(place, md5) == md5:
        return place.read_bytes()
    try:
        remote = repo.cloud.get_remote_odb()
        content: bytes = remote.fs.cat_file(remote.oid_to_path(md5))
    except Exception:  # there is no remote, or it does not answer: each kind has its own errors
        return None
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return content if found == md5.removesuffix(".dir") else None


def _item(out: Any) -> Item:
    made_by = out.stage.addressing if out.stage.cmd else None
    return Item(Path(str(out)), out.hash_info.value, str(out), made_by, out.can_push)


def _remote_folder(repo: Any, name: str) -> Path:
    url = repo.config["remote"].get(name, {}).get("url")
    if url is None:
        raise PipelineError(f"there is no remote {name}; `dvc remote list` shows them")
    if "://" in url:
        raise PipelineError(f"remote {name} is no folder; `dvc remote modify {name} verify true` makes pulls check it")
    if not Path(url).is_dir():
        raise PipelineError(f"remote {name}: {url} does not exist; is the disk mounted? The first `dvc push` makes it")
    return Path(url, "files", "md5")


def _members(out: Item, folders: Sequence[Path]) -> Iterator[Item]:
    """List the files of a folder, from the first whole copy of its list."""
    if not out.md5.endswith(".dir"):
        return
    whole = (object_path(out.md5, folder) for folder in folders if not find_fault(out, folder))
    for place in [*whole][:1]:
        for row in json.loads(place.read_bytes()):
            yield Item(out.path / row["relpath"], row["md5"], out.out, out.stage, out.pushed)


def object_path(md5: str, folder: Path) -> Path:
    """Return where a folder of objects keeps one."""
    return folder / md5[:2] / md5[2:]


def find_fault(item: Item, folder: Path) -> Fault | None:
    """Hash an item's object in a folder of objects, and return the fault if its hash is another one."""
    place = object_path(item.md5, folder)
    actual = md5_of_path(place, item.md5)
    return None if actual == item.md5 else Fault(item, place, actual)


def md5_of_path(path: Path, like: str = "") -> str | None:
    """Hash a file, or the list of a workspace folder's files, as DVC does; None when there is neither.

    `like` is the hash it should have: that of a list in a folder of objects ends in .dir, although it is a file.
    """
    if path.is_dir():
        return hashlib.md5(folder_list(path), usedforsecurity=False).hexdigest() + ".dir"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() + Path(like).suffix


def folder_list(folder: Path) -> bytes:
    """Return what DVC keeps for a folder: the hashes of its files, by name."""
    found = [path for path in folder.rglob("*") if path.is_file() and not is_leftover(path.name)]
    files = {path.relative_to(folder).as_posix(): md5_of_path(path) for path in found}
    return json.dumps([{"md5": files[name], "relpath": name} for name in sorted(files)]).encode()
