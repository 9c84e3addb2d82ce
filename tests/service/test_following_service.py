"""Services that follow a route, as processes of their own, under load."""

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from lifecycle.bundle.parity import as_batch
from lifecycle.bundle.servable import Servable
from lifecycle.release.route import BUNDLES, place_of
from tests.helpers_bundle import learnable
from tests.helpers_task_bundles import records_of, task_bundle, with_features
from tests.service.helpers_load import Wire, cancel, post, run
from tests.service.helpers_routes import following, installed, routed, two_models
from tests.service.helpers_serving import VECTOR, Load, Service, refused_at_start

pytestmark = pytest.mark.slow
ROWS = learnable(90)[0].dropna().iloc[:40]
NAMED = ROWS.to_dict("records")


class World(NamedTuple):
    environment: Path
    one: str
    two: str
    running: Service

    def epoch(self, wanted: int, seconds: float = 10) -> None:
        """Wait until a new request is answered at an epoch."""
        end = time.monotonic() + seconds
        while int(self.running.ask("POST", "/predict", VECTOR).headers["x-route-epoch"]) != wanted:
            assert time.monotonic() < end
            time.sleep(0.005)

    def change(self, champion: str, **more: Any) -> None:
        self.epoch(routed(self.environment, champion, **more).epoch)

    def servable(self, version: str) -> Servable:
        return Servable.load(self.environment / BUNDLES / version)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("following")
    one, two = two_models(folder / "environment")
    routed(folder / "environment", one)
    with following(folder / "service", folder / "environment", max_wait_ms="10000") as running:
        yield World(folder / "environment", one, two, running)


def test_no_request_fails_while_the_route_changes(world: World) -> None:
    bodies = set()

    async def swap() -> Load:
        async with Load(world.running.port, clients=4) as load:
            for n in range(12):
                champion, other = (world.one, world.two) if n % 2 else (world.two, world.one)
                mode = (
                    {},
                    {"mode": "shadow", "challenger": other},
                    {"mode": "canary", "share": 0.5, "challenger": other},
                )
                routed(world.environment, champion, **{"previous": other, **mode[n % 3]})
                await load.answered(100)
        return load

    load = run(swap())
    assert (set(load.statuses), load.cut) == ({200}, [])
    bodies |= set(load.bodies)
    assert len(bodies) == 2  # that of one model, or of the other


def test_who_has_seen_an_epoch_meets_no_older_one(world: World) -> None:
    seen: list[list[int]] = [[], [], [], []]

    async def client(epochs: list[int]) -> None:
        wire = await Wire(world.running.port).open()
        while True:
            epochs.append(int((await wire.ask(post("/predict", VECTOR))).headers["x-route-epoch"]))

    async def main() -> None:
        tasks = [asyncio.create_task(client(epochs)) for epochs in seen]
        for n in range(10):
            routed(world.environment, world.two if n % 2 else world.one, previous=world.one if n % 2 else world.two)
            await asyncio.sleep(0.04)
        await cancel(tasks)

    run(main())
    for epochs in seen:
        assert epochs == sorted(epochs)
        assert len(set(epochs)) > 3


def test_in_a_canary_each_row_is_answered_by_its_arm(world: World) -> None:
    world.change(world.one, challenger=world.two, mode="canary", share=0.5, salt="pepper")
    expected = {
        version: world.servable(version).score(as_batch(world.servable(version), ROWS)) for version in world[1:3]
    }
    asked = {}
    for entity in range(20):
        arm = world.two if place_of(str(entity), "pepper") < 0.5 else world.one
        found = world.running.ask("POST", "/predict", {"records": NAMED[:3]}, x_entity=str(entity)).json
        assert found["version"] == arm
        assert [row["score"] for row in found["predictions"]] == expected[arm].score[:3].tolist()
        asked[found["request_id"]] = (arm, place_of(str(entity), "pepper"))
    world.running.find("predict", http_request_id=list(asked)[-1])
    lines = {line.get("http.request.id"): line for line in world.running.lines()}
    for request, (arm, place) in asked.items():
        line, name = lines[request], "challenger" if arm == world.two else "champion"
        assert (line["service.version"], line["decision.arm"]) == (arm, name)
        assert line["decision.places"] == [round(place, 6)] * 3
        assert "entity" not in json.dumps(line)
    assert len({arm for arm, _ in asked.values()}) == 2
    metric = world.running.metric
    assert metric("serve_arm_requests_total", arm="challenger", version=world.two) > 0
    assert metric("serve_arm_decisions_total", arm="champion", version=world.one) >= 3
    assert metric("serve_arm_latency_seconds_count", arm="challenger") == metric(
        "serve_arm_requests_total", arm="challenger"
    )
    many = world.running.ask("POST", "/predict", {"records": NAMED * 3, "reasons": 2}, x_entity="4").json
    assert many["version"] == (world.two if place_of("4", "pepper") < 0.5 else world.one)


def test_all_protocols_answer_in_a_canary(world: World) -> None:
    world.change(world.one, challenger=world.two, mode="canary", share=1.0, salt="pepper")
    servable = world.servable(world.two)
    scores = servable.score(as_batch(servable, ROWS)).score[:2].tolist()
    rows = [list(row.values()) for row in NAMED[:2]]
    table = {"columns": list(NAMED[0]), "data": rows}
    tensors = [
        {"name": name, "shape": [2], "datatype": "BYTES" if name == "shop" else "FP64",
         "data": [row[name] for row in NAMED[:2]]} for name in NAMED[0]
    ]  # fmt: skip
    free = {
        "/v1/models/shops:predict": {"instances": rows},
        "/vertex/predict": {"instances": rows},
        "/invocations": {"dataframe_split": table},
        "/score": {"data": rows},
        "/predict": {"records": NAMED[:2]},
    }
    for path, body in free.items():
        found = world.running.ask("POST", path, body, x_entity="4").json["predictions"]
        assert [row["score"] for row in found] == scores, path
    found = world.running.ask("POST", "/v2/models/shops/infer", {"inputs": tensors}, x_entity="4").json
    assert (found["outputs"][2]["data"], found["model_version"]) == (scores, world.two)
    lines = world.running.ask("POST", "/invocations", rows, accept="text/csv").body.decode().splitlines()
    assert [float(line.split(",")[2]) for line in lines] == scores


def test_who_names_a_version_gets_that_one(world: World) -> None:
    world.change(world.one, challenger=world.two, mode="canary", share=1.0)
    rows, expected = [list(row.values()) for row in NAMED[:2]], world.servable(world.one)
    scores = expected.score(as_batch(expected, ROWS)).score[:2].tolist()
    path = f"/v1/models/shops/versions/{world.one}:predict"
    answer = world.running.ask("POST", path, {"instances": rows})
    assert [row["score"] for row in answer.json["predictions"]] == scores
    assert "decision.arm" not in world.running.find("predict", http_request_id=answer.headers["x-request-id"])


def test_a_shadow_s_lines_have_the_challenger_s_bits_and_the_request_s_id(world: World) -> None:
    world.change(world.one, challenger=world.two, mode="shadow")
    servable = world.servable(world.two)
    expected = servable.score(as_batch(servable, ROWS))
    for n, row in enumerate(NAMED[:30]):
        answer = world.running.ask("POST", "/predict", {"records": [row]}, x_request_id=f"shadow-{n}")
        assert answer.json["version"] == world.one
    world.running.find("shadow", http_request_id="shadow-29")
    lines = {(line["event.action"], line.get("http.request.id")): line for line in world.running.lines()}
    for n in range(30):
        line, own = (lines[action, f"shadow-{n}"] for action in ("shadow", "predict"))
        assert line["decision.scores"] == [expected.score[n]]
        assert line["service.version"] == world.two
        assert (own["service.version"], own["@timestamp"]) == (world.one, line["@timestamp"])
    assert world.running.metric("serve_shadow_dropped_total") == 0
    assert world.running.metric("serve_shadow_scored_total") >= 30


def test_the_document_tells_of_the_header(world: World) -> None:
    paths = world.running.ask("GET", "/openapi.json").json["paths"]
    assert {"X-Entity"} == {each["name"] for each in paths["/predict"]["post"]["parameters"]}
    assert paths["/health/ready"]["get"]["parameters"] == []


def test_a_rollback_needs_no_bundle(world: World) -> None:
    """Last, as it takes the bundles away."""
    world.change(world.two, previous=world.one)
    shutil.rmtree(world.environment / BUNDLES)
    world.change(world.one, previous=world.two)
    found = world.running.ask("POST", "/predict", {"records": NAMED[:1]}).json
    assert found["version"] == world.one


def test_a_request_of_both_arms_is_answered_in_the_order_of_its_rows(tmp_path: Path) -> None:
    ours, theirs = (task_bundle(tmp_path / str(seed), "binary", seed, "street") for seed in (3, 4))
    rows = with_features(records_of("binary", 60, seed=9)).iloc[:40]
    scores = [model.score(as_batch(model, rows)).score for model in (ours, theirs)]
    environment = tmp_path / "environment"
    for model in (ours, theirs):
        installed(environment, model.folder, model.version)
    routed(environment, ours.version, challenger=theirs.version, mode="ab", share=0.5, salt="s")
    sent = rows.astype(object).where(rows.notna(), None).to_dict("records")
    mask = np.array([place_of(street, "s") < 0.5 for street in rows["street"]])
    with following(tmp_path / "service", environment) as running:
        found = running.ask("POST", "/predict", {"records": sent, "reasons": 1})
        assert found.json["version"] == ours.version
        assert [row["score"] for row in found.json["predictions"]] == np.where(mask, scores[1], scores[0]).tolist()
        line = running.find("predict", http_request_id=found.headers["x-request-id"])
        assert line["decision.arms"] == ["challenger" if taken else "champion" for taken in mask]
        assert line["decision.scores"] == [row["score"] for row in found.json["predictions"]]
        assert running.metric("serve_arm_rows_total", arm="challenger") == mask.sum()
        assert running.metric("serve_entity_unknown_total") == 0


@pytest.mark.nightly
def test_each_worker_follows(tmp_path: Path) -> None:
    one, two = two_models(tmp_path / "environment")
    routed(tmp_path / "environment", one)
    with following(tmp_path / "service", tmp_path / "environment", workers="2") as running:
        running.find("listening", service_node_name="1")
        route = routed(tmp_path / "environment", two, previous=one)
        running.find("route", service_node_name="0", route_epoch=route.epoch)
        running.find("route", service_node_name="1", route_epoch=route.epoch)
        answers = {running.ask("POST", "/predict", {"records": NAMED[:1]}).json["version"] for _ in range(20)}
        assert answers == {two}
        assert running.metric("serve_route_epoch") == route.epoch
        (tmp_path / "environment/route.json").write_text("{")
        for node in ("0", "1"):
            running.find("route", service_node_name=node, event_outcome="failure")
        assert running.metric("serve_route_problem") == 1
        assert running.ask("POST", "/predict", VECTOR).status == 200


def test_at_the_start_a_route_that_can_not_be_followed_is_refused_in_words(tmp_path: Path) -> None:
    said = refused_at_start(SERVE_ROUTE=str(tmp_path), SERVE_PORT="0")
    assert "there is no route; `python src/mlops.py release sync` writes it" in said
