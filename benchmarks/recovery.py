"""Lose parts of a running project in a temporary clone, bring each back by the project's own commands, and time it.

Run from the repository root, with the data of `dvc pull` or `dvc repro` there:

    python benchmarks/recovery.py [--events 20000]

The remote of DVC is the cache of this repository, which is only read; the remote of git is a bare clone. Prints the
table of docs/deploy.md, and exits with 1 when something that came back is not what was lost.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "src"))

from benchmarks.serving.http_client import Client
from benchmarks.serving.transactions import Stream
from benchmarks.tampering import anchors_of_now, is_found, write_log
from lifecycle.core.errors import PipelineError, run
from lifecycle.release.drill.drill_clone import Clone

ASKED, AT_ONCE = 200, 500  # records whose answers are compared; events in a request


class Recovery(NamedTuple):
    """What was lost, what was done, and how long that took in seconds."""

    lost: str
    done: str
    seconds: float


def timed(lost: str, done: str, work: Callable[[], Any]) -> Recovery:
    """Do what brings it back, and say how long that took."""
    before = time.perf_counter()
    work()
    return Recovery(lost, done, time.perf_counter() - before)


def prepared(folder: Path) -> Clone:
    """Return a clone with the bundle, whose git remote is a bare clone beside it."""
    clone = Clone(folder / "clone")
    clone.call("git", "clone", "--quiet", "--bare", ".", str(folder / "origin"))
    clone.call("git", "remote", "set-url", "origin", str(folder / "origin"))
    cache = Path(clone.call(sys.executable, "-m", "dvc", "--cd", str(Path.cwd()), "cache", "dir").strip())
    clone.call("dvc", "remote", "add", "--local", "--default", "lost", str(Path.cwd() / cache))
    clone.call("dvc", "pull", "--quiet", "models/bundle")
    return clone


def bundle_lost(clone: Clone) -> Recovery:
    """Lose the bundle and DVC's cache."""
    before = files_of(clone.folder / "models/bundle")
    for name in ("models/bundle", ".dvc/cache"):
        shutil.rmtree(clone.folder / name)
    found = timed("models/bundle, DVC's cache", "dvc pull", lambda: clone.call("dvc", "pull", "-q", "models/bundle"))
    same(before, files_of(clone.folder / "models/bundle"), "the bundle")
    return found


def store_lost(clone: Clone, events: int) -> list[Recovery]:
    """Lose the online store; bring it back from a copy of the stopped service, then from the validated table."""
    store, copy, stream = clone.folder / "online", clone.folder / "copy", Stream.open()
    events = min(events, len(stream.records) - ASKED)
    rows = stream.records.assign(**{stream.time: stream.records[stream.time].dt.strftime("%Y-%m-%dT%H:%M:%SZ")})
    told, asked = rows[:events].to_dict("records"), rows[events : events + ASKED].to_dict("records")

    def served(tell: bool) -> Any:
        clone.serve(store=str(store), log="none")
        client = Client(clone.port)
        try:
            for start in range(0, events if tell else 0, AT_ONCE):
                client.post("/events", {"events": told[start : start + AT_ONCE]})
            return [client.post("/predict", {"records": [record]})["predictions"] for record in asked]
        finally:
            client.close()
            clone.end_service()

    before = served(True)
    shutil.copytree(store, copy)
    answers: list[Any] = []

    def restore() -> None:
        shutil.copytree(copy, store)
        answers.append(served(False))

    shutil.rmtree(store)
    found = [timed("online store", "copy taken while stopped", restore)]
    shutil.rmtree(store)
    found.append(timed("online store", "events told again", lambda: answers.append(served(True))))
    same([before, before], answers, "the answers of the online store")
    return found


def release_lost(clone: Clone) -> list[Recovery]:
    """Lose the folder that the service follows, then the registry's tags in this clone."""
    clone.change_params({"release.remote": "origin", "release.offline.reproducible": False})
    clone.commit("A registry that is shared")
    clone.mlops("release", "register", "--why", "to lose it")
    clone.mlops(
        "release", "promote", clone.call("git", "tag", "--list", "model@v*").split("@")[1].strip(), "--why", "first"
    )
    serving, found = clone.folder / "serving", []
    before, tags = files_of(serving / "bundles"), clone.call("git", "for-each-ref", "refs/tags", "refs/release")
    shutil.rmtree(serving)
    found.append(timed("serving/", "release sync", lambda: clone.mlops("release", "sync")))
    same(before, files_of(serving / "bundles"), "the bundles that are served")
    for line in tags.splitlines():
        clone.call("git", "update-ref", "-d", line.split()[-1])
    found.append(timed("tags of the registry", "release sync", lambda: clone.mlops("release", "sync")))
    same(tags, clone.call("git", "for-each-ref", "refs/tags", "refs/release"), "the registry")
    return found


def audit_lost(folder: Path) -> Recovery:
    """Lose one chain of an audit log that is anchored."""
    anchors = write_log(folder / "audit")
    same(anchors, anchors_of_now(folder / "audit"), "the anchors")
    shutil.rmtree(folder / "audit/chain-0")
    found: list[bool] = []
    result = timed("audit log", "verify names the loss", lambda: found.append(is_found(folder / "audit", anchors)))
    same([True], found, "the verdict on the lost audit log")
    return result


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder, but for a lock, which holds the process that took it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def same(before: Any, after: Any, what: str) -> None:
    """Refuse what has not come back as it was.

    Raises
    ------
    PipelineError
        It differs.
    """
    if before != after:
        raise PipelineError(f"recovery: {what}: not the same as before the loss")


def recoveries(events: int) -> list[Recovery]:
    """Lose each thing in turn, and bring it back."""
    with tempfile.TemporaryDirectory() as name:
        clone = prepared(Path(name))
        try:
            return [*store_lost(clone, events), *release_lost(clone), bundle_lost(clone), audit_lost(Path(name))]
        finally:
            clone.end_service()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000, help="that the store has been told when it is lost")
    found = recoveries(parser.parse_args().events)
    print("| lost | what was done | seconds |\n|---|---|--:|")
    for one in found:
        print(f"| {one.lost} | {one.done} | {one.seconds:.2f} |")


if __name__ == "__main__":
    run(main)
