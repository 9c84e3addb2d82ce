import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import TrainParams, TuneParams
from lifecycle.core.section import checked
from lifecycle.models.families import FAMILIES
from lifecycle.search.space import distributions, legible, probe, spaces, starting_point
from tests.helpers_bundle import SHOPS
from tests.helpers_model import NEIGHBOURS, learnable
from tests.helpers_search import OF_KIND, table_of

PAIRS = [(name, task) for name, family in FAMILIES.items() for task in OF_KIND if family.estimator(task)]
DEPTHS = {"max_depth": {"choices": [3, None]}}
TREES = {"model": "extra_trees", "n_estimators": 10, "max_depth": None, "max_features": 0.5}


def train_params(**values):
    return checked(TrainParams, {"seed": 1, "exclude_features": []} | values, "test")


def table():
    features, target = learnable()
    return features.assign(is_fraud=target)


def tune_params(**values):
    content = {"models": [], "trials": 4, "minutes": 1.0, "batch": 2, "seed": 0, "space": {}} | values
    return checked(TuneParams, content, "test")


def space_of(**space):
    return tune_params(space=space).space


@pytest.mark.parametrize(
    ("dimension", "words"),
    [
        ({}, "say low and high, or choices"),
        ({"low": 1}, "say low and high, or choices"),
        ({"low": 1, "high": 2, "choices": [1, 2]}, "say low and high, or choices"),
        ({"choices": [1, 2], "step": 1}, "choices stand alone"),
        ({"low": 1, "choices": [1, 2]}, "choices stand alone"),
        ({"low": 3, "high": 3}, "low must be less than high"),
        ({"low": 0, "high": 3, "log": True}, "a low above 0"),
        ({"low": 1, "high": 3, "log": True, "step": 1}, "log takes no step"),
        ({"low": 1, "high": 4, "step": 2}, "lead from low to high"),
        ({"low": 1, "high": 4, "step": -1}, "above 0"),
        (7, "must be a block with the keys low, high, log, step, choices"),
        ({"lowest": 1}, "unknown key; known here: low, high"),
        ({"choices": [1]}, "at least 2 items"),
    ],
)
def test_a_range_that_contradicts_itself_is_told_with_its_key(dimension, words):
    with pytest.raises(PipelineError, match=rf"space\.max_depth.*{words}"):
        space_of(max_depth=dimension)


@pytest.mark.parametrize(
    ("name", "dimension", "words"),
    [
        (
            "learning_rate",
            {"low": 0.1, "high": 0.2},
            r"extra_trees has no such parameter; it has: bootstrap, .*max_depth.*Write tune\.space: \{\} to",
        ),
        ("n_jobs", {"low": 1, "high": 2}, "extra_trees has no such parameter"),
        ("min_samples_leaf", {"low": 1, "high": 9}, r"starts from train\.min_samples_leaf, and there is none.* 1$"),
        ("n_estimators", {"low": 20, "high": 40}, r"starts from train\.n_estimators = 10"),
        ("n_estimators", {"low": 5, "high": 20, "step": 3}, r"train\.n_estimators = 10"),
        ("n_estimators", {"low": 1.0, "high": 20}, r"= 10, allow it there \(write it with a point\)"),
        ("max_depth", {"low": 1, "high": 20}, r"train\.max_depth = None"),
        ("max_features", {"choices": [1, "sqrt"]}, r"train\.max_features = 0\.5, allow it there$"),
    ],
)
def test_a_space_that_does_not_fit_the_model_or_its_present_values_is_told(name, dimension, words):
    with pytest.raises(PipelineError, match=rf"params\.yaml: tune\.space\.{name}: .*{words}"):
        starting_point(train_params(**TREES), "binary", space_of(**{name: dimension}), learnable()[0])


def test_the_search_starts_from_the_present_values():
    space = space_of(max_depth={"choices": [3, None]}, max_features={"low": 0.1, "high": 1, "step": 0.1})
    assert starting_point(train_params(**TREES), "binary", space, learnable()[0]) == {
        "max_depth": None,
        "max_features": 0.5,
    }


@pytest.mark.parametrize(
    ("dimension", "bad"), [({"low": 0.5, "high": 1.5}, "1.5"), ({"choices": ["sqrt", "most"]}, "'most'")]
)
def test_a_value_that_the_model_refuses_is_found_on_a_handful_of_rows(dimension, bad):
    space = space_of(max_features=dimension)
    with pytest.raises(PipelineError, match=rf"tune\.space\.max_features: {bad} is refused: .*max_features"):
        probe(train_params(**TREES), space, SHOPS, table())


def test_drawn_values_become_those_a_person_would_write():
    space = space_of(
        rate={"low": 0.0123456, "high": 0.3, "log": True},
        share={"low": 0.1, "high": 1.0, "step": 0.1},
        depth={"low": 1, "high": 9},
    )
    present = {"rate": 0.0514321, "share": 0.3, "depth": 4}
    assert legible(present, space, present) == present
    drawn = {"rate": 0.0714321, "share": 0.1 + 2 * 0.1, "depth": 7}
    assert legible(drawn, space, present) == {"rate": 0.0714, "share": 0.3, "depth": 7}
    assert legible(present | {"rate": 0.01234561}, space, present)["rate"] == 0.0123456


def test_integers_stay_integers_and_a_point_makes_a_range_of_floats():
    space = space_of(
        a={"low": 1, "high": 9},
        b={"low": 1, "high": 9.0},
        c={"low": 1, "high": 9, "log": True},
        d={"choices": [None, 2]},
    )
    found = distributions(space)
    assert [type(one).__name__[:3] for one in found.values()] == ["Int", "Flo", "Int", "Cat"]
    assert found["c"].log


def test_further_families_start_from_their_defaults_in_their_own_space():
    tune = tune_params(models=["lightgbm", "extra_trees", "lightgbm"], space=DEPTHS)
    (first, space), (other, own) = spaces(train_params(**TREES, exclude_features=["gaps"]), tune, "binary")
    assert (first.hyperparameters["n_estimators"], list(space)) == (10, ["max_depth"])
    assert (other.model, other.seed, other.exclude_features) == ("lightgbm", 1, ["gaps"])
    assert own is FAMILIES["lightgbm"].space
    defaults = FAMILIES["lightgbm"].hyperparameters("binary")
    assert other.hyperparameters == {name: defaults[name] for name in own}


def test_an_empty_space_is_the_family_s_own_from_the_present_values_where_there_are_any():
    ((train, space),) = spaces(train_params(**TREES), tune_params(), "binary")
    assert space is FAMILIES["extra_trees"].space
    present = {"n_estimators": 10, "max_depth": None, "max_features": 0.5, "min_samples_leaf": 1}
    assert train.hyperparameters == present


@pytest.mark.parametrize(
    ("train", "models", "task", "words"),
    [
        (TREES, ["forest"], "binary", r"tune\.models: .*'forest': unknown; known: random_forest"),
        (TREES, ["ridge"], "binary", r"tune\.models: .*'ridge': not for a binary task; choose one of: random_forest"),
        ({"model": "k_nearest_neighbours"}, [], "binary", r"tune\.space: k_nearest_neighbours brings no space"),
    ],
)
@pytest.mark.usefixtures("neighbours")
def test_a_family_that_can_not_be_searched_is_told(train, models, task, words):
    with pytest.raises(PipelineError, match=rf"params\.yaml: {words}"):
        spaces(train_params(**train), tune_params(models=models), task)


@pytest.mark.usefixtures("neighbours")
def test_a_further_family_may_bring_no_space():
    _, (train, space) = spaces(train_params(**TREES), tune_params(models=[NEIGHBOURS.name], space=DEPTHS), "binary")
    assert (train.model, space) == (NEIGHBOURS.name, {})


@pytest.mark.nightly
@pytest.mark.parametrize(("model", "task"), PAIRS)
def test_the_space_of_every_family_has_its_defaults_and_no_value_that_it_refuses(model, task):
    problem = OF_KIND[task]
    ((train, space),) = spaces(train_params(model=model), tune_params(), task)
    rows = table_of(problem, 60)
    present = starting_point(train, task, space, rows[problem.feature_names])
    assert present == {name: FAMILIES[model].hyperparameters(task)[name] for name in space}
    probe(train, space, problem, rows)
