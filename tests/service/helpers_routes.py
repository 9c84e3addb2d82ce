"""Environments with a route, as a release leaves them, and services that follow one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lifecycle.release.route import BUNDLES, FORMAT, ROUTE, Route, change_route
from tests.service.helpers_serving import Service, service, small_bundle


def installed(folder: Path, bundle: Path, version: str) -> str:
    """Put a bundle into an environment, under its version."""
    (folder / BUNDLES).mkdir(parents=True, exist_ok=True)
    bundle.rename(folder / BUNDLES / version)
    return version


def two_models(folder: Path) -> tuple[str, str]:
    """Put two small models into an environment; return their versions."""
    from lifecycle.bundle.servable import Servable

    versions = []
    for model in ("logistic_regression", "decision_tree"):
        bundle = small_bundle(folder / "made" / model, model)
        versions.append(installed(folder, bundle, Servable.load(bundle).version))
    return versions[0], versions[1]


def routed(folder: Path, champion: str, **more: Any) -> Route:
    """Change the route of an environment; its mode is `single` unless it is said."""
    return change_route(folder, lambda _: Route(0, **({"mode": "single", "champion": champion} | more)))


def forged(folder: Path, route: Route) -> None:
    """Write a route as it is, whatever the epoch of the one before."""
    new = folder / "new"
    new.write_text(json.dumps({"format": FORMAT} | asdict(route)))
    new.rename(folder / ROUTE)


@contextmanager
def following(folder: Path, environment: Path, *arguments: str, **settings: str) -> Iterator[Service]:
    """Start a service that follows the route of an environment."""
    with service(folder, Path("nowhere"), *arguments, route=str(environment), **settings) as running:
        yield running
