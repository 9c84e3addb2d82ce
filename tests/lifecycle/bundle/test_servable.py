import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from lifecycle.bundle.parity import as_batch
from lifecycle.bundle.servable import Batch, Servable
from lifecycle.core.errors import PipelineError
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.explanation.contributions import explainer
from lifecycle.models.prediction import predict
from tests.graph import SRC
from tests.helpers_bundle import fitted, of_shops, some_decision, write_bundle
from tests.helpers_model import CLASSIFIERS, learnable

HEAVY = {"pandas", "pyarrow", "pydantic", "yaml", "sklearn", "scipy", "joblib", "onnx", "tqdm"}


def rows(count=200):
    return learnable(count, seed=5)[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("served") / "bundle", of_shops("extra_trees"))


def test_it_needs_nothing_that_a_service_does_not_have(served):
    code = f"""
import sys
from pathlib import Path
import numpy as np
from lifecycle.bundle.servable import Batch, Servable
model = Servable.load(Path({str(served.folder)!r}))
batch = Batch(np.array([[0.9, 50.0]]), np.array([["garage"]], dtype=object))
model.score(batch)
print(model.reasons(batch, [{{"number": 0.9, "gaps": 50.0, "shop": "garage"}}], 1)[0][0].words)
print(sorted({HEAVY!r} & {{name.split(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=SRC, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["number is 0.9", "[]"]


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_scores_probabilities_and_alerts_are_the_pipeline_s(model, tmp_path):
    decision = some_decision(method="sigmoid", slope=4.0, intercept=-2.0)
    served, features = write_bundle(tmp_path / "bundle", of_shops(model), decision), rows()
    found, score = served.score(as_batch(served, features)), predict(of_shops(model), features)
    np.testing.assert_array_equal(found.score, score, strict=True)
    probability = Calibration("sigmoid", slope=4.0, intercept=-2.0).apply(score)
    np.testing.assert_array_equal(found.probability, probability, strict=True)
    np.testing.assert_array_equal(found.alert, score >= 0.5, strict=True)
    assert 0 < found.alert.sum() < 200


def test_knots_of_a_calibration_are_served(tmp_path):
    knots = {"scores": [0.0, 0.4, 1.0], "probabilities": [0.0, 0.1, 0.7]}
    served = write_bundle(tmp_path / "bundle", of_shops("extra_trees"), some_decision(method="isotonic", **knots))
    found = served.score(as_batch(served, rows()))
    np.testing.assert_array_equal(found.probability, np.interp(found.score, knots["scores"], knots["probabilities"]))


def test_a_score_that_equals_the_threshold_is_an_alert(tmp_path):
    pipeline, features = of_shops("extra_trees"), rows()
    threshold = float(np.quantile(predict(pipeline, features), 0.7, method="lower"))
    served = write_bundle(tmp_path / "bundle", pipeline, some_decision() | {"threshold": threshold})
    found = served.score(as_batch(served, features))
    assert found.alert[found.score == threshold].all()
    assert (found.score == threshold).any()


def test_it_says_what_it_takes(served):
    assert (served.name, served.threshold) == ("shops", 0.5)
    assert served.features == ("number", "gaps", "shop")
    assert (served.numbers, served.texts, served.missing) == (("number", "gaps"), ("shop",), frozenset({"gaps"}))
    assert served.schema["columns"][2] == {
        "name": "number", "type": "number", "unit": "a share", "nullable": False, "ge": 0, "le": 1, "isin": None,
        "decimals": None, "derived": False, "late": False, "default": None,
    }  # fmt: skip
    assert [feature.name for feature in served.declaration] == ["number", "gaps", "shop"]


@pytest.mark.parametrize("model", ["extra_trees", "hist_gradient_boosting", "logistic_regression", "xgboost"])
def test_reasons_are_the_features_that_raise_the_score_most(model, tmp_path):
    served, features = write_bundle(tmp_path / "bundle", of_shops(model)), rows(20)
    expected = explainer(of_shops(model))(features)
    found = served.reasons(as_batch(served, features), features.to_dict("records"), 2)
    for because, added in zip(found, expected.values[0], strict=True):
        named = dict(zip(expected.names, added, strict=True))
        best = sorted((name for name in named if named[name] > 0), key=lambda name: -named[name])[:2]
        assert [reason.feature for reason in because] == best
        assert [reason.contribution for reason in because] == [named[name] for name in best]
    assert any(reason.words.startswith("shop is ") for because in found for reason in because)


@pytest.mark.parametrize("nothing", [None, np.nan])
def test_a_missing_text_is_a_missing_text_however_it_is_written(served, nothing):
    texts = np.array([[nothing], ["garage"]], dtype=object)
    found = served.score(Batch(np.full((2, 2), 0.5), texts)).score
    frame = pd.DataFrame({"number": 0.5, "gaps": 0.5, "shop": pd.array([None, "garage"], dtype="str")})
    np.testing.assert_array_equal(found, predict(of_shops("extra_trees"), frame))


def test_no_rows_have_no_scores(served):
    found = served.score(Batch(np.zeros((0, 2)), np.zeros((0, 1), dtype=object)))
    assert [len(part) for part in found] == [0, 0, 0]


def test_threads_share_it(served):
    batches = [as_batch(served, rows()[i : i + 5]) for i in range(0, 200, 5)] * 5
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda batch: served.score(batch).score, batches))
    np.testing.assert_array_equal(np.concatenate(found[:40]), predict(of_shops("extra_trees"), rows()))
    assert all((a == b).all() for a, b in zip(found, found[:40] * 5, strict=True))


def test_a_damaged_bundle_is_not_opened(tmp_path):
    folder = tmp_path / "bundle"
    write_bundle(folder, of_shops("extra_trees"))
    (folder / "state.npz").write_bytes(b"")
    with pytest.raises(PipelineError, match=r"state\.npz: damaged"):
        Servable.load(folder)
    assert Servable.load(folder, verify=False).name == "shops"  # it does not use the state
    (folder / "reasons.npz").write_bytes((folder / "reasons.npz").read_bytes()[::-1])
    with pytest.raises(PipelineError, match=r"reasons\.npz: damaged"):
        Servable.load(folder, verify=False).reasons(Batch(np.zeros((1, 2)), np.array([["a"]], dtype=object)), [{}], 1)
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[::-1])
    with pytest.raises(PipelineError, match=r"model\.onnx: damaged"):
        Servable.load(folder, verify=False)


def test_a_model_without_contributions_scores_and_has_no_reasons(network, tmp_path):
    pipeline = fitted("neural_network", *learnable(600), hidden_layer_sizes=[8], max_iter=30)
    served, features = write_bundle(tmp_path / "bundle", pipeline), rows(20)
    batch = as_batch(served, features)
    np.testing.assert_array_equal(served.score(batch).score, predict(pipeline, features))
    assert served.attribution is None
    assert served.most_reasons == 0
    assert served.reasons(batch, features.to_dict("records"), 2) == [[]] * 20
