"""Make the route of an environment follow the registry: fetch the bundles that it names, then change it.

No bundle of the route is removed before the route names another one.
"""

import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

from lifecycle.bundle.manifest import verify
from lifecycle.core.atomic import locked, sync_folder
from lifecycle.core.errors import PipelineError
from lifecycle.release.registry.ledger import Ledger, Release, read_ledger
from lifecycle.release.registry.released_commit import fetch_bundle
from lifecycle.release.registry.rollback import unrecorded
from lifecycle.release.registry.transitions import ANSWERING, TRIED, in_state
from lifecycle.release.route import BUNDLES, ROUTE, Mode, Route, change_route, read_route

VERSION = re.compile("[0-9a-f]{12}")


def wanted_route(ledger: Ledger, environment: str) -> Route | None:
    """Return the route that the registry asks for, of epoch 1; None where no version answers.

    The salt is the version that is tried: so a ramp keeps its entities, and the next trial meets others.
    """
    states, releases = ledger.states(environment), ledger.releases
    live, tried, previous = in_state(states, "live"), in_state(states, *TRIED), in_state(states, "previous")
    if not live:
        return None
    version = {number: release.version for number, release in releases.items()} | {"": ""}
    route = Route(1, "single", version[live], previous=version[previous])
    if not tried:
        return route
    answers = states[tried] in ANSWERING
    return replace(
        route,
        mode=cast(Mode, states[tried]),
        challenger=version[tried],
        share=ledger.last(tried, environment).share,
        salt=version[tried] if answers else "",
    )


def follow(ledger: Ledger, environment: str, folder: Path) -> tuple[Route | None, bool]:
    """Make an environment's route what the registry asks for; return it, and whether it has changed.

    Parameters
    ----------
    ledger : Ledger
        The registry.
    environment : str
        Whose route.
    folder : Path
        Where the route stands, and the bundles beside it.

    Raises
    ------
    PipelineError
        A bundle can't be had or is damaged; the route stays as it was.
    """
    wanted = wanted_route(ledger, environment)
    if wanted is None:
        return None, False
    by_version = {release.version: release for release in ledger.releases.values()}
    with locked(folder / BUNDLES, f"{folder}: another process makes the route follow the registry just now"):
        for version in wanted.versions:
            place_bundle(by_version[version], folder)
        before = _readable_route(folder)
        same = before is not None and replace(before, epoch=1, automatic=0) == wanted
        route = before if same else change_route(folder, lambda _: _still(wanted, ledger, folder))
        _remove_others(folder, wanted.versions)
    return route, not same


def _still(wanted: Route, ledger: Ledger, folder: Path) -> Route:
    """Return a route that the registry still asks for, under the lock that a rollback has to take too.

    A rollback leaves its event first and its entry later, so they are looked for in that order.
    """
    if unrecorded(folder) or read_ledger(ledger.artifact).tip != ledger.tip:
        raise PipelineError(f"{folder}: the registry has gone on meanwhile, so the route is left: release sync")
    return wanted


def _readable_route(folder: Path) -> Route | None:
    """Return the route that there is; one that can't be read is written anew."""
    try:
        return read_route(folder)
    except PipelineError as error:
        print(f"{error}; the broken one is {ROUTE}.broken now", file=sys.stderr)
        (folder / ROUTE).replace(folder / f"{ROUTE}.broken")
        return None


def place_bundle(release: Release, folder: Path) -> Path:
    """Lay the bundle of a release beside the route, all or nothing, unless a whole one is there; return its folder.

    Raises
    ------
    PipelineError
        It can't be had, or the commit's bundle is not the one that was registered.
    """
    target = folder / BUNDLES / release.version
    if _is_whole(target, release.version):
        return target
    temporary = target.with_name(f".{release.version}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        found = fetch_bundle(release.commit, temporary).version
        if found != release.version:
            raise PipelineError(
                f"{release.number}: its commit has the bundle {found}, registered was {release.version}"
            )
        _make_durable(temporary)
        shutil.rmtree(target, ignore_errors=True)  # damaged, or half removed
        temporary.replace(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _is_whole(folder: Path, version: str) -> bool:
    try:
        return verify(folder).version == version
    except PipelineError:
        return False


def _make_durable(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    sync_folder(folder)


def _remove_others(folder: Path, versions: tuple[str, ...]) -> None:
    """Remove the bundles that the route does not name, and what a killed process has left."""
    for path in (folder / BUNDLES).iterdir():
        if (VERSION.fullmatch(path.name) and path.name not in versions) or path.name.endswith(".tmp"):
            shutil.rmtree(path, ignore_errors=True)
