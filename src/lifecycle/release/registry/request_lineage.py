"""From an answer back to what made it: request, version, release, commit, data, params, libraries, code."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lifecycle.bundle.manifest import read_manifest
from lifecycle.core.errors import PipelineError
from lifecycle.monitoring.decision_log import lines_of, log_files
from lifecycle.release.registry.ledger import Ledger, Release, read_ledger
from lifecycle.release.registry.ledger_entry import REGISTER
from lifecycle.release.registry.release_steps import Place
from lifecycle.release.registry.released_commit import fetch_bundle
from lifecycle.release.route import BUNDLES
from lifecycle.repository.git import git


def lineage_lines(place: Place, request: str, log: Path) -> list[str]:
    """Return a line for each thing that a decision rests on, and a line for each that can't be found.

    Raises
    ------
    PipelineError
        The log does not hold the request.
    """
    found = logged(request, log)
    version = str(found.get("service.version", ""))
    lines = [_line("request", f"{request}, decided at {found.get('@timestamp')} by version {version or 'unknown'}")]
    ledger = read_ledger(place.artifact)
    releases = [release for release in ledger.releases.values() if release.version == version]
    if not releases:
        return [*lines, _line("release", f"not found: no release of {place.artifact} has the bundle {version}")]
    lines += [*_release_lines(ledger, releases[0]), *_commit_lines(releases[0].commit)]
    try:
        return [*lines, *_origin_lines(_manifest(place, releases[0]))]
    except PipelineError as error:
        return [*lines, _line("origin", f"not found: {error}")]


def logged(request: str, log: Path) -> dict[str, Any]:
    """Return the line of a decision log that answers a request, the newest one where an id was used twice.

    Raises
    ------
    PipelineError
        There is none.
    """
    wanted, found = json.dumps(request)[1:-1].encode(), None
    for line in lines_of(log_files(log)):
        if wanted not in line:
            continue
        try:
            content = json.loads(line)
        except ValueError:  # a line that is not whole
            continue
        if isinstance(content, dict) and content.get("http.request.id") == request and "service.version" in content:
            found = content
    if found is None:
        raise PipelineError(f"{log}: no line of the request {request}; its X-Request-ID is what is looked for")
    return found


def _line(name: str, text: str) -> str:
    return f"{name:<12} {text}"


def _release_lines(ledger: Ledger, release: Release) -> Iterator[str]:
    yield _line("release", f"{ledger.artifact} {release.number}, bundle {release.version}")
    for entry in ledger.entries:
        if release.number in {tag.number for tag in entry.tags} and not entry.asked:
            yield _line("", f"{entry.at:%Y-%m-%d %H:%M}  {entry.who}  {entry.sentence}")
        if entry.step == REGISTER and entry.number == release.number:
            for path, digest in entry.evidence.get("metrics", {}).items():
                yield _line("figures", f"{path} sha256 {digest}")


def _commit_lines(commit: str) -> Iterator[str]:
    about = git("show", "--no-patch", "--format=%H of %as by %an: %s", commit)
    yield _line("commit", f"{commit}: not in this clone; git fetch --tags" if about is None else about.strip())


def _manifest(place: Place, release: Release) -> Mapping[str, Any]:
    """Return what the bundle of a release says of its origin: beside the route, or where DVC keeps it."""
    beside = None if place.folder is None else place.folder / BUNDLES / release.version
    if beside is not None and beside.is_dir():
        return read_manifest(beside).content
    with tempfile.TemporaryDirectory(prefix="lineage-") as temporary:
        return fetch_bundle(release.commit, Path(temporary, "bundle")).content


def _origin_lines(content: Mapping[str, Any]) -> Iterator[str]:
    for path, md5 in content["data"].items():
        yield _line("data", f"{path} md5 {md5}")
    for block, values in content["params"].items():
        yield _line("params", f"{block} {json.dumps(values, ensure_ascii=False)}")
    for path, md5 in content["lock"].items():
        yield _line("libraries", f"{path} md5 {md5}")
    for name, version in content["versions"].items():
        yield _line("", f"{name} {version}")
    for path, md5 in content["code"].items():
        yield _line("code", f"{path} md5 {md5}")
