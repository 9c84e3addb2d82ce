import pandas as pd
import pytest

from lifecycle.features.batch import evaluate
from lifecycle.io import read_table
from lifecycle.stage import PipelineError
from problems.transactions import PROBLEM
from tests.helpers_model import payments, run_stages, start_project, write_params

FEATURES = "data/features/features.parquet"


def test_the_records_stay_and_each_feature_is_a_column_once(tmp_path):
    start_project(tmp_path)
    run_stages(tmp_path, "featurize")
    table = read_table(tmp_path / FEATURES)
    assert list(table) == list(dict.fromkeys([*payments(), *PROBLEM.feature_names]))
    pd.testing.assert_frame_equal(table[list(payments())], payments())
    expected = evaluate(PROBLEM.features, payments(), PROBLEM.time, PROBLEM.decimals)
    pd.testing.assert_frame_equal(table[PROBLEM.feature_names], expected, check_exact=True)


def test_the_same_records_give_the_same_bytes(tmp_path):
    start_project(tmp_path)
    run_stages(tmp_path, "featurize")
    before = (tmp_path / FEATURES).read_bytes()
    run_stages(tmp_path, "featurize")
    assert (tmp_path / FEATURES).read_bytes() == before


def test_without_validated_records_the_stage_says_what_makes_them(tmp_path):
    write_params(tmp_path)
    with pytest.raises(PipelineError, match=r"data/validated/records\.parquet: no such file; `dvc repro` makes it"):
        run_stages(tmp_path, "featurize")


def test_an_unknown_problem_is_told_with_the_file_that_is_missing(tmp_path):
    start_project(tmp_path, {"problem": "nobodys"})
    with pytest.raises(PipelineError, match=r"problem = 'nobodys': there is no src/problems/nobodys\.py"):
        run_stages(tmp_path, "featurize")
