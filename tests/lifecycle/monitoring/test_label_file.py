from pathlib import Path

import pandas as pd
import pytest

from lifecycle.core.errors import PipelineError
from lifecycle.core.params import load_params
from lifecycle.monitoring.label_file import read_labels
from problems.transactions import PROBLEM
from tests.helpers_task_bundles import CLASSES, TASKS, problem_of

CSV = load_params().ingest.csv
LABELS = {"binary": [1, 0, 0], "multiclass": [CLASSES[2], CLASSES[0], CLASSES[3]], "regression": [1.5, -2.0, 1e6]}
CODES = {"binary": [1, 0, 0], "multiclass": [2, 0, 3], "regression": [1.5, -2.0, 1e6]}


def write(path: Path, **columns: list) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False) if path.suffix == ".csv" else pd.DataFrame(columns).to_parquet(path)
    return path


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labels_become_codes_as_in_training(tmp_path: Path, task: str, kind: str) -> None:
    file = write(tmp_path / f"labels.{kind}", request_id=["a", "b", "c"], level=LABELS[task])
    found = read_labels(file, problem_of(task), CSV)
    assert found["level"].tolist() == CODES[task]
    assert found["row"].tolist() == [0, 0, 0]  # a request of one row


def test_entity_and_amount_are_read_where_the_file_has_them(tmp_path: Path) -> None:
    file = write(tmp_path / "labels.csv", request_id=["a"], is_fraud=[1], customer_id=[7], amount=[12.5])
    found = read_labels(file, PROBLEM, CSV)
    assert found[["customer_id", "amount"]].to_numpy().tolist() == [[7, 12.5]]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"request_id": ["a", "a"], "level": [1, 0]}, "duplicate"),
        ({"request_id": ["a", "b"], "level": [1, 2]}, r"1 x level: not one of \(0, 1\); the first is '2' in row 1"),
        ({"request_id": ["a", "b"], "level": [1, None]}, "level: missing"),
        ({"request": ["a"], "level": [1]}, "missing columns: request_id"),
        ({"request_id": ["a"]}, "missing columns: level"),
        ({"request_id": ["a"], "row": [-1], "level": [1]}, "row: below 0"),
    ],
)
def test_what_can_not_be_joined_is_refused_with_its_place(tmp_path: Path, columns: dict, words: str) -> None:
    file = write(tmp_path / "labels.csv", **columns)
    with pytest.raises(PipelineError, match=words):
        read_labels(file, problem_of("binary"), CSV)


def test_a_file_that_is_not_there_is_told_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="names a table with request_id and level"):
        read_labels(tmp_path / "labels.csv", problem_of("binary"), CSV)
