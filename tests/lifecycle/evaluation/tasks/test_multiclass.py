from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from lifecycle.core.errors import PipelineError
from lifecycle.core.tables import write_csv
from lifecycle.evaluation.class_decision import ABSTAINS, calibrated
from lifecycle.evaluation.probability_calibration import METHODS, fit
from lifecycle.evaluation.tasks.registry import task_of
from lifecycle.splits.time_windows import Timing
from tests.helpers_model import params
from tests.helpers_targets import BY_COST, BY_PROBABILITY, COSTS, NAMES, classified, of_classes, window_of

PROBLEM = of_classes()
TASK = task_of(PROBLEM)
SCORES = [f"score_{code}" for code in range(3)]


def validation(seed=0, rows=1_200, power=3.0):
    """Return what `train` writes of four weeks; the scores are too sure of themselves."""
    table = classified(rows, seed=seed)
    score = table[SCORES].to_numpy() ** power
    week = np.repeat(np.arange(4), rows // 4)
    times = pd.Timestamp("2020-01-01") + pd.to_timedelta(7 * week, "D")
    table[SCORES] = score / score.sum(axis=1, keepdims=True)
    return table[["id", "card", "place", "age", "label", *SCORES]].assign(time=times, fold=week + 1)


def choose(table, timing=Timing(pd.Timedelta(0), 7.0), **changes):  # noqa: B008
    options = params(**{f"decide__{key}": value for key, value in changes.items()}).decide
    return TASK.choose(table, options, timing)


def by_hand(table, method, pairs):
    """Return the mean log loss of a method that is learned from rows and judged by others."""
    target, score = table["label"].to_numpy(), table[SCORES].to_numpy()
    losses = []
    for known, later in pairs:
        maps = [fit(method, score[known, code], (target[known] == code).astype(int)) for code in range(3)]
        losses.append(log_loss(target[later], calibrated(maps, score[later]), labels=[0, 1, 2]))
    return np.mean(losses)


def test_the_calibration_is_the_best_out_of_time():
    table = validation()
    week = table["fold"].to_numpy()
    found = choose(table)
    pairs = [(week < later, week == later) for later in (2, 3, 4)]
    losses = {method: by_hand(table, method, pairs) for method in METHODS}
    assert found.decision.log_loss_out_of_time == pytest.approx(losses)
    assert found.figures["calibration"] == min(losses, key=losses.get) != "none"


def test_drawn_folds_are_judged_by_all_others():
    table = validation()
    fold = table["fold"].to_numpy()
    found = choose(table, Timing())
    pairs = [(fold != own, fold == own) for own in (1, 2, 3, 4)]
    assert found.decision.log_loss_out_of_time == pytest.approx(
        {method: by_hand(table, method, pairs) for method in METHODS}
    )


def test_the_figures_are_of_the_decisions_and_costs_stand_there_where_they_are_given():
    table = validation()
    plain, costly = choose(table, abstain_below=0.6), choose(table, cost_matrix=[list(row) for row in COSTS])
    target, score = table["label"].to_numpy(), table[SCORES].to_numpy()
    decided = plain.decision.apply(score)[1]
    assert plain.figures["abstain_rate"] == (decided == ABSTAINS).mean() > 0
    assert plain.figures["accuracy"] == (decided == target).mean()
    assert "cost_per_record" not in plain.figures
    decided = costly.decision.apply(score)[1]
    paid = [COSTS[truth][choice] for truth, choice in zip(target, decided, strict=True)]
    assert costly.figures["cost_per_record"] == pytest.approx(np.mean(paid))
    assert "least expected cost" in TASK.decision_in_words(costly.figures)
    assert "most probable class" in TASK.decision_in_words(plain.figures)


def test_a_decision_by_cost_costs_no_more_than_one_by_probability():
    table = validation()
    costly = choose(table, cost_matrix=[list(row) for row in COSTS])
    target, score = table["label"].to_numpy(), table[SCORES].to_numpy()
    probable = costly.decision.apply(score)[0].argmax(axis=1)
    assert costly.figures["cost_per_record"] < costly.decision.cost(target, probable).mean()


def test_the_table_says_what_abstaining_would_change():
    table = validation()
    found = choose(table, calibration="none")
    best, right = table[SCORES].max(axis=1), table[SCORES].to_numpy().argmax(axis=1) == table["label"]
    for line in found.tables["abstaining"].to_dict("records"):
        kept = best >= line["abstain_below"]
        assert line["abstain_rate"] == pytest.approx(1 - kept.mean())
        assert line["accuracy_of_the_rest"] == pytest.approx(right[kept].mean(), nan_ok=True)


def test_a_class_without_validation_records_leaves_the_scores_as_they_are():
    table = validation().assign(label=lambda rows: rows["label"] % 2)
    assert choose(table).figures["calibration"] == "none"
    assert choose(table, calibration="isotonic").decision.apply(table[SCORES].to_numpy())[0][:, 2].max() == 0
    with pytest.raises(
        PipelineError, match=r"decide\.calibration = 'sigmoid': no .* of the class gold, .* auto or none"
    ):
        choose(table, calibration="sigmoid")


def test_one_window_calibrates_nothing():
    assert list(choose(validation().assign(fold=1)).decision.log_loss_out_of_time) == ["none"]


def test_the_table_of_scores_has_each_class_and_the_code_that_is_decided():
    table = classified(decision=BY_COST)
    assert list(table)[-7:] == [*SCORES, "probability_0", "probability_1", "probability_2", "decided"]
    assert set(table["decided"]) == {ABSTAINS, 0, 1, 2}
    assert table["decided"].dtype == np.int8


def test_the_baselines_are_the_linear_model_and_the_shares_of_the_training_rows():
    table = classified()
    linear = table.assign(**{f"baseline_{name}": table[name] for name in SCORES})
    train = pd.DataFrame({"label": np.repeat([0, 1, 2], [6, 3, 1])})
    found = TASK.baselines(linear, train)
    shares = np.tile([0.6, 0.3, 0.1], (len(table), 1))
    assert found == pytest.approx(
        {
            "logistic_regression": log_loss(table["label"], table[SCORES]),
            "prior": log_loss(table["label"], shares),
        }
    )
    assert TASK.losing_to(found["logistic_regression"] + 1e-9, found).keys() == {"logistic_regression"}
    assert TASK.losing_to(found["logistic_regression"], found) == {}


def test_confusion_and_calibration_count_every_record():
    table = classified(decision=BY_COST)
    tables = TASK.plot_tables(window_of(table, PROBLEM, BY_COST))
    counts = tables["class_confusion"].pivot_table("records", "actual", "decided", aggfunc="sum")
    assert list(tables["class_confusion"]["decided"].unique()) == [*NAMES, "abstains"]
    assert counts.loc["gold", "abstains"] == ((table["label"] == 2) & (table["decided"] == ABSTAINS)).sum()
    assert counts.to_numpy().sum() == len(table)
    calibration = tables["class_calibration"].groupby("actual", sort=False)["records"].sum()
    assert calibration.to_dict() == dict.fromkeys(NAMES, len(table))
    plain = TASK.plot_tables(window_of(classified(), PROBLEM, BY_PROBABILITY))
    assert list(plain["class_confusion"]["decided"].unique()) == list(NAMES)


def draw(folder, task, decision):
    window = window_of(classified(decision=decision), task.problem, decision)
    for name, table in task.plot_tables(window).items():
        write_csv(table, folder / f"{name}.csv")
    write_csv(choose(validation()).tables["abstaining"], folder / "abstaining.csv")
    task.draw(folder, folder, decision, folder / "picture.png")
    return (folder / "picture.png").read_bytes()


@pytest.mark.parametrize("names", [NAMES, ("NA", "None", "$5 to $10"), ("1", "2", "3")])
def test_the_picture_is_drawn_with_any_names_and_has_the_same_bytes_again(tmp_path, names):
    label = replace(PROBLEM.contract[2], isin=names)
    task = task_of(of_classes(classes=names, contract=(*PROBLEM.contract[:2], label, *PROBLEM.contract[3:])))
    assert draw(tmp_path, task, BY_COST) == draw(tmp_path, task, BY_COST)
    unsure = replace(BY_PROBABILITY, abstain_below=0.5)
    assert draw(tmp_path, task, unsure) != draw(tmp_path, task, BY_PROBABILITY)
