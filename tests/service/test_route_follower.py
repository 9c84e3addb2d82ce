"""What a service does when the route changes, or can't be followed. Bundles are real, time is the test's own."""

import asyncio
import shutil
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.release.route import BUNDLES, ROUTE, read_route
from service import route_follower
from service.current_model import Current
from service.live_bundle import Live
from service.online_store.history import Stateless
from service.route_follower import RouteFollower, first_route, load_version
from service.settings import Settings
from service.telemetry import shared_numbers as cells
from service.telemetry.service_metrics import Meters
from service.telemetry.shared_numbers import Cells
from tests.helpers_task_bundles import task_bundle
from tests.service.helpers_routes import forged, installed, routed, two_models
from tests.service.helpers_serving import small_bundle


class Lines:
    """What stands in the place of the log."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def event(self, action: str, message: str, level: str = "info", more: Any = None) -> None:
        assert action == "route"
        self.said.append((level, message))


class Following:
    """A service's models and the follower that sets them."""

    def __init__(self, folder: Path, home: Any = None) -> None:
        self.folder, self.lines = folder, Lines()
        self.meters = Meters(Cells(cells.create(1), 0))
        first = first_route(folder, "")
        self.current = Current(Live(first.champion[0], self.meters, first.champion[1]), self.meters)
        self.follower = RouteFollower(
            Settings(route=str(folder)), first, self.current, home or Stateless("none"), self.meters, self.lines  # type: ignore[arg-type]
        )  # fmt: skip

    @property
    def version(self) -> str:
        return self.current.live.servable.version

    @property
    def epoch(self) -> int:
        assert self.current.routed is not None
        return self.current.routed.epoch

    def metric(self, *key: str) -> float:
        return self.meters.cells.values[self.meters.cells.at(*key)]

    async def settle(self) -> None:
        """Look, and wait for what is loaded."""
        self.follower.look()
        while self.follower._tasks:
            await asyncio.sleep(0.005)


def follow(folder: Path, steps: Callable[[Following], Coroutine[Any, Any, None]], home: Any = None) -> None:
    async def main() -> None:
        await asyncio.wait_for(steps(Following(folder, home)), 30)

    asyncio.run(main())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    folder = tmp_path_factory.mktemp("environment")
    return folder, *two_models(folder)


@pytest.fixture
def world(made: tuple[Path, str, str], tmp_path: Path) -> tuple[Path, str, str]:
    folder, one, two = made
    shutil.copytree(folder / BUNDLES, tmp_path / BUNDLES)
    routed(tmp_path, one)
    return tmp_path, one, two


def test_a_new_champion_is_loaded_beside_the_old_one_and_then_answers(world: tuple[Path, str, str]) -> None:
    folder, one, two = world

    async def steps(on: Following) -> None:
        routed(folder, two, previous=one)
        on.follower.look()
        assert (on.version, on.epoch) == (one, 1)  # still: what takes a while is not done in the loop
        await on.settle()
        assert (on.version, on.epoch) == (two, 2)
        assert on.lines.said == [("info", f"epoch 2: {two} answers")]
        assert [on.metric(name) for name in ("route_epoch", "route_wanted", "route_problem")] == [2, 2, 0]
        assert on.metric("model", "name", "shops", "version", one) == 0
        assert on.metric("model", "name", "shops", "version", two) == 1

    follow(folder, steps)


def test_a_rollback_needs_no_bundle_and_no_wait(world: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, one, two = world

    async def steps(on: Following) -> None:
        before = on.current.live
        routed(folder, two, previous=one)
        await on.settle()
        shutil.rmtree(folder / BUNDLES)
        monkeypatch.setattr(route_follower, "load_version", None)
        for champion, previous in ((one, two), (two, one), (one, two)):
            routed(folder, champion, previous=previous)
            on.follower.look()
            assert on.version == champion
        assert on.current.live is before

    follow(folder, steps)


def test_the_previous_champion_is_in_memory_from_the_start(world: tuple[Path, str, str]) -> None:
    folder, one, two = world
    routed(folder, one, previous=two)

    async def steps(on: Following) -> None:
        shutil.rmtree(folder / BUNDLES)
        routed(folder, two)
        on.follower.look()
        assert on.version == two

    follow(folder, steps)


def test_a_previous_champion_that_is_gone_is_told_and_is_no_fault(world: tuple[Path, str, str]) -> None:
    folder, one, two = world
    shutil.rmtree(folder / BUNDLES / two)
    routed(folder, one, previous=two)

    async def steps(on: Following) -> None:
        await on.settle()
        ((level, said),) = on.lines.said
        assert level == "warn"
        assert said.startswith("the previous champion is not in memory: ")
        assert on.metric("route_problem") == 0

    follow(folder, steps)


def test_a_challenger_begins_and_ends_with_the_route(world: tuple[Path, str, str]) -> None:
    folder, one, two = world

    async def steps(on: Following) -> None:
        route = routed(folder, one, challenger=two, mode="canary", share=0.2, salt="s")
        await on.settle()
        assert on.current.routed is not None
        assert on.current.routed.trial is not None
        assert (on.current.routed.trial.route, on.version) == (route, one)
        assert on.metric("arm", "arm", "challenger", "version", two) == 1
        routed(folder, two, previous=one)
        on.follower.look()
        assert (on.current.routed.trial, on.version) == (None, two)
        assert on.metric("arm", "arm", "challenger", "version", two) == 0

    follow(folder, steps)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b"\xff", b'{"format": 1, "epoch": true}'])
def test_with_a_file_that_is_no_route_the_old_state_goes_on(world: tuple[Path, str, str], content: bytes) -> None:
    folder, one, two = world

    async def steps(on: Following) -> None:
        good = (folder / ROUTE).read_bytes()
        (folder / ROUTE).write_bytes(content)
        for _ in range(3):
            on.follower.look()
        assert (on.version, on.epoch, on.metric("route_problem")) == (one, 1, 1)
        ((level, said),) = on.lines.said  # once, however often it is looked at
        assert (level, "route.json: no route: " in said) == ("error", True)
        (folder / ROUTE).write_bytes(good)
        await on.settle()
        assert on.metric("route_problem") == 0
        routed(folder, two)
        await on.settle()
        assert on.version == two

    follow(folder, steps)


def test_a_route_that_is_removed_is_told(world: tuple[Path, str, str]) -> None:
    folder, one, _ = world

    async def steps(on: Following) -> None:
        (folder / ROUTE).unlink()
        on.follower.look()
        assert "there is no route; `python src/mlops.py release sync` writes it" in on.lines.said[0][1]
        assert on.version == one

    follow(folder, steps)


def test_a_bundle_that_can_not_be_used_is_tried_again_but_not_at_each_look(
    world: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, one, two = world
    tries = []
    monkeypatch.setattr(route_follower, "load_version", lambda *given: (tries.append(given), load_version(*given))[1])

    async def steps(on: Following) -> None:
        tries.clear()
        (folder / BUNDLES / two).rename(folder / "elsewhere")
        routed(folder, two)
        for _ in range(5):
            await on.settle()
        assert (on.version, len(tries)) == (one, 1)
        assert [on.metric(name) for name in ("route_epoch", "route_wanted", "route_problem")] == [1, 2, 1]
        assert "the route is not followed, epoch 1 goes on: " in on.lines.said[0][1]
        on.follower._again = 0.0  # the time has come
        await on.settle()
        assert (len(tries), len(on.lines.said)) == (2, 1)
        (folder / "elsewhere").rename(folder / BUNDLES / two)
        on.follower._again = 0.0
        await on.settle()
        assert (on.version, on.metric("route_problem")) == (two, 0)

    follow(folder, steps)


def test_a_hurry_reads_it_at_once(world: tuple[Path, str, str]) -> None:
    folder, one, two = world

    async def steps(on: Following) -> None:
        (folder / BUNDLES / two).rename(folder / "elsewhere")
        routed(folder, two)
        await on.settle()
        (folder / "elsewhere").rename(folder / BUNDLES / two)
        task = asyncio.create_task(on.follower.run(0.001))
        on.follower.hurry()
        while on.version == one:
            await asyncio.sleep(0.005)
        task.cancel()

    follow(folder, steps)


def test_an_epoch_that_is_over_is_refused(world: tuple[Path, str, str]) -> None:
    folder, one, two = world
    first = read_route(folder)
    assert first is not None

    async def steps(on: Following) -> None:
        routed(folder, two)
        await on.settle()
        forged(folder, first)  # as a backup puts it back
        await on.settle()
        assert (on.version, on.epoch, on.metric("route_problem")) == (two, 2, 1)
        assert "its epoch is 1, and 2 is followed already" in on.lines.said[-1][1]
        forged(folder, replace(first, epoch=2))
        await on.settle()
        assert (on.version, on.epoch) == (two, 2)
        assert on.metric("route_changes", "result", "stale") == 2
        forged(folder, replace(first, epoch=3))
        await on.settle()
        assert (on.version, on.epoch) == (one, 3)

    follow(folder, steps)


def test_a_rollback_does_not_wait_for_a_bundle_that_is_being_loaded(
    world: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, one, two = world
    go = []

    def slowly(*given: Any) -> Any:
        while not go:
            time.sleep(0.005)
        return load_version(*given)

    async def steps(on: Following) -> None:
        monkeypatch.setattr(route_follower, "load_version", slowly)
        routed(folder, two)
        on.follower.look()
        await asyncio.sleep(0.01)
        routed(folder, one)
        on.follower.look()
        assert (on.version, on.epoch) == (one, 3)
        go.append(True)
        await on.settle()
        assert (on.version, on.epoch) == (one, 3)

    follow(folder, steps)


def test_a_folder_must_be_named_as_the_bundle_in_it(world: tuple[Path, str, str]) -> None:
    folder, _, two = world
    (folder / BUNDLES / two).rename(folder / BUNDLES / "ffffffffffff")
    routed(folder, "ffffffffffff")
    with pytest.raises(PipelineError, match=f"the bundle's version is {two}; its folder must be named so"):
        first_route(folder, "")


def test_a_challenger_of_another_kind_is_refused_in_words(world: tuple[Path, str, str]) -> None:
    folder, one, _ = world
    other = task_bundle(folder / "made", "regression")
    installed(folder, other.folder, other.version)

    async def steps(on: Following) -> None:
        routed(folder, one, challenger=other.version, mode="shadow")
        await on.settle()
        assert on.current.routed is not None
        assert on.current.routed.trial is None
        assert "can't be a challenger of" in on.lines.said[0][1]
        routed(folder, other.version)  # but it may be promoted
        await on.settle()
        assert on.version == other.version

    follow(folder, steps)
    routed(folder, one, challenger=other.version, mode="shadow")
    with pytest.raises(PipelineError, match="can't be a challenger of"):
        follow(folder, steps)


def test_a_bundle_that_the_store_is_not_open_for_is_refused(world: tuple[Path, str, str]) -> None:
    folder, one, two = world

    class Home:
        def check(self, servable: Servable) -> None:
            if servable.version == two:
                raise PipelineError("another feature list")

    async def steps(on: Following) -> None:
        routed(folder, two)
        await on.settle()
        assert (on.version, "another feature list" in on.lines.said[0][1]) == (one, True)

    follow(folder, steps, Home())


def test_there_must_be_a_route_and_its_bundles_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="there is no route"):
        first_route(tmp_path, "")
    routed(tmp_path, "0" * 12)
    with pytest.raises(PipelineError, match="0000000"):
        first_route(tmp_path, "")
    bundle = small_bundle(tmp_path / "made")
    version = installed(tmp_path, bundle, Servable.load(bundle).version)
    routed(tmp_path, version)
    (tmp_path / BUNDLES / version / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(PipelineError, match=r"model\.onnx"):
        first_route(tmp_path, "")
