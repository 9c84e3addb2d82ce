import dataclasses

import numpy as np
import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import read_json, write_table
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.problem.loading import fill
from lifecycle.splits.time_windows import Timing
from problems.transactions import PROBLEM
from tests.helpers_model import params, payments, ranked, run_stages, write_params


def scores(rows=1_200):
    """Return what `train` writes: two folds of a week each, scores that are too high."""
    target, score, _ = ranked(rows, steps=1_000)
    records = payments().iloc[:rows].drop(columns="terminal_id")
    days = np.repeat(np.arange(14), rows // 14 + 1)[:rows]
    time = pd.Timestamp("2018-05-01") + pd.to_timedelta(days, "D")
    return records.assign(is_fraud=target, score=np.sqrt(score), tx_time=time, fold=1 + days // 7)


def decide(problem=PROBLEM, table=None, **changes):
    filled = fill(params(**{f"decide__{key}": value for key, value in changes.items()}).decide, problem, "decide")
    timing = Timing(pd.Timedelta(0), 7.0)
    return task_of(problem).choose(scores() if table is None else table, filled, timing)


def cost(table, alert, false_alert=5.0):
    fraud = table["is_fraud"] == 1
    return table["amount"].where(fraud & ~alert, 0).sum() + false_alert * (alert & ~fraud).sum()


@pytest.mark.parametrize("calibration", ["none", "sigmoid", "isotonic"])
def test_no_other_threshold_is_cheaper_on_the_validation_windows(calibration):
    table = scores()
    decision, figures, _ = decide(calibration=calibration)
    cheapest = min(cost(table, table["score"] >= threshold) for threshold in [*np.unique(table["score"]), 2])
    assert cost(table, table["score"] >= decision.threshold) == pytest.approx(cheapest)
    assert figures["cost_per_record"] == pytest.approx(cheapest / len(table))


@pytest.mark.parametrize("budget", [1, 3, 10])
def test_no_day_has_more_alerts_than_the_budget(budget):
    decision, figures, _ = decide(alert_budget_per_day=budget, calibration="none")
    table = scores()
    alerts = table[table["score"] >= decision.threshold]
    per_day = alerts["tx_time"].dt.date.value_counts()
    assert 0 < per_day.max() <= budget
    assert figures["alerts_per_day"] == pytest.approx(len(alerts) / 14)
    assert decision.alert_budget_per_day == budget


def test_the_calibration_is_the_best_out_of_time_or_the_one_that_params_name():
    decision, figures, _ = decide()
    briers = decision.brier_out_of_time
    assert figures["calibration"] == min(briers, key=briers.get) != "none"
    assert decide(calibration="none")[0].calibration.method == "none"


def test_only_the_ratio_of_the_costs_moves_the_threshold_and_dearer_frauds_lower_it():
    costs = [(40.0, 20.0), (40.0, 160.0), (80.0, 320.0)]
    cheap, dear, twice = (
        decide(calibration="none", cost_false_positive=false, cost_false_negative=missed)[0].threshold
        for false, missed in costs
    )
    assert cheap > dear == twice


def test_the_costs_stand_beside_the_threshold_that_they_gave():
    decision, _, tables = decide(cost_false_negative=80.0)
    assert (decision.cost_false_positive, decision.cost_false_negative) == (5.0, 80.0)
    assert list(tables["cost"]) == ["threshold", "cost_per_record"]


def test_costs_that_nobody_set_are_asked_for():
    with pytest.raises(PipelineError, match="decide: set cost_false_positive and cost_false_negative"):
        decide(dataclasses.replace(PROBLEM, defaults={}))


def test_the_amount_as_cost_needs_an_amount():
    with pytest.raises(PipelineError, match="this problem declares no amount column; give a number"):
        decide(dataclasses.replace(PROBLEM, amount=None))


def test_the_stage_needs_validation_scores_only_and_writes_the_same_bytes_again(tmp_path):
    write_params(tmp_path, {"split.delay_days": 0.0})
    write_table(scores(), tmp_path / "data/scores/validation.parquet")
    names = ("models/decision.json", "metrics/decide/decision.json", "metrics/decide/cost.csv")
    written = []
    for _ in range(2):
        run_stages(tmp_path, "decide")
        written.append([(tmp_path / name).read_bytes() for name in names])
    assert written[0] == written[1]
    assert read_json(tmp_path / names[0]) == decide()[0].as_json()
