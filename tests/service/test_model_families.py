"""Every family of models is served with the pipeline's own scores; one without contributions has no reasons."""

from pathlib import Path

import pytest

from lifecycle.bundle.bundle_writer import write_refusal
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.models.families import Family
from lifecycle.models.prediction import predict
from tests.helpers_bundle import of_shops
from tests.helpers_model import CLASSIFIERS, learnable
from tests.service.helpers_serving import refused_at_start, service, small_bundle

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_request_gets_the_pipeline_s_score_and_reasons(tmp_path: Path, model: str) -> None:
    (row,) = learnable()[0].dropna()[:1].to_dict("records")
    score = predict(of_shops(model), learnable()[0].dropna()[:1])
    with service(tmp_path, small_bundle(tmp_path / "bundle", model)) as running:
        answer = running.ask("POST", "/predict", {"records": [row], "reasons": 3})
    assert answer.status == 200, answer.body
    (found,) = answer.json["predictions"]
    assert found["score"] == score[0]
    assert found["probability"] == Calibration("none").apply(score)[0]
    assert all(reason["contribution"] > 0 and reason["words"] for reason in found["reasons"])


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_without_contributions_a_request_for_reasons_is_refused_in_words(tmp_path: Path, network: Family) -> None:
    (row,) = learnable()[0].dropna()[:1].to_dict("records")
    score = predict(of_shops(network.name), learnable()[0].dropna()[:1])
    with service(tmp_path, small_bundle(tmp_path / "bundle", network.name)) as running:
        plain = running.ask("POST", "/predict", {"records": [row]})
        explained = running.ask("POST", "/predict", {"records": [row], "reasons": 3})
    assert (plain.status, plain.json["predictions"][0]["score"]) == (200, score[0])
    assert explained.status == 422
    assert b"'reasons' must be 0: this kind of model has no exact contributions" in explained.body


def test_a_family_that_can_t_be_served_is_refused_at_start_in_words(tmp_path: Path, neighbours: Family) -> None:
    write_refusal(tmp_path, neighbours)
    words = refused_at_start(SERVE_BUNDLE=str(tmp_path), SERVE_PORT="0")
    assert "no bundle was made: the model family k_nearest_neighbours has no exact export" in words
