"""What a commit offers for release: the artifact that dvc.yaml declares, its bundle, and the digests of its figures."""

import hashlib
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.bundle.manifest import Manifest, verify
from lifecycle.core.errors import PipelineError
from lifecycle.core.yaml_text import read_yaml
from lifecycle.release.registry.tags import check_artifact
from lifecycle.repository.dvc_objects import export_folder, md5_of_path
from lifecycle.repository.git import commit_of, git

BUNDLE = "models/bundle"


class Evidence(NamedTuple):
    """sha256 of a bundle's manifest, and of each file of metrics of its commit, by path."""

    bundle: str
    metrics: dict[str, str]


def artifact_name(path: Path = Path("dvc.yaml")) -> str:
    """Return the name of the model in the registry: the key in dvc.yaml, `artifacts:`, whose path is the bundle.

    gto and DVC call it so too. The service reports another one, the bundle's own: `package.name`.

    Raises
    ------
    PipelineError
        dvc.yaml declares none, or under a name that gto does not take.
    """
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path}: can't be read: {error}") from error
    declared = (content.get("artifacts") if isinstance(content, dict) else None) or {}
    names = [name for name, one in declared.items() if isinstance(one, dict) and one.get("path") == BUNDLE]
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise PipelineError(
            f"{path}: `artifacts:` must hold one entry with path: {BUNDLE}, whose key names the model; found: {found}"
        )
    return check_artifact(names[0])


def _file_of(commit: str, path: str) -> str:
    text = git("show", f"{commit}:./{path}")
    if text is None:
        known = commit_of(commit) is not None
        advice = "it has none" if known else "this clone does not have it: git fetch --unshallow, or git fetch --tags"
        raise PipelineError(f"{path} of commit {commit[:12]}: {advice}")
    return text


def bundle_hash(commit: str) -> str:
    """Return DVC's hash of the bundle of a commit.

    Raises
    ------
    PipelineError
        The commit has none, or is not in this clone.
    """
    from lifecycle.repository.revision_files import out_hash

    found = out_hash(_lock(commit), BUNDLE)
    if found is None:
        raise PipelineError(f"dvc.lock of commit {commit[:12]} names no {BUNDLE}; `dvc repro` and commit first")
    return found


def _lock(commit: str) -> dict[str, Any]:
    try:
        return dict(read_yaml(_file_of(commit, "dvc.lock")))
    except (TypeError, ValueError) as error:
        raise PipelineError(f"dvc.lock of commit {commit[:12]}: not valid YAML: {error}") from error


def fetch_bundle(commit: str, target: Path) -> Manifest:
    """Write the bundle of a commit into a folder, and check it: from the workspace, DVC's cache, or its remote.

    Raises
    ------
    PipelineError
        None of them has it, or it is damaged.
    """
    wanted = bundle_hash(commit)
    if md5_of_path(Path(BUNDLE)) == wanted:
        shutil.copytree(BUNDLE, target, copy_function=shutil.copyfile)
    elif not export_folder(wanted, target):
        raise PipelineError(
            f"the bundle of commit {commit[:12]} is neither in {BUNDLE} nor in DVC's cache or remote: `dvc push` where"
            f" it was made, or `dvc repro package` in that commit"
        )
    return verify(target)


def evidence_of(commit: str, bundle: Path) -> Evidence:
    """Return the digests of a commit's figures, as its dvc.yaml lists them, and of its bundle.

    Raises
    ------
    PipelineError
        dvc.yaml names a file that the commit does not have.
    """
    graph = read_yaml(_file_of(commit, "dvc.yaml"))
    files = [one if isinstance(one, str) else next(iter(one)) for one in graph.get("metrics") or []]
    manifest = (bundle / "manifest.json").read_bytes()
    metrics = {path: hashlib.sha256(_file_of(commit, path).encode()).hexdigest() for path in files}
    return Evidence(hashlib.sha256(manifest).hexdigest(), metrics)


def commit_to_release() -> str:
    """Return the commit that is checked out, if its dvc.lock is what stands here.

    Raises
    ------
    PipelineError
        There is none, or dvc.lock has changes that are not committed.
    """
    commit = commit_of("HEAD")
    if commit is None:
        raise PipelineError("there is no commit to release yet: git commit")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "dvc.lock", "dvc.yaml", "params.yaml", "src")
    if changed:
        names = ", ".join(line[3:] for line in changed.splitlines()[:5])
        raise PipelineError(f"a release is a commit, and these have changes that are not committed: {names}")
    return commit
