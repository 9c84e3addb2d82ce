"""Every protocol answers for every kind of target, with the bits of the pipeline."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from tritonclient.http import InferenceServerClient, InferInput, InferResult

from lifecycle.bundle.parity import as_batch
from lifecycle.bundle.servable import Servable
from lifecycle.models.prediction import predict
from tests.helpers_task_bundles import CLASSES, TASKS, pipeline_of, records_of, task_bundle, with_features
from tests.service.helpers_serving import Service, service

pytestmark = pytest.mark.slow
ROWS = with_features(records_of("binary", 60, seed=5)).iloc[:40]
RECORDS: list[dict[str, Any]] = [
    {name: None if pd.isna(value) else value for name, value in row.items()} for row in ROWS.to_dict("records")
]
Rows = list[dict[str, Any]]


class World(NamedTuple):
    task: str
    servable: Servable
    running: Service
    scored: Any

    @property
    def model(self) -> str:
        return self.servable.name

    def ask(self, path: str, body: Any, **headers: str) -> Any:
        answer = self.running.ask("POST", path, body, **headers)
        assert answer.status == 200, answer.body
        return answer


@pytest.fixture(scope="module", params=TASKS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(request.param)
    servable = task_bundle(folder / "bundle", request.param)
    scored = servable.score(as_batch(servable, ROWS))
    np.testing.assert_array_equal(scored.score, predict(pipeline_of(request.param), ROWS))
    with service(folder / "service", servable.folder, max_wait_ms="10000") as running:
        yield World(request.param, servable, running, scored)


def of_alerts(scored: Any) -> Rows:
    rows = zip(scored.alert.tolist(), scored.probability.tolist(), scored.score.tolist(), strict=True)
    return [{"prediction": int(alert), "probability": share, "score": score} for alert, share, score in rows]


def of_classes(scored: Any) -> Rows:
    shares = ([dict(zip(CLASSES, row, strict=True)) for row in part.tolist()] for part in scored[:2])
    names = [(*CLASSES, None)[code] for code in scored.decided.tolist()]
    assert set(names) >= {"low", "middle", None}
    return [
        {"prediction": name, "probability": share, "score": score}
        for name, score, share in zip(names, *shares, strict=True)
    ]


def of_numbers(scored: Any) -> Rows:
    rows = zip(*(part.tolist() for part in scored), strict=True)
    return [dict(zip(("prediction", "low", "high"), row, strict=True)) for row in rows]


EXPECTED: Mapping[str, Callable[[Any], Rows]] = {
    "binary": of_alerts,
    "multiclass": of_classes,
    "regression": of_numbers,
}
VECTORS = [list(record.values()) for record in RECORDS]
SPLIT = {"columns": list(ROWS), "data": VECTORS}
FREE: Mapping[str, tuple[str, Any]] = {
    "kserve v1": ("/v1/models/{name}:predict", {"instances": RECORDS}),
    "vectors": ("/v1/models/{name}:predict", {"instances": VECTORS}),
    "vertex ai": ("/predict", {"instances": RECORDS, "parameters": {}}),
    "a route of vertex ai's": ("/vertex/predict", {"instances": VECTORS}),
    "mlflow's table": ("/invocations", {"dataframe_split": SPLIT}),
    "mlflow's records": ("/invocations", {"dataframe_records": RECORDS}),
    "sagemaker's list": ("/invocations", VECTORS),
    "azure's table": ("/score", {"input_data": SPLIT}),
    "azure's rows": ("/score", {"data": VECTORS}),
}


@pytest.mark.parametrize("protocol", FREE)
def test_protocols_of_free_form_answer_what_the_kind_has_to_say(world: World, protocol: str) -> None:
    path, body = FREE[protocol]
    answer = world.ask(path.format(name=world.model), body)
    assert answer.json == {"predictions": EXPECTED[world.task](world.scored)}


def test_so_do_those_with_another_envelope(world: World) -> None:
    expected = EXPECTED[world.task](world.scored)
    assert world.ask("/score", {"Inputs": {"data": RECORDS}}).json == {"Results": expected}
    lines = world.ask("/invocations", VECTORS, accept="application/jsonlines").body.splitlines()
    assert [json.loads(line) for line in lines] == expected


def test_named_rows_have_reasons_for_what_is_decided(world: World) -> None:
    found = world.ask("/predict", {"records": RECORDS, "reasons": 2}).json
    assert found["model"] == world.model
    assert ("threshold" in found, "coverage" in found) == (world.task == "binary", world.task == "regression")
    decided = None
    if world.task == "multiclass":
        decided = np.where(world.scored.decided < 0, world.scored.probability.argmax(axis=1), world.scored.decided)
    reasons = world.servable.reasons(as_batch(world.servable, ROWS), RECORDS, 2, decided)
    for row, expected, why in zip(found["predictions"], EXPECTED[world.task](world.scored), reasons, strict=True):
        assert row.items() >= expected.items()
        assert row["reasons"] == [reason._asdict() for reason in why]
    if world.task != "regression":
        names = {0: "pass", 1: "alert", None: "abstain"}
        said = [names.get(row["prediction"], row["prediction"]) for row in found["predictions"]]
        assert [row["decision"] for row in found["predictions"]] == said


def test_one_vector_has_the_short_answer(world: World) -> None:
    expected = EXPECTED[world.task](world.scored)[3]
    expected.pop("score", None)
    assert world.ask("/predict", {"features": VECTORS[3]}).json == expected


def test_columns_are_answered_with_columns(world: World) -> None:
    body = {"inputs": {name: [row[name] for row in RECORDS] for name in ROWS}}
    found = world.ask(f"/v1/models/{world.model}:predict", body).json["outputs"]
    expected = EXPECTED[world.task](world.scored)
    assert found["prediction"] == [row["prediction"] for row in expected]
    if world.task == "multiclass":
        assert found["classes"] == list(CLASSES)
        assert (found["probability"], found["score"]) == (
            world.scored.probability.tolist(),
            world.scored.score.tolist(),
        )
    else:
        assert found == {name: [row[name] for row in expected] for name in expected[0]}


def test_csv_has_a_line_for_each_row(world: World) -> None:
    lines = world.ask("/invocations", VECTORS, accept="text/csv").body.decode().splitlines()
    found = [[cell or None for cell in line] for line in csv.reader(lines)]
    for cells, row in zip(found, EXPECTED[world.task](world.scored), strict=True):
        values = [each for value in row.values() for each in (value.values() if isinstance(value, dict) else [value])]
        assert cells == [None if value is None else str(value) for value in values]


TENSORS = {
    "binary": {"prediction": "alert", "probability": "probability", "score": "score"},
    "multiclass": {"decided": "decided", "probability": "probability", "score": "score"},
    "regression": {"score": "score", "low": "low", "high": "high"},
}


@pytest.mark.parametrize("binary", [True, False])
def test_tensors_have_the_shape_that_the_metadata_says(world: World, binary: bool) -> None:
    client = InferenceServerClient(f"127.0.0.1:{world.running.port}")
    metadata = client.get_model_metadata(world.model)
    inputs = []
    for name, values in ROWS.items():
        text = name in world.servable.texts
        tensor = InferInput(name, [len(ROWS)], "BYTES" if text else "FP64")
        tensor.set_data_from_numpy(values.to_numpy(object if text else float))
        inputs.append(tensor)
    body, length = InferenceServerClient.generate_request_body(inputs)
    document = json.loads(body[:length])
    document["parameters"] = {"binary_data_output": binary}
    head = json.dumps(document).encode()
    answer = world.ask(
        f"/v2/models/{world.model}/infer", head + body[length:], inference_header_content_length=str(len(head))
    )
    size = answer.headers.get("inference-header-content-length")
    assert (size is not None) == binary
    found = InferResult.from_response_body(answer.body, header_length=size and int(size))
    shapes = {each["name"]: each["shape"] for each in metadata["outputs"]}
    for name in shapes:
        assert list(found.as_numpy(name).shape) == [len(ROWS), *shapes[name][1:]]
    for name, part in TENSORS[world.task].items():
        np.testing.assert_array_equal(found.as_numpy(name), getattr(world.scored, part))
    if world.task == "multiclass":
        names = [each.decode() if isinstance(each, bytes) else each for each in found.as_numpy("decided_class")]
        assert names == [(*CLASSES, "")[code] for code in world.scored.decided]
        assert metadata["outputs"][-1]["parameters"] == {"classes": list(CLASSES)}
    assert set(TENSORS[world.task]) | ({"decided_class"} if world.task == "multiclass" else set()) == set(shapes)


def test_records_are_taken_as_the_source_has_them(world: World) -> None:
    """Neither key nor time: a record has what features are made from, and what nothing reads may be there or not."""
    raw = [{name: value for name, value in row.items() if name != "relative"} for row in RECORDS]
    label = {"binary": 1, "multiclass": "low", "regression": 5.0}[world.task]
    whole = [row | {"income": 12.0, "level": label, "remark": {"any": "thing"}, "row_number": 7} for row in raw]
    expected = {"predictions": EXPECTED[world.task](world.scored)}
    for records in (raw, whole):
        assert world.ask(f"/v1/models/{world.model}:predict", {"instances": records}).json == expected
    lacking = [{name: value for name, value in raw[0].items() if name != "number"}]
    refused = world.running.ask("POST", "/predict", {"records": lacking})
    assert (refused.status, refused.json["field"]) == (422, "number")


def test_decisions_are_counted_and_logged(world: World) -> None:
    before = {name: world.running.metric("serve_decisions_total", decision=name) for name in decisions(world)}
    world.ask("/predict", {"records": RECORDS}, x_request_id="logged")
    for name, count in decisions(world).items():
        assert world.running.metric("serve_decisions_total", decision=name) - before[name] == count
    assert sum(decisions(world).values()) == len(ROWS)
    line = world.running.find("predict", http_request_id="logged")
    assert line["decision.scores"] == world.scored.score.tolist()
    if world.task == "multiclass":
        assert line["decision.classes"] == [row["prediction"] for row in of_classes(world.scored)]
    if world.task == "regression":
        assert (line["decision.low"], line["decision.high"]) == (
            world.scored.low.tolist(),
            world.scored.high.tolist(),
        )
    numbers = "serve_prediction_count" if world.task == "regression" else "serve_score_count"
    assert world.running.metric(numbers) == world.running.metric("serve_rows_total")


def decisions(world: World) -> dict[str, int]:
    if world.task == "regression":
        return {"predicted": len(ROWS)}
    names = ("pass", "alert") if world.task == "binary" else (*CLASSES, "abstain")
    codes = np.asarray(world.scored.decided).astype(int)
    return {name: int((codes % len(names) == place).sum()) for place, name in enumerate(names)}


def test_answers_are_as_the_document_says(world: World) -> None:
    found = world.running.ask("GET", "/openapi.json").json
    for path, methods in found["paths"].items():
        real = path.replace("{name}", world.model).replace("{version}", world.servable.version)
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for body in [each["value"] for each in content.get("examples", {}).values()] or [None]:
                answer = world.running.ask(method.upper(), real, body)
                assert answer.status == 200, (path, answer.body)
                shape = operation["responses"]["200"]["content"].get("application/json")
                if shape is not None:
                    check = Draft202012Validator(shape["schema"] | {"components": found["components"]})
                    assert [error.message for error in check.iter_errors(answer.json)] == [], path
    page = world.running.ask("GET", "/docs").body.decode()
    assert found["info"]["summary"].split(";")[0] in page
