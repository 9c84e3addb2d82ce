"""The offline gate on versions that are made up here, seen refusing by each of its checks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lifecycle.bundle.servable import Servable
from lifecycle.core.errors import PipelineError
from lifecycle.core.params import Params
from lifecycle.core.section import checked
from lifecycle.evaluation.decision import decision_of
from lifecycle.problem.loading import load_problem
from lifecycle.problem.slice_definitions import Band
from lifecycle.release.evidence import offline_gate as module
from lifecycle.release.evidence.gate_result import Check, GateResult
from lifecycle.release.evidence.offline_gate import TEST, Decided, offline_gate, slice_differences
from lifecycle.report.verdict import SCORES
from tests.helpers_bundle import some_decision
from tests.helpers_task_bundles import DECISIONS, problem_of, records_of, task_bundle, with_features
from tests.params import params_content

PROBLEM = replace(
    load_problem("transactions"),
    slices=(Band("amount", "amount", edges=(50,), labels=("small", "large")),),
    groups=(Band("region", "region"),),
)
ROWS = 4000


def scores(fraud_score: float = 0.9, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    target = (rng.random(ROWS) < 0.2).astype(np.int8)
    table = pd.DataFrame(
        {"transaction_id": np.arange(ROWS), "is_fraud": target, "amount": rng.choice([20.0, 90.0], ROWS)}
    )
    table["tx_time"] = pd.Timestamp("2018-08-08") + pd.to_timedelta(np.arange(ROWS), "min")
    table["customer_id"], table["region"] = np.arange(ROWS) % 500, rng.choice(["north", "south"], ROWS)
    hit = rng.random(ROWS) < np.where(target == 1, fraud_score, 0.02)
    table["score"] = np.where(hit, 0.8, 0.1) + rng.random(ROWS) / 10
    return table.assign(**columns).assign(probability=table["score"]).pipe(alerted)


def alerted(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(probability=table["score"], alert=(table["score"] >= 0.5).astype(np.int8))


def blind(table: pd.DataFrame, where: pd.Series) -> pd.DataFrame:
    """Return scores that miss the frauds there."""
    return alerted(table.assign(score=table["score"].mask(where & (table["is_fraud"] == 1), 0.05)))


class Side:
    """A version with a table of scores, and records for the bundle."""

    name, commit = "base", "0" * 40

    def __init__(self, table: pd.DataFrame | None, rows: pd.DataFrame | None = None) -> None:
        self.tables = {SCORES: table, TEST: rows}

    def json(self, path: str) -> dict:
        known = {"metrics/evaluate/evaluation.json": {"test": {"average_precision": 0.9}}}
        return known.get(path, some_decision() if path.endswith("decision.json") else {})

    def yaml(self, path: str) -> dict:
        return {}

    def table(self, path: str) -> pd.DataFrame | None:
        return self.tables[path]

    def md5(self, path: str) -> str | None:
        return None


def params(**offline) -> Params:
    found = checked(Params, params_content(), "params.yaml")
    release = found.release.model_copy(
        update={"offline": found.release.offline.model_copy(update={"reproducible": False} | offline)}
    )
    quick = found.evaluate.model_copy(update={"bootstrap_samples": 50})
    return found.model_copy(update={"release": release, "evaluate": quick})


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return task_bundle(tmp_path_factory.mktemp("offline") / "bundle", "binary").folder


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return with_features(records_of("binary", 20))


def judged(bundle: Path, head: Side, base: Side | None = None, more: Params | None = None, **given) -> GateResult:
    return offline_gate(more or params(), PROBLEM, (base or Side(scores()), head), bundle, **given)


def named(found: GateResult, name: str) -> Check:
    return next(check for check in found.checks if check.name == name)


def test_a_version_that_is_as_good_passes_with_figures_and_limits(bundle, rows):
    found = judged(bundle, Side(scores(), rows), more=params(latency_ms=60_000.0))
    assert found.state == "passes"
    assert [check.name for check in found.checks] == ["bundle", "average_precision", "slices", "fairness", "latency"]
    assert named(found, "latency").limit == 60_000.0


def test_a_worse_headline_figure_is_refused_in_the_words_of_the_report(bundle, rows):
    found = judged(bundle, Side(scores(0.7), rows))
    assert "and the gate fails: average_precision is" in named(found, "average_precision").sentence
    assert named(found, "average_precision").state == found.state == "refuses"
    assert named(found, "average_precision").figure < named(found, "average_precision").limit == -0.01


def test_a_slice_that_loses_more_than_its_margin_is_refused_by_name(bundle, rows):
    table = scores()
    lucky = np.random.default_rng(1).random(ROWS) < 0.7
    found = named(judged(bundle, Side(blind(table, (table["amount"] > 50) & ~lucky), rows)), "slices")
    assert found.state == "refuses"
    assert "Beyond it: amount 'large'." in found.sentence
    assert found.figure < found.limit == -0.1
    allowed = judged(bundle, Side(blind(table, (table["amount"] > 50) & ~lucky), rows), more=params(slice_margin=0.5))
    assert named(allowed, "slices").state == "passes"


def test_the_loss_of_a_slice_is_the_difference_of_the_recalls():
    table, decided = scores(), Decided(decision_of("binary", some_decision()), params(), PROBLEM)
    head = blind(table, table["amount"] > 50)
    found = slice_differences(table, head, decided).figures
    frauds = table[table["is_fraud"] == 1]
    assert found["amount 'small'"].value == 0
    assert found["amount 'large'"].other == 0
    assert found["amount 'large'"].base == pytest.approx(frauds.loc[frauds["amount"] > 50, "alert"].mean())


def test_the_error_of_a_slice_is_compared_as_a_share_of_the_bases_and_more_is_better():
    problem = replace(problem_of("regression"), slices=(Band("shop", "shop"),))
    table = pd.DataFrame({"row_number": np.arange(300), "shop": np.repeat(["a", "b", "c"], 100), "level": 0.0})
    errors = {"a": (10.0, 10.0), "b": (10.0, 12.0), "c": (10.0, 5.0)}
    base, head = (
        table.assign(score=[errors[shop][side] for shop in table["shop"]], low=-1.0, high=1.0) for side in (0, 1)
    )
    decided = Decided(decision_of("regression", DECISIONS["regression"]), params(), problem)
    found = slice_differences(base, head, decided).figures
    assert {name: round(one.value, 9) for name, one in found.items()} == {
        "shop 'a'": 0.0,
        "shop 'b'": -0.2,
        "shop 'c'": 0.5,
    }


def test_groups_that_are_treated_too_differently_are_refused_as_the_audit_does(bundle, rows):
    table = scores()
    found = named(judged(bundle, Side(blind(table, table["region"] == "north"), rows)), "fairness")
    assert found.state == "refuses"
    assert "audit.max_recall_difference = 0.3" in found.sentence


def test_a_slow_model_is_refused_with_the_figure_and_the_limit(bundle, rows, monkeypatch):
    ticks = iter(np.arange(10**6) * 0.007)
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(ticks)))
    found = named(judged(bundle, Side(scores(), rows)), "latency")
    assert found.state == "refuses"
    assert found.sentence == "A record is scored in 7.00 ms, the 99th percentile of 450; 5 are allowed."


def test_a_damaged_bundle_is_refused_and_not_opened(bundle, rows, tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in bundle.iterdir():
        (broken / file.name).write_bytes(file.read_bytes() + (b" " if file.name == "model.onnx" else b""))
    monkeypatch.setattr(Servable, "load", None)
    found = judged(broken, Side(scores(), rows))
    assert found.state == "refuses"
    assert "damaged" in named(found, "bundle").sentence
    assert "latency" not in [check.name for check in found.checks]


def test_without_tables_it_is_unknown_and_never_passes(bundle):
    table = scores()
    assert named(judged(bundle, Side(table)), "latency").state == "unknown"
    no_base = judged(bundle, Side(table), Side(None))
    assert named(no_base, "slices").state == "unknown"
    assert "The base has no table of scores" in named(no_base, "slices").sentence
    assert named(judged(bundle, Side(None)), "fairness").state == "unknown"


def test_reproducibility_is_asked_for_where_params_say_so(bundle, rows):
    def other_bits() -> None:
        raise PipelineError("not reproduced: 1 of 40 outputs differ")

    asked = params(reproducible=True)
    states = [
        named(judged(bundle, Side(scores(), rows), more=asked, reproduce=call), "reproducible").state
        for call in (lambda: None, other_bits, None)
    ]
    assert states == ["passes", "refuses", "unknown"]
