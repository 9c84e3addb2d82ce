"""The stage on a small project: a whole bundle, the same each time, or none."""

import hashlib
import json
import shutil

import joblib
import numpy as np
import pytest
import yaml

import package as stage
from lifecycle.bundle import onnx_export
from lifecycle.bundle.manifest import FILES, verify
from lifecycle.bundle.parity import as_batch
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import TrainParams
from lifecycle.core.tables import read_json, read_table
from lifecycle.models.prediction import predict
from lifecycle.monitoring.detectors.refusals import QUARANTINE
from lifecycle.repository.revision_files import out_hash
from tests.graph import before, holds, stages
from tests.helpers_bundle import SIZES, start_packaging
from tests.helpers_model import CLASSIFIERS, ROOT, run_stages, write_params

SAME = {"decision.json": "models/decision.json", "features.json": "models/features.json",
        "state.npz": "data/features/state.npz", "model_card.md": "metrics/card/model_card.md"}  # fmt: skip


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decided")
    start_packaging(folder)
    return folder


@pytest.fixture(scope="module")
def packaged(decided, tmp_path_factory):
    folder = shutil.copytree(decided, tmp_path_factory.mktemp("packaged") / "project", symlinks=True)
    run_stages(folder, "package")
    return folder


@pytest.fixture
def project(decided, tmp_path):
    return shutil.copytree(decided, tmp_path / "project", symlinks=True)


def content(folder):
    return {path.name: path.read_bytes() for path in (folder / "models/bundle").iterdir()}


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_what_is_served_decides_as_the_pipeline_does_on_every_test_row(packaged):
    model, test = joblib.load(packaged / "models/model.joblib"), read_table(packaged / "data/splits/test.parquet")
    served = Servable.load(packaged / "models/bundle")
    found, expected = served.score(as_batch(served, test)), predict(model, test[list(served.features)])
    np.testing.assert_array_equal(found.score, expected, strict=True)
    threshold = read_json(packaged / "models/decision.json")["threshold"]
    np.testing.assert_array_equal(found.alert, expected >= threshold, strict=True)
    assert 0 < found.alert.sum() < len(test)


def test_the_figures_tell_what_was_compared(packaged):
    found = read_json(packaged / "metrics/package/package.json")["package"]
    folds = read_table(packaged / "data/splits/folds.parquet", ["role"])
    test = read_table(packaged / "data/splits/test.parquet")
    assert found == {
        "rows_compared": int((folds["role"] == "valid").sum()) + len(test),
        "rows_on_thresholds": 1_000,
        "largest_difference": 0.0,
        "decisions_that_differ": 0,
        "rankings_that_differ": 0,
        "bundle_bytes": sum(map(len, content(packaged).values())),
    }


def test_a_bundle_holds_what_the_stages_before_wrote(packaged):
    assert set(content(packaged)) == {*FILES, "manifest.json"}
    for name, path in SAME.items():
        assert content(packaged)[name] == (packaged / path).read_bytes()
    schema = json.loads(content(packaged)["schema.json"])
    model = joblib.load(packaged / "models/model.joblib")
    assert schema["features"] == schema["numbers"] == list(model.feature_names_in_)
    assert (schema["texts"], schema["missing"]) == ([], [])


def test_the_manifest_tells_all_that_the_model_was_made_from(packaged):
    manifest = verify(packaged / "models/bundle").content
    assert (manifest["name"], manifest["problem"]) == ("fraud", "transactions")
    assert manifest["data"] == {path: md5(packaged / path) for path in stage.DATA}
    assert manifest["lock"] == {"requirements.lock": md5(ROOT / "requirements.lock")}
    assert manifest["model"] == read_json(packaged / "models/hyperparameters.json")
    assert set(manifest["versions"]) == {"scikit-learn", "numpy", "pandas", "onnx", "onnxruntime"}
    written = yaml.safe_load((packaged / "params.yaml").read_text(encoding="utf-8"))
    written["split"]["test_start"] = str(written["split"]["test_start"])
    defaults = {name: field.default for name, field in TrainParams.model_fields.items() if not field.is_required()}
    written["train"] = defaults | written["train"]
    assert manifest["params"] == {name: written[name] for name in stages()["package"]["params"] if name != "problem"}
    assert manifest["code"] == {path: md5(ROOT / path) for path in manifest["code"]}
    assert {"src/train.py", "src/problems/transactions.py", "src/lifecycle/models/families.py"} <= set(manifest["code"])


def test_neither_a_time_nor_a_place_of_this_machine_is_told(packaged):
    for name in ("manifest.json", "provenance.json", "schema.json"):
        assert str(packaged).encode() not in content(packaged)[name]
        assert str(ROOT).encode() not in content(packaged)[name]


def test_a_second_run_and_one_in_another_folder_write_the_same_bytes(packaged, project):
    run_stages(project, "package")
    assert content(project) == content(packaged)
    run_stages(project, "package")
    assert content(project) == content(packaged)


@pytest.mark.parametrize("change", ["params", "data", "model"])
def test_another_input_is_another_version(packaged, project, change):
    if change == "params":
        write_params(project, {"package.threshold_rows": 1000, "audit.samples": 60})
    elif change == "data":
        (project / "data/raw/records.parquet").write_bytes(b"other records")
    else:
        shutil.copy(project / "models/baseline.joblib", project / "models/model.joblib")
    run_stages(project, "package")
    assert verify(project / "models/bundle").version != verify(packaged / "models/bundle").version


def test_a_wrong_export_is_never_packaged(project, monkeypatch):
    run_stages(project, "package")
    earlier, figures = content(project), (project / "metrics/package/package.json").read_bytes()
    monkeypatch.setattr(onnx_export, "rounded_down", lambda threshold: threshold + 1.0)
    with pytest.raises(PipelineError, match="the exported model is not the pipeline's") as refusal:
        run_stages(project, "package")
    assert refusal.value.args[0].splitlines()[1].split() == ["transaction_id", "served", "pipeline"]
    assert content(project) == earlier
    assert (project / "metrics/package/package.json").read_bytes() == figures
    assert not list((project / "models").glob(".bundle*"))


def test_the_bound_is_the_one_that_params_name(project, monkeypatch):
    write_params(project, {"package.threshold_rows": 1000, "package.max_difference": 1.0e-3})
    right = onnx_export.ensemble_score

    def slightly_more(graph, columns, found):
        return graph.add("Mul", right(graph, columns, found), graph.constant(1 + 1e-4))

    monkeypatch.setattr(onnx_export, "ensemble_score", slightly_more)
    run_stages(project, "package")
    assert 0 < read_json(project / "metrics/package/package.json")["package"]["largest_difference"] < 1e-3
    write_params(project, {"package.threshold_rows": 1000})
    with pytest.raises(PipelineError, match=r"package\.max_difference: 1e-06"):
        run_stages(project, "package")


@pytest.mark.slow
@pytest.mark.parametrize("model", CLASSIFIERS)
def test_every_family_of_models_is_served_exactly(project, model):
    size = {SIZES[model]: 20} if model in SIZES else {}
    write_params(project, {"train": {"model": model, "seed": 1, "exclude_features": [], **size}})
    run_stages(project, "train", "decide", "package")
    assert read_json(project / "metrics/package/package.json")["package"]["largest_difference"] == 0.0


def test_the_stage_declares_what_it_reads():
    declared = {dep for dep in stages()["package"]["deps"] if not dep.startswith("src/")}
    others = {"models/hyperparameters.json", stage.MODEL, "requirements.lock", QUARANTINE}
    read = {*stage.DATA, *stage.COPIED, *others}
    assert {name for name in read if not any(holds(place, name) for place in declared)} == set()
    assert {place for place in declared if not any(holds(place, name) for name in read)} == set()


def test_the_stage_declares_all_code_and_params_of_the_stages_that_it_rests_on():
    listed = [stages()[name] for name in before("package")]
    assert {"ingest", "train", "card"} <= set(before("package"))
    for kind in ("deps", "params"):
        needed = {name for one in listed for name in one[kind] if kind == "params" or name.startswith("src/")}
        declared = stages()["package"][kind]
        assert not {name for name in needed if not any(holds(place, name) for place in declared)}


@pytest.mark.parametrize("path", stage.DATA)
def test_hashes_of_a_bundle_are_those_of_dvc_lock(path, reproduced):
    lock = yaml.safe_load((reproduced / "dvc.lock").read_text(encoding="utf-8"))
    assert verify(reproduced / "models/bundle").content["data"][path] == out_hash(lock, path)
