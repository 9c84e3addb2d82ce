"""benchmarks/prequential.py and what it prints: the weeks of the model, and what its features are worth."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import ablation, contributions, prequential, protocol
from lifecycle.core.params import load_params
from tests.helpers_benchmarks import PARAMS, PROBLEM, reaching, two_trees

NAMES = PROBLEM.feature_names


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scripts fit two trees to a small table, on one validation week and one test week."""
    monkeypatch.setattr(prequential, "load_params", two_trees)
    monkeypatch.setattr(prequential, "simulated", lambda problem: reaching())
    monkeypatch.setattr(ablation, "VALIDATION_STARTS", ("2018-07-25",))
    for script in (ablation, prequential):
        monkeypatch.setattr(script, "TEST_STARTS", ("2018-08-08",))
    monkeypatch.setattr(contributions, "ROUNDS", 1)


@pytest.mark.nightly
def test_prequential_prints_all_its_tables(quick, capsys) -> None:
    prequential.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("2018-08-08 (chapter 3)")
    heads = ["mean, extra_trees", *(f"published: {name}" for name in prequential.PUBLISHED), "mean average precision"]
    heads += [*ablation.variants(PROBLEM, NAMES), *(name for feature in PROBLEM.features for name in feature.names)]
    heads += ["the model's features"]
    assert [head for head in heads if not any(line.startswith(head) for line in lines)] == []


def test_the_interval_holds_its_figure_and_resamples_whole_cards() -> None:
    rng, options = np.random.default_rng(0), load_params(PARAMS).evaluate
    target = rng.integers(0, 2, 400)
    score, card = target + rng.normal(size=400), pd.Series(np.arange(400))
    low, high = prequential.interval(score, target, card, options)
    assert low < prequential.average_precision(*prequential.Ranking(target, score).counts()) < high
    low, high = prequential.interval(score, target, card * 0, options)  # one card can't be drawn otherwise
    assert low == pytest.approx(high)


def test_the_groups_of_the_ablation_hold_each_feature_once() -> None:
    found = ablation.groups(PROBLEM, NAMES)
    assert sorted(name for part in found.values() for name in part) == sorted(NAMES)
    assert ["terminal_fraud_run_30d", "terminal_fraud_run_age_30d"] in found.values()


def test_the_variants_of_the_ablation_leave_out_what_they_say() -> None:
    found = ablation.variants(PROBLEM, NAMES)
    assert found["all features"] == NAMES
    assert set(NAMES) - set(found["without amount_ratio"]) == {"amount_ratio"}
    assert found["without all windows of terminal_id"] == [name for name in NAMES if not name.startswith("terminal")]
    assert len(found["the published fifteen instead"]) == 15
    both = found["the published fifteen too"]
    assert len(both) == len(set(both)) == len(NAMES) + 14  # both have the amount


def test_the_ablation_is_measured_week_by_week() -> None:
    def week(own: float, other: float) -> dict[str, protocol.Outcome]:
        return {ablation.ALL: protocol.Outcome(0.9, own, 0.3, 1.0), "other": protocol.Outcome(0.9, other, own, 1.0)}

    found = ablation.layout([week(0.5, 0.6)] * 3 + [week(0.5, 0.4)] + [week(0.7, 0.6)] * 4).loc["other"].round(9)
    assert found.to_dict() == {
        "validation": 0.55,
        "validation change": 0.05,
        "test": 0.6,
        "test change": -0.1,
        "weeks worse": 5,
        "test card precision@100": 0.7,
    }
