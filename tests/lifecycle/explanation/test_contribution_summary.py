import numpy as np
import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import write_csv
from lifecycle.evaluation.pictures import draw_explanation
from lifecycle.explanation import contribution_summary
from lifecycle.explanation.contributions import Contributions
from lifecycle.explanation.importance import partial_dependence

ROWS = 1_500


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    number = rng.normal(size=ROWS)
    return pd.DataFrame(
        {
            "up": number,
            "down": rng.permutation(number),
            "often": np.where(rng.random(ROWS) < 0.99, 0, rng.integers(1, 40, ROWS)),
            "same": 3,
            "text": rng.choice(["a", "b"], ROWS),
        }
    )


def score(rows):
    return 0.5 + 0.02 * rows["up"].to_numpy() - 0.01 * rows["down"].to_numpy()


@pytest.fixture
def explained(rows):
    values = np.zeros(rows.shape)
    values[:, 0], values[:, 1] = 0.02 * rows["up"], -0.01 * rows["down"]
    values[:, 4] = np.where(rows["text"] == "a", 0.001, -0.001)
    return Contributions(list(rows.columns), values, 0.5, "probability")


def test_a_sample_is_without_repeats_in_order_and_the_same_for_the_same_seed():
    taken = contribution_summary.sample(1_000, 100, seed=1)
    assert len(np.unique(taken)) == 100
    assert (np.diff(taken) > 0).all()
    np.testing.assert_array_equal(taken, contribution_summary.sample(1_000, 100, seed=1))
    assert (taken != contribution_summary.sample(1_000, 100, seed=2)).any()
    np.testing.assert_array_equal(contribution_summary.sample(50, 100, seed=1), np.arange(50))


@pytest.mark.parametrize("fault", [2e-9, np.nan])
def test_contributions_that_miss_a_score_are_refused(explained, fault):
    scores = 0.5 + explained.values.sum(axis=1)
    assert contribution_summary.additivity_error(explained, scores, 1e-9) < 1e-15
    scores[7] += fault
    with pytest.raises(PipelineError, match=r"miss the scores .* by up to .* up to 1e-09 is rounding"):
        contribution_summary.additivity_error(explained, scores, 1e-9)


def test_size_and_direction_of_contributions(explained, rows):
    found = contribution_summary.summary(explained, rows)
    assert found.loc["up", "mean_abs_contribution"] == pytest.approx(0.02 * rows["up"].abs().mean())
    assert found["direction"].tolist()[:2] == pytest.approx([1, -1])
    assert found["direction"].isna().tolist() == [False, False, True, True, True]
    told = contribution_summary.as_json(explained, 1e-16, 1e-9, found)
    assert told["features"]["text"] == {"mean_abs_contribution": 0.001}
    assert (told["rows"], told["additivity_error"], told["additivity_limit"]) == (ROWS, 0.0, 1e-9)


def test_dots_are_few_and_reach_from_the_least_to_the_greatest_contribution(explained, rows):
    dots = contribution_summary.dots(explained, rows)
    counts = dots["feature"].value_counts()
    assert counts.max() <= 201
    assert set(counts.index) == set(rows)
    up = dots[dots["feature"] == "up"]
    assert (up["contribution"].min(), up["contribution"].max()) == pytest.approx(
        (0.02 * rows.up.min(), 0.02 * rows.up.max())
    )
    assert up["level"].is_monotonic_increasing
    assert up["level"].iloc[-1] == 1
    np.testing.assert_allclose(up["value"].astype(float) * 0.02, up["contribution"], rtol=1e-5)
    assert set(dots.loc[dots["feature"] == "text", "value"]) == {"a", "b"}


def test_dependence_is_the_mean_score_with_one_feature_set(rows):
    table = partial_dependence(score, rows, ["up", "often", "same", "text"])
    assert set(table["feature"]) == {"up", "often"}
    up = table[table["feature"] == "up"]
    np.testing.assert_allclose(up["score"], 0.5 + 0.02 * up["value"] - 0.01 * rows["down"].mean(), atol=1e-12)
    assert (up["value"].min(), up["value"].max()) == (rows["up"].min(), rows["up"].max())
    assert set(up["value"]) <= set(rows["up"])
    assert len(table[table["feature"] == "often"]) >= 10


def test_without_numbers_there_is_no_dependence(rows):
    assert partial_dependence(score, rows, ["text"]).columns.tolist() == ["feature", "value", "score"]


def test_the_same_tables_give_the_same_picture(explained, rows, tmp_path):
    importance = pd.DataFrame({"feature": list(rows), "importance": [0.3, 0.2, 0.1, 0, 0], "low": 0.0, "high": 0.4})
    write_csv(importance, tmp_path / "importance.csv")
    write_csv(contribution_summary.dots(explained, rows), tmp_path / "contribution_summary.csv")
    for name, features in (("one", ["up", "often"]), ("two", ["up", "often"]), ("none", [])):
        write_csv(partial_dependence(score, rows, features), tmp_path / "partial_dependence.csv")
        draw_explanation(tmp_path, "probability", tmp_path / f"{name}.png")
    pictures = [(tmp_path / f"{name}.png").read_bytes() for name in ("one", "two", "none")]
    assert pictures[0] == pictures[1] != pictures[2]
