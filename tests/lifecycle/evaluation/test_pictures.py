import pandas as pd
import pytest

from lifecycle.core.tables import write_csv
from lifecycle.evaluation.pictures import draw_binary
from lifecycle.problem.purpose import Words


@pytest.fixture
def tables(tmp_path):
    columns = {
        "precision_recall": {"recall": [0.0, 0.5, 1.0], "precision": [1.0, 0.8, 0.1]},
        "calibration": {"predicted": [0.1, 0.9], "observed": [0.2, 0.8], "records": [900, 100]},
        "cost": {"threshold": [0.1, 0.5, 1.0], "cost_per_record": [3.0, 1.0, 2.0]},
    }
    for name, values in columns.items():
        write_csv(pd.DataFrame(values), tmp_path / f"{name}.csv")
    return tmp_path


def test_the_same_tables_give_the_same_bytes(tables):
    draw_binary(tables, tables / "cost.csv", 0.5, Words(), tables / "one.png")
    draw_binary(tables, tables / "cost.csv", 0.5, Words(), tables / "two.png")
    assert (tables / "one.png").read_bytes() == (tables / "two.png").read_bytes()
    assert (tables / "one.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_shows_the_chosen_threshold(tables):
    draw_binary(tables, tables / "cost.csv", 0.5, Words(), tables / "one.png")
    draw_binary(tables, tables / "cost.csv", 0.7, Words(), tables / "two.png")
    assert (tables / "one.png").read_bytes() != (tables / "two.png").read_bytes()


def test_a_missing_table_leaves_the_old_picture(tables):
    draw_binary(tables, tables / "cost.csv", 0.5, Words(), tables / "picture.png")
    before = (tables / "picture.png").read_bytes()
    (tables / "cost.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"cost\.csv"):
        draw_binary(tables, tables / "cost.csv", 0.5, Words(), tables / "picture.png")
    assert (tables / "picture.png").read_bytes() == before
