import re

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.problem.declaration_checks import check_strategy
from lifecycle.problem.loading import check_settings, fill
from lifecycle.problem.problem import Column
from lifecycle.problem.record_words import Raw
from lifecycle.problem.window_words import Window
from tests.helpers_data import small_problem
from tests.helpers_model import params

LENGTHS = {"train_days": 7, "delay_days": 0, "test_days": 7}
COSTS = {"cost_false_positive": 1, "cost_false_negative": 5}
PRICE, SIZE = Column("price", "number", ""), Column("size", "number", "")
NUMBER = {"target": "price", "task": "regression"}
TIMELESS = {"time": None, "features": (Raw("size"),)}
SEES_LABELS = {"features": (Window("w", "rate", "id", "label", delay_days=9),)}


def unset(**changes):
    """Return params that leave everything to the problem."""
    keys = {f"split__{key}": None for key in LENGTHS} | {f"decide__{key}": None for key in COSTS}
    return params(**keys | changes)


@pytest.mark.parametrize(
    ("defaults", "said"),
    [
        (
            {},
            "split.train_days, split.delay_days, split.test_days, decide.cost_false_positive,"
            " decide.cost_false_negative; set it in params.yaml, or in the problem's file, like"
            ' defaults={"split": {"train_days": ...}}',
        ),
        ({"split": LENGTHS | {"delay_days": None}, "decide": COSTS}, "split.delay_days; set it in params.yaml"),
        ({"split": {"strategy": "random"}}, "decide.cost_false_positive, decide.cost_false_negative; set"),
    ],
)
def test_all_that_nobody_has_set_is_named_at_once(defaults, said):
    with pytest.raises(PipelineError) as refused:
        check_settings(unset(), small_problem(defaults=defaults))
    assert str(refused.value).startswith(f"not set: {said}")


@pytest.mark.parametrize(
    "roles",
    [
        NUMBER | {"defaults": {"split": LENGTHS}},
        NUMBER | TIMELESS,
        {"defaults": {"split": {"strategy": "random"}, "decide": COSTS}},
    ],
    ids=["a number in time", "a number without time", "drawn classes"],
)
def test_what_the_task_or_the_way_to_split_does_not_ask_for_may_stay_open(roles):
    assert check_settings(unset(), small_problem(PRICE, SIZE, **roles)) is None


@pytest.mark.parametrize(
    ("changes", "roles", "said"),
    [
        ({"strategy": "time"}, TIMELESS, "split.strategy = time: the problem has no time"),
        ({"strategy": "group"}, {}, "split.strategy = group: the problem has no entity"),
        ({"strategy": "stratified"}, NUMBER, "a number has no classes; take random, or group"),
        ({"drop_known_entities": True}, {}, "split.drop_known_entities: only a binary problem with an entity"),
        ({"drop_known_entities": True}, NUMBER | {"entity": "id"}, "split.drop_known_entities: only a binary problem"),
        ({"strategy": "random"}, SEES_LABELS, "feature 'w' sees labels of other records, and with split.strategy ="),
        ({"delay_days": 10}, SEES_LABELS, "feature 'w' sees labels 9 days old, but split.delay_days = 10"),
    ],
)
def test_a_way_to_split_asks_for_its_roles(changes, roles, said):
    problem = small_problem(PRICE, SIZE, **roles)
    given = params(**{f"split__{key}": value for key, value in (LENGTHS | changes).items()}).split
    with pytest.raises(PipelineError, match=re.escape(said)):
        check_strategy(problem, fill(given, problem, "split"))


def test_what_needs_a_time_is_refused_by_name_where_there_is_none():
    with pytest.raises(PipelineError, match=r"validate\.as_of: the problem has no time"):
        check_settings(unset(validate__as_of="2024-01-01"), small_problem(PRICE, SIZE, **NUMBER | TIMELESS))
    with pytest.raises(PipelineError, match="feature 'hour': it needs a time, and the problem has none"):
        small_problem(time=None)
    with pytest.raises(PipelineError, match="feature 'n': it needs a time"):
        small_problem(time=None, features=(Window("n", "count", "id"),))
