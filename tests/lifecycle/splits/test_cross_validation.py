import numpy as np
import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.problem.loading import fill
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import Raw
from lifecycle.splits.cross_validation import columns_read, draw
from tests.helpers_data import small_problem
from tests.helpers_model import params

PROBLEM = small_problem(Column("shop", "text", ""), features=(Raw("shop"),), time=None, entity="shop")
STRATEGIES = ("random", "stratified", "group")


def split(strategy, problem=PROBLEM, **changes):
    keys = {"strategy": strategy} | changes
    return fill(params(**{f"split__{key}": value for key, value in keys.items()}).split, problem, "split")


def table(rows=200, shops=20, seed=0):
    rng = np.random.default_rng(seed)
    names = np.array([f"shop {number}" for number in range(shops)])
    label = (rng.random(rows) < 0.3).astype(np.int8)
    return pd.DataFrame({"label": label, "shop": names[rng.permutation(np.arange(rows) % shops)]})


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_row_is_tested_on_or_validated_once(strategy):
    parts = draw(split(strategy, folds=5), PROBLEM, table())
    assert sorted([*parts.train, *parts.test]) == list(range(200))
    assert sorted(np.concatenate([valid for _, valid in parts.folds])) == parts.train.tolist()
    assert len(parts.folds) == 5
    for train, valid in parts.folds:
        assert sorted([*train, *valid]) == parts.train.tolist()
    assert all((np.diff(rows) > 0).all() for rows in (parts.train, parts.test, *sum(parts.folds, ())))


@pytest.mark.parametrize(("share", "seed", "folds"), [(0.1, 0, 2), (0.2, 7, 6), (0.33, 2**32 - 1, 3), (0.5, 1, 4)])
def test_the_test_part_is_its_share_of_the_rows_and_of_each_class(share, seed, folds):
    rows, options = table(), {"test_share": share, "seed": seed, "folds": folds}
    parts = {name: draw(split(name, **options), PROBLEM, rows) for name in ("random", "stratified")}
    assert all(0 <= len(part.test) - share * 200 < 1 for part in parts.values())
    classes = rows["label"].iloc[parts["stratified"].test].value_counts()
    assert (abs(classes - share * rows["label"].value_counts()) <= 1).all()


def test_an_entity_is_in_one_part_only_and_the_share_is_of_entities():
    rows = table()
    parts = draw(split("group", test_share=0.25), PROBLEM, rows)
    shops = [set(rows["shop"].iloc[part]) for part in (parts.test, *(valid for _, valid in parts.folds))]
    assert sum(map(len, shops)) == 20
    assert len(shops[0]) == 5


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_seed_alone_decides(strategy):
    first, again, other = (draw(split(strategy, seed=seed), PROBLEM, table()) for seed in (3, 3, 4))
    assert first.test.tolist() == again.test.tolist() != other.test.tolist()
    assert [valid.tolist() for _, valid in first.folds] == [valid.tolist() for _, valid in again.folds]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("strategy", "column"), [("random", "label"), ("stratified", "label"), ("group", "shop")])
def test_only_the_columns_that_are_named_are_read(strategy, column):
    options = split(strategy)
    assert columns_read(options, PROBLEM) == [column]
    assert draw(options, PROBLEM, table()[[column]]).test.tolist() == draw(options, PROBLEM, table()).test.tolist()


@pytest.mark.parametrize(
    ("strategy", "rows", "said"),
    [
        ("random", table(4, 4), "4 rows are too few for split.test_share and split.folds"),
        ("stratified", table(40).assign(label=[1] * 4 + [0] * 36), "4 records of class 'positive' can't fill 5 parts"),
        ("group", table(40, 4), "4 different values of shop can't fill 5 parts; lower split.folds"),
    ],
)
def test_too_few_of_anything_is_refused_in_words(strategy, rows, said):
    with pytest.raises(PipelineError, match=said):
        draw(split(strategy, folds=4), PROBLEM, rows)


def test_a_problem_with_a_time_is_split_by_it_and_others_by_their_target():
    timed, number = small_problem(), small_problem(Column("price", "number", ""), target="price", task="regression")
    of_number = small_problem(
        Column("price", "number", ""), target="price", task="regression", time=None, features=(Raw("label"),)
    )
    assert [split(None, problem).strategy for problem in (timed, number, PROBLEM, of_number)] == [
        "time",
        "time",
        "stratified",
        "random",
    ]
