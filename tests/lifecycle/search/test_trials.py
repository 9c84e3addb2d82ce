import itertools
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, r2_score

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import TrainParams, TuneParams
from lifecycle.core.ranking import Ranking, average_precision
from lifecycle.core.section import checked
from lifecycle.core.tables import write_table
from lifecycle.models.families import FAMILIES
from lifecycle.search import trials
from lifecycle.search.search_results import start_and_best, trial_table
from lifecycle.search.trials import FIGURES, VALUES, Search, fold_scores, open_records, trials_of
from lifecycle.search.tuning import search_name
from tests.helpers_search import OF_KIND, folds_of_kind

TREE = {"model": "decision_tree", "max_depth": 4, "min_samples_leaf": 2}
SPACE = {"max_depth": {"low": 1, "high": 9}, "min_samples_leaf": {"low": 1, "high": 40}}
SHOPS = OF_KIND["binary"]


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")


def params_of(train=None, **tune):
    content = {"models": [], "trials": 14, "minutes": 5.0, "batch": 4, "seed": 0, "space": SPACE} | tune
    return (
        checked(TrainParams, {"seed": 1, "exclude_features": []} | (train or TREE), "test"),
        checked(TuneParams, content, "test"),
    )


def searched(folder, train=None, minutes=5.0, problem=SHOPS, **tune):
    """Search in a folder; return the table and what was found of the present values and the best ones."""
    train_params, tune_params = params_of(train, **tune)
    present = {name: train_params.hyperparameters[name] for name in tune_params.space}
    search = Search(train_params, tune_params, problem, present, folds_of_kind(problem), folder)
    with open_records(folder, ["one"]) as (study,):
        trials.run([search], [study], minutes)
        start, best = start_and_best([search], [study])
        return trial_table([search], [study]), (start.trial, best.trial)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")
        return folder, *searched(folder)


def test_the_first_trial_is_the_present_and_its_figures_are_those_of_its_model(plain):
    folder, listed, (start, _) = plain
    train = params_of()[0]
    assert (start.number, start.user_attrs[VALUES]) == (0, {"max_depth": 4, "min_samples_leaf": 2})
    scores = [fold_scores(train, SHOPS, fold) for fold in folds_of_kind(SHOPS)]
    figures = [
        average_precision(*Ranking(fold.valid["is_fraud"].to_numpy(), found).counts())
        for fold, found in zip(folds_of_kind(SHOPS), scores, strict=True)
    ]
    assert start.user_attrs[FIGURES] == figures
    assert start.value == pytest.approx(np.mean(figures))
    np.testing.assert_array_equal(np.load(folder / "one" / "0.npy"), np.concatenate(scores))
    assert listed.loc[listed["trial"] == 0, "average_precision"].item() == start.value


def test_the_best_is_the_best_of_all_and_its_scores_are_kept(plain):
    folder, listed, (start, best) = plain
    assert best.value == listed["average_precision"].max() > start.value
    assert listed["trial"].iloc[0] == best.number
    assert (folder / "one" / f"{best.number}.npy").is_file()


def test_a_trial_is_stopped_early_where_its_mean_falls_below_the_median_of_the_finished(plain):
    _, listed, _ = plain
    assert set(listed["state"]) == {"finished", "stopped early"}
    for _, trial in listed[listed["state"] == "stopped early"].iterrows():
        before = listed[(listed["state"] == "finished") & (listed["trial"] < trial["trial"] // 4 * 4)]
        judged = int(trial[["fold_1", "fold_2", "fold_3"]].notna().sum())
        means = [before[[f"fold_{i}" for i in range(1, n + 1)]].mean(axis=1).median() for n in range(1, judged + 1)]
        own = [trial[[f"fold_{i}" for i in range(1, n + 1)]].mean() for n in range(1, judged + 1)]
        assert judged < 3
        assert [mean >= median for mean, median in zip(own, means, strict=True)] == [True] * (judged - 1) + [False]


@pytest.mark.parametrize(("kind", "name", "best_first"), [("multiclass", "log_loss", 1), ("regression", "r2", -1)])
def test_other_kinds_are_searched_by_their_own_figure(kind, name, best_first, tmp_path):
    problem = OF_KIND[kind]
    listed, (start, best) = searched(tmp_path, problem=problem)
    finished = listed[listed["state"] == "finished"]
    figures = best_first * finished[name].to_numpy()
    assert (np.diff(figures) >= 0).all()
    assert listed["trial"].iloc[0] == best.number
    assert figures[0] < best_first * finished.loc[finished["trial"] == start.number, name].item()
    assert best.value > start.value
    assert len(finished) < len(listed)  # some were stopped, and those were worse
    windows, scores = folds_of_kind(problem), np.load(tmp_path / "one" / f"{best.number}.npy")
    assert scores.shape == ((900, 3) if kind == "multiclass" else (900,))
    by_hand = {"multiclass": log_loss, "regression": r2_score}[kind]
    parts = zip(windows, np.split(scores, 3), strict=True)
    assert best.user_attrs[FIGURES] == pytest.approx(
        [by_hand(fold.valid[problem.target], part) for fold, part in parts]
    )


def test_a_fold_whose_target_does_not_vary_is_named(tmp_path):
    problem, (train_params, tune_params) = OF_KIND["regression"], params_of()
    first, second, third = folds_of_kind(problem)
    flat = second._replace(valid=second.valid.assign(**{problem.target: 1.0}))
    present = {name: train_params.hyperparameters[name] for name in SPACE}
    search = Search(train_params, tune_params, problem, present, [first, flat, third], tmp_path)
    with open_records(tmp_path, ["one"]) as (study,), pytest.raises(PipelineError, match="fold 2 does not define r2"):
        trials.run([search], [study], 5.0)
        start_and_best([search], [study])


def test_the_same_seed_gives_the_same_trials_in_several_processes_too(plain, tmp_path, monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")
    pd.testing.assert_frame_equal(searched(tmp_path)[0], plain[1])


@pytest.mark.parametrize("change", [{"seed": 1}, {"batch": 7}])
def test_another_seed_or_batch_tries_other_values(plain, tmp_path, change):
    values = list(SPACE)
    found = searched(tmp_path, **change)[0].sort_values("trial")[values].to_numpy()
    assert not np.array_equal(found, plain[1].sort_values("trial")[values].to_numpy())


@pytest.mark.parametrize(("place", "calls"), [("quality", 1), ("quality", 25), ("_put_on_record", 6)])
def test_a_search_that_was_broken_off_goes_on_as_if_it_had_not(plain, tmp_path, monkeypatch, place, calls):
    counter = itertools.count()

    plainly = getattr(trials, place)

    def breaks(*arguments):
        if next(counter) == calls:
            raise KeyboardInterrupt
        return plainly(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trials, place, breaks)
        searched(tmp_path)
    with open_records(tmp_path, ["one"]) as (study,):
        assert not trials_of(study, "RUNNING", "WAITING")
        before = {trial.number: trial.datetime_complete for trial in trials_of(study)}
    pd.testing.assert_frame_equal(searched(tmp_path)[0], plain[1])
    with open_records(tmp_path, ["one"]) as (study,):  # none was done again
        assert {trial.number: trial.datetime_complete for trial in trials_of(study)[: len(before)]} == before


def test_a_finished_search_starts_nothing_and_a_larger_number_goes_on(plain, tmp_path, monkeypatch):
    shutil.copytree(plain[0], tmp_path, dirs_exist_ok=True)
    longer, _ = searched(tmp_path, trials=18)
    assert len(longer) == 18
    assert set(plain[1]["trial"]) <= set(longer["trial"])
    monkeypatch.setattr(trials, "quality", None)
    pd.testing.assert_frame_equal(searched(tmp_path, trials=18)[0], longer)


@pytest.mark.parametrize("several", [(14, 18), (5, 6, 18), (1, 18)], ids=str)
def test_where_earlier_runs_ended_changes_nothing(tmp_path, several):
    whole, _ = searched(tmp_path / "whole", trials=18)
    for trials_so_far in several:
        listed, _ = searched(tmp_path / "parts", trials=trials_so_far)
    pd.testing.assert_frame_equal(listed, whole)


def test_changed_present_values_are_judged_too(plain, tmp_path):
    shutil.copytree(plain[0], tmp_path, dirs_exist_ok=True)
    _, (start, _) = searched(tmp_path, train=TREE | {"max_depth": 1, "min_samples_leaf": 40})
    assert start.state.name == "COMPLETE"
    assert start.user_attrs[VALUES] == {"max_depth": 1, "min_samples_leaf": 40}


def test_when_the_time_is_up_no_fold_starts_and_what_was_under_way_is_done_later(plain, tmp_path, monkeypatch):
    with pytest.raises(PipelineError, match="the time was up before"):
        searched(tmp_path, minutes=0.0)
    clock = itertools.count()
    with monkeypatch.context() as patch:  # a second passes with each look at the clock
        patch.setattr(trials, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        searched(tmp_path, minutes=7 / 60)
    with open_records(tmp_path, ["one"]) as (study,):
        assert len(trials_of(study)) == 4
    pd.testing.assert_frame_equal(searched(tmp_path)[0], plain[1])


@pytest.mark.filterwarnings("ignore:The max_iter was reached")
def test_values_that_the_model_refuses_together_are_put_on_record_and_the_search_goes_on(tmp_path):
    train = {"model": "logistic_regression", "solver": "saga", "l1_ratio": 0.0, "max_iter": 50}
    space = {"solver": {"choices": ["saga", "lbfgs"]}, "l1_ratio": {"choices": [0.0, 1.0]}}
    listed, (start, _) = searched(tmp_path, train, trials=8, space=space)
    refused = listed[listed["state"] == "refused"]
    assert len(listed) == 8
    assert len(refused)
    assert refused["why"].str.contains("lbfgs").all()
    assert start.value > 0


@pytest.mark.parametrize(
    ("model", "values", "dimension"),
    [
        ("extra_trees", {"n_estimators": 4}, {"low": 2, "high": 8}),
        ("hist_gradient_boosting", {"learning_rate": 0.1}, {"low": 0.01, "high": 0.5, "log": True}),
        ("lightgbm", {"num_leaves": 7}, {"low": 2, "high": 20}),
        ("xgboost", {"max_depth": 3}, {"low": 1, "high": 6}),
        ("logistic_regression", {"C": 1.0}, {"low": 0.01, "high": 10, "log": True}),
    ],
)
def test_every_kind_of_model_can_be_searched(model, values, dimension, tmp_path):
    small = {"lightgbm": {"n_estimators": 5}, "xgboost": {"n_estimators": 5}, "hist_gradient_boosting": {"max_iter": 5}}
    train = {"model": model} | small.get(model, {}) | values
    listed, (start, best) = searched(tmp_path, train, trials=3, batch=2, space={next(iter(values)): dimension})
    assert list(listed["state"]) == ["finished"] * 3
    assert best.value >= start.value


def several(folder, *models, minutes=5.0):
    """Search in several families; return the present values' trial and the best, and the table of all and of each."""
    small, searches = {"n_estimators": {"low": 2, "high": 6}, "max_depth": {"low": 1, "high": 6}}, []
    for model in models:
        space = {name: small[name] for name in small if name in FAMILIES[model].hyperparameters("binary")}
        present = {name: small[name]["low"] for name in space}
        train_params, tune_params = params_of({"model": model} | present, trials=6, batch=2, space=space)
        searches.append(Search(train_params, tune_params, SHOPS, present, folds_of_kind(SHOPS), folder))
    with open_records(folder, models) as records:
        trials.run(searches, records, minutes)
        tables = [trial_table([one], [record]) for one, record in zip(searches, records, strict=True)]
        return start_and_best(searches, records), trial_table(searches, records), tables


def test_families_are_searched_side_by_side_as_each_would_be_alone(tmp_path):
    models = ["decision_tree", "extra_trees", "random_forest"]
    (start, best), together, tables = several(tmp_path / "together", *models)
    for model, table in zip(models, tables, strict=True):
        pd.testing.assert_frame_equal(several(tmp_path / model, model)[1], table)
    assert len(together) == 18
    model, highest = best.search.train.model, max(table["average_precision"].max() for table in tables)
    assert together["model"].iloc[0] == model
    assert together["average_precision"].iloc[0] == best.trial.value == highest
    assert (start.search.train.model, start.trial.number) == ("decision_tree", 0)
    assert (together.loc[together["model"] == "decision_tree", "n_estimators"] == "").all()
    np.testing.assert_array_equal(np.load(tmp_path / f"together/{model}/{best.trial.number}.npy"), best.scores)


def test_each_family_has_had_its_turn_when_the_time_is_up(tmp_path, monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(trials, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    _, _, tables = several(tmp_path, "decision_tree", "extra_trees", "random_forest", minutes=18 / 60)
    assert [len(table) for table in tables] == [4, 2, 2]


@pytest.mark.usefixtures("neighbours")
def test_a_family_without_a_space_is_tried_once_with_its_defaults(tmp_path):
    _, together, _ = several(tmp_path, "decision_tree", "k_nearest_neighbours")
    (other,) = together[together["model"] == "k_nearest_neighbours"].to_dict("records")
    assert other["state"] == "finished"
    expected = [fold_scores(params_of({"model": "k_nearest_neighbours"})[0], SHOPS, f) for f in folds_of_kind(SHOPS)]
    np.testing.assert_array_equal(np.load(tmp_path / "k_nearest_neighbours/0.npy"), np.concatenate(expected))


def test_a_changed_problem_is_another_search(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    write_table(frame, tmp_path / "folds.parquet")
    write_table(frame + 1, tmp_path / "other.parquet")

    def name(file="folds.parquet", train=TREE, **tune):
        return search_name(*params_of(train, **tune), tmp_path / file)

    assert name() == name() == name(train=TREE | {"max_depth": 7}) == name(trials=3, minutes=1.0, batch=2)
    others = [
        name("other.parquet"),
        name(train=TREE | {"criterion": "entropy"}),
        name(train=TREE | {"model": "extra_trees"}),
        name(seed=1),
        name(space=SPACE | {"max_depth": {"low": 1, "high": 8}}),
    ]
    assert len({name(), *others}) == 6


def test_two_searches_at_once_are_refused(tmp_path):
    with (
        open_records(tmp_path, ["one"]),
        pytest.raises(PipelineError, match="another search is at work"),
        open_records(tmp_path, ["two"]),
    ):
        pass


def test_without_optuna_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(PipelineError, match="in the extra `tune`"), open_records(tmp_path, ["one"]):
        pass


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(PipelineError, match="in the extra `dist`"):
        searched(tmp_path)


@pytest.mark.nightly
def test_a_cluster_gives_the_same_trials(plain, tmp_path, monkeypatch):
    from distributed import LocalCluster

    with LocalCluster(2, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
        pd.testing.assert_frame_equal(searched(tmp_path)[0], plain[1])
