"""The gate of the report, on versions that are made up here."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Params
from lifecycle.core.section import checked
from lifecycle.evaluation.alert_decision import AlertDecision
from lifecycle.evaluation.probability_calibration import Calibration
from lifecycle.problem.loading import load_problem
from lifecycle.report.verdict import verdict
from tests.params import params_content

PROBLEM = load_problem("transactions")


class Side:
    """A version with a figure and its interval, but no table of scores."""

    name, commit = "base", "0" * 40

    def __init__(self, value: float, scores: pd.DataFrame | None = None, rule: dict | None = None, **more) -> None:
        self.value, self.scores, self.rule, self.more = value, scores, rule, more

    def json(self, path: str) -> dict:
        found = {
            "metrics/evaluate/evaluation.json": {"average_precision": self.value},
            "metrics/evaluate/intervals.json": {"average_precision": [self.value - 0.003, self.value + 0.003]},
        }
        decision = AlertDecision(Calibration("none"), 0.5, 5.0, "amount", None, {}).as_json()
        others = {"models/decision.json": decision, "metrics/audit/stability.json": self.more.get("stability", {})}
        return {"test": found[path]} if path in found else others[path]

    def yaml(self, path: str) -> dict:
        return {} if self.rule is None or path != "params.yaml" else {"report": self.rule}

    def table(self, path: str) -> pd.DataFrame | None:
        return self.scores if path == "data/scores/test.parquet" else None

    def md5(self, path: str) -> str | None:
        return self.more.get("md5")


def params(margin: float, metric: str = "average_precision"):
    found = checked(Params, params_content(), "params.yaml")
    return found.model_copy(update={"report": found.report.model_copy(update={"margin": margin, "metric": metric})})


@pytest.mark.parametrize(
    ("value", "margin", "passes", "opening"),
    [(0.7, 0.01, True, "No"), (0.7, 0.003, False, "No"), (0.69, 0.02, True, "Worse"), (0.72, 0.0, True, "Better")],
)
def test_the_gate_is_on_the_margin_not_on_the_verdict(value, margin, passes, opening):
    found = verdict(Side(0.7), Side(value), params(margin), PROBLEM)
    assert found.passes is passes
    assert found.reason.startswith(opening)
    assert found.reason.count(". ") == 0  # one sentence
    assert f"average_precision is {value:.4f} against 0.7000 of base" in found.reason
    assert found.reason.endswith(f"and {margin:g} is allowed.")


def test_a_change_cannot_loosen_the_gate_that_it_has_to_pass():
    rule = {"metric": "average_precision", "margin": 0.003}
    assert not verdict(Side(0.7, rule=rule), Side(0.7), params(0.5), PROBLEM).passes
    assert verdict(Side(0.7, rule={"margin": "?"}), Side(0.7), params(0.5), PROBLEM).passes


def scores(seed: int = 0, rows: int = 400, first: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    target = (rng.random(rows) < 0.3).astype(np.int8)
    score = np.clip(target * 0.4 + rng.random(rows) * 0.6, 0, 1)
    times = pd.Timestamp("2018-08-08") + pd.to_timedelta(np.arange(first, first + rows), "min")
    columns = {"transaction_id": np.arange(first, first + rows), "tx_time": times, "is_fraud": target}
    return pd.DataFrame(columns).assign(
        customer_id=np.arange(rows) % 50, amount=10.0, score=score, probability=score, alert=0
    )


def test_other_records_of_the_same_keys_are_not_compared_one_by_one():
    found = verdict(Side(0.7, scores(0)), Side(0.7, scores(1)), params(0.01), PROBLEM)
    assert found.how.startswith("The two test windows do not hold the same records")
    apart = verdict(Side(0.7, scores(0)), Side(0.7, scores(0, first=400)), params(0.01), PROBLEM)
    assert apart.how == found.how


def test_the_shared_records_of_two_windows_are_compared_one_by_one():
    head = scores().iloc[100:].assign(score=lambda table: 1 - table["score"])
    found = verdict(Side(0.7, scores()), Side(0.7, head), params(0.01), PROBLEM)
    assert not found.passes
    assert found.reason.startswith("Worse")
    assert found.how.startswith("Compared record by record on 300 records (100 are in the base only, 0 in")


def test_equal_scores_pass_without_any_margin():
    found = verdict(Side(0.7, scores()), Side(0.7, scores()), params(0.0), PROBLEM)
    assert found.passes
    assert found.figures["average_precision"].value == 0


def test_a_figure_that_nobody_has_is_refused_with_those_that_there_are():
    with pytest.raises(PipelineError, match=r"report.metric = 'profit'.*they have average_precision"):
        verdict(Side(0.7), Side(0.7), params(0.01, "profit"), PROBLEM)


@pytest.mark.parametrize("side", [0, 1])
def test_a_version_without_figures_is_named(side):
    sides = [Side(0.7), Side(0.7)]
    sides[side].name = "that-one"
    sides[side].json = lambda path: {}
    with pytest.raises(PipelineError, match=r"^that-one: no metrics/evaluate/evaluation.json; `dvc repro` writes it"):
        verdict(*sides, params(0.01), PROBLEM)


def test_a_decisive_figure_that_is_not_a_number_is_refused():
    with pytest.raises(PipelineError, match="must be a figure that both have"):
        verdict(Side(0.7), Side(math.nan), params(0.01), PROBLEM)


def test_without_tables_the_interval_is_that_of_two_independent_figures():
    found = verdict(Side(0.7), Side(0.69), params(0.02), PROBLEM)
    reach = math.hypot(0.003, 0.003)
    assert found.reason == (
        "Worse, and the gate passes: average_precision is 0.6900 against 0.7000 of base, a difference of -0.0100 with"
        f" the 95 % interval {-0.01 - reach:+.4f} to {-0.01 + reach:+.4f}; at 95 % it is worse by at most"
        f" {0.01 + reach:.4f}, and 0.02 is allowed."
    )
    assert "**Worse, and the gate passes:** `average_precision` is 0.6900 against 0.7000 of `base`" in found.sentence
    assert "worse by at most 0.0000," in verdict(Side(0.7), Side(0.8), params(0.0), PROBLEM).reason


def test_it_says_whose_table_is_missing():
    table = scores()
    neither = verdict(Side(0.7), Side(0.7), params(0.01), PROBLEM).how
    no_head = verdict(Side(0.7, table), Side(0.7), params(0.01), PROBLEM).how
    no_base = verdict(Side(0.7), Side(0.7, table), params(0.01), PROBLEM).how
    assert neither == no_head
    assert no_head.startswith("The workspace has no table of scores, so the intervals are those of two independent")
    assert no_base.startswith("Neither the cache nor a remote has the base's table of scores, so the intervals are")
    assert no_base.endswith("`python src/mlops.py report --base base --build-base` builds it.")


@pytest.mark.parametrize(("first", "second", "same"), [("a", "a", True), ("a", "b", False), (None, None, False)])
def test_tables_of_one_hash_leave_nothing_to_chance(first, second, same):
    found = verdict(Side(0.7, md5=first), Side(0.69, md5=second), params(0.0), PROBLEM)
    difference = found.figures["average_precision"]
    assert found.how.startswith("Both name the same table of scores by its hash") is same
    assert (difference.low == difference.high == difference.value) is same
    assert found.passes is same


@pytest.mark.parametrize("is_head_there", [True, False])
def test_one_table_alone_is_compared_with_nothing(is_head_there):
    table = scores()
    sides = (Side(0.7), Side(0.7, table)) if is_head_there else (Side(0.7, table), Side(0.7))
    assert not verdict(*sides, params(0.0), PROBLEM).passes


def test_paired_figures_are_those_of_the_tables_with_the_costs_of_the_head():
    before, after = scores().assign(alert=0), scores(0).assign(score=scores(5)["score"], alert=1)
    found = verdict(Side(0.7, before), Side(0.7, after), params(0.5), PROBLEM)
    for name, expected in {
        "average_precision": [average_precision_score(table["is_fraud"], table["score"]) for table in (before, after)],
        "recall": [0.0, 1.0],
        "cost_per_record": [10 * before["is_fraud"].mean(), 5 * (1 - after["is_fraud"].mean())],
    }.items():
        difference = found.figures[name]
        assert [difference.base, difference.other] == pytest.approx(expected), name
        assert difference.low <= difference.value <= difference.high
    days = 7  # of a test window, in the params of the tests
    assert found.figures["alerts_per_day"].other == pytest.approx(len(after) / days)
    assert found.how == (
        "Compared record by record on 400 records; the intervals are what chance in entities give, as the base has no"
        " metrics/audit/stability.json."
    )


def test_training_seeds_widen_the_interval_unless_the_scores_are_equal():
    head = scores().assign(score=lambda table: table["score"] * 0.9 + scores(3)["score"] * 0.1)
    seeds = {"over_seeds": {"figures": {"average_precision": [0.5, 0.7, 0.9]}}}
    apart = [
        verdict(Side(0.7, scores(), stability=stability), Side(0.7, head), params(0.01), PROBLEM)
        for stability in ({}, seeds)
    ]
    plain, noisy = (found.figures["average_precision"] for found in apart)
    assert noisy.high - noisy.low > 3 * (plain.high - plain.low)
    assert apart[1].how.endswith("the intervals are what chance in entities and training seeds give.")
    equal = verdict(Side(0.7, scores(), stability=seeds), Side(0.7, scores()), params(0.0), PROBLEM)
    assert equal.how.endswith("what chance in entities give; the scores are equal, bit for bit.")
    assert equal.figures["average_precision"][2:5] == (0, 0, 0)
    assert equal.passes


def test_one_model_with_two_decisions_has_no_noise_of_seeds():
    seeds = {"over_seeds": {"figures": {"average_precision": [0.5, 0.7, 0.9]}}}
    decided_otherwise = scores().assign(alert=lambda table: ~table["alert"])
    found = verdict(Side(0.7, scores(), stability=seeds), Side(0.7, decided_otherwise), params(0.0001), PROBLEM)
    assert found.figures["average_precision"][2:5] == (0, 0, 0)
    assert found.passes


def test_what_only_one_table_has_is_counted_by_side():
    found = verdict(Side(0.7, scores(rows=1_400).iloc[:300]), Side(0.7, scores(rows=1_400)), params(1.0), PROBLEM)
    assert "on 300 records (0 are in the base only, 1,100 in the head only);" in found.how
