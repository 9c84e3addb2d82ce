"""Families of models go through the whole graph; what one can't do is told in words and stops nothing."""

import shutil

import pandas as pd
import pytest

from lifecycle.bundle.manifest import NOT_SERVED
from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json, read_table, write_table
from lifecycle.explanation import record_explanation
from lifecycle.models.families import FAMILIES
from tests.helpers_bundle import SIZES, start_packaging
from tests.helpers_model import CLASSIFIERS, run_stages, write_params

pytestmark = pytest.mark.slow
AFTER_SPLIT = ("train", "decide", "evaluate", "explain", "audit", "card", "package")
QUICK = {
    "evaluate.leak_alarm": 1.0,
    "explain.rows": 300,
    "explain.samples": 50,
    "audit.more_seeds": 2,
    "audit.ageing_windows": 2,
    "audit.samples": 50,
    "audit.max_recall_difference": None,
    "audit.max_false_positive_ratio": None,
    "audit.max_calibration_ratio": None,
    "package.threshold_rows": 1000,
}


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("splits")
    start_packaging(folder, QUICK)
    run_stages(folder, "validate")
    for part in ("train", "folds", "test"):
        path = folder / f"data/splits/{part}.parquet"
        write_table(read_table(path).iloc[::3], path)
    return folder


@pytest.fixture
def project(splits, tmp_path):
    return shutil.copytree(splits, tmp_path / "project", symlinks=True)


def run_graph(folder, model, **hyperparameters):
    """Run the stages from `train` on; return metrics/explain/explanation.json and the text of the card."""
    write_params(folder, QUICK | {"train": {"model": model, "seed": 1, "exclude_features": [], **hyperparameters}})
    run_stages(folder, *AFTER_SPLIT)
    card = (folder / "metrics/card/model_card.md").read_text(encoding="utf-8")
    return read_json(folder / "metrics/explain/explanation.json"), card.replace("\\_", "_")


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_every_family_is_trained_explained_audited_and_packaged(project, model):
    explanation, card = run_graph(project, model, **({SIZES[model]: 10} if model in SIZES else {}))
    assert explanation["additivity_error"] <= FAMILIES[model].tolerance
    assert f"in the unit `{explanation['unit']}`" in card
    packaged = read_json(project / "metrics/package/package.json")["package"]
    assert (packaged["largest_difference"], packaged["decisions_that_differ"]) == (0.0, 0)
    assert Servable.load(project / "models/bundle").most_reasons == len(explanation["features"])


def test_a_family_without_trees_and_coefficients_is_judged_and_says_what_it_can_t_do(
    project, neighbours, monkeypatch, capsys
):
    explanation, card = run_graph(project, neighbours.name, n_neighbors=7)
    why = "A score of k_nearest_neighbours can't be split exactly into what each feature adds"
    assert explanation["no_contributions"].startswith(why)
    assert {tuple(figures) for figures in explanation["features"].values()} == {("importance", "low", "high")}
    assert pd.read_csv(project / "metrics/explain/partial_dependence.csv")["feature"].nunique() == 4
    assert (project / "metrics/explain/explanation.png").stat().st_size > 10_000
    assert why in card
    assert "| contribution |" not in card
    assert read_json(project / "metrics/audit/stability.json")["over_seeds"]["standard_deviation"]["recall"] < 1e-12
    packaged = read_json(project / "metrics/package/package.json")["package"]
    assert packaged == {"not_served": "k_nearest_neighbours has no exact export"}
    assert "models/bundle: no bundle was made: the model family k_near" in capsys.readouterr().out
    assert [path.name for path in (project / "models/bundle").iterdir()] == [NOT_SERVED]
    with pytest.raises(PipelineError, match="no bundle was made: the model family k_nearest_neighbours"):
        Servable.load(project / "models/bundle")
    monkeypatch.chdir(project)
    record_explanation.explain([str(read_table("data/scores/test.parquet")["transaction_id"].iloc[0])])
    letter = capsys.readouterr().out
    assert "decision         " in letter
    assert letter.splitlines()[-1].startswith(why)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_family_with_its_own_export_is_served_without_reasons(project, network):
    explanation, card = run_graph(project, network.name, hidden_layer_sizes=[8], max_iter=20)
    assert explanation["no_contributions"] in card
    assert read_json(project / "metrics/package/package.json")["package"]["largest_difference"] == 0.0
    assert Servable.load(project / "models/bundle").most_reasons == 0


def test_after_a_family_that_can_t_be_served_another_one_is_packaged_again(project, neighbours):
    run_graph(project, neighbours.name)
    run_graph(project, "decision_tree", max_depth=4)
    assert Servable.load(project / "models/bundle").most_reasons > 0
    assert not (project / "models/bundle" / NOT_SERVED).exists()
