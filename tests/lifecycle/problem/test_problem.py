import dataclasses
import re
import sys

import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import SplitParams, TrainParams
from lifecycle.features.aggregates import AGGREGATES
from lifecycle.problem.declaration_checks import check_declaration, check_label_delay
from lifecycle.problem.loading import fill, load_problem
from lifecycle.problem.problem import Column, Problem
from lifecycle.problem.record_words import DAY_US, Hour, Night, Raw, Weekend
from lifecycle.problem.slice_definitions import Band
from lifecycle.problem.window_words import Window
from problems.transactions import PROBLEM
from tests.helpers_data import small_problem
from tests.helpers_model import ROOT, params

AMOUNT = Column("amount", "number", "", decimals=2)
PLAIN = Column("speed", "number", "")
KIND = Column("kind", "text", "")


def refusal(*columns, **changes):
    with pytest.raises(PipelineError) as refused:
        small_problem(*columns, **changes)
    return str(refused.value)


def window(aggregate="sum", of="amount", name="w", **changes):
    return Window(name, aggregate, **({"by": "id", "of": of, "days": (1, 7)} | changes))


def file_of(monkeypatch, tmp_path, name, text):
    import problems

    (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(problems, "__path__", [*problems.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"problems.{name}", raising=False)
    return name


def test_names_come_in_the_order_of_the_declaration():
    problem = small_problem(AMOUNT, features=(Raw("amount"), Weekend(), window(days=(0.5, 7))))
    assert list(problem.columns) == ["id", "time", "label", "amount"]
    assert problem.feature_names == ["amount", "is_weekend", "w_0.5d", "w_7d"]


def test_exact_sums_exist_for_integers_and_for_numbers_with_decimals():
    assert small_problem(AMOUNT, PLAIN, KIND).decimals == {"id": 0, "label": 0, "amount": 2}


@pytest.mark.parametrize("role", ["key", "time", "target", "entity", "amount"])
def test_role_without_a_column_is_refused(role):
    assert refusal(**{role: "nowhere"}) == ("column 'nowhere' has a role but is not in the contract (id, time, label)")


@pytest.mark.parametrize("role", ["sensitive", "distinct"])
def test_list_of_columns_without_a_column_is_refused(role):
    assert "column 'nowhere' has a role" in refusal(**{role: ("id", "nowhere")})


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ((Hour("h"), Night("h")), "feature 'h' is declared twice"),
        ((window("count", None, days=(1, 1.0)),), "feature 'w_1d' is declared twice"),
        ((Raw("nowhere"),), "feature 'nowhere': no column 'nowhere' in the contract"),
        ((window(by="nowhere"),), "feature 'w': no column 'nowhere' in the contract"),
        ((window(of="nowhere"),), "feature 'w': no column 'nowhere' in the contract"),
        ((window("mode"),), f"feature 'w': unknown aggregate 'mode'; known: {', '.join(sorted(AGGREGATES))}"),
        ((window("count"),), "feature 'w': a column `of` is needed by every aggregate but"),
        ((window("mean", None),), "which take none: count; since"),
        ((window(days=()),), "feature 'w': days must be positive"),
        ((window(days=(1, 0)),), "feature 'w': days must be positive"),
        ((window(delay_days=-1),), "delay_days must not be negative"),
        ((window(of="speed"),), "feature 'w': give column 'speed' `decimals`"),
        *(((Raw(name),), f"feature '{name}': '{name}'") for name in ("id", "label", "slice", "age")),
    ],
)
def test_feature_that_cannot_be_or_gives_the_label_away_is_refused(features, said):
    columns = (AMOUNT, PLAIN, KIND, Column("slice", "integer", "", late=True), Column("age", "integer", ""))
    with pytest.raises(PipelineError, match=said):
        small_problem(*columns, features=features, slices=(Band("slice", "slice"),), sensitive=("age",))


def test_window_over_the_records_of_one_label_is_refused():
    # At each record it would count the records that share this very record's label.
    assert "label" in refusal(features=(window("count", None, by="label", delay_days=7),))


@pytest.mark.parametrize("feature", [Hour("label"), Weekend("amount"), Night("time"), window("count", None, name="n")])
def test_feature_that_would_be_written_over_a_column_is_refused(feature):
    assert f"{feature.names[0]!r}" in refusal(AMOUNT, Column("n_1d", "integer", ""), features=(feature,))


def test_time_as_it_stands_is_refused_as_a_feature():
    assert "feature 'time'" in refusal(features=(Raw("time"),))


@pytest.mark.parametrize(
    "columns",
    [
        (AMOUNT, AMOUNT),
        (AMOUNT, Column("sum", "number", "", aliases=("amount",))),
        (Column("a", "number", "", aliases=("amount",)), Column("b", "number", "", aliases=("amount",))),
    ],
    ids=["column twice", "alias of another column", "alias twice"],
)
def test_name_that_stands_for_two_columns_is_refused(columns):
    assert "amount" in refusal(*columns)


def test_unknown_column_type_is_refused_with_the_known_ones():
    message = refusal(Column("price", "float", ""))
    assert "'price'" in message
    assert "'float'" in message
    assert "timestamp" in message


def test_defaults_for_a_block_that_does_not_exist_are_refused():
    assert "splits" in refusal(defaults={"splits": {"train_days": 7}})


def test_there_is_no_such_problem():
    with pytest.raises(PipelineError, match=r"problem = 'nowhere': there is no src/problems/nowhere\.py"):
        load_problem("nowhere")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("made_empty", "", r"must define PROBLEM = Problem\(\.\.\.\)"),
        ("made_text", "PROBLEM = 'mine'", "PROBLEM must be a lifecycle.problem.Problem"),
        (
            "made_wrong",
            "from dataclasses import *\nfrom tests.helpers_data import *\nPROBLEM = replace(small_problem(), key='x')",
            "column 'x' has a role",
        ),
    ],
)
def test_fault_of_a_problem_file_names_the_file(tmp_path, monkeypatch, name, text, said):
    with pytest.raises(PipelineError, match=rf"src/problems/{name}\.py: .*{said}"):
        load_problem(file_of(monkeypatch, tmp_path, name, text))


def test_misspelt_word_in_a_problem_file_is_not_taken_for_a_missing_problem(tmp_path, monkeypatch):
    text = "from lifecycle.problem import window_words\nPROBLEM = window_words.Windw('w')"
    with pytest.raises(PipelineError, match=r"src/problems/made_typo\.py, line 2: .*Windw"):
        load_problem(file_of(monkeypatch, tmp_path, "made_typo", text))


def test_problem_file_is_found_by_its_name(tmp_path, monkeypatch):
    text = "from tests.helpers_data import small_problem\nPROBLEM = small_problem(amount='id')"
    assert load_problem(file_of(monkeypatch, tmp_path, "made_right", text)).amount == "id"


def test_fill_replaces_null_and_nothing_else():
    problem = small_problem(defaults={"split": {"train_days": 30, "delay_days": 3.0, "test_start": "2018-08-08"}})
    given = params(split__train_days=None, split__delay_days=0, split__test_start=None, split__test_days=None).split
    filled = fill(given, problem, "split")
    assert isinstance(filled, SplitParams)
    assert (filled.train_days, filled.delay_days, filled.test_days) == (30, 0, None)
    assert filled.test_start.isoformat() == "2018-08-08"
    assert filled.folds == given.folds


def test_fill_leaves_hyperparameters_alone():
    train = params(train__max_depth=None).train
    filled = fill(train, small_problem(), "train")
    assert isinstance(filled, TrainParams)
    assert filled.hyperparameters == train.hyperparameters


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"train_days": "week"}, "train_days = 'week'"),
        ({"test_days": -1}, "test_days = -1: Input should be greater than 0"),
    ],
)
def test_default_that_is_not_legal_is_refused(own, said):
    given = params(split__train_days=None, split__test_days=None).split
    with pytest.raises(PipelineError, match=f"the problem's defaults for split:\n  {said}"):
        fill(given, small_problem(defaults={"split": own}), "split")


@pytest.mark.parametrize("of", ["label", "slice"])
def test_feature_that_sees_labels_before_they_are_known_is_refused(of):
    problem = small_problem(
        Column("slice", "integer", "", isin=(0, 1), late=True),
        slices=(Band("slice", "slice"),),
        features=(window("rate", of, delay_days=2),),
    )
    with pytest.raises(PipelineError, match=r"feature 'w' sees labels 2 days old, but split\.delay_days = 7: raise"):
        check_label_delay(problem, 7)


@pytest.mark.parametrize("of", ["label", "slice"])
def test_labels_known_at_once_are_not_known_to_records_of_the_same_time(of):
    problem = small_problem(
        Column("slice", "integer", "", isin=(0, 1), late=True),
        features=(window("rate", of), window("count", None, name="v"), window("rate", of, name="u", delay_days=3)),
    )
    assert [feature.age_us for feature in problem.features] == [1, 0, 3 * DAY_US]
    assert check_label_delay(problem, 0) is None
    with pytest.raises(PipelineError, match=r"feature 'w' sees labels 0 days old, but split\.delay_days = 1"):
        check_label_delay(problem, 1)


@pytest.mark.parametrize("delay", [None, 0, 1.5, 2])
def test_feature_that_waits_for_the_label_is_accepted(delay):
    problem = small_problem(AMOUNT, features=(window("rate", "label", delay_days=2), window(name="v")))
    assert check_label_delay(problem, delay) is None


@pytest.mark.parametrize(
    ("columns", "changes", "said"),
    [
        ((Column("role", "number", ""),), {}, "'role': the pipeline makes a column of that name"),
        ((Column("n", "text", "", ge=0),), {}, "column 'n': 0 can't limit a column of type text"),
        ((Column("n", "integer", "", isin=("0", "1")),), {}, "column 'n': '0' can't limit"),
        ((Column("n", "timestamp", "", ge="yesterday"),), {}, "column 'n': 'yesterday' can't limit"),
        ((Column("n", "timestamp", "", isin=("2018-01-01",)),), {}, "can't limit a column of type timestamp"),
        ((Column("euro", "text", ""),), {"amount": "euro"}, "'euro': the amount must be of type integer or number"),
        (
            (Column("euro", "number", "", nullable=True),),
            {"amount": "euro"},
            "'euro' has a role, so it can't be nullable",
        ),
        ((Column("who", "text", "", nullable=True),), {"entity": "who"}, "'who' has a role, so it can't be nullable"),
        ((Column("rate", "number", ""),), {"key": "rate"}, "column 'rate': the key must be of type integer or text"),
        ((Column("at", "integer", ""),), {"time": "at"}, "column 'at': the time must be of type timestamp"),
        (
            (Column("bad", "integer", "", isin=(1, 2)),),
            {"target": "bad"},
            "'bad': the target must be an integer with isin",
        ),
        ((Column("due", "timestamp", ""),), {"features": (Raw("due"),)}, "feature 'due': 'due' is a timestamp"),
        ((), {"defaults": {"train": {"max_depth": 3}}}, "defaults: train.max_depth can't be set here; legal: split: "),
        ((), {"defaults": {"split": {"folds": 2}}}, "defaults: split.folds can't be set here"),
    ],
)
def test_a_declaration_that_would_fail_later_or_in_silence_is_refused_at_once(columns, changes, said):
    assert said in refusal(*columns, **changes)


@pytest.mark.parametrize("use", [{"by": "age"}, {"by": "id", "aggregate": "mean", "of": "age"}])
def test_no_window_is_made_from_a_sensitive_column(use):
    feature = Window(**{"name": "w", "aggregate": "count"} | use)
    assert "'age' is sensitive" in refusal(Column("age", "integer", ""), features=(feature,), sensitive=("age",))


def test_columns_of_slices_and_groups_are_listed_once():
    bands = {
        "slices": (Band("a", "amount", quantiles=2), Band("h", "hour", edges=(12,))),
        "groups": (Band("k", "kind"),),
    }
    problem = small_problem(AMOUNT, KIND, **bands | {"groups": (*bands["groups"], Band("a", "amount", edges=(1,)))})
    assert problem.banded == ["amount", "hour", "kind"]


@pytest.mark.parametrize(
    ("type_", "default"), [("integer", "x"), ("integer", 0.5), ("text", 1), ("timestamp", "2018-01-01")]
)
def test_default_of_another_type_than_its_column_is_refused(type_, default):
    assert f"column 'c': default = {default!r}" in refusal(Column("c", type_, "", default=default))


def test_a_score_lies_beside_what_identifies_its_record_and_what_its_groups_are_made_from():
    roles = ["fold", "transaction_id", "tx_time", "customer_id", "amount", "is_fraud"]
    found = PROBLEM.identity("fold")
    assert found == roles + [name for name in PROBLEM.banded if name not in roles]
    assert {"region", "fraud_scenario", "customer_median_60d"} <= set(found)


def test_roles_that_a_problem_does_not_have_and_columns_with_two_are_no_trouble():
    bands = (Band("how", "fraud_scenario"), Band("key", "transaction_id", edges=(9,)))
    problem = dataclasses.replace(PROBLEM, entity=None, amount=None, slices=bands, groups=())
    assert problem.identity() == ["transaction_id", "tx_time", "is_fraud", "fraud_scenario"]


def test_a_problem_without_a_key_counts_its_rows():
    contract = (PLAIN, Column("label", "integer", "", isin=(0, 1)))
    problem = Problem(contract=contract, features=(Raw(PLAIN.name),), target="label")
    check_declaration(problem)
    assert (problem.key, problem.time, problem.counts_rows) == ("row_number", None, True)
    assert list(problem.columns) == ["row_number", PLAIN.name, "label"]
    assert problem.identity() == ["row_number", "label"]
    assert dataclasses.replace(problem, hidden=()).contract == problem.contract
    with pytest.raises(PipelineError, match="the problem has no time; name its column"):
        problem.time_column  # noqa: B018


def test_a_column_of_that_name_is_the_key_itself():
    contract = (Column("row_number", "text", "of a ledger"), PLAIN, Column("label", "integer", "", isin=(0, 1)))
    problem = Problem(contract=contract, features=(Raw(PLAIN.name),), target="label")
    assert not problem.counts_rows
    assert problem.contract == contract


def test_all_that_a_problem_and_a_column_can_say_stands_on_the_page_on_own_data():
    page = (ROOT / "docs/your-data.md").read_text(encoding="utf-8")
    tables = "\n".join(line for line in page.splitlines() if line.startswith("| "))
    names = [field.name for each in (Problem, Column) for field in dataclasses.fields(each)]
    said_above = {"contract", "features", "name", "type", "description"}  # every problem and every column has them
    assert [name for name in names if not re.search(rf"\b{name}=", tables) and name not in said_above] == []
